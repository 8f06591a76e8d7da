//! What one full measure costs: decoding, classifying and encoding it, beside a bare parse of
//! the same bytes into `serde_json::Value`. Nanoseconds a message, the best of several rounds.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use resources_analyzer::{ThresholdRules, classify};
use resources_core::contract::{Analysis, Measure, RoutingKey};

const ROUNDS: u32 = 15;
const MESSAGES: u32 = 10_000;

const FULL: &[u8] = include_bytes!("../../resources-core/tests/golden/measure_full.json");

fn main() {
    let plain = ThresholdRules::default();
    let entries: String = (0..20)
        .map(|i| {
            format!(
                "[[host]]\npattern = \"group{i}-*\"\ncpu = {{ medium = 20, high = {} }}\n",
                i + 60
            )
        })
        .collect();
    let many = ThresholdRules::parse("bench", &format!("{entries}[[host]]\npattern = \"*.com\"\n"))
        .expect("the rules parse");
    let value: serde_json::Value = serde_json::from_slice(FULL).expect("the golden file is JSON");
    let host = value["host"].as_str().expect("the golden file names its host");
    let key = format!("{host}.measure");
    key.parse::<RoutingKey>().expect("a routing key");
    let decode = || Measure::decode(&key, FULL, 0).expect("the golden file follows the contract");
    let measure = decode();
    let analysis = classify(measure.clone(), &plain);

    println!("full measure of {} bytes, nanoseconds a message:", FULL.len());
    let show = |what: &str, ns: f64| println!("{what:<44} {ns:>8.0}");
    let cloned = best(|| measure.clone());
    show("decode", best(decode));
    show("classify, one set of thresholds", best(|| classify(measure.clone(), &plain)) - cloned);
    show("classify, 21 host patterns", best(|| classify(measure.clone(), &many)) - cloned);
    show("encode", best(|| encode(&analysis)));
    show("all three", best(|| encode(&classify(decode(), &plain))));
    show(
        "bare parse into serde_json::Value",
        best(|| serde_json::from_slice::<serde_json::Value>(FULL)),
    );
}

/// As the analyzer does it: once, into a buffer that fits.
fn encode(analysis: &Analysis) -> Vec<u8> {
    let mut body = Vec::with_capacity(FULL.len() + 512);
    serde_json::to_writer(&mut body, analysis).expect("an analysis can be written");
    body
}

/// Nanoseconds one call takes in the best round: what else runs on the machine only adds.
fn best<T>(mut call: impl FnMut() -> T) -> f64 {
    let round = |_| {
        let start = Instant::now();
        for _ in 0..MESSAGES {
            black_box(call());
        }
        start.elapsed().as_secs_f64() * 1e9 / f64::from(MESSAGES)
    };
    (0..ROUNDS).map(round).fold(f64::INFINITY, f64::min)
}
