//! What changes too often.

use super::*;

/// Plays an hour in which `is_bad` says how `web` is each second, and an hour in which it is well.
fn two_hours(
    rules: &str,
    step: impl Fn(u64, bool) -> Option<Analysis>,
) -> Vec<(String, AlertKind, bool)> {
    let mut stage = Stage::new(rules);
    let hour = 3_600;
    for second in 0..2 * hour {
        let at_ms = second * SECOND_MS;
        stage.observe(&sample("witness", second, at_ms, 1.0), at_ms);
        if let Some(analysis) = step(second, second < hour) {
            stage.observe(&analysis, at_ms);
        }
        stage.tick(at_ms);
    }
    stage.told()
}

/// So many times raised and cleared.
fn times(kind: AlertKind, count: usize) -> Vec<(String, AlertKind, bool)> {
    (0..2 * count).flat_map(|number| one(kind, number % 2 == 0)).collect()
}

#[test]
fn an_hour_of_changes_each_second_brings_two_notifications_at_most() {
    for (hold, clear_hold) in [("0s", "1m"), ("2m", "1m"), ("0s", "0s"), ("2m", "0s")] {
        let rules = format!(
            "default.cpu = {{ raise = 90, hold = \"{hold}\", clear_hold = \"{clear_hold}\" }}"
        );
        let told = two_hours(&rules, |second, flaps| {
            let cpu = if flaps && second % 2 == 0 { 99.0 } else { 1.0 };
            Some(sample("web", second, second * SECOND_MS, cpu))
        });
        let kind = if hold == "0s" { AlertKind::Level } else { AlertKind::Flapping };
        assert_eq!(told, times(kind, 1), "hold {hold}, clear_hold {clear_hold}");
    }
}

#[test]
fn what_changes_more_slowly_is_told_until_it_has_changed_too_often() {
    let rules = "default.cpu = { raise = 90, hold = \"0s\", clear_hold = \"0s\" }";
    let told = two_hours(rules, |second, flaps| {
        let cpu = if flaps && second / 10 % 2 == 0 { 99.0 } else { 1.0 };
        Some(sample("web", second, second * SECOND_MS, cpu))
    });
    // The sixth change in ten minutes is the third end, which is told when all is calm.
    assert_eq!(told, times(AlertKind::Level, 3));
}

#[test]
fn an_end_that_is_not_of_a_moment_is_told_at_once_when_so_asked() {
    let mut stage = Stage::new("default.cpu = { raise = 90, hold = \"0s\", clear_hold = \"0s\" }");
    for second in 0..=6 {
        let cpu = if second < 6 { 99.0 } else { 1.0 };
        stage.observe(&sample("web", second, second * SECOND_MS, cpu), second * SECOND_MS);
    }
    assert_eq!(stage.told(), times(AlertKind::Level, 1));
}

#[test]
fn a_host_on_a_bad_line_is_told_until_it_has_changed_too_often() {
    let comes = |second: u64, flaps: bool| {
        let is_off = flaps && second % 30 >= 10;
        (!is_off).then(|| sample("web", second, second * SECOND_MS, 1.0))
    };
    assert_eq!(two_hours("", comes), times(AlertKind::Silent, 3));
    // Nor is it well while it is off again before the hold is over.
    let told = two_hours("default.silent.clear_hold = \"30s\"", comes);
    assert_eq!(told, times(AlertKind::Silent, 1));
}

#[test]
fn a_crash_loop_is_not_an_alert_for_each_crash() {
    let loops = |second: u64, flaps: bool| {
        let life = if flaps { second / 20 } else { 180 };
        let run = Some(format!("run-{life}").into());
        Some(Analysis { run, ..sample("web", second, second * SECOND_MS, 1.0) })
    };
    assert_eq!(two_hours("", loops), times(AlertKind::Restarted, 1));
    let told = two_hours("default.restarted.clear_after = \"10s\"", loops);
    assert_eq!(told, times(AlertKind::Restarted, 3));
}

#[test]
fn a_clock_that_jumps_is_told_until_it_has_changed_too_often() {
    let rules = "default.clock = { hold = \"0s\", clear_hold = \"0s\" }";
    let told = two_hours(rules, |second, flaps| {
        let ahead_ms = if flaps && second / 10 % 2 == 0 { 60_000 } else { 0 };
        Some(sample("web", second, second * SECOND_MS + ahead_ms, 1.0))
    });
    assert_eq!(told, times(AlertKind::Clock, 3));
}
