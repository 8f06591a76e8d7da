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

fn feed_prefetch() -> std::num::NonZeroU16 {
    std::num::NonZeroU16::new(10).unwrap()
}
