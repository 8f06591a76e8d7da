//! From the stream into the database.

use resources_core::bus::{Bus, BusConfig, Message};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{eventually, in_time};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::history::{HistoryState, Recording};

pub(super) async fn publish(bus: &Bus, sample: &Sample) {
    let message = Message {
        topic: Topic::new(&sample.topic()).unwrap(),
        body: sample.body(),
        timestamp_ms: sample.timestamp_ms,
        trace: TraceParent::begin(),
    };
    bus.publisher().publish_until_confirmed(&message).await.unwrap();
}

#[tokio::test]
async fn what_is_published_is_in_history_soon_and_what_is_left_when_it_stops() {
    let place = Place::new();
    let bus = Bus::open(BusConfig::in_memory("test"));
    let (recording, history) = Recording::open(&place.location(), LIMITS).unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(recording.run(bus.clone(), stop.clone()));
    publish(&bus, &Sample::of("a", 0, now_ms())).await;
    let reader = history.reader().unwrap();
    eventually("it is written", async || {
        reader.read(|beside| Ok(counted(beside, "a"))).await.unwrap() == [1; 3]
    })
    .await;
    eventually("it is up to date", async || history.behind_ms(now_ms()) == Some(0)).await;
    assert_eq!(history.position().map(|position| position.offset), Some(0));
    assert_eq!(*history.state().borrow(), HistoryState::On);
    stop.cancel();
    in_time("it stops", running).await.unwrap().unwrap();
    drop(history);
    assert_eq!(place.files(), ["history.sqlite", "history.sqlite.lock"]);
}

#[tokio::test]
async fn a_bus_that_is_closed_ends_it_with_a_failure() {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let (recording, _history) = Recording::open(&Location::Memory, LIMITS).unwrap();
    bus.close().await;
    let ended = in_time("it ends", recording.run(bus, CancellationToken::new())).await;
    assert!(ended.unwrap_err().to_string().contains("bus was closed"));
}

#[tokio::test]
async fn what_is_too_old_goes_also_while_samples_come_all_the_time() {
    let place = Place::new();
    let bus = Bus::open(BusConfig::in_memory("test"));
    let (recording, _history) = Recording::open(&place.location(), LIMITS).unwrap();
    let beside = place.beside();
    beside.execute("INSERT INTO rollup_10s VALUES (900, 900, 0, 1, 1, 1, 1)", []).unwrap();
    let stop = CancellationToken::new();
    let running = tokio::spawn(recording.run(bus.clone(), stop.clone()));
    let left = "SELECT count(*) FROM rollup_10s WHERE host_id = 900";
    in_time("the old row is gone", async {
        let mut sequence = 0;
        while number(&beside, left) > 0 {
            publish(&bus, &Sample::of("a", sequence, now_ms())).await;
            sequence += 1;
            tokio::task::yield_now().await;
        }
    })
    .await;
    stop.cancel();
    in_time("it stops", running).await.unwrap().unwrap();
}
