//! What a very large fleet takes, as the system counts it. Alone in its process, so that nobody
//! else's memory counts.

use resources_core::contract::{Alert, AlertKind, AlertState, Analysis};
use resources_observer::alerts::{Engine, Rules};

const HOSTS: usize = 40_000;
const SECOND_MS: u64 = 1_000;
const START_MS: u64 = 1_800_000_000_000;

/// Bytes a host may take, with its share of the tables, and whatever the allocator adds.
const HOST_BYTES: usize = 1_024;

const FULL: &[u8] = include_bytes!("../../resources-core/tests/golden/analysis_full.json");
const KEY: &str = "web-1.eu.example.com.analysis";

/// Resident memory of this process, in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line of it");
    line.split_whitespace().next().and_then(|word| word.parse::<usize>().ok()).expect("a number")
        << 10
}

/// A sample of each host but for the last, who is left for a witness.
fn sample(engine: &mut Engine, sample: &mut Analysis, hosts: std::ops::Range<usize>, at_s: u64) {
    let mut alerts = Vec::new();
    for host in hosts {
        sample.host = format!("host-{host:05}.eu.example.com").parse().expect("a host name");
        sample.sequence = Some(at_s);
        sample.timestamp_ms = START_MS + at_s * SECOND_MS;
        engine.observe(sample, sample.timestamp_ms, &mut alerts);
        assert!(alerts.iter().all(|alert| alert.state == AlertState::Cleared));
        alerts.clear();
    }
}

/// Everybody but the witness falls silent for a minute; how many were told to be.
fn silence(engine: &mut Engine, analysis: &mut Analysis, from_s: u64) -> usize {
    let mut alerts: Vec<Alert> = Vec::new();
    for second in from_s + 1..from_s + 60 {
        sample(engine, analysis, HOSTS..HOSTS + 1, second);
        engine.tick(START_MS + second * SECOND_MS, &mut alerts);
    }
    let raised =
        |alert: &&Alert| (alert.kind, alert.state) == (AlertKind::Silent, AlertState::Raised);
    alerts.iter().filter(raised).count()
}

#[test]
fn a_very_large_fleet_takes_less_than_a_kibibyte_a_host_however_often_it_falls_silent() {
    let mut analysis = Analysis::decode(KEY, FULL).expect("the golden file");
    let before = resident();
    let mut engine = Engine::new(Rules::default());
    engine.tick(START_MS, &mut Vec::new());
    let mut taken = Vec::new();
    for round in 0..5 {
        let from_s = 1 + round * 100;
        sample(&mut engine, &mut analysis, 0..HOSTS + 1, from_s);
        taken.push(resident() - before);
        // From the fourth time on it flaps, and stays as it was told.
        let told = if round < 3 { HOSTS } else { 0 };
        assert_eq!(silence(&mut engine, &mut analysis, from_s), told);
    }
    println!("{taken:?} bytes for {HOSTS} hosts: {} a host", taken[0] / HOSTS);
    assert!(taken[0] <= HOSTS * HOST_BYTES, "{taken:?}");
    // All alerts of a round are held at once here; after the first two nothing more is kept.
    let (third, last) = (taken[2], taken[4]);
    assert!(last <= third + third / 20, "{taken:?}");
}
