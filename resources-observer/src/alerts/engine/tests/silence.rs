//! Who is silent, and what ends it.

use super::*;

/// As a tracker of `run` sends it.
fn sent(run: &str, second: u64, cpu: f64) -> Analysis {
    Analysis { run: Some(run.into()), ..sample("web", second, second * SECOND_MS, cpu) }
}

const AT_ONCE: &str = "default.cpu = { raise = 90, hold = \"0s\", clear_hold = \"0s\" }";

#[test]
fn the_smallest_tracker_may_take_over_from_one_that_names_its_runs() {
    let mut stage = Stage::new(AT_ONCE);
    for second in 0..100 {
        let at_ms = second * SECOND_MS;
        stage.observe(&sample("witness", second, at_ms, 1.0), at_ms);
        if second < 10 {
            stage.observe(&sent("r", second, 1.0), at_ms);
        } else {
            let smallest = Analysis {
                run: None,
                sequence: None,
                interval_ms: None,
                ..sample("web", 0, at_ms, if second < 50 { 99.0 } else { 1.0 })
            };
            stage.observe(&smallest, at_ms);
        }
        stage.tick(at_ms);
    }
    assert_eq!(stage.told(), [one(AlertKind::Level, true), one(AlertKind::Level, false)].concat());
}

#[test]
fn a_second_tracker_that_had_the_name_by_mistake_leaves_it_to_the_first() {
    for says_goodbye in [true, false] {
        let mut stage = Stage::new(AT_ONCE);
        for second in 0..400 {
            let at_ms = second * SECOND_MS;
            stage.observe(&sample("witness", second, at_ms, 1.0), at_ms);
            if (100..160).contains(&second) {
                let stopping = says_goodbye && second == 159;
                stage.observe(&Analysis { stopping, ..sent("second", second, 1.0) }, at_ms);
            }
            stage.observe(&sent("first", second, if second < 300 { 1.0 } else { 99.0 }), at_ms);
            stage.tick(at_ms);
        }
        let mut told = stage.told();
        told.retain(|(_, kind, _)| *kind != AlertKind::Restarted);
        assert_eq!(told.pop(), one(AlertKind::Level, true).pop(), "the first is judged");
        // Without good-bye it may take a moment until it is known that the second has ended.
        assert!(told.len().is_multiple_of(2) && told.len() <= 2, "{told:?}");
        assert!(!says_goodbye || told.is_empty(), "{told:?}");
    }
}

#[test]
fn a_duplicate_of_an_earlier_run_is_no_return() {
    let mut stage = Stage::new("");
    stage.observe(&sent("first", 0, 1.0), 0);
    stage.observe(&sent("second", 1, 1.0), 1_000);
    stage.observe(&sent("first", 2, 1.0), 2_000);
    stage.wait(2, 60);
    stage.told();
    stage.observe(&sent("first", 2, 1.0), 60_500);
    assert_eq!(stage.told(), []);
    stage.observe(&sent("first", 61, 1.0), 61_000);
    assert_eq!(stage.told(), one(AlertKind::Silent, false));
}

#[test]
fn what_was_sampled_before_a_silence_does_not_end_it() {
    for skew_ms in [0, -3_600_000, 3_600_000] {
        let mut stage = Stage::new("");
        let web = |second: u64| {
            sample("web", second, (second * SECOND_MS).saturating_add_signed(skew_ms), 1.0)
        };
        let at = 4_000;
        stage.tick((at - 1) * SECOND_MS);
        for second in at..at + 100 {
            let at_ms = second * SECOND_MS;
            stage.observe(&sample("witness", second, at_ms, 1.0), at_ms + 20);
            if second <= at + 10 {
                stage.observe(&web(second), at_ms + 20);
            }
            if second == at + 30 {
                // Held up on the way until now.
                (at + 11..=at + 15).for_each(|second| stage.observe(&web(second), at_ms + 20));
            }
            stage.tick(at_ms + 50);
        }
        let silent = |stage: &mut Stage| {
            let mut told = stage.told();
            told.retain(|(_, kind, _)| *kind == AlertKind::Silent);
            told
        };
        assert_eq!(silent(&mut stage), one(AlertKind::Silent, true), "{skew_ms}");
        stage.observe(&web(at + 100), (at + 100) * SECOND_MS + 20);
        assert_eq!(silent(&mut stage), one(AlertKind::Silent, false), "{skew_ms}");
    }
}

#[test]
fn a_clock_that_was_set_back_meanwhile_hides_no_return() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 0, 7_200_000, 1.0), 0);
    stage.wait(0, 60);
    assert_eq!(stage.told(), one(AlertKind::Silent, true));
    stage.observe(&sample("web", 1, 61_000, 1.0), 61_000);
    assert_eq!(stage.told(), one(AlertKind::Silent, false));
}

#[test]
fn a_good_bye_that_comes_late_makes_it_stopped_and_not_both() {
    let mut stage = Stage::new("");
    stage.observe(&sample("web", 0, 0, 1.0), 0);
    stage.wait(0, 60);
    assert_eq!(stage.told(), one(AlertKind::Silent, true));
    stage.observe(&Analysis { stopping: true, ..sample("web", 1, 500, 1.0) }, 60_500);
    assert_eq!(stage.told(), one(AlertKind::Silent, false));
    stage.wait(60, 125);
    assert_eq!(stage.told(), one(AlertKind::Stopped, true));
}

#[test]
fn nobody_is_reminded_while_the_link_is_down() {
    let mut stage = Stage::new("default.repeat = \"1m\"");
    stage.observe(&sample("web", 0, 0, 1.0), 0);
    stage.wait(0, 20);
    assert_eq!(stage.told(), one(AlertKind::Silent, true));
    stage.engine.link(false, START_MS + 20_500);
    stage.wait(20, 3_600);
    stage.alerts.retain(|alert| alert.kind == AlertKind::Silent);
    assert_eq!(stage.told(), []);
    stage.engine.link(true, START_MS + 3_600_500);
    stage.wait(3_600, 3_620);
    let repeats: Vec<_> = stage.alerts.iter().filter_map(|alert| alert.repeat).collect();
    assert_eq!(repeats, [1]);
}

/// Twenty hosts that send each second. From 100 s to 140 s the line carries a tenth of what half of
/// them send, and what the others send waits behind it.
fn slow_line(sample_of: impl Fn(usize, u64) -> Option<Analysis>) {
    let mut stage = Stage::new("");
    let mut told = Vec::new();
    for second in 0..200_u64 {
        let at_ms = second * SECOND_MS;
        let arrived = |second: u64| match second {
            0..100 => second,
            100..140 => 100 + (second - 100) / 10,
            _ => second,
        };
        let from = second.checked_sub(1).map_or(0, |before| arrived(before) + 1);
        for number in 0..20 {
            let from = match second {
                100..140 if number >= 10 => continue,
                140 if number >= 10 => 100,
                _ => from,
            };
            let samples = (from..=arrived(second)).filter_map(|sent| sample_of(number, sent));
            samples.for_each(|sample| stage.observe(&sample, at_ms));
        }
        stage.tick(at_ms);
        told.extend(stage.told().into_iter().filter(|(_, kind, _)| *kind == AlertKind::Silent));
    }
    assert_eq!(told, []);
}

fn of_number(number: usize, second: u64) -> Analysis {
    sample(&format!("host-{number}"), second, second * SECOND_MS, 1.0)
}

#[test]
fn whose_samples_wait_behind_those_of_others_is_not_silent() {
    slow_line(|number, second| Some(of_number(number, second)));
}

#[test]
fn a_host_that_starts_while_samples_are_held_up_blames_nobody() {
    let starts = |number: usize, second: u64| number == 0 && second >= 102;
    slow_line(|number, second| {
        let run = if starts(number, second) { "s" } else { "r" };
        Some(Analysis { run: Some(run.into()), ..of_number(number, second) })
    });
    slow_line(|number, second| {
        let uptime_seconds = if starts(number, second) { 1 } else { 1_000 };
        Some(Analysis { uptime_seconds: Some(uptime_seconds), ..of_number(number, second) })
    });
    slow_line(|number, second| (number != 0 || second >= 102).then(|| of_number(number, second)));
}

#[test]
fn one_witness_that_crashes_all_the_time_is_enough() {
    let mut stage = Stage::new("");
    for second in 0..200 {
        let at_ms = second * SECOND_MS;
        let run = format!("run-{}", second / 10);
        let witness = sample("witness", second, at_ms, 1.0);
        stage.observe(&Analysis { run: Some(run.into()), ..witness }, at_ms);
        if second <= 100 {
            stage.observe(&sent("r", second, 1.0), at_ms);
        }
        stage.tick(at_ms);
    }
    let told = stage.told().into_iter().filter(|(_, kind, _)| *kind == AlertKind::Silent);
    assert_eq!(told.collect::<Vec<_>>(), one(AlertKind::Silent, true));
}

#[test]
fn witnesses_that_do_not_say_how_often_they_send_may_set_their_clocks_back() {
    let mut stage = Stage::new("");
    for second in 0..500 {
        let at_ms = second * SECOND_MS;
        let sampled_ms = at_ms.saturating_sub(if second < 100 { 0 } else { 15 * SECOND_MS });
        let witness = sample(&format!("witness-{}", second % 20), second, sampled_ms, 1.0);
        stage.observe(&Analysis { interval_ms: None, ..witness }, at_ms);
        if second <= 400 {
            stage.observe(&sent("r", second, 1.0), at_ms);
        }
        stage.tick(at_ms);
        let expected = if second == 415 { one(AlertKind::Silent, true) } else { Vec::new() };
        assert_eq!(stage.told(), expected, "after {second} s");
    }
}

#[test]
fn whoever_is_left_alone_is_missed_however_old_what_came_last_was() {
    let mut stage = Stage::new("");
    (0..100).for_each(|second| stage.observe(&sent("r", second, 1.0), second * SECOND_MS));
    stage.engine.link(false, START_MS + 100_000);
    stage.wait(99, 30_000);
    stage.engine.link(true, START_MS + 30_000_000);
    (100..2_000).for_each(|second| stage.observe(&sent("r", second, 1.0), 30_000_500));
    stage.wait(30_000, 30_020);
    assert_eq!(
        stage.told(),
        [pipeline(true), pipeline(false), one(AlertKind::Silent, true).remove(0)]
    );
}
