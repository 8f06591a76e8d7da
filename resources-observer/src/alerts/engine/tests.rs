mod adopted;
mod clock;
mod flapping;
mod properties;
mod silence;

use std::collections::{BTreeMap, HashSet};

use resources_core::contract::{AlertState, Level, Measure, ResourceLevel};

use super::*;

const START_MS: u64 = 1_800_000_000_000;
const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;

/// A sample of `host` at `at_ms` after the start.
fn sample(host: &str, sequence: u64, at_ms: u64, cpu: f64) -> Analysis {
    let measure = Measure::new(HostName::new(host).unwrap(), START_MS + at_ms, cpu);
    let level = if cpu >= 75.0 { Level::High } else { Level::Low };
    Analysis {
        run: Some("r".into()),
        sequence: Some(sequence),
        interval_ms: Some(SECOND_MS),
        ..analysis_of(&measure, vec![ResourceLevel { name: "cpu".into(), percentage: cpu, level }])
    }
}

fn analysis_of(measure: &Measure, resources: Vec<ResourceLevel>) -> Analysis {
    let mut value = serde_json::to_value(measure).unwrap();
    value["cpu_result"] = "LOW".into();
    value["level"] = "LOW".into();
    Analysis { resources, ..serde_json::from_value(value).unwrap() }
}

/// An engine and the time it is told.
struct Stage {
    engine: Engine,
    alerts: Vec<Alert>,
}

impl Stage {
    fn new(rules: &str) -> Self {
        let engine = Engine::new(Rules::parse("r.toml", rules).unwrap());
        let mut this = Self { engine, alerts: Vec::new() };
        this.tick(0);
        this
    }

    fn observe(&mut self, analysis: &Analysis, at_ms: u64) {
        self.engine.observe(analysis, START_MS + at_ms, &mut self.alerts);
    }

    fn adopt(&mut self, raised: &[Alert], at_ms: u64) {
        raised.iter().for_each(|alert| self.engine.adopt(alert, START_MS + at_ms));
    }

    fn tick(&mut self, at_ms: u64) {
        self.engine.tick(START_MS + at_ms, &mut self.alerts);
    }

    /// Ticks each second, not at `from_s`.
    fn wait(&mut self, from_s: u64, to_s: u64) {
        for second in from_s + 1..=to_s {
            self.tick(second * SECOND_MS);
        }
    }

    /// What was told since the last time: host, kind, whether raised.
    fn told(&mut self) -> Vec<(String, AlertKind, bool)> {
        let of =
            |alert: Alert| (alert.host.to_string(), alert.kind, alert.state == AlertState::Raised);
        self.alerts.drain(..).map(of).collect()
    }
}

fn one(kind: AlertKind, raised: bool) -> Vec<(String, AlertKind, bool)> {
    vec![("web".to_owned(), kind, raised)]
}

#[test]
fn a_level_is_raised_after_its_hold_and_cleared_after_its_own() {
    let rules = "[default]\nflapping.enabled = false\n\
                 cpu = { raise = 90, clear = 80, hold = \"3s\", clear_hold = \"2s\" }";
    let mut stage = Stage::new(rules);
    let figures = [95.0, 95.0, 95.0, 95.0, 85.0, 79.0, 81.0, 79.0, 79.0, 79.0, 89.0];
    let mut told = BTreeMap::new();
    for (second, cpu) in (0..).zip(figures) {
        stage.observe(&sample("web", second, second * SECOND_MS, cpu), second * SECOND_MS);
        for alert in stage.alerts.drain(..) {
            told.insert(second, alert);
        }
    }
    assert_eq!(told.keys().copied().collect::<Vec<u64>>(), [3, 9]);
    let (raised, cleared) = (&told[&3], &told[&9]);
    assert_eq!((raised.state, cleared.state), (AlertState::Raised, AlertState::Cleared));
    assert_eq!((raised.resource.as_deref(), raised.percentage), (Some("cpu"), Some(95.0)));
    assert_eq!((raised.since_ms, raised.timestamp_ms), (START_MS, START_MS + 3_000));
    assert_eq!((&raised.id, raised.since_ms), (&cleared.id, cleared.since_ms));
}

#[test]
fn a_level_of_the_analysis_may_be_asked_for() {
    let rules =
        "default.cpu = { raise = \"HIGH\", clear = \"LOW\", hold = \"0s\", clear_hold = \"0s\" }";
    let mut stage = Stage::new(rules);
    stage.observe(&sample("web", 0, 0, 76.0), 0);
    assert_eq!(stage.told(), one(AlertKind::Level, true));
    stage.observe(&sample("web", 1, 9_000, 10.0), 9_000);
    assert_eq!(stage.told(), one(AlertKind::Level, false));
}

#[test]
fn what_is_raised_is_told_again_when_asked_for() {
    let mut stage =
        Stage::new("default = { repeat = \"1m\", cpu = { raise = 90, hold = \"0s\" } }");
    for second in 0..150 {
        let at_ms = second * SECOND_MS;
        stage.observe(&sample("web", second, at_ms, 99.0), at_ms);
    }
    let repeats: Vec<_> = stage.alerts.iter().map(|alert| alert.repeat).collect();
    assert_eq!(repeats, [None, Some(1), Some(2)]);
    let ids: HashSet<_> = stage.alerts.iter().map(|alert| &alert.id).collect();
    assert_eq!(ids.len(), 1);
}

#[test]
fn what_holds_in_quiet_hours_is_raised_when_they_are_over() {
    // The start is at 08:00 UTC.
    let rules = "[default]\ncpu = { raise = 90, hold = \"0s\" }\n\
                 quiet = [{ from = \"07:00\", to = \"08:01\" }]";
    let mut stage = Stage::new(rules);
    for second in 0..60 {
        stage.observe(&sample("web", second, second * SECOND_MS, 99.0), second * SECOND_MS);
    }
    assert_eq!(stage.told(), []);
    stage.observe(&sample("web", 60, MINUTE_MS, 99.0), MINUTE_MS);
    assert_eq!(stage.told(), one(AlertKind::Level, true));
}

#[test]
fn a_host_is_silent_after_ten_intervals_and_never_before_15_s() {
    let mut stage = Stage::new("");
    for second in 0..=200 {
        stage.observe(&sample("other", second, second * SECOND_MS, 1.0), second * SECOND_MS);
        if second <= 100 {
            stage.observe(&sample("web", second, second * SECOND_MS, 1.0), second * SECOND_MS);
        }
        stage.tick(second * SECOND_MS);
        let expected = if second == 115 { one(AlertKind::Silent, true) } else { Vec::new() };
        assert_eq!(stage.told(), expected, "after {second} s");
    }
    stage.observe(&sample("web", 201, 200_500, 1.0), 200_500);
    assert_eq!(stage.told(), one(AlertKind::Silent, false));
}

#[test]
fn the_only_host_may_fall_silent_too() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 0, 0, 1.0), 0);
    stage.wait(0, 60);
    assert_eq!(stage.told(), one(AlertKind::Silent, true));
}

#[test]
fn our_own_clock_set_back_hides_no_silence() {
    let mut stage = Stage::new("");
    stage.wait(0, 5);
    stage.observe(&sample("web", 0, 3_600_000, 1.0), 3_600_000);
    stage.tick(3_600_000);
    stage.wait(10, 60);
    assert_eq!(
        stage.told(),
        [pipeline(true), pipeline(false), one(AlertKind::Silent, true).remove(0)]
    );
}

#[test]
fn a_host_that_is_expected_to_be_off_is_never_missed() {
    let mut stage = Stage::new("[host.web]\nexpected_offline = true");
    stage.observe(&sample("web", 0, 0, 1.0), 0);
    stage.wait(0, 100);
    assert_eq!(stage.told(), []);
}

#[test]
fn a_host_that_said_good_bye_is_stopped_and_not_silent() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 0, 0, 1.0), 0);
    stage.observe(&Analysis { stopping: true, ..sample("web", 1, 500, 1.0) }, 500);
    stage.wait(0, 60);
    assert_eq!(stage.told(), []);
    stage.wait(60, 200);
    assert_eq!(stage.told(), one(AlertKind::Stopped, true));
    // Whoever stops it may start it: no alert of a restart.
    stage.observe(&Analysis { run: Some("s".into()), ..sample("web", 0, 201_000, 1.0) }, 201_000);
    assert_eq!(stage.told(), one(AlertKind::Stopped, false));
}

#[test]
fn a_restart_without_good_bye_is_told_and_over_after_a_while() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 7, 0, 1.0), 0);
    let restarted =
        |sequence, at_ms| Analysis { run: Some("s".into()), ..sample("web", sequence, at_ms, 1.0) };
    stage.observe(&restarted(0, 1_000), 1_000);
    assert_eq!(stage.told(), one(AlertKind::Restarted, true));
    for second in 2..=301 {
        stage.observe(&restarted(second, second * SECOND_MS), second * SECOND_MS);
        stage.tick(second * SECOND_MS);
    }
    assert_eq!(stage.told(), one(AlertKind::Restarted, false));
}

#[test]
fn a_late_sample_of_an_earlier_run_is_no_restart() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 7, 10_000, 1.0), 10_000);
    let spooled =
        |sequence| Analysis { run: Some("o".into()), ..sample("web", sequence, 5_000, 99.0) };
    stage.observe(&spooled(3), 10_100);
    stage.observe(&sample("web", 6, 9_000, 99.0), 10_200);
    assert_eq!(stage.told(), []);
}

#[test]
fn a_host_that_booted_is_told_although_its_tracker_said_good_bye() {
    let mut stage = Stage::new("");
    let up = |uptime, analysis| Analysis { uptime_seconds: Some(uptime), ..analysis };
    stage.observe(&up(900, sample("web", 0, 0, 1.0)), 0);
    stage.observe(&Analysis { stopping: true, ..up(901, sample("web", 1, 900, 1.0)) }, 900);
    let booted = Analysis { run: Some("s".into()), ..sample("web", 0, 30_000, 1.0) };
    stage.observe(&up(12, booted), 30_000);
    assert_eq!(stage.told(), one(AlertKind::Restarted, true));
}

#[test]
fn a_clock_is_off_when_it_is_alone_with_its_time() {
    for skew_ms in [-60_000_i64, 60_000] {
        let mut stage = Stage::new("");
        stage.tick(99_000);
        for second in 100..=190 {
            let at_ms = second * SECOND_MS;
            stage.observe(&sample("right", second, at_ms, 1.0), at_ms);
            let theirs = at_ms.saturating_add_signed(skew_ms);
            stage.observe(&sample("web", second, theirs, 1.0), at_ms);
            stage.tick(at_ms);
        }
        assert_eq!(stage.told(), one(AlertKind::Clock, true), "{skew_ms}");
    }
}

#[test]
fn samples_that_all_come_late_say_nothing_about_clocks() {
    let mut stage = Stage::new("");
    stage.tick(119_000);
    for second in 0..=200 {
        let at_ms = second * SECOND_MS;
        for host in ["a", "b", "c"] {
            stage.observe(&sample(host, second, at_ms, 1.0), at_ms + 120_000);
        }
        stage.tick(at_ms + 120_000);
    }
    assert_eq!(stage.told(), [pipeline(true), pipeline(false)][..0]);
}

fn pipeline(raised: bool) -> (String, AlertKind, bool) {
    (Alert::PIPELINE.to_owned(), AlertKind::Pipeline, raised)
}

#[test]
fn when_nothing_comes_from_anyone_one_alert_stands_for_all() {
    let mut stage = Stage::new("");
    let all = |stage: &mut Stage, second: u64| {
        for host in ["a", "b", "c"] {
            stage.observe(&sample(host, second, second * SECOND_MS, 1.0), second * SECOND_MS);
        }
    };
    all(&mut stage, 0);
    stage.wait(0, 600);
    assert_eq!(stage.told(), [pipeline(true)]);
    for second in 601..=700 {
        all(&mut stage, second);
        stage.tick(second * SECOND_MS);
    }
    assert_eq!(stage.told(), [pipeline(false)]);
}

#[test]
fn while_only_a_backlog_comes_nobody_is_silent() {
    let mut stage = Stage::new("");
    for second in 0..=60 {
        for host in ["a", "b", "c"] {
            // After ten seconds only what was known before: new samples wait behind it.
            let sampled = if second <= 10 { second } else { second % 10 };
            stage.observe(&sample(host, sampled, sampled * SECOND_MS, 1.0), second * SECOND_MS);
        }
        stage.tick(second * SECOND_MS);
    }
    assert_eq!(stage.told(), [pipeline(true)]);
    stage.observe(&sample("a", 61, 61_000, 1.0), 61_000);
    assert_eq!(stage.told(), [pipeline(false)]);
}

#[test]
fn a_broker_that_is_away_is_one_alert() {
    let mut stage = Stage::new("");
    let all = |stage: &mut Stage, second: u64| {
        for host in ["a", "b", "c"] {
            stage.observe(&sample(host, second, second * SECOND_MS, 1.0), second * SECOND_MS);
        }
    };
    all(&mut stage, 0);
    stage.engine.link(false, START_MS + 500);
    stage.wait(0, 300);
    stage.engine.link(true, START_MS + 300_500);
    stage.wait(300, 310);
    all(&mut stage, 311);
    stage.wait(311, 320);
    assert_eq!(stage.told(), [pipeline(true), pipeline(false)]);
}

#[test]
fn an_observer_that_was_away_blames_nobody_else() {
    let mut stage = Stage::new("");
    for host in ["a", "b"] {
        stage.observe(&sample(host, 0, 0, 1.0), 0);
    }
    stage.tick(1_000);
    // Stopped for ten minutes, then looks at the time before it reads on.
    stage.tick(600_000);
    assert_eq!(stage.told(), [pipeline(true)]);
    for second in 600..=650 {
        for host in ["a", "b"] {
            stage.observe(&sample(host, second, second * SECOND_MS, 1.0), second * SECOND_MS);
        }
        stage.tick(second * SECOND_MS);
    }
    assert_eq!(stage.told(), [pipeline(false)]);
}

#[test]
fn a_large_fleet_falls_silent_and_comes_back() {
    const HOSTS: usize = 40_000;
    let mut stage = Stage::new("");
    let names: Vec<String> = (0..HOSTS).map(|number| format!("host-{number}")).collect();
    for round in 0..2_u64 {
        let from = round * 100;
        for (at, name) in names.iter().enumerate() {
            let sequence = from + 1 + u64::from(at == 0);
            stage.observe(&sample(name, sequence, from * SECOND_MS, 1.0), from * SECOND_MS);
        }
        let told = stage.told();
        assert_eq!(told.len(), if round == 0 { 0 } else { HOSTS });
        assert!(told.iter().all(|(_, kind, raised)| *kind == AlertKind::Silent && !*raised));
        for second in from + 1..from + 100 {
            let witness = sample("witness", second, second * SECOND_MS, 1.0);
            stage.observe(&witness, second * SECOND_MS);
            stage.tick(second * SECOND_MS);
        }
        let told = stage.told();
        assert_eq!(told.len(), HOSTS);
        assert!(told.iter().all(|(_, kind, raised)| *kind == AlertKind::Silent && *raised));
    }
    assert_eq!(stage.engine.host_count(), HOSTS + 1);
}

#[test]
fn a_host_that_is_gone_for_a_week_is_forgotten_and_its_alerts_cleared() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 0, 0, 1.0), 0);
    stage.wait(0, 30);
    assert_eq!(stage.told(), one(AlertKind::Silent, true));
    let week = 7 * 24 * 60 * MINUTE_MS;
    stage.tick(week + 1);
    assert!(stage.told().contains(&one(AlertKind::Silent, false)[0]));
    assert_eq!(stage.engine.host_count(), 0);
}

#[test]
fn a_typical_host_takes_less_than_a_kibibyte() {
    let full = include_bytes!("../../../../resources-core/tests/golden/analysis_full.json");
    let key = "web-1.eu.example.com.analysis";
    let mut analysis = Analysis::decode(key, full).unwrap();
    assert_eq!(analysis.resources.len(), 5);
    let mut stage = Stage::new("");
    // Each resource about to flap, which takes most.
    for sequence in 0..5 {
        analysis.sequence = Some(sequence);
        analysis.timestamp_ms += 1;
        for resource in &mut analysis.resources {
            resource.percentage = if sequence % 2 == 0 { 99.0 } else { 1.0 };
        }
        stage.observe(&analysis, sequence);
    }
    let (name, host) = stage.engine.hosts.iter().next().unwrap();
    let entry = size_of::<(HostName, Box<Host>)>() + size_of::<Host>();
    let bytes = entry + name.as_str().len() + 16 + host.heap_bytes();
    println!("{bytes} bytes a host");
    assert!(bytes <= 1024, "{bytes}");
}
