//! One event, and what may be sent because of it.

use std::sync::Arc;

use resources_core::bus::{Delivery, Message, PublishError, Publisher};
use resources_core::contract::{MAX_BODY_BYTES, Topic, TopicError, TraceParent};
use resources_core::service::now_ms;
use resources_core::telemetry::{begin_trace, next_of};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What happened, as it came from the broker. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Event {
    inner: Arc<Inner>,
    /// The step that follows from it, or what sent it while there is none.
    trace: TraceParent,
}

#[derive(Debug)]
struct Inner {
    delivery: Delivery,
    body: Value,
    publisher: Publisher,
}

impl Event {
    pub(super) fn new(delivery: &Delivery, body: Value, publisher: Publisher) -> Self {
        Self {
            trace: delivery.trace.unwrap_or_else(begin_trace),
            inner: Arc::new(Inner { delivery: delivery.clone(), body, publisher }),
        }
    }

    /// The same for whoever works on it in the step `trace`.
    pub(super) fn in_step(&self, trace: TraceParent) -> Self {
        Self { inner: Arc::clone(&self.inner), trace }
    }

    /// As it came.
    pub(super) fn delivery(&self) -> &Delivery {
        &self.inner.delivery
    }

    /// The routing key it was published to.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.inner.delivery.topic
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.inner.body
    }

    /// Its body as a `T`.
    ///
    /// # Errors
    /// What of the body is not as a `T` has it.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        T::deserialize(&self.inner.body)
    }

    /// The sender's time of it: milliseconds since the Unix epoch, UTC. RabbitMQ carries whole
    /// seconds.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<u64> {
        self.inner.delivery.timestamp_ms
    }

    /// The trace it belongs to; a new one when its sender gave none.
    #[must_use]
    pub const fn trace(&self) -> TraceParent {
        self.trace
    }

    /// Whether it may have come before, here or elsewhere.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.inner.delivery.redelivered
    }

    /// Publishes `body` as JSON to `key`, in the trace of this event, and waits until the broker
    /// has it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send<B: Serialize + ?Sized + Sync>(
        &self,
        key: &str,
        body: &B,
    ) -> Result<(), SendError> {
        send(&self.inner.publisher, key, body, next_of(self.trace)).await
    }
}

/// Publishes events. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Sender(Publisher);

impl Sender {
    pub(super) const fn new(publisher: Publisher) -> Self {
        Self(publisher)
    }

    /// Publishes `body` as JSON to `key`, in a new trace, and waits until the broker has it.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn send<B: Serialize + ?Sized + Sync>(
        &self,
        key: &str,
        body: &B,
    ) -> Result<(), SendError> {
        send(&self.0, key, body, begin_trace()).await
    }
}

/// Why an event was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// Nothing can be published to this key.
    #[error(transparent)]
    Key(#[from] TopicError),
    /// JSON cannot hold the body.
    #[error("the body cannot be written as JSON: {0}")]
    Body(#[from] serde_json::Error),
    /// The body is larger than any receiver takes.
    #[error("the body has {0} bytes, more than the {MAX_BODY_BYTES} allowed")]
    TooLarge(usize),
    /// No queue is bound for the key, the broker refuses it, or the bus was closed.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

async fn send<B: Serialize + ?Sized>(
    publisher: &Publisher,
    key: &str,
    body: &B,
    trace: TraceParent,
) -> Result<(), SendError> {
    let message = Message::json(Topic::new(key)?, &body, now_ms(), trace)?;
    if message.body.len() > MAX_BODY_BYTES {
        return Err(SendError::TooLarge(message.body.len()));
    }
    Ok(publisher.publish_until_confirmed(&message).await?)
}
