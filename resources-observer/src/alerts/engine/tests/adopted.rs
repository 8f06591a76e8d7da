//! What an engine that knows nothing takes over.

use super::*;

/// Of an engine that is lost: what it raised, and when that was in milliseconds from the start.
fn lost() -> (Vec<Alert>, u64) {
    let mut stage = Stage::new("default.cpu = { raise = 90, hold = \"0s\" }");
    for second in 0..200 {
        let at_ms = second * SECOND_MS;
        let mut observe = |host: &str, run: &str, skew_ms: u64, cpu: f64, stopping: bool| {
            let analysis = Analysis {
                run: Some(run.into()),
                stopping,
                ..sample(host, second, at_ms + skew_ms, cpu)
            };
            stage.observe(&analysis, at_ms);
        };
        observe("witness", "r", 0, 1.0, false);
        observe("busy", "r", 0, 99.0, false);
        observe("skewed", "r", 60_000, 1.0, false);
        observe("restarted", if second < 150 { "r" } else { "s" }, 0, 1.0, false);
        if second < 10 {
            observe("silent", "r", 0, 1.0, false);
            observe("stopped", "r", 0, 1.0, second == 9);
        }
        stage.tick(at_ms);
    }
    stage.wait(200, 230);
    let kinds: HashSet<_> = stage.alerts.iter().map(|alert| alert.kind).collect();
    assert_eq!(kinds.len(), 6, "{kinds:?}");
    assert!(stage.alerts.iter().all(|alert| alert.state == AlertState::Raised));
    (stage.alerts, 230 * SECOND_MS)
}

/// The id of each episode.
fn ids(alerts: &[Alert]) -> HashSet<Box<str>> {
    alerts.iter().map(|alert| alert.id.clone()).collect()
}

#[test]
fn what_is_over_by_then_is_cleared_when_its_host_is_heard_of() {
    let (raised, mut at_ms) = lost();
    let mut stage = Stage::new("default.cpu = { raise = 90, hold = \"0s\" }");
    at_ms += 100_000;
    stage.tick(at_ms);
    stage.adopt(&raised, at_ms);
    // Another observer's are left to it.
    stage.adopt(&[Alert { id: "somebody-else".into(), ..raised[0].clone() }], at_ms);
    for sequence in 0..400 {
        at_ms += SECOND_MS;
        for host in ["witness", "busy", "skewed", "restarted", "silent", "stopped"] {
            let again = Analysis { run: Some("t".into()), ..sample(host, sequence, at_ms, 1.0) };
            stage.observe(&again, at_ms);
        }
        stage.tick(at_ms);
    }
    assert!(stage.alerts.iter().all(|alert| alert.state == AlertState::Cleared));
    assert_eq!(stage.alerts.len(), raised.len());
    assert_eq!(ids(&stage.alerts), ids(&raised));
}

#[test]
fn what_still_holds_stays_raised_and_is_not_told_again() {
    let (raised, mut at_ms) = lost();
    let busy: Vec<Alert> =
        raised.into_iter().filter(|alert| alert.kind == AlertKind::Level).collect();
    let mut stage = Stage::new("default.cpu = { raise = 90, hold = \"0s\" }");
    stage.tick(at_ms);
    stage.adopt(&busy, at_ms);
    for sequence in 0..100 {
        at_ms += SECOND_MS;
        stage.observe(&sample("busy", sequence, at_ms, 95.0), at_ms);
        stage.tick(at_ms);
    }
    assert_eq!(stage.told(), []);
}

#[test]
fn of_whoever_never_comes_back_it_ends_after_a_week() {
    let (raised, at_ms) = lost();
    let mut stage = Stage::new("");
    stage.adopt(&raised, at_ms);
    stage.tick(at_ms);
    let week_ms = 7 * 24 * 60 * MINUTE_MS;
    stage.tick(at_ms + week_ms);
    let ended = ids(&stage.alerts);
    let expected = raised.iter().filter(|alert| alert.kind != AlertKind::Pipeline);
    assert!(expected.map(|alert| &alert.id).all(|id| ended.contains(id)), "{:?}", stage.alerts);
    assert_eq!(stage.engine.host_count(), 0);
}

#[test]
fn what_was_raised_long_ago_has_a_week_from_the_start_on() {
    let (raised, at_ms) = lost();
    let raised: Vec<Alert> =
        raised.into_iter().filter(|alert| alert.kind != AlertKind::Pipeline).collect();
    let week_ms = 7 * 24 * 60 * MINUTE_MS;
    let started_ms = at_ms + week_ms + MINUTE_MS;
    let mut stage = Stage::new("");
    stage.tick(started_ms);
    stage.alerts.clear();
    stage.adopt(&raised, started_ms);
    for at_ms in [started_ms, started_ms + SECOND_MS] {
        stage.tick(at_ms);
    }
    // But for what is over by itself.
    assert_eq!(stage.told(), [("restarted".to_owned(), AlertKind::Restarted, false)]);
    let silent = sample("silent", 0, started_ms + 2 * SECOND_MS, 1.0);
    stage.observe(&silent, started_ms + 2 * SECOND_MS);
    assert_eq!(stage.told(), [("silent".to_owned(), AlertKind::Silent, false)]);
}
