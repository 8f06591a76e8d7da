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

#[test]
fn while_what_comes_trails_the_present_a_host_is_silent_only_by_what_came() {
    let mut stage = Stage::new("");
    let names: Vec<String> = (0..20).map(|number| format!("host-{number}")).collect();
    let restarted = |host: &str, second: u64| {
        let run = if host == "host-0" && second >= 31 { "s" } else { "r" };
        Analysis { run: Some(run.into()), ..sample(host, second, second * SECOND_MS, 1.0) }
    };
    for second in 0..=200 {
        let at_ms = second * SECOND_MS;
        // A line that carries a tenth of what is sent for a minute, and then all that it held up.
        let trails = |second| if second < 90 { second - (second - 30) * 9 / 10 } else { second };
        let come: Vec<u64> = match second {
            0..=30 => vec![second],
            _ => (trails(second - 1) + 1..=trails(second)).collect(),
        };
        for (number, host) in names.iter().enumerate() {
            let is_held_up = number >= 10 && (31..90).contains(&second);
            let is_gone = number == 19 && second > 30;
            if second == 90 && number >= 10 && !is_gone {
                (31..=90).for_each(|sent| stage.observe(&restarted(host, sent), at_ms));
            } else if !is_held_up && !is_gone {
                come.iter().for_each(|sent| stage.observe(&restarted(host, *sent), at_ms));
            }
        }
        stage.tick(at_ms);
        let mut told = stage.told();
        told.retain(|(_, kind, _)| *kind != AlertKind::Restarted);
        let silent = ("host-19".to_owned(), AlertKind::Silent, true);
        let expected = if second == 90 { vec![silent] } else { Vec::new() };
        assert_eq!(told, expected, "after {second} s");
    }
}
