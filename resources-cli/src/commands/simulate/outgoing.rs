//! What was sampled and is not yet confirmed: held through an outage as trackers do, bounded.

use std::collections::VecDeque;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use resources_core::bus::{Backoff, Message, PublishError, Publisher};

/// Measures on their way and, in order, those that wait for their turn.
pub(super) struct Outgoing<'a> {
    publisher: &'a Publisher,
    in_flight: FuturesUnordered<BoxFuture<'a, Result<(), PublishError>>>,
    /// Most in flight.
    window: usize,
    waiting: VecDeque<Message>,
    /// Most that wait.
    capacity: usize,
    dropped: u64,
}

impl<'a> Outgoing<'a> {
    pub(super) fn new(publisher: &'a Publisher, window: usize, capacity: usize) -> Self {
        let (in_flight, waiting) = (FuturesUnordered::new(), VecDeque::new());
        Self { publisher, in_flight, window, waiting, capacity, dropped: 0 }
    }

    /// Takes a measure. When as many wait as may, the one that waited longest is dropped.
    pub(super) fn push(&mut self, message: Message) {
        if self.waiting.len() >= self.capacity && self.in_flight.len() >= self.window {
            self.waiting.pop_front();
            self.dropped += 1;
            if self.dropped == 1 {
                tracing::warn!(
                    capacity = self.capacity,
                    "{} measures wait for the broker; dropping the oldest (see --buffer)",
                    self.capacity
                );
            }
        }
        self.waiting.push_back(message);
        self.fill();
    }

    /// Waits until the broker confirmed one; `None` when none is held.
    pub(super) async fn confirmed(&mut self) -> Option<Result<(), PublishError>> {
        let outcome = self.in_flight.next().await?;
        self.fill();
        Some(outcome)
    }

    /// Whether everything was confirmed.
    #[cfg(test)]
    fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// How many were dropped for lack of room.
    pub(super) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn fill(&mut self) {
        while self.in_flight.len() < self.window
            && let Some(message) = self.waiting.pop_front()
        {
            self.in_flight.push(Box::pin(until_confirmed(self.publisher, message)));
        }
    }
}

/// Publishes `message` until the broker has it. Like a tracker, also when no queue takes it for
/// now: whoever deleted the queue makes it anew.
async fn until_confirmed(publisher: &Publisher, message: Message) -> Result<(), PublishError> {
    let mut backoff = Backoff::default();
    loop {
        match publisher.publish_until_confirmed(&message).await {
            Err(PublishError::Unroutable(topic)) => {
                tracing::debug!(%topic, "no queue takes it; trying again");
                tokio::time::sleep(backoff.next_wait()).await;
            }
            settled => return settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use resources_core::bus::{Bus, BusConfig, Source};
    use resources_core::contract::{Topic, TraceParent};

    use super::*;

    fn message(key: &str, number: u64) -> Message {
        Message::json(Topic::new(key).unwrap(), &number, number, TraceParent::begin()).unwrap()
    }

    #[tokio::test]
    async fn what_does_not_fit_the_window_waits_and_then_goes_in_order() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut measures = bus.subscribe(Source::Measures, NonZeroU16::new(100).unwrap());
        let publisher = bus.publisher();
        let mut outgoing = Outgoing::new(&publisher, 1, 100);
        for number in 0..50 {
            outgoing.push(message("me.measure", number));
        }
        for _ in 0..50 {
            outgoing.confirmed().await.unwrap().unwrap();
        }
        assert!(outgoing.is_empty() && outgoing.confirmed().await.is_none());
        for number in 0..50 {
            let delivery = measures.next().await.unwrap();
            assert_eq!(delivery.timestamp_ms, Some(number));
            measures.acknowledge_through(delivery.receipt).await;
        }
    }

    #[tokio::test]
    async fn when_full_the_oldest_that_waits_is_dropped_and_counted() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut measures = bus.subscribe(Source::Measures, NonZeroU16::new(100).unwrap());
        let publisher = bus.publisher();
        let mut outgoing = Outgoing::new(&publisher, 1, 3);
        for number in 0..6 {
            outgoing.push(message("me.measure", number));
        }
        assert_eq!(outgoing.dropped(), 2);
        while let Some(outcome) = outgoing.confirmed().await {
            outcome.unwrap();
        }
        for number in [0, 3, 4, 5] {
            assert_eq!(measures.next().await.unwrap().timestamp_ms, Some(number));
        }
    }
}
