//! A database that cannot be written for a while.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use resources_core::bus::{Bus, BusConfig, Source, Start};
use resources_core::test_support::{eventually, in_time};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::broker::publish;
use super::*;
use crate::history::writer::Writer;
use crate::history::{HistoryState, Progress, feed};

#[test]
fn a_batch_that_finds_no_room_can_be_written_later() {
    let place = Place::new();
    let mut recorder = place.recorder();
    recorder.take_sample(&Sample::of("a", 0, now_ms()), 0);
    recorder.commit(now_ms()).unwrap();
    set_full(&recorder, true);
    fill_a_batch(&mut recorder);
    let refused = recorder.commit(now_ms()).unwrap_err();
    assert_eq!(refused.sqlite_error_code(), Some(rusqlite::ErrorCode::DiskFull), "{refused}");
    assert_eq!(recorder.position().map(|position| position.offset), Some(0));
    assert_eq!(number(&place.beside(), "SELECT stream_offset FROM position"), 0);
    assert_eq!(counted(&place.beside(), "a"), [1; 3]);

    set_full(&recorder, false);
    recorder.commit(now_ms()).unwrap();
    assert_eq!(counted(&place.beside(), "a"), [2_001; 3]);
    assert_eq!(ranges(&place.beside(), "a"), [("run-1".into(), 0, 2_000)]);
}

/// Takes in more than the free pages of a small database hold.
fn fill_a_batch(recorder: &mut Recorder) {
    for sequence in 1..=2_000 {
        recorder.take_sample(&Sample::of("a", sequence, now_ms() - sequence * 10_000), sequence);
    }
}

/// Takes the room away that a database needs to grow, or gives it back.
fn set_full(recorder: &Recorder, full: bool) {
    let pages = number(recorder.connection(), "PRAGMA page_count");
    let most = if full { pages } else { 1_000_000 };
    recorder.connection().pragma_update(None, "max_page_count", most).unwrap();
}

#[tokio::test]
async fn while_there_is_no_room_it_lags_and_says_why_and_then_catches_up() {
    let place = Place::new();
    let bus = Bus::open(BusConfig::in_memory("test"));
    let stop = CancellationToken::new();
    let full = Arc::new(AtomicBool::new(true));
    let (state, mut watched) = watch::channel(HistoryState::On);
    let progress = Arc::new(Progress::default());
    let mut writer = Writer::new(place.recorder(), state, Arc::clone(&progress), stop.clone());
    let is_full = Arc::clone(&full);
    writer.before_each_try =
        Some(Box::new(move |recorder| set_full(recorder, is_full.load(Ordering::Relaxed))));
    let (chunks, handed_over) = mpsc::channel(feed::MAX_CHUNKS);
    let writing = tokio::spawn(writer.run(handed_over));
    let feeding = tokio::spawn(feed::run(bus.clone(), Start::First, chunks, stop.clone()));
    for sequence in 0..3_000 {
        publish(&bus, &Sample::of("a", sequence, now_ms() - sequence * 10_000)).await;
    }

    let lags = |state: &HistoryState| matches!(state, HistoryState::Lagging { .. });
    let lagging = in_time("it lags", watched.wait_for(lags)).await.unwrap().clone();
    let HistoryState::Lagging { reason } = lagging else { panic!("{lagging:?}") };
    assert!(reason.contains("no room"), "{reason}");
    // The bus goes on for others.
    let mut live = bus.subscribe(Source::Analyses(Start::Next), feed_prefetch());
    publish(&bus, &Sample::of("b", 0, now_ms())).await;
    in_time("a live analysis", live.next()).await.unwrap();

    full.store(false, Ordering::Relaxed);
    in_time("it is on", watched.wait_for(|state| *state == HistoryState::On)).await.unwrap();
    let beside = place.beside();
    eventually("it caught up", async || counted(&beside, "b") == [1; 3]).await;
    assert_eq!(counted(&beside, "a"), [3_000; 3]);
    stop.cancel();
    in_time("the feed ends", feeding).await.unwrap().unwrap();
    in_time("the writer ends", writing).await.unwrap();
}

#[tokio::test]
async fn a_memory_that_is_full_keeps_less_and_says_so() {
    let recorder = Recorder::open(&Location::Memory, LIMITS).unwrap();
    let (state, _watched) = watch::channel(HistoryState::On);
    let progress = Arc::new(Progress::default());
    progress.keeps(LIMITS.retention);
    let mut writer = Writer::new(recorder, state, Arc::clone(&progress), CancellationToken::new());
    let mut tries = 0;
    writer.before_each_try = Some(Box::new(move |recorder| {
        if !recorder.has_batch() {
            set_full(recorder, true);
            fill_a_batch(recorder);
        }
        tries += 1;
        if tries == 3 {
            set_full(recorder, false);
        }
    }));
    let (chunks, handed_over) = mpsc::channel(1);
    drop(chunks);
    in_time("what is left is written", writer.run(handed_over)).await;
    let kept = progress.lock().retention;
    assert_eq!(kept, LIMITS.retention.shortened().shortened(), "it found no room twice");
}

#[tokio::test]
async fn it_is_behind_while_the_rest_of_a_chunk_waits() {
    const FULL_BATCH: u64 = 100_000;
    let bus = Bus::open(BusConfig::in_memory("test"));
    publish(&bus, &Sample::of("a", 0, now_ms())).await;
    let first = bus.subscribe(Source::Analyses(Start::First), feed_prefetch()).next().await;
    let mut delivery = first.unwrap();
    delivery.body = Bytes::from_static(b"{");
    let chunk = (0..=FULL_BATCH).map(|offset| {
        delivery.offset = Some(offset);
        delivery.clone()
    });

    let place = Place::new();
    let (state, _watched) = watch::channel(HistoryState::On);
    let progress = Arc::new(Progress::default());
    let stop = CancellationToken::new();
    let mut writer = Writer::new(place.recorder(), state, Arc::clone(&progress), stop);
    let seen = Arc::new(AtomicBool::new(false));
    let (shared, sees) = (Arc::clone(&progress), Arc::clone(&seen));
    writer.before_each_try = Some(Box::new(move |recorder| {
        // The full batch is written; what is left of the chunk is still to be taken in.
        if recorder.position().is_some() && !recorder.has_batch() {
            assert!(shared.lock().waits, "it is not up to date");
            sees.store(true, Ordering::Relaxed);
        }
    }));
    let (chunks, handed_over) = mpsc::channel(1);
    chunks.send(chunk.collect()).await.unwrap();
    drop(chunks);
    in_time("all is written", writer.run(handed_over)).await;
    assert!(seen.load(Ordering::Relaxed));
    assert!(!progress.lock().waits);
}

fn feed_prefetch() -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(10).unwrap()
}
