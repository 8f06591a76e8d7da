//! Our own clock, and those of hosts, when they are set.

use super::*;

const HOUR_MS: u64 = 60 * MINUTE_MS;

/// Two hosts that send each second from `from_s` to before `to_s`, by a clock that is `ahead_ms`
/// ahead of ours, unless `is_off` says that `web` does not.
fn play(stage: &mut Stage, from_s: u64, to_s: u64, ahead_ms: i64, is_off: impl Fn(u64) -> bool) {
    for second in from_s..to_s {
        let at_ms = second * SECOND_MS;
        let sampled_ms = at_ms.saturating_add_signed(ahead_ms);
        stage.observe(&sample("witness", sampled_ms, sampled_ms, 1.0), at_ms);
        if !is_off(second) {
            stage.observe(&sample("web", sampled_ms, sampled_ms, 1.0), at_ms);
        }
        stage.tick(at_ms);
    }
}

fn silent(stage: &mut Stage) -> Vec<(String, AlertKind, bool)> {
    let mut told = stage.told();
    told.retain(|(_, kind, _)| *kind == AlertKind::Silent);
    told
}

#[test]
fn our_own_clock_set_forward_hides_no_return() {
    let mut stage = Stage::new("default.clock.enabled = false");
    let hour_s = HOUR_MS / SECOND_MS;
    let ahead_ms = HOUR_MS.cast_signed();
    play(&mut stage, 0, 100, ahead_ms, |_| false);
    // From here on by a clock that is right.
    let off = |second: u64| (hour_s + 200..hour_s + 230).contains(&second);
    play(&mut stage, hour_s + 100, hour_s + 230, 0, off);
    assert_eq!(silent(&mut stage), one(AlertKind::Silent, true));
    play(&mut stage, hour_s + 230, hour_s + 232, 0, off);
    assert_eq!(silent(&mut stage), one(AlertKind::Silent, false));
    // And it is missed again.
    play(&mut stage, hour_s + 232, hour_s + 250, 0, |_| true);
    assert_eq!(silent(&mut stage), one(AlertKind::Silent, true));
}

#[test]
fn our_own_clock_set_forward_during_a_silence_hides_no_return() {
    let mut stage = Stage::new("default.clock.enabled = false");
    let hour_s = HOUR_MS / SECOND_MS;
    play(&mut stage, 0, 130, HOUR_MS.cast_signed(), |second| second >= 100);
    assert_eq!(silent(&mut stage), one(AlertKind::Silent, true));
    play(&mut stage, hour_s + 130, hour_s + 160, 0, |_| true);
    assert_eq!(silent(&mut stage), []);
    play(&mut stage, hour_s + 160, hour_s + 162, 0, |_| false);
    assert_eq!(silent(&mut stage), one(AlertKind::Silent, false));
}

#[test]
fn our_own_clock_set_back_holds_up_no_end() {
    let mut stage = Stage::new("default.silent.clear_hold = \"10s\"");
    let hour_s = HOUR_MS / SECOND_MS;
    let run = |second: u64| if second < hour_s + 60 { "r" } else { "s" };
    let sampled = |second: u64| Analysis {
        run: Some(run(second).into()),
        ..sample("web", second, second * SECOND_MS, 1.0)
    };
    let mut told = Vec::new();
    for second in hour_s..hour_s + 500 {
        // An hour back in the middle of a restart that follows a silence.
        let back_s = if second < hour_s + 65 { 0 } else { hour_s };
        let at_ms = (second - back_s) * SECOND_MS;
        let witness = sample("witness", second, second * SECOND_MS, 1.0);
        stage.observe(&witness, at_ms);
        if !(hour_s + 10..hour_s + 60).contains(&second) {
            stage.observe(&sampled(second), at_ms);
        }
        stage.tick(at_ms);
        told.extend(stage.told().into_iter().map(|(_, kind, raised)| (kind, raised)));
    }
    for kind in [AlertKind::Silent, AlertKind::Restarted] {
        let of_kind: Vec<_> = told.iter().filter(|(of, _)| *of == kind).collect();
        assert_eq!(of_kind, [&(kind, true), &(kind, false)]);
    }
}

#[test]
fn our_own_clock_set_back_holds_up_no_reminder() {
    let mut stage =
        Stage::new("default = { repeat = \"1m\", cpu = { raise = 90, hold = \"0s\" } }");
    for second in 0..100 {
        let at_ms = second * SECOND_MS + if second < 10 { HOUR_MS } else { 0 };
        stage.observe(&sample("web", second, HOUR_MS + second * SECOND_MS, 99.0), at_ms);
        stage.tick(at_ms);
    }
    let repeats: Vec<_> = stage.alerts.iter().filter_map(|alert| alert.repeat).collect();
    assert_eq!(repeats, [1]);
}

#[test]
fn what_flaps_ends_although_the_clock_of_its_host_is_set_back() {
    let mut stage = Stage::new("default.cpu = { raise = 90, hold = \"2m\" }");
    for second in 0..2_000 {
        let at_ms = HOUR_MS + second * SECOND_MS;
        let flaps = second < 100 && second % 2 == 0;
        // Before all of its changes.
        let sampled_ms = if second < 100 { at_ms } else { at_ms - HOUR_MS / 2 };
        stage.observe(&sample("web", second, sampled_ms, if flaps { 99.0 } else { 1.0 }), at_ms);
        stage.tick(at_ms);
    }
    let mut told = stage.told();
    told.retain(|(_, kind, _)| *kind == AlertKind::Flapping);
    let [raised, cleared] = [true, false].map(|raised| one(AlertKind::Flapping, raised));
    assert_eq!(told, [raised, cleared].concat());
}

#[test]
fn what_was_in_the_future_is_not_so_at_the_next_start() {
    let mut stage = Stage::new("");
    stage.tick(HOUR_MS);
    stage.observe(&sample("web", 0, HOUR_MS, 1.0), HOUR_MS);
    stage.engine.stored();
    stage.tick(0);
    assert_eq!(stage.engine.stored_hosts().count(), 1);
}

#[test]
fn samples_that_were_held_up_say_nothing_about_a_clock() {
    let mut stage = Stage::new("");
    for second in 0..200 {
        let at_ms = HOUR_MS + second * SECOND_MS;
        stage.observe(&sample("other", second, at_ms, 1.0), at_ms);
        // Gone for good, and its last samples come one by one.
        let taken = match second {
            0..60 => Some(second),
            100 => Some(61),
            170 => Some(62),
            _ => None,
        };
        if let Some(taken) = taken {
            let sampled_ms = HOUR_MS + taken * SECOND_MS;
            stage.observe(&sample("web", taken, sampled_ms, 1.0), at_ms);
        }
        stage.tick(at_ms);
    }
    assert!(
        stage.told().iter().all(|(_, kind, _)| *kind != AlertKind::Clock),
        "{:?}",
        stage.told()
    );
}

#[test]
fn a_clock_that_was_put_right_while_the_tracker_was_stopped_is_right_at_once() {
    let mut stage = Stage::new("default.clock = { hold = \"5s\", clear_hold = \"5s\" }");
    for second in 0..300 {
        let at_ms = HOUR_MS + second * SECOND_MS;
        stage.observe(&sample("witness", second, at_ms, 1.0), at_ms);
        let (run, ahead_ms) = if second < 100 { ("r", MINUTE_MS) } else { ("s", 0) };
        let web = Analysis {
            run: Some(run.into()),
            stopping: second == 99,
            ..sample("web", second, at_ms + ahead_ms, 1.0)
        };
        if !(100..200).contains(&second) {
            stage.observe(&web, at_ms);
        }
        stage.tick(at_ms);
        let told = stage.told().into_iter().filter(|(_, kind, _)| *kind == AlertKind::Clock);
        let expected = match second {
            5 => one(AlertKind::Clock, true),
            205 => one(AlertKind::Clock, false),
            _ => Vec::new(),
        };
        assert_eq!(told.collect::<Vec<_>>(), expected, "after {second} s");
    }
}
