//! A running analyzer and what flows around it.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_analyzer::{Settings, ThresholdRules};
use resources_core::bus::{Bus, BusConfig, Delivery, Message, Source, Start, Subscription};
use resources_core::contract::{Analysis, Topic, TraceParent};
use resources_core::service::{Failure, now_ms};
use resources_core::test_support;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// Far above what is usual, as test machines are noisy.
const LONG: Duration = Duration::from_secs(60);

pub(crate) fn in_memory() -> Bus {
    Bus::open(BusConfig::in_memory("test"))
}

/// A bus to a real broker, with an exchange and queues of this test's own.
pub(crate) fn over_rabbitmq() -> Bus {
    test_support::open_bus(test_support::shared_broker(), &test_support::unique_exchange())
}

pub(crate) struct Analyzer {
    stop: CancellationToken,
    task: JoinHandle<Result<(), Failure>>,
}

impl Analyzer {
    pub(crate) fn start(bus: &Bus) -> Self {
        let stop = CancellationToken::new();
        let settings = Settings::new(ThresholdRules::default());
        let task = tokio::spawn(resources_analyzer::run(settings, bus.clone(), stop.clone()));
        Self { stop, task }
    }

    /// Ends it in the middle of whatever it does, as a kill would.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.expect_err("it was aborted").is_cancelled());
    }

    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let ended = timeout(LONG, self.task).await.expect("it ends when asked to");
        ended.expect("it does not panic").expect("it ends without error");
    }
}

/// Publishes `body` to `key` and waits for the confirm.
pub(crate) async fn publish(bus: &Bus, key: &str, body: impl Into<Vec<u8>>) {
    let message = Message {
        topic: Topic::new(key).expect("a topic"),
        body: body.into().into(),
        timestamp_ms: now_ms(),
        trace: TraceParent::begin(),
    };
    let publisher = bus.publisher();
    let published = timeout(LONG, publisher.publish_until_confirmed(&message));
    published.await.expect("the broker answers").expect("someone is bound");
}

pub(crate) async fn publish_sample(bus: &Bus, host: &str, sequence: u64) {
    let body = format!(r#"{{"cpu_percentage": 90, "run": "r", "sequence": {sequence}}}"#);
    publish(bus, &format!("{host}.measure"), body).await;
}

pub(crate) async fn analyses(bus: &Bus) -> Subscription {
    listen(bus, Source::Analyses(Start::First)).await
}

pub(crate) async fn rejected(bus: &Bus) -> Subscription {
    listen(bus, Source::Rejected).await
}

pub(crate) async fn listen(bus: &Bus, source: Source) -> Subscription {
    let mut subscription = bus.subscribe(source, NonZeroU16::MAX);
    assert!(timeout(LONG, subscription.ready()).await.expect("the broker answers"));
    subscription
}

/// The next delivery, acknowledged.
pub(crate) async fn next(subscription: &mut Subscription) -> Delivery {
    let delivery =
        timeout(LONG, subscription.next()).await.expect("a message comes").expect("the bus is up");
    subscription.acknowledge_through(delivery.receipt).await;
    delivery
}

pub(crate) async fn next_analysis(subscription: &mut Subscription) -> Analysis {
    let delivery = next(subscription).await;
    Analysis::decode(&delivery.topic, &delivery.body).expect("an analysis follows the contract")
}
