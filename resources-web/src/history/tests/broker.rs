//! From the stream into the database.

use resources_core::bus::{Bus, BusConfig, Message};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{eventually, in_time, open_bus, shared_broker, unique_exchange};
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

#[tokio::test(flavor = "multi_thread")]
async fn over_rabbitmq_restarts_leave_no_gap_and_count_nothing_twice() {
    const SAMPLES: u64 = 3_000;
    let place = Place::new();
    let exchange = unique_exchange();
    let url = tokio::task::spawn_blocking(shared_broker).await.unwrap();
    let tracker = open_bus(url, &exchange);
    let published = tokio::spawn({
        let tracker = tracker.clone();
        async move {
            let hour_ms = this_hour_ms() - 3_600_000;
            for sequence in 0..SAMPLES {
                let sample = Sample::of("a", sequence, hour_ms + sequence * 1_000);
                publish(&tracker, &sample).await;
                // Every tenth is sent again at once, every hundredth much later.
                if sequence % 10 == 0 {
                    publish(&tracker, &sample).await;
                }
                if sequence % 100 == 99 {
                    let late = sequence / 2;
                    let again = Sample::of("a", late, hour_ms + late * 1_000);
                    publish(&tracker, &again).await;
                }
            }
            publish(&tracker, &Sample::of("last", 0, now_ms())).await;
        }
    });

    let mut restarts = 0;
    loop {
        let bus = open_bus(url, &exchange);
        let (recording, history) = Recording::open(&place.location(), LIMITS).unwrap();
        let from = history.position();
        let stop = CancellationToken::new();
        let mut running = tokio::spawn(recording.run(bus.clone(), stop.clone()));
        // Stopped as soon as it wrote something, and every other time its task is thrown away.
        let beside = place.beside();
        eventually("it goes on", async || history.position() != from).await;
        let done = counted(&beside, "last") == [1; 3];
        if restarts % 2 == 0 {
            stop.cancel();
            in_time("it stops", &mut running).await.unwrap().unwrap();
        } else {
            running.abort();
            let _aborted = running.await;
        }
        in_time("the bus closes", bus.close()).await;
        drop(history);
        eventually("its thread let go", async || Recorder::open(&place.location(), LIMITS).is_ok())
            .await;
        if done {
            break;
        }
        restarts += 1;
    }
    published.await.unwrap();
    assert!(restarts >= 2, "{restarts}");
    let beside = place.beside();
    assert_eq!(counted(&beside, "a"), [i64::try_from(SAMPLES).unwrap(); 3]);
    let last = i64::try_from(SAMPLES - 1).unwrap();
    assert_eq!(ranges(&beside, "a"), [("run-1".into(), 0, last)]);
    in_time("the bus closes", tracker.close()).await;
}
