//! What is too old goes, a little at a time.

use super::*;

const DAY_MS: u64 = 24 * 3_600_000;

/// Enough steps for a walk through all tables.
fn tidy_all(recorder: &mut Recorder, now_ms: u64) {
    for _ in 0..200 {
        recorder.tidy(now_ms).unwrap();
    }
}

/// A sample of each of the last hundred minutes, written.
fn take_a_hundred_minutes(recorder: &mut Recorder, now_ms: u64) {
    for sequence in 0..100 {
        recorder.take_sample(&Sample::of("a", sequence, now_ms - sequence * 60_000), sequence);
    }
    recorder.commit(now_ms).unwrap();
}

#[test]
fn each_tier_loses_what_is_older_than_it_keeps() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    take_a_hundred_minutes(&mut recorder, now);
    let beside = place.beside();
    for (days, left) in [
        (0, [true, true, true]),
        (3, [false, true, true]),
        (20, [false, false, true]),
        (800, [false, false, false]),
    ] {
        tidy_all(&mut recorder, now + days * DAY_MS);
        assert_eq!(counted(&beside, "a").map(|count| count > 0), left, "{days} days");
    }
    for table in ["host", "resource", "run", "taken"] {
        assert_eq!(number(&beside, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
}

#[test]
fn a_host_that_was_forgotten_can_come_back() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    recorder.take_sample(&Sample::of("a", 0, now), 0);
    recorder.commit(now).unwrap();
    let later = now + 800 * DAY_MS;
    tidy_all(&mut recorder, later);
    let sample = Sample::of("a", 0, later);
    recorder.take(&sample.topic(), &sample.body(), Some(1), later).unwrap();
    recorder.commit(later).unwrap();
    assert_eq!(counted(&place.beside(), "a"), [1; 3]);
}

#[test]
fn a_step_deletes_a_bounded_number_of_rows() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    for sequence in 0..8_000 {
        recorder.take_sample(&Sample::of("a", sequence, now - sequence * 10_000), sequence);
    }
    recorder.commit(now).unwrap();
    let beside = place.beside();
    let later = now + 800 * DAY_MS;
    let all = "SELECT (SELECT count(*) FROM rollup_10s) + (SELECT count(*) FROM rollup_1m)
               + (SELECT count(*) FROM rollup_1h)";
    let mut before = number(&beside, all);
    assert!(before > 8_000);
    while before > 0 {
        recorder.tidy(later).unwrap();
        let after = number(&beside, all);
        assert!(before - after <= 2_000, "{before} {after}");
        before = after;
    }
}

#[test]
fn room_is_made_while_a_batch_waits_and_nothing_else_goes() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    take_a_hundred_minutes(&mut recorder, now);
    let later = now + 800 * DAY_MS;
    let sample = Sample::of("a", 100, later);
    recorder.take(&sample.topic(), &sample.body(), Some(100), later).unwrap();
    recorder.make_room(later).unwrap();
    let beside = place.beside();
    assert_eq!(counted(&beside, "a"), [0; 3]);
    recorder.commit(later).unwrap();
    assert_eq!(counted(&beside, "a"), [1; 3]);
    assert_eq!(ranges(&beside, "a"), [("run-1".into(), 0, 100)]);
}
