//! How messages travel: one face over two transports.
//!
//! A [`Bus`] is opened from a URL: `amqp://` and `amqps://` speak to RabbitMQ, `memory:` stays in
//! the process with the same topics, queues and acknowledgements. From a bus come
//! [`Publisher`]s, which confirm, and [`Subscription`]s, which are acknowledged. Both outlive
//! broken links: behind them a supervised loop connects, declares the topology and runs, and on
//! an error backs off and begins anew, for ever.
//!
//! The promise is at least once: a message whose publishing was confirmed is in every queue
//! bound to its key, and a delivery that was not acknowledged comes again.

mod amqp;
mod backoff;
pub mod inspect;
mod link;
mod memory;
mod past;
mod pattern;
mod settings;
mod topology;

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde::Serialize;
use tokio::sync::watch;

use crate::contract::{Kind, Rejection, Topic, TraceParent};
use crate::telemetry::{self, metrics};

pub use backoff::{Backoff, BackoffError};
pub(crate) use link::lock;
pub use link::{Link, LinkState};
pub use past::Past;
pub use pattern::{Pattern, PatternError};
pub use settings::{BrokerUrl, BrokerUrlError, BusArgs, BusConfig, BusSettingsError, TlsFiles};
pub use topology::{ListenerName, ListenerNameError, Names};

/// A message to publish.
#[derive(Debug, Clone)]
pub struct Message {
    /// The key it is published to.
    pub topic: Topic,
    /// The body, JSON in UTF-8.
    pub body: Bytes,
    /// When what it tells happened: milliseconds since the Unix epoch, UTC.
    pub timestamp_ms: u64,
    /// The trace it belongs to.
    pub trace: TraceParent,
}

impl Message {
    /// Makes a message of `value` as JSON.
    ///
    /// # Errors
    /// Only for types that JSON cannot hold, such as maps whose keys are not text.
    pub fn json<T: Serialize>(
        topic: Topic,
        value: &T,
        timestamp_ms: u64,
        trace: TraceParent,
    ) -> serde_json::Result<Self> {
        Ok(Self { topic, body: serde_json::to_vec(value)?.into(), timestamp_ms, trace })
    }
}

/// A message received.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The routing key it came with, unchecked.
    pub topic: Box<str>,
    /// The body, unchecked.
    pub body: Bytes,
    /// The sender's time of the message: milliseconds since the Unix epoch, UTC. RabbitMQ
    /// carries whole seconds.
    pub timestamp_ms: Option<u64>,
    /// The trace it belongs to, when the sender gave one.
    pub trace: Option<TraceParent>,
    /// Whether it may have been delivered before.
    pub redelivered: bool,
    /// Its place in the stream, when it comes from one.
    pub offset: Option<u64>,
    /// Why it was set aside, when it comes from the rejected queue.
    pub rejection: Option<Box<str>>,
    /// What to hand back to acknowledge it.
    pub receipt: Receipt,
}

/// The place of one message in a stream, to go on behind it later: after a reconnect, or in
/// another process that has kept it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Counts the messages of the stream since it was made, from 0.
    pub offset: u64,
    /// Tells the message from one at the same place in a stream made anew: the
    /// [`fingerprint`](fn@fingerprint) of its body.
    pub fingerprint: u64,
}

impl Position {
    /// The place `offset` of the message with this body.
    #[must_use]
    pub fn of(offset: u64, body: &[u8]) -> Self {
        Self { offset, fingerprint: fingerprint(body) }
    }
}

/// The FNV-1a hash of 64 bits (<http://www.isthe.com/chongo/tech/comp/fnv/>): the same on every
/// machine and in every version, so that it may be kept. Not for what an enemy may choose.
#[must_use]
pub fn fingerprint<'a>(bytes: impl IntoIterator<Item = &'a u8>) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    bytes.into_iter().fold(BASIS, step)
}

impl Delivery {
    /// Its place in the stream, when it comes from one.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.offset.map(|offset| Position::of(offset, &self.body))
    }
}

/// Stands for one delivery of one subscription; see [`Subscription::acknowledge_through`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receipt {
    /// Which session of the subscription delivered it; tags of another mean nothing.
    session: u64,
    /// Counts the deliveries of a session, from 1.
    tag: u64,
}

impl Receipt {
    /// Whether both deliveries came over the same link, which did not break between them.
    #[must_use]
    pub const fn is_of_session_of(&self, other: &Self) -> bool {
        self.session == other.session
    }
}

/// Where a subscription takes its messages from.
#[derive(Debug, Clone)]
pub enum Source {
    /// The queue of all measures, shared with every other consumer of it: each message goes to
    /// one of them.
    Measures,
    /// The stream of all analyses, which every consumer reads whole, from a place it chooses.
    Analyses(Start),
    /// The stream of all alerts, acknowledgements and silences, likewise.
    Alerts(Start),
    /// The queue of messages that were set aside, shared.
    Rejected,
    /// What matches one of the patterns, in a durable queue that all listeners with this name
    /// share: each message goes to one of them, and waits there while none is running. Bounded:
    /// when it is full the oldest are set aside. Patterns are only ever added to such a queue;
    /// what an earlier listener asked for keeps coming until the queue is deleted.
    Named {
        /// What these listeners call themselves.
        name: ListenerName,
        /// What they listen to.
        patterns: Vec<Pattern>,
    },
    /// Everything published from now on that matches one of the patterns, in a queue of this
    /// subscription's own. Bounded: while the link is down or the reader is slow, the oldest
    /// are dropped.
    Patterns(Vec<Pattern>),
}

impl Source {
    /// The stream that keeps every message `pattern` may take, read from `start`; `None` when
    /// some of them, or all, are kept nowhere.
    #[must_use]
    pub fn with_history(pattern: &Pattern, start: Start) -> Option<Self> {
        // Whatever host stands before it: the kind alone says where it is kept.
        let (_, last_word) = pattern.as_str().rsplit_once('.')?;
        let kind = Kind::ALL.into_iter().find(|kind| kind.as_str() == last_word)?;
        match place_of(kind) {
            Place::Analyses => Some(Self::Analyses(start)),
            Place::Alerts => Some(Self::Alerts(start)),
            Place::Measures | Place::Rejected => None,
        }
    }
}

/// Where in a stream to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// With what is published from now on.
    Next,
    /// With the oldest message kept.
    First,
    /// Behind the message at this place, when the stream still holds it; with the oldest kept
    /// when it does not, because it grew too old or because the stream was made anew.
    After(Position),
    /// With what was published this long ago; at least a second.
    Ago(Duration),
}

/// Why a message was not published, sorted by what the caller can do about it.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The link broke before the broker confirmed; it is being rebuilt. Publish again: the
    /// broker may or may not have the message.
    #[error("the link to the broker broke before it confirmed")]
    LinkDown,
    /// No queue takes this key, so nobody would ever receive it.
    #[error("no queue is bound for `{0}`")]
    Unroutable(Topic),
    /// The broker would not take it now, because a queue is full or lacks a majority.
    #[error("the broker did not accept the message")]
    NotAccepted,
    /// The broker refused the message, in these words: this key is not ours to publish to. Told
    /// only by a [publisher apart](Bus::publisher_apart); another takes it for a broken link.
    #[error("refused: {0}")]
    Refused(String),
    /// The bus was closed; it will not come back.
    #[error("the bus is closed")]
    Closed,
}

impl PublishError {
    /// In a word, as figures and spans name it.
    pub(crate) const fn cause(&self) -> &'static str {
        match self {
            Self::LinkDown => "link_down",
            Self::Unroutable(_) => "unroutable",
            Self::NotAccepted => "not_accepted",
            Self::Refused(_) => "refused",
            Self::Closed => "closed",
        }
    }
}

/// Publishes messages and waits for the broker to confirm each.
///
/// Cloning is cheap; all clones share one link and one window of unconfirmed messages.
#[derive(Debug, Clone)]
pub struct Publisher(PublisherTransport);

#[derive(Debug, Clone)]
enum PublisherTransport {
    Amqp(amqp::Publisher),
    Memory(Arc<memory::Broker>),
}

impl Publisher {
    /// The state of the link it publishes over; the other links of its bus do not show here.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        match &self.0 {
            PublisherTransport::Amqp(publisher) => publisher.link(),
            PublisherTransport::Memory(broker) => broker.link(),
        }
    }

    /// Publishes `message` and waits for its confirm; waits for the link first when it is down,
    /// and for room when the window of unconfirmed messages is full.
    ///
    /// Many calls may be in flight; messages leave in the order in which the calls were first
    /// polled. Calls that fail with `LinkDown` fail together, in no order. A call that is
    /// dropped may still have published.
    ///
    /// # Errors
    /// See [`PublishError`]; `LinkDown` and `NotAccepted` are worth another try.
    pub async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let (metrics, begun) = (metrics::bus(), Instant::now());
        let _pending = metrics.pending();
        let span = telemetry::publishing(Some(message.trace));
        let outcome = match &self.0 {
            PublisherTransport::Amqp(publisher) => publisher.publish(message).await,
            PublisherTransport::Memory(broker) => broker.publish(message),
        };
        metrics.published(message.topic.as_str(), begun.elapsed().as_secs_f64(), &outcome);
        telemetry::published(message, span, &outcome);
        outcome
    }

    /// Like [`publish`](Self::publish), again and again until the broker has it.
    ///
    /// # Errors
    /// `Unroutable`, `Refused` and `Closed`, which waiting does not mend.
    pub async fn publish_until_confirmed(&self, message: &Message) -> Result<(), PublishError> {
        let mut backoff = Backoff::default();
        loop {
            match self.publish(message).await {
                // The next call waits for the link by itself.
                Err(PublishError::LinkDown) => {}
                Err(PublishError::NotAccepted) => tokio::time::sleep(backoff.next_wait()).await,
                settled => return settled,
            }
        }
    }

    /// Sets `delivery` aside in the rejected queue, unchanged, with `reason` in a header, and
    /// waits until the broker has it. The caller then acknowledges the delivery.
    ///
    /// # Errors
    /// `Closed`, or `Unroutable` when the rejected queue was deleted.
    pub async fn set_aside(
        &self,
        delivery: &Delivery,
        reason: &Rejection,
    ) -> Result<(), PublishError> {
        self.publish_rejected(delivery, &reason.to_string()).await
    }

    /// Puts a message that nobody published before into the rejected queue, with `reason` in a
    /// header, and waits until the broker has it: for what was to leave and could not.
    ///
    /// # Errors
    /// As [`set_aside`](Self::set_aside).
    pub async fn give_up(&self, message: &Message, reason: &str) -> Result<(), PublishError> {
        let delivery = Delivery {
            topic: message.topic.as_str().into(),
            body: message.body.clone(),
            timestamp_ms: Some(message.timestamp_ms),
            trace: Some(message.trace),
            redelivered: false,
            offset: None,
            rejection: None,
            receipt: Receipt { session: 0, tag: 0 },
        };
        self.publish_rejected(&delivery, reason).await
    }

    async fn publish_rejected(
        &self,
        delivery: &Delivery,
        reason: &str,
    ) -> Result<(), PublishError> {
        let mut backoff = Backoff::default();
        loop {
            let span = telemetry::publishing(delivery.trace);
            let outcome = match &self.0 {
                PublisherTransport::Amqp(publisher) => {
                    publisher.publish_rejected(delivery, reason).await
                }
                PublisherTransport::Memory(broker) => broker.publish_rejected(delivery, reason),
            };
            metrics::bus().set_aside(&delivery.topic, &outcome);
            telemetry::set_aside(delivery, span, &outcome);
            match outcome {
                Err(PublishError::LinkDown) => {}
                Err(PublishError::NotAccepted) => tokio::time::sleep(backoff.next_wait()).await,
                settled => return settled,
            }
        }
    }
}

/// Messages from one [`Source`], in order, until the bus is closed.
#[derive(Debug)]
pub struct Subscription(SubscriptionTransport);

#[derive(Debug)]
enum SubscriptionTransport {
    Amqp(Box<amqp::Subscription>),
    Memory(memory::Subscription),
}

impl Subscription {
    /// The state of the link it reads over; the other links of its bus do not show here.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        match &self.0 {
            SubscriptionTransport::Amqp(subscription) => subscription.link(),
            SubscriptionTransport::Memory(subscription) => subscription.link(),
        }
    }

    /// The next message; `None` once the bus is closed. Safe to drop and call again.
    ///
    /// Sends the acknowledgements that are due once it has waited for 20 ms: whoever stops asking
    /// calls [`flush`](Self::flush).
    pub async fn next(&mut self) -> Option<Delivery> {
        let delivery = match &mut self.0 {
            SubscriptionTransport::Amqp(subscription) => subscription.next().await,
            SubscriptionTransport::Memory(subscription) => subscription.next().await,
        };
        delivery.inspect(count)
    }

    /// The next message, when one is here already. For taking several at once: work on them
    /// then leaves the sender's thread in one go.
    pub fn try_next(&mut self) -> Option<Delivery> {
        let delivery = match &mut self.0 {
            SubscriptionTransport::Amqp(subscription) => subscription.try_next(),
            SubscriptionTransport::Memory(subscription) => subscription.try_next(),
        };
        delivery.inspect(count)
    }

    /// Acknowledges the delivery of `receipt` and every delivery before it: the broker may
    /// forget them. Receipts from before a reconnect are ignored, as the broker then delivers
    /// those messages again.
    ///
    /// For a stream this only makes room for more; where to resume is the reader's to keep.
    /// Acknowledgements go out in batches, or after 20 ms while [`next`](Self::next) waits.
    pub async fn acknowledge_through(&mut self, receipt: Receipt) {
        match &mut self.0 {
            SubscriptionTransport::Amqp(subscription) => {
                subscription.acknowledge_through(receipt).await;
            }
            SubscriptionTransport::Memory(subscription) => {
                subscription.acknowledge_through(receipt);
            }
        }
    }

    /// Acknowledges the delivery of `receipt` and no other, at once. Not to be mixed with
    /// [`acknowledge_through`](Self::acknowledge_through) on one subscription, nor called twice.
    ///
    /// Returns whether it was sent; a receipt from before a reconnect is not, as the broker then
    /// delivers the message again.
    pub async fn acknowledge_one(&mut self, receipt: Receipt) -> bool {
        match &mut self.0 {
            SubscriptionTransport::Amqp(subscription) => {
                subscription.acknowledge_one(receipt).await
            }
            SubscriptionTransport::Memory(subscription) => subscription.acknowledge_one(receipt),
        }
    }

    /// Sends the acknowledgements that are due; to be called before the bus is closed.
    pub async fn flush(&mut self) {
        if let SubscriptionTransport::Amqp(subscription) = &mut self.0 {
            subscription.flush().await;
        }
    }

    /// Resolves once messages can arrive: the queue or stream is there and being read.
    /// Returns `false` when the bus was closed instead.
    pub async fn ready(&mut self) -> bool {
        match &mut self.0 {
            SubscriptionTransport::Amqp(subscription) => subscription.ready().await,
            SubscriptionTransport::Memory(_) => true,
        }
    }
}

fn count(delivery: &Delivery) {
    metrics::bus().received(&delivery.topic, delivery.redelivered);
}

/// The way to the broker. Cloning is cheap; all clones are the same bus.
#[derive(Debug, Clone)]
pub struct Bus(Transport);

#[derive(Debug, Clone)]
enum Transport {
    Amqp(amqp::Bus),
    Memory(Arc<memory::Broker>),
}

impl Bus {
    /// Opens the bus. Returns at once: links are made when a publisher or subscription asks for
    /// them, by tasks of their own, so the broker may come up later.
    ///
    /// A `memory:` URL makes a broker of this bus's own; clone the bus to share it.
    #[must_use]
    pub fn open(config: BusConfig) -> Self {
        Self(match config.url {
            BrokerUrl::Memory => Transport::Memory(memory::Broker::new()),
            BrokerUrl::Amqp(_) => Transport::Amqp(amqp::Bus::new(config)),
        })
    }

    /// A publisher over this bus.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        Publisher(match &self.0 {
            Transport::Amqp(bus) => PublisherTransport::Amqp(bus.publisher()),
            Transport::Memory(broker) => PublisherTransport::Memory(Arc::clone(broker)),
        })
    }

    /// A publisher over a link of its own, for keys that the broker may refuse. A refusal is told to
    /// whose message it was ([`PublishError::Refused`]); what was in flight beside it is published
    /// again by itself, one after another, so it may be there twice. The state of this link does
    /// not show on the bus.
    #[must_use]
    pub fn publisher_apart(&self) -> Publisher {
        Publisher(match &self.0 {
            Transport::Amqp(bus) => PublisherTransport::Amqp(bus.publisher_apart()),
            Transport::Memory(broker) => PublisherTransport::Memory(Arc::clone(broker)),
        })
    }

    /// Starts to take messages from `source`; at most `prefetch` are delivered and not yet
    /// acknowledged.
    #[must_use]
    pub fn subscribe(&self, source: Source, prefetch: NonZeroU16) -> Subscription {
        Subscription(match &self.0 {
            Transport::Amqp(bus) => {
                SubscriptionTransport::Amqp(Box::new(bus.subscribe(source, prefetch)))
            }
            Transport::Memory(broker) => {
                SubscriptionTransport::Memory(memory::Broker::subscribe(broker, source, prefetch))
            }
        })
    }

    /// The state of the links of this bus: always the worst of them.
    #[must_use]
    pub fn link(&self) -> watch::Receiver<Link> {
        match &self.0 {
            Transport::Amqp(bus) => bus.link(),
            Transport::Memory(broker) => broker.link(),
        }
    }

    /// Resolves with the reason when the broker refused a link that was never up: wrong
    /// credentials, no such virtual host. Waiting would not help, so a service should end. A
    /// link made once all others were up is not refused for good but tried again.
    pub async fn refused(&self) -> String {
        let mut link = self.link();
        loop {
            if let LinkState::Refused { reason } = &link.borrow_and_update().state {
                return reason.clone();
            }
            if link.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    }

    /// The settings by which an [`Inspector`](inspect::Inspector) looks at the broker of this
    /// bus; `None` when that is inside this process.
    #[must_use]
    pub fn inspectable(&self) -> Option<&BusConfig> {
        match &self.0 {
            Transport::Amqp(bus) => Some(bus.config()),
            Transport::Memory(_) => None,
        }
    }

    /// Closes every link, politely and within a few seconds. What is in flight fails with
    /// [`PublishError::Closed`] or `LinkDown`; subscriptions end.
    pub async fn close(&self) {
        match &self.0 {
            Transport::Amqp(bus) => bus.close().await,
            Transport::Memory(broker) => broker.close(),
        }
    }
}

/// The place of a kind in the topology.
const fn place_of(kind: Kind) -> Place {
    match kind {
        Kind::Measure => Place::Measures,
        Kind::Analysis => Place::Analyses,
        Kind::Alert | Kind::Acknowledgement | Kind::Silence => Place::Alerts,
    }
}

/// The durable places messages are kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Measures,
    Analyses,
    Alerts,
    Rejected,
}
