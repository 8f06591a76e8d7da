//! What one full measure costs: decoding, classifying and encoding it, beside a bare parse of
//! the same bytes into `serde_json::Value`. Nanoseconds a message, the best of several rounds.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::hint::black_box;
use std::time::Instant;

use resources_analyzer::{ThresholdRules, classify};
use resources_core::contract::{ReceivedMeasure, RoutingKey};

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
    let decode =
        || ReceivedMeasure::decode(&key, FULL, 0).expect("the golden file follows the contract");
    let received = decode();
    let levels = classify(received.measure(), &plain);

    println!("full measure of {} bytes, nanoseconds a message:", FULL.len());
    let show = |what: &str, ns: f64| println!("{what:<44} {ns:>8.0}");
    show("decode", best(decode));
    show("classify, one set of thresholds", best(|| classify(received.measure(), &plain)));
    show("classify, 21 host patterns", best(|| classify(received.measure(), &many)));
    show("encode", best(|| received.analysis(&levels)));
    let all = || {
        let received = decode();
        received.analysis(&classify(received.measure(), &plain))
    };
    show("all three", best(all));
    show(
        "bare parse into serde_json::Value",
        best(|| serde_json::from_slice::<serde_json::Value>(FULL)),
    );
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
