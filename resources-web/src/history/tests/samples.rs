//! What is counted, where, and how often.

use super::*;

#[test]
fn samples_are_rolled_up_in_every_tier() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let hour_ms = this_hour_ms() - 3_600_000;
    for (sequence, (after_s, cpu)) in
        [(0, 10.0), (1, 30.0), (11, 20.5), (70, 0.0)].into_iter().enumerate()
    {
        let sequence = u64::try_from(sequence).unwrap();
        let sample = Sample { cpu, ..Sample::of("a", sequence, hour_ms + after_s * 1_000) };
        recorder.take_sample(&sample, sequence);
    }
    recorder.commit(now_ms()).unwrap();

    let beside = place.beside();
    let hour_s = hour_ms / 1_000;
    assert_eq!(
        rows(&beside, Tier::TenSeconds, "a", "cpu"),
        [
            (hour_s, 1_000, 3_000, 4_000, 2),
            (hour_s + 10, 2_050, 2_050, 2_050, 1),
            (hour_s + 70, 0, 0, 0, 1),
        ]
    );
    assert_eq!(
        rows(&beside, Tier::Minute, "a", "cpu"),
        [(hour_s, 1_000, 3_000, 6_050, 3), (hour_s + 60, 0, 0, 0, 1)]
    );
    assert_eq!(rows(&beside, Tier::Hour, "a", "cpu"), [(hour_s, 0, 3_000, 6_050, 4)]);
}

#[test]
fn a_later_batch_is_merged_into_the_buckets_that_are_there_and_a_late_sample_into_its_own() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let hour_ms = this_hour_ms() - 3_600_000;
    for (offset, (sequence, after_s, cpu)) in
        [(0, 0, 50.0), (9, 90, 1.0), (1, 1, 70.0), (2, 2, 10.0)].into_iter().enumerate()
    {
        let sample = Sample { cpu, ..Sample::of("a", sequence, hour_ms + after_s * 1_000) };
        recorder.take_sample(&sample, u64::try_from(offset).unwrap());
        recorder.commit(now_ms()).unwrap();
    }
    let beside = place.beside();
    let hour_s = hour_ms / 1_000;
    assert_eq!(
        rows(&beside, Tier::TenSeconds, "a", "cpu"),
        [(hour_s, 1_000, 7_000, 13_000, 3), (hour_s + 90, 100, 100, 100, 1)]
    );
    assert_eq!(rows(&beside, Tier::Hour, "a", "cpu"), [(hour_s, 100, 7_000, 13_100, 4)]);
    assert_eq!(ranges(&beside, "a"), [("run-1".into(), 0, 2), ("run-1".into(), 9, 9)]);
}

#[test]
fn a_sample_that_comes_again_counts_once_also_in_a_later_batch_and_after_a_restart() {
    let place = Place::new();
    let sample = |sequence| Sample::of("a", sequence, now_ms());
    let mut recorder = place.recorder();
    for (offset, sequence) in [5, 5, 6].into_iter().enumerate() {
        recorder.take_sample(&sample(sequence), u64::try_from(offset).unwrap());
    }
    recorder.commit(now_ms()).unwrap();
    recorder.take_sample(&sample(6), 3);
    recorder.commit(now_ms()).unwrap();
    assert_eq!(recorder.take_counts().duplicates, 2);
    drop(recorder);

    let mut recorder = place.recorder();
    assert_eq!(recorder.position().map(|position| position.offset), Some(3));
    for (offset, sequence) in [(4, 5), (5, 7)] {
        recorder.take_sample(&sample(sequence), offset);
    }
    let other_run = Sample { run: Some(("run-2", 5)), ..sample(5) };
    recorder.take_sample(&other_run, 6);
    recorder.commit(now_ms()).unwrap();
    let beside = place.beside();
    assert_eq!(counted(&beside, "a"), [4; 3]);
    let expected = [("run-1".into(), 5, 7), ("run-2".into(), 5, 5)];
    assert_eq!(ranges(&beside, "a"), expected);
}

#[test]
fn samples_without_a_run_cannot_be_told_apart_and_all_count() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let sample = Sample { run: None, ..Sample::of("a", 0, now_ms()) };
    recorder.take_sample(&sample, 0);
    recorder.take_sample(&sample, 1);
    recorder.commit(now_ms()).unwrap();
    assert_eq!(counted(&place.beside(), "a"), [2; 3]);
}

#[test]
fn killed_between_batches_it_goes_on_without_gap_or_double() {
    let place = Place::new();
    let stream: Vec<Sample> = (0..50).map(|sequence| Sample::of("a", sequence, now_ms())).collect();
    let mut reads = 0;
    loop {
        let mut recorder = place.recorder();
        let from = recorder.position().map_or(0, |position| position.offset + 1);
        let rest = stream.iter().zip(0_u64..).skip(usize::try_from(from).unwrap());
        let mut taken = 0;
        for (sample, offset) in rest {
            recorder.take_sample(sample, offset);
            reads += 1;
            taken += 1;
            if taken == 7 {
                recorder.commit(now_ms()).unwrap();
            }
            if taken == 12 {
                break;
            }
        }
        if taken < 12 {
            recorder.commit(now_ms()).unwrap();
            break;
        }
        // Dropped with a batch of five that was never written.
    }
    assert!(reads > 50, "what was not written is read again");
    let beside = place.beside();
    assert_eq!(counted(&beside, "a"), [50; 3]);
    assert_eq!(ranges(&beside, "a"), [("run-1".into(), 0, 49)]);
}

#[test]
fn the_place_in_the_stream_is_that_of_the_last_message_whatever_it_holds() {
    let place = Place::new();
    let mut recorder = place.recorder();
    recorder.take_sample(&Sample::of("a", 0, now_ms()), 0);
    recorder.take("a.analysis", &Bytes::from_static(b"nonsense"), Some(1), now_ms()).unwrap();
    recorder.commit(now_ms()).unwrap();
    let expected = resources_core::bus::Position::of(1, b"nonsense");
    assert_eq!(recorder.position(), Some(expected));
    drop(recorder);
    assert_eq!(place.recorder().position(), Some(expected));
}

#[test]
fn impossible_times_are_left_out() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let day_ms = 24 * 3_600_000;
    let now = now_ms();
    for (sequence, timestamp_ms) in
        [now, now + 2 * day_ms, now - 731 * day_ms, 1_000].into_iter().enumerate()
    {
        let sequence = u64::try_from(sequence).unwrap();
        recorder.take_sample(&Sample::of("a", sequence, timestamp_ms), sequence);
    }
    recorder.commit(now_ms()).unwrap();
    assert_eq!(recorder.take_counts().impossible_times, 3);
    let beside = place.beside();
    assert_eq!(counted(&beside, "a"), [1; 3]);
    assert_eq!(ranges(&beside, "a"), [("run-1".into(), 0, 0)]);
}

#[test]
fn a_tier_that_no_longer_keeps_a_bucket_does_not_get_it() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let days_ago = |days: u64| now_ms() - days * 24 * 3_600_000;
    for (sequence, days) in [(0, 0), (1, 2), (2, 20)] {
        recorder.take_sample(&Sample::of("a", sequence, days_ago(days)), sequence);
    }
    recorder.commit(now_ms()).unwrap();
    assert_eq!(counted(&place.beside(), "a"), [1, 2, 3]);
}

#[test]
fn a_host_has_at_most_256_series() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let resources: Vec<String> = (0..300)
        .map(|disk| format!(r#"{{"name":"disk:/{disk}","percentage":1.0,"level":"LOW"}}"#))
        .collect();
    let more = format!(r#","resources":[{}]"#, resources.join(","));
    for sequence in 0..2 {
        let sample = Sample { more: more.clone(), ..Sample::of("a", sequence, now_ms()) };
        recorder.take_sample(&sample, sequence);
        recorder.commit(now_ms()).unwrap();
        // Found again by a server started anew, too.
        drop(recorder);
        recorder = place.recorder();
    }
    let beside = place.beside();
    assert_eq!(number(&beside, "SELECT count(DISTINCT resource_id) FROM rollup_1h"), 256);
}

#[test]
fn a_series_named_twice_in_a_sample_counts_once() {
    let place = Place::new();
    let mut recorder = place.recorder();
    let cpu = r#"{"name":"cpu","percentage":7.0,"level":"LOW"}"#;
    let more = format!(r#","resources":[{cpu},{cpu}]"#);
    recorder.take_sample(&Sample { more, ..Sample::of("a", 0, now_ms()) }, 0);
    recorder.commit(now_ms()).unwrap();
    assert_eq!(counted(&place.beside(), "a"), [1; 3]);
}

#[test]
fn hosts_above_the_most_are_left_out_also_after_a_restart() {
    let place = Place::new();
    let limits = Limits { max_hosts: 1, ..LIMITS };
    for offset in 0..2 {
        let mut recorder = Recorder::open(&place.location(), limits).unwrap();
        recorder.take_sample(&Sample::of("a", offset, now_ms()), offset * 2);
        recorder.take_sample(&Sample::of("b", offset, now_ms()), offset * 2 + 1);
        recorder.commit(now_ms()).unwrap();
        assert_eq!(recorder.take_counts().hosts_left_out, 1);
    }
    let beside = place.beside();
    assert_eq!(number(&beside, "SELECT count(*) FROM host"), 1);
    assert_eq!(counted(&beside, "a"), [2; 3]);
}
