//! What one analysis costs the alert engine, decoded already: nanoseconds, the best of several
//! rounds, and how many that is a second on one core.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::time::Instant;

use resources_core::contract::Analysis;
use resources_observer::alerts::{Engine, Rules};

const ROUNDS: u64 = 15;
const FULL: &[u8] = include_bytes!("../../resources-core/tests/golden/analysis_full.json");
const KEY: &str = "web-1.eu.example.com.analysis";

fn main() {
    for hosts in [1, 1_000, 40_000] {
        let mut analyses = fleet(hosts);
        let mut engine = Engine::new(Rules::default());
        let mut alerts = Vec::new();
        let mut best_ns = f64::INFINITY;
        for round in 0..ROUNDS {
            let samples = (100_000 / hosts).max(1);
            let mut spent = 0.0;
            for sample in 0..samples {
                let sequence = round * samples + sample;
                for analysis in &mut analyses {
                    analysis.sequence = Some(sequence);
                    analysis.timestamp_ms += 1_000;
                }
                let begun = Instant::now();
                for analysis in &analyses {
                    engine.observe(analysis, analysis.timestamp_ms, &mut alerts);
                }
                spent += begun.elapsed().as_secs_f64();
            }
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            let count = (samples * hosts) as f64;
            best_ns = best_ns.min(spent * 1e9 / count);
        }
        let a_second = 1e9 / best_ns;
        println!("{hosts:>6} hosts: {best_ns:>6.0} ns an analysis, {a_second:>10.0} a second");
    }
}

fn fleet(hosts: u64) -> Vec<Analysis> {
    let analysis = Analysis::decode(KEY, FULL).expect("the golden file follows the contract");
    let of = |number| Analysis {
        host: format!("host-{number:05}").parse().expect("a host name"),
        ..analysis.clone()
    };
    (0..hosts).map(of).collect()
}
