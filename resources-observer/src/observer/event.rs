//! One event, and what may be sent because of it.

use std::sync::Arc;

use resources_core::bus::{Delivery, Message, PublishError, Publisher};
use resources_core::contract::{MAX_BODY_BYTES, Topic, TopicError, TraceParent};
use resources_core::service::now_ms;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What happened, as it came from the broker. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct Event(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: Box<str>,
    body: Value,
    timestamp_ms: Option<u64>,
    trace: TraceParent,
    redelivered: bool,
    publisher: Publisher,
}

impl Event {
    pub(super) fn new(delivery: &Delivery, body: Value, publisher: Publisher) -> Self {
        Self(Arc::new(Inner {
            key: delivery.topic.clone(),
            body,
            timestamp_ms: delivery.timestamp_ms,
            trace: delivery.trace.unwrap_or_else(TraceParent::begin),
            redelivered: delivery.redelivered,
            publisher,
        }))
    }

    /// The routing key it was published to.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.0.key
    }

    /// Its body.
    #[must_use]
    pub fn body(&self) -> &Value {
        &self.0.body
    }

    /// Its body as a `T`.
    ///
    /// # Errors
    /// What of the body is not as a `T` has it.
    pub fn parse<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        T::deserialize(&self.0.body)
    }

    /// The sender's time of it: milliseconds since the Unix epoch, UTC. RabbitMQ carries whole
    /// seconds.
    #[must_use]
    pub fn timestamp_ms(&self) -> Option<u64> {
        self.0.timestamp_ms
    }

    /// The trace it belongs to; a new one when its sender gave none.
    #[must_use]
    pub fn trace(&self) -> TraceParent {
        self.0.trace
    }

    /// Whether it may have come before, here or elsewhere.
    #[must_use]
    pub fn redelivered(&self) -> bool {
        self.0.redelivered
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
        send(&self.0.publisher, key, body, self.0.trace.next_step()).await
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
        send(&self.0, key, body, TraceParent::begin()).await
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
    /// No queue is bound for the key, or the bus was closed.
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
