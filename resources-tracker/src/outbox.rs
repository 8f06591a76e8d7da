//! What is sampled and not yet confirmed by the broker.
//!
//! Samples wait in a bounded [`Ring`]; a window of them is published at a time, and only while
//! the link is up, so that after an outage the newest goes first. The sampler never waits: it
//! only puts samples in.

mod ring;

use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use resources_core::bus::{Backoff, Bus, Link, LinkState, Message, PublishError, Publisher};
use tokio::sync::watch;
use tokio::time::Instant;

use self::ring::{Pushed, Ring};

/// Most samples published and not yet confirmed. Below the smallest capacity of the ring, so
/// that there is always one that waits to be dropped when it is full.
const WINDOW: usize = 64;

/// How long a stopping tracker tries to publish what it holds while the link is up. With the
/// time the bus takes to close this stays within `service::GRACE`.
const FINISH_LIMIT: Duration = Duration::from_secs(6);

/// The same while the link is down: it may be about to come back, but mostly is not.
const FINISH_LIMIT_WITHOUT_LINK: Duration = Duration::from_secs(2);

/// How one attempt to publish ended.
type Outcome = (u64, Result<(), PublishError>);

type Attempt = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Why measures are not taken although the link is up; each is logged when it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unroutable,
    NotAccepted,
}

/// The bus was closed: nothing can be published any more.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BusClosed;

/// Publishes samples until each is confirmed.
pub(crate) struct Outbox {
    ring: Ring<Message>,
    publisher: Publisher,
    link: watch::Receiver<Link>,
    /// When the link that is up came up; `None` while it is not.
    up_since_ms: Option<u64>,
    in_flight: FuturesUnordered<Attempt>,
    backoff: Backoff,
    refusal: Option<Refusal>,
    /// Nothing is published before this moment.
    pause: Option<Instant>,
}

impl Outbox {
    /// An outbox that holds `capacity` samples.
    pub(crate) fn new(bus: &Bus, capacity: usize) -> Self {
        Self {
            ring: Ring::new(capacity),
            publisher: bus.publisher(),
            link: bus.link(),
            up_since_ms: None,
            in_flight: FuturesUnordered::new(),
            backoff: Backoff::default(),
            refusal: None,
            pause: None,
        }
    }

    /// Takes a sample. When the ring is full the oldest is dropped.
    pub(crate) fn push(&mut self, message: Message) {
        match self.ring.push(message) {
            Pushed::DroppingBegan => tracing::warn!(
                capacity = self.ring.capacity(),
                "buffer full at {} samples; dropping the oldest until the broker takes them",
                self.ring.capacity()
            ),
            Pushed::DroppingEnded { dropped } => say_dropped(dropped),
            Pushed::Kept | Pushed::Dropped => {}
        }
    }

    /// Publishes what is held and what is put in, until the bus is closed. Safe to drop and
    /// call again.
    pub(crate) async fn drive(&mut self) -> BusClosed {
        loop {
            if let Err(closed) = self.step().await {
                return closed;
            }
        }
    }

    /// Publishes what is held, for a limited time, then says how many samples were not sent.
    pub(crate) async fn finish(mut self) {
        let limit = if self.link_is_up() { FINISH_LIMIT } else { FINISH_LIMIT_WITHOUT_LINK };
        let emptied = async {
            while !self.ring.is_empty() {
                if self.step().await.is_err() {
                    return;
                }
            }
        };
        // In time or not, what matters is what is left.
        drop(tokio::time::timeout(limit, emptied).await);
        if let Some(dropped) = self.ring.dropped() {
            say_dropped(dropped);
        }
        match self.ring.len() {
            0 => tracing::info!("every sample was confirmed by the broker"),
            unsent => tracing::warn!(
                unsent,
                "{unsent} samples were not confirmed by the broker before the tracker stopped"
            ),
        }
    }

    /// Starts what may be published and waits until something happens.
    async fn step(&mut self) -> Result<(), BusClosed> {
        self.look_at_link()?;
        self.publish_next();
        let pause = self.pause;
        tokio::select! {
            Some((id, outcome)) = self.in_flight.next() => self.settle(id, outcome),
            changed = self.link.changed() => changed.map_err(|_| BusClosed),
            () = tokio::time::sleep_until(pause.unwrap_or_else(Instant::now)), if pause.is_some() => {
                self.pause = None;
                Ok(())
            }
        }
    }

    fn link_is_up(&self) -> bool {
        self.link.borrow().state.is_up()
    }

    fn look_at_link(&mut self) -> Result<(), BusClosed> {
        let link = self.link.borrow_and_update();
        if link.state == LinkState::Closed {
            return Err(BusClosed);
        }
        let up_since_ms = link.state.is_up().then_some(link.since_ms);
        if up_since_ms != self.up_since_ms {
            self.up_since_ms = up_since_ms;
            if up_since_ms.is_some() {
                self.ring.newest_first();
                self.backoff.reset();
                self.pause = None;
            }
        }
        Ok(())
    }

    /// The one place that decides what leaves, and when: as many as the window allows, in the
    /// order of the ring.
    fn publish_next(&mut self) {
        while self.up_since_ms.is_some() && self.pause.is_none() && self.in_flight.len() < WINDOW {
            let Some((id, message)) = self.ring.begin_next() else { break };
            let (publisher, message) = (self.publisher.clone(), message.clone());
            self.in_flight.push(Box::pin(async move { (id, publisher.publish(&message).await) }));
        }
    }

    fn settle(&mut self, id: u64, outcome: Result<(), PublishError>) -> Result<(), BusClosed> {
        match outcome {
            Ok(()) => {
                self.ring.confirm(id);
                self.backoff.reset();
                if self.refusal.take().is_some() {
                    tracing::info!("the broker takes measures again");
                }
                Ok(())
            }
            Err(error) => {
                self.ring.release(id);
                match error {
                    PublishError::Closed => Err(BusClosed),
                    PublishError::LinkDown => Ok(()),
                    PublishError::Unroutable(_) => {
                        self.refused(Refusal::Unroutable);
                        Ok(())
                    }
                    // NotAccepted, and whatever else waiting may mend.
                    _ => {
                        self.refused(Refusal::NotAccepted);
                        Ok(())
                    }
                }
            }
        }
    }

    fn refused(&mut self, refusal: Refusal) {
        if self.pause.is_none() {
            self.pause = Some(Instant::now() + self.backoff.next_wait());
        }
        if self.refusal.replace(refusal) == Some(refusal) {
            return;
        }
        match refusal {
            Refusal::Unroutable => tracing::warn!(
                "no queue takes measures, so nobody would receive them; start an analyzer, which \
                 declares it. Samples are kept until then"
            ),
            Refusal::NotAccepted => tracing::warn!(
                "the broker does not accept measures: a queue is full or lacks its majority. \
                 Samples are kept until it does"
            ),
        }
    }
}

fn say_dropped(dropped: u64) {
    tracing::info!(dropped, "{dropped} samples were dropped while the buffer was full");
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use resources_core::bus::{BusConfig, Pattern, Source};
    use resources_core::contract::{Topic, TraceParent};

    use super::*;

    fn message(number: u64) -> Message {
        let topic = Topic::new("me.measure").unwrap();
        Message::json(topic, &number, number, TraceParent::begin()).unwrap()
    }

    fn on(key: &str, number: u64) -> Message {
        Message { topic: Topic::new(key).unwrap(), ..message(number) }
    }

    const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

    #[tokio::test]
    async fn when_the_link_comes_up_the_newest_goes_first_and_then_the_rest_in_order() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut measures = bus.subscribe(Source::Measures, PREFETCH);
        let mut outbox = Outbox::new(&bus, 128);
        for number in 0..100 {
            outbox.push(message(number));
        }
        outbox.finish().await;
        for number in std::iter::once(99).chain(0..99) {
            let delivery = measures.next().await.unwrap();
            assert_eq!(delivery.timestamp_ms, Some(number));
            measures.acknowledge_through(delivery.receipt).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_no_queue_takes_is_kept_until_one_does() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut outbox = Outbox::new(&bus, 128);
        outbox.push(on("me.unheard", 1));
        assert!(
            tokio::time::timeout(Duration::from_secs(60), outbox.drive()).await.is_err(),
            "it goes on trying"
        );
        assert_eq!((outbox.ring.len(), outbox.refusal), (1, Some(Refusal::Unroutable)));

        let patterns = vec![Pattern::new("#").unwrap()];
        let mut heard = bus.subscribe(Source::Patterns(patterns), PREFETCH);
        while !outbox.ring.is_empty() {
            outbox.step().await.unwrap();
        }
        assert_eq!(&*heard.next().await.unwrap().topic, "me.unheard");
        assert_eq!(outbox.refusal, None);
    }

    #[tokio::test(start_paused = true)]
    async fn stopping_does_not_wait_for_ever_for_a_queue() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut outbox = Outbox::new(&bus, 128);
        outbox.push(on("me.unheard", 1));
        let begun = Instant::now();
        outbox.finish().await;
        assert!(begun.elapsed() <= FINISH_LIMIT + Duration::from_millis(10));
    }

    #[tokio::test]
    async fn a_closed_bus_ends_it() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut outbox = Outbox::new(&bus, 128);
        outbox.push(message(1));
        bus.close().await;
        assert_eq!(outbox.drive().await, BusClosed);
        assert_eq!(outbox.ring.len(), 1, "it is still held, and counted at the end");
    }

    #[tokio::test]
    async fn a_bus_closed_while_a_sample_is_on_its_way_ends_it() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut outbox = Outbox::new(&bus, 128);
        outbox.look_at_link().unwrap();
        outbox.push(message(1));
        // Begun while the bus still looked open.
        outbox.publish_next();
        bus.close().await;
        assert_eq!(outbox.drive().await, BusClosed);
        assert_eq!(outbox.ring.len(), 1);
    }
}
