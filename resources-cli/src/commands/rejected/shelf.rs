//! The queue of rejected messages, taken whole, and given back when this ends.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::{BrokerUrl, Bus, BusArgs, Delivery, Publisher, Source, Subscription};
use resources_core::service::Failure;

use super::super::{close, trouble};
use crate::args::remote;

/// Most messages taken at a time; their bodies are bounded by the queue.
pub(super) const PREFETCH: NonZeroU16 = NonZeroU16::MAX;

/// How long to wait for the broker.
const REACH_LIMIT: Duration = Duration::from_secs(10);

/// A queue that gives nothing for this long has given all: no event tells its end.
const END_AFTER: Duration = Duration::from_millis(500);

/// The rejected messages, while this program holds them. What it does not remove goes back to
/// its place when it ends, in whatever way.
#[derive(Debug)]
pub(super) struct Shelf {
    bus: Bus,
    url: BrokerUrl,
    subscription: Subscription,
}

impl Shelf {
    pub(super) fn open(bus: &BusArgs) -> Result<Self, Failure> {
        let config = remote(bus)?;
        let url = config.url.clone();
        let bus = Bus::open(config);
        let subscription = bus.subscribe(Source::Rejected, PREFETCH);
        Ok(Self { bus, url, subscription })
    }

    /// The messages there are, oldest first, at most `most`.
    pub(super) async fn take(&mut self, most: usize) -> Result<Vec<Delivery>, Failure> {
        let Self { bus, url, subscription } = self;
        let reached = tokio::select! {
            reached = tokio::time::timeout(REACH_LIMIT, subscription.ready()) => reached.is_ok(),
            reason = bus.refused() => {
                return Err(Failure::failed(format_args!("the broker at {url} refused: {reason}")));
            }
        };
        if !reached {
            return Err(Failure::failed(format_args!(
                "cannot reach the broker at {url} within {REACH_LIMIT:?}: {}",
                trouble(bus).unwrap_or_else(|| "it does not answer".to_owned())
            )));
        }
        let mut messages = Vec::new();
        while messages.len() < most
            && let Ok(Some(delivery)) = tokio::time::timeout(END_AFTER, subscription.next()).await
        {
            messages.push(delivery);
        }
        Ok(messages)
    }

    /// Takes `message` out of the queue for ever. Returns whether that was said to the broker.
    pub(super) async fn remove(&mut self, message: &Delivery) -> bool {
        self.subscription.acknowledge_one(message.receipt).await
    }

    pub(super) fn publisher(&self) -> Publisher {
        self.bus.publisher()
    }

    /// Gives back what was not removed.
    pub(super) async fn close(self) {
        close(&self.bus).await;
    }
}
