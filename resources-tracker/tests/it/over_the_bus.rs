//! What arrives at the queue of measures.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::time::Duration;

use clap::Parser;
use resources_core::bus::{Bus, BusConfig, Delivery, Pattern, Source, Subscription};
use resources_core::contract::Measure;
use resources_core::service::{GRACE, now_ms};
use resources_core::test_support::{RabbitMq, in_time, open_bus, shared_broker, unique_exchange};
use resources_tracker::{Settings, TrackerArgs};
use tokio_util::sync::CancellationToken;

const PREFETCH: NonZeroU16 = NonZeroU16::new(64).unwrap();

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    tracker: TrackerArgs,
}

fn settings(line: &str) -> Settings {
    Line::parse_from(std::iter::once("test").chain(line.split_whitespace()))
        .tracker
        .settings()
        .unwrap()
}

async fn next(measures: &mut Subscription) -> (Delivery, Measure) {
    let delivery = in_time("a measure arrives", measures.next()).await.unwrap();
    let measure = Measure::decode(&delivery.topic, &delivery.body, 0).unwrap();
    measures.acknowledge_through(delivery.receipt).await;
    (delivery, measure)
}

/// Runs a tracker over `bus` and checks what its first samples say.
async fn measures_arrive_in_order(bus: Bus) {
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    assert!(in_time("the queue is there", measures.ready()).await);
    // What is sampled before there is a link follows behind what is live.
    let mut link = bus.publisher().link();
    in_time("the link is up", link.wait_for(|link| link.state.is_up())).await.unwrap();
    let stop = CancellationToken::new();
    let settings = settings("--host web-1.eu --interval 100ms");
    let tracker = tokio::spawn(resources_tracker::run(settings, bus.clone(), stop.clone()));

    let mut runs = BTreeSet::new();
    let (mut last_ms, mut systems) = (0, 0);
    let mut order = Vec::new();
    for _ in 0..10 {
        let (delivery, measure) = next(&mut measures).await;
        assert_eq!(&*delivery.topic, "web-1.eu.measure");
        assert!(delivery.trace.is_some());
        assert_eq!(measure.host.as_str(), "web-1.eu");
        assert_eq!(measure.interval_ms, Some(100));
        // Which tick it was of its time does not tell: on a busy machine it may be read late.
        assert!(measure.timestamp_ms > last_ms, "one after another");
        last_ms = measure.timestamp_ms;
        assert!(measure.system.is_some() || measure.sequence != Some(0));
        systems += u32::from(measure.system.is_some());
        runs.insert(measure.run.unwrap());
        order.push(measure.sequence.unwrap());
    }
    assert_eq!(order, (0..10).collect::<Vec<u64>>());
    assert!(systems <= 2, "what hardly ever changes comes first, and when the link came up");
    assert_eq!(runs.len(), 1);
    assert!(runs.iter().all(|run| run.len() == 16));

    stop.cancel();
    in_time("the tracker ends", tracker).await.unwrap().unwrap();
    bus.close().await;
}

#[tokio::test]
async fn measures_arrive_in_order_within_one_process() {
    measures_arrive_in_order(Bus::open(BusConfig::in_memory("test"))).await;
}

#[tokio::test]
async fn every_sample_is_sent_before_the_tracker_ends() {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let stop = CancellationToken::new();
    let settings = settings("--host me --interval 100ms");
    let tracker = tokio::spawn(resources_tracker::run(settings, bus.clone(), stop.clone()));
    let (_, first) = next(&mut measures).await;
    assert_eq!(first.sequence, Some(0));
    stop.cancel();
    in_time("the tracker ends", tracker).await.unwrap().unwrap();
    bus.close().await;
    let (mut expected, mut last) = (1, None);
    while let Some(delivery) = measures.next().await {
        let measure = Measure::decode(&delivery.topic, &delivery.body, 0).unwrap();
        assert_eq!(measure.sequence, Some(expected), "nothing is missing at the end");
        expected += 1;
        last = Some(measure);
    }
    let last = last.expect("a last sample");
    assert!(last.stopping, "it says that it stops");
    assert_eq!(last.run, first.run);
}

#[tokio::test]
async fn two_starts_are_two_runs() {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let mut runs = BTreeSet::new();
    for _ in 0..2 {
        let stop = CancellationToken::new();
        let settings = settings("--host me --interval 100ms");
        let tracker = tokio::spawn(resources_tracker::run(settings, bus.clone(), stop.clone()));
        let (_, measure) = next(&mut measures).await;
        runs.insert(measure.run.unwrap());
        stop.cancel();
        in_time("the tracker ends", tracker).await.unwrap().unwrap();
        while let Ok(Some(delivery)) = tokio::time::timeout(Duration::ZERO, measures.next()).await {
            measures.acknowledge_through(delivery.receipt).await;
        }
    }
    assert_eq!(runs.len(), 2);
}

#[tokio::test]
async fn a_bus_closed_from_within_ends_the_tracker_with_an_error() {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let stop = CancellationToken::new();
    let settings = settings("--host me --interval 100ms");
    let tracker = tokio::spawn(resources_tracker::run(settings, bus.clone(), stop));
    bus.close().await;
    assert!(in_time("the tracker ends", tracker).await.unwrap().is_err());
}

#[tokio::test]
async fn without_a_broker_the_tracker_still_ends_in_time() {
    // Nobody listens on port 1.
    let bus = open_bus("amqp://localhost:1", &unique_exchange());
    let stop = CancellationToken::new();
    let settings = settings("--host me --interval 100ms");
    let tracker = tokio::spawn(resources_tracker::run(settings, bus.clone(), stop.clone()));
    stop.cancel();
    tokio::time::timeout(GRACE, tracker).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn measures_arrive_in_order_over_rabbitmq() {
    let url = tokio::task::spawn_blocking(shared_broker).await.unwrap();
    measures_arrive_in_order(open_bus(url, &unique_exchange())).await;
}

#[tokio::test]
async fn a_broker_that_was_away_has_every_sample() {
    let broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    let exchange = unique_exchange();
    let bus = open_bus(&broker.url(), &exchange);
    let stop = CancellationToken::new();
    let settings = settings("--host me --interval 100ms --replay-rate 25");
    let tracker = tokio::spawn(resources_tracker::run(settings, bus.clone(), stop.clone()));

    // Samples from before the outage are confirmed and lie in the queue, those of the outage wait.
    let reader = open_bus(&broker.url(), &exchange);
    let everything = Source::Patterns(vec![Pattern::new("#").unwrap()]);
    let mut heard = reader.subscribe(everything, PREFETCH);
    for _ in 0..3 {
        next(&mut heard).await;
    }
    let broker = tokio::task::spawn_blocking(move || {
        broker.ctl(&["stop_app"]);
        broker.ctl(&["start_app"]);
        broker
    })
    .await
    .unwrap();

    let mut measures = reader.subscribe(Source::Measures, PREFETCH);
    let mut sequences = BTreeSet::new();
    let mut live_before_backlog = 0;
    // Both links find the broker in their own time.
    assert!(in_time("the queue is there", measures.ready()).await);
    let mut link = bus.link();
    in_time("the tracker is back", link.wait_for(|link| link.state.is_up())).await.unwrap();
    let came_back_ms = now_ms();
    loop {
        let (_, measure) = next(&mut measures).await;
        let sequence = measure.sequence.unwrap();
        if measure.timestamp_ms > came_back_ms {
            let late_ms = now_ms().saturating_sub(measure.timestamp_ms);
            // Nobody waits for anything but a busy machine.
            assert!(late_ms < 15_000, "a live sample waited for {late_ms} ms");
        }
        live_before_backlog += u32::from(sequence > sequences.len() as u64);
        sequences.insert(sequence);
        assert!(measure.timestamp_ms < came_back_ms + 120_000, "missing: have {sequences:?}");
        let last = sequences.last().copied().unwrap_or_default();
        if measure.timestamp_ms > came_back_ms && sequences.len() as u64 == last + 1 {
            break;
        }
    }
    assert!(live_before_backlog > 0, "what was live did not wait for the backlog");

    stop.cancel();
    in_time("the tracker ends", tracker).await.unwrap().unwrap();
    bus.close().await;
    reader.close().await;
    drop(broker);
}
