//! What is too old goes, a little at a time.

use super::*;

const DAY_MS: u64 = 24 * 3_600_000;

/// Takes in a sample of now, of a host of its own: until one comes, the clock may be wrong.
fn take_present(recorder: &mut Recorder, now_ms: u64) {
    let sample = Sample { run: None, ..Sample::of("present", 0, now_ms) };
    recorder.take(&sample.topic(), &sample.body(), None, now_ms).unwrap();
    recorder.commit(now_ms).unwrap();
}

/// Enough steps for a walk through all tables.
fn tidy_all(recorder: &mut Recorder, now_ms: u64) {
    take_present(recorder, now_ms);
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
    for (table, left) in [("host", 1), ("resource", 1), ("run", 0), ("taken", 0)] {
        assert_eq!(number(&beside, &format!("SELECT count(*) FROM {table}")), left, "{table}");
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
    take_present(&mut recorder, later);
    let all = "SELECT (SELECT count(*) FROM rollup_10s) + (SELECT count(*) FROM rollup_1m)
               + (SELECT count(*) FROM rollup_1h)";
    let mut before = number(&beside, all);
    assert!(before > 8_000);
    while before > 3 {
        recorder.tidy(later).unwrap();
        let after = number(&beside, all);
        assert!(before - after <= 2_000, "{before} {after}");
        before = after;
    }
}

#[test]
fn a_clock_that_is_years_ahead_deletes_nothing_and_leaves_nothing_out() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    recorder.take_sample(&Sample::of("a", 0, now), 0);
    recorder.commit(now).unwrap();
    let wrong = now + 1_100 * DAY_MS;
    let sample = Sample::of("a", 1, now);
    for _ in 0..2 {
        recorder.take(&sample.topic(), &sample.body(), Some(1), wrong).unwrap();
        recorder.commit(wrong).unwrap();
        (0..200).for_each(|_| recorder.tidy(wrong).unwrap());
        assert_eq!(counted(&place.beside(), "a"), [2; 3]);
        // And after a restart.
        drop(recorder);
        recorder = place.recorder();
        (0..200).for_each(|_| recorder.tidy(wrong).unwrap());
        assert_eq!(counted(&place.beside(), "a"), [2; 3]);
    }
}

#[test]
fn a_sample_that_came_while_the_clock_was_behind_counts_when_it_comes_again() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    let sample = Sample::of("a", 0, now);
    recorder.take(&sample.topic(), &sample.body(), Some(0), now - 10 * DAY_MS).unwrap();
    recorder.commit(now).unwrap();
    assert_eq!(recorder.take_counts().impossible_times, 1);
    recorder.take_sample(&sample, 1);
    recorder.commit(now).unwrap();
    assert_eq!(counted(&place.beside(), "a"), [1; 3]);
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

#[test]
fn it_waits_for_another_who_writes() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let now = now_ms();
    take_a_hundred_minutes(&mut recorder, now);
    let later = now + 3 * DAY_MS;
    take_present(&mut recorder, later);
    let beside = place.beside();
    beside.execute_batch("BEGIN IMMEDIATE").unwrap();
    let other = std::thread::spawn(move || {
        // Within the time that one waits for another.
        std::thread::sleep(std::time::Duration::from_millis(100));
        beside.execute_batch("COMMIT").unwrap();
    });
    recorder.tidy(later).unwrap();
    other.join().unwrap();
    (0..200).for_each(|_| recorder.tidy(later).unwrap());
    assert_eq!(counted(&place.beside(), "a")[0], 0);
}
