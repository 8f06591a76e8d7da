//! What one analysis costs the alert engine, decoded already, on one thread: the time for the
//! analyses of a whole fleet, one of each host, and how many that is a second.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use resources_core::contract::Analysis;
use resources_observer::alerts::{Engine, Rules};

const FULL: &[u8] = include_bytes!("../../resources-core/tests/golden/analysis_full.json");
const KEY: &str = "web-1.eu.example.com.analysis";

fn engine(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("engine");
    for hosts in [1, 1_000, 40_000] {
        let mut analyses = fleet(hosts);
        let mut engine = Engine::new(Rules::default());
        let mut alerts = Vec::new();
        let mut sequence = 0;
        group.throughput(Throughput::Elements(hosts));
        group.bench_function(BenchmarkId::new("observe", hosts), |bencher| {
            bencher.iter_custom(|samples| {
                let mut spent = Duration::ZERO;
                for _ in 0..samples {
                    sequence += 1;
                    for analysis in &mut analyses {
                        analysis.sequence = Some(sequence);
                        analysis.timestamp_ms += 1_000;
                    }
                    let begun = Instant::now();
                    for analysis in &analyses {
                        engine.observe(analysis, analysis.timestamp_ms, &mut alerts);
                    }
                    spent += begun.elapsed();
                    alerts.clear();
                }
                spent
            });
        });
    }
    group.finish();
}

fn fleet(hosts: u64) -> Vec<Analysis> {
    let analysis = Analysis::decode(KEY, FULL).expect("the golden file follows the contract");
    let of = |number| Analysis {
        host: format!("host-{number:05}").parse().expect("a host name"),
        ..analysis.clone()
    };
    (0..hosts).map(of).collect()
}

criterion_group!(benches, engine);
criterion_main!(benches);
