//! Consuming, with acknowledgements in batches, over sessions that come and go.

use std::num::NonZeroU16;
use std::sync::{Arc, Mutex as StdMutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use lapin::message::Delivery as AmqpDelivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, Consumer};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connect::{ConnectError, reason};
use super::declare::declare_named;
use super::supervisor::{Live, Session, supervise};
use super::{REASON_HEADER, Shared};
use crate::bus::link::lock;
use crate::bus::topology::{PATTERNS_MAX_BYTES, PATTERNS_MAX_MESSAGES};
use crate::bus::{Delivery, Link, Pattern, Position, Receipt, Source, Start};
use crate::contract::{TRACE_HEADER, TraceParent};

/// Most deliveries one acknowledgement covers.
const MAX_BATCH: u64 = 64;

/// How long an acknowledgement waits for others: each costs the broker a write to the log of a
/// quorum queue.
const LINGER: Duration = Duration::from_millis(20);

/// A stream that gives nothing for this long after being asked again for a message it gave
/// before was deleted and made anew.
const REREAD_LIMIT: Duration = Duration::from_secs(10);

/// How long a broker may take to answer, or to deliver once it has answered.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// The reader's side. It takes deliveries straight from lapin's consumer: a task in between
/// would cost each message one more wake-up.
#[derive(Debug)]
pub(in crate::bus) struct Subscription {
    sessions: mpsc::Receiver<Open>,
    open: Option<Open>,
    /// Dropping the subscription ends its link.
    _closing: DropGuard,
    opened: watch::Receiver<bool>,
    link: watch::Receiver<Link>,
    last_read: Arc<LastRead>,
    /// Deliveries one acknowledgement covers.
    batch: u64,
}

/// One session, from the link to the reader.
#[derive(Debug)]
struct Open {
    number: u64,
    channel: Channel,
    consumer: Consumer,
    /// A delivery taken to see where a stream goes on.
    first: Option<AmqpDelivery>,
    /// Cancelled when the session is over: what is left of it will be delivered again.
    over: CancellationToken,
    /// Tells the link what the reader saw; gone once it was told.
    broken: Option<oneshot::Sender<ConnectError>>,
    /// Delivery tag up to which acknowledgements were sent.
    acknowledged: u64,
    /// Delivery tag up to which they are due.
    due: u64,
    /// When the first of those that are due and not sent became so.
    due_since: Instant,
}

/// The last message of a stream that the reader has. Kept whole, as its fingerprint is asked for
/// after a reconnect only.
#[derive(Debug, Default)]
struct LastRead(StdMutex<Option<(u64, Bytes)>>);

impl LastRead {
    fn position(&self) -> Option<Position> {
        lock(&self.0).as_ref().map(|(offset, body)| Position::of(*offset, body))
    }

    fn set(&self, offset: u64, body: &Bytes) {
        *lock(&self.0) = Some((offset, body.clone()));
    }

    fn forget(&self) {
        *lock(&self.0) = None;
    }
}

impl Subscription {
    pub(super) fn start(shared: &Arc<Shared>, source: Source, prefetch: NonZeroU16) -> Self {
        let (sender, sessions) = mpsc::channel(1);
        let (opened_sender, opened) = watch::channel(false);
        let last_read = Arc::new(LastRead::default());
        let closing = shared.closing.child_token();
        let link = supervise(
            shared,
            closing.clone(),
            ConsumeLink {
                shared: Arc::clone(shared),
                closing: closing.clone(),
                source,
                prefetch: prefetch.get(),
                sessions: sender,
                sessions_opened: 0,
                over: CancellationToken::new(),
                opened: opened_sender,
                last_read: Arc::clone(&last_read),
            },
        );
        Self {
            sessions,
            open: None,
            _closing: closing.drop_guard(),
            opened,
            link,
            last_read,
            batch: (u64::from(prefetch.get()) / 8).clamp(1, MAX_BATCH),
        }
    }

    pub(in crate::bus) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    pub(in crate::bus) async fn next(&mut self) -> Option<Delivery> {
        loop {
            if let Some(delivery) = self.try_next() {
                return Some(delivery);
            }
            let Some(open) = &mut self.open else {
                self.open = Some(self.sessions.recv().await?);
                continue;
            };
            let delivered = tokio::select! {
                biased;
                // What is left of it comes again with the next one.
                () = open.over.cancelled() => continue,
                delivered = open.consumer.next() => delivered,
                () = sleep_until(open.due_since + LINGER), if open.due > open.acknowledged => {
                    self.flush().await;
                    continue;
                }
            };
            if let Some(delivery) = self.take(delivered) {
                return Some(delivery);
            }
        }
    }

    pub(in crate::bus) fn try_next(&mut self) -> Option<Delivery> {
        if self.open.as_ref().is_some_and(|open| open.over.is_cancelled()) {
            self.open = None;
        }
        if self.open.is_none() {
            self.open = self.sessions.try_recv().ok();
        }
        let open = self.open.as_mut()?;
        let delivered = match open.first.take() {
            Some(first) => Some(Ok(first)),
            // Asked, not awaited: whoever awaits is woken.
            None => match open.consumer.poll_next_unpin(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(delivered) => delivered,
                Poll::Pending => return None,
            },
        };
        self.take(delivered)
    }

    /// Gives a delivery to the reader; an error, or the end of the consumer, to the link.
    fn take(&mut self, delivered: Option<lapin::Result<AmqpDelivery>>) -> Option<Delivery> {
        let open = self.open.as_mut()?;
        let error = match delivered {
            Some(Ok(delivery)) => {
                let delivery = received(open.number, delivery);
                if let Some(offset) = delivery.offset {
                    self.last_read.set(offset, &delivery.body);
                }
                return Some(delivery);
            }
            Some(Err(error)) => ConnectError::of(&error),
            None => ConnectError::Unreachable("the queue was deleted".to_owned()),
        };
        if let Some(broken) = open.broken.take() {
            // The link may have noticed by itself.
            drop(broken.send(error));
        }
        self.open = None;
        None
    }

    pub(in crate::bus) async fn acknowledge_through(&mut self, receipt: Receipt) {
        let Some(open) = self.open.as_mut().filter(|open| open.number == receipt.session) else {
            return;
        };
        if open.due == open.acknowledged {
            open.due_since = Instant::now();
        }
        open.due = open.due.max(receipt.tag);
        if open.due - open.acknowledged >= self.batch {
            self.flush().await;
        }
    }

    pub(in crate::bus) async fn acknowledge_one(&mut self, receipt: Receipt) -> bool {
        let open = self.open.as_ref();
        let Some(open) = open.filter(|o| o.number == receipt.session && !o.over.is_cancelled())
        else {
            return false;
        };
        let options = BasicAckOptions { multiple: false };
        let acknowledged = open.channel.basic_ack(receipt.tag, options).await;
        acknowledged
            .inspect_err(|error| {
                tracing::debug!(reason = reason(error), "not acknowledged; it comes again");
            })
            .is_ok()
    }

    pub(in crate::bus) async fn flush(&mut self) {
        let Some(open) = self.open.as_mut().filter(|open| open.due > open.acknowledged) else {
            return;
        };
        // Before waiting, so that a caller who drops this does not make it count twice.
        open.acknowledged = open.due;
        let options = BasicAckOptions { multiple: true };
        if let Err(error) = open.channel.basic_ack(open.due, options).await {
            tracing::debug!(reason = reason(&error), "not acknowledged; the messages come again");
        }
    }

    pub(in crate::bus) async fn ready(&mut self) -> bool {
        self.opened.wait_for(|opened| *opened).await.is_ok()
    }
}

/// The link's side.
struct ConsumeLink {
    shared: Arc<Shared>,
    /// Cancelled when the reader is gone or the bus closes.
    closing: CancellationToken,
    source: Source,
    prefetch: u16,
    sessions: mpsc::Sender<Open>,
    sessions_opened: u64,
    /// Cancelled when the session that was opened last is over.
    over: CancellationToken,
    opened: watch::Sender<bool>,
    last_read: Arc<LastRead>,
}

impl Session for ConsumeLink {
    fn purpose(&self) -> &'static str {
        match self.source {
            Source::Measures => "measures",
            Source::Analyses(_) => "analyses",
            Source::Alerts(_) => "alerts",
            Source::Rejected => "rejected",
            Source::Named { .. } => "events",
            Source::Patterns(_) => "listening",
        }
    }

    async fn run(&mut self, connection: &Connection, live: &Live<'_>) -> ConnectError {
        if let Source::Named { name, patterns } = &self.source {
            let names = &self.shared.config.names;
            if let Err(error) = declare_named(connection, names, name, patterns).await {
                return error;
            }
        }
        // Looked up once: the reader may still take one of the session before this one.
        let last = self.resumes_after();
        let (channel, mut consumer) = match self.consume(connection, last).await {
            Ok(opened) => opened,
            Err(error) => return ConnectError::of(&error),
        };
        let first = match self.resume(&channel, &mut consumer, last).await {
            Ok(first) => first,
            Err(error) => return error,
        };
        if self.sessions_opened > 0 && matches!(self.source, Source::Patterns(_)) {
            tracing::warn!(
                "the queue of this listener went with its link: what waited in it, and what came \
                 meanwhile, is lost for it"
            );
        }
        self.over = CancellationToken::new();
        self.sessions_opened += 1;
        let (broken, seen) = oneshot::channel();
        let open = Open {
            number: self.sessions_opened,
            channel,
            consumer,
            first,
            over: self.over.clone(),
            broken: Some(broken),
            acknowledged: 0,
            due_since: Instant::now(),
            due: 0,
        };
        live.up();
        self.opened.send_replace(true);
        // Waits while the reader has not yet taken the session before this one.
        if self.sessions.send(open).await.is_ok()
            && let Ok(error) = seen.await
        {
            return error;
        }
        // The subscription was dropped, which ends the link.
        self.closing.cancelled().await;
        ConnectError::Unreachable("closed".to_owned())
    }

    fn ended(&mut self) {
        self.over.cancel();
    }
}

impl ConsumeLink {
    async fn consume(
        &self,
        connection: &Connection,
        last: Option<Position>,
    ) -> lapin::Result<(Channel, Consumer)> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let names = &self.shared.config.names;
        let (queue, arguments) = match &self.source {
            Source::Measures => (names.measures(), FieldTable::default()),
            Source::Rejected => (names.rejected(), FieldTable::default()),
            Source::Named { name, .. } => (names.on(name), FieldTable::default()),
            Source::Analyses(start) => {
                let start = last.map_or(*start, Start::After);
                (names.analyses(), start_argument(start))
            }
            Source::Alerts(start) => {
                let start = last.map_or(*start, Start::After);
                (names.alerts(), start_argument(start))
            }
            Source::Patterns(patterns) => {
                (own_queue(&channel, names.exchange(), patterns).await?, FieldTable::default())
            }
        };
        let options = BasicConsumeOptions::default();
        let queue = queue.as_str().into();
        let consumer = channel.basic_consume(queue, ShortString::default(), options, arguments);
        let consumer = consumer.await?;
        Ok((channel, consumer))
    }

    /// The message the reader had last, here or in an earlier life.
    fn resumes_after(&self) -> Option<Position> {
        self.last_read.position().or(match self.source {
            Source::Analyses(Start::After(position)) | Source::Alerts(Start::After(position)) => {
                Some(position)
            }
            _ => None,
        })
    }

    /// Takes `last`, the message that was read last, once more, to know that the stream is still the one
    /// it was in. When it is gone, says how many went with it and gives the first that is left.
    async fn resume(
        &mut self,
        channel: &Channel,
        consumer: &mut Consumer,
        last: Option<Position>,
    ) -> Result<Option<AmqpDelivery>, ConnectError> {
        let Some(last) = last else { return Ok(None) };
        let mut delivered = timeout(REREAD_LIMIT, consumer.next()).await;
        if delivered.is_err() {
            // A silent link looks the same; only a broker that answers has nothing to give.
            self.answers(channel).await?;
            delivered = timeout(ANSWER_LIMIT, consumer.next()).await;
        }
        let first = match delivered {
            Ok(Some(Ok(delivery))) => delivery,
            Ok(Some(Err(error))) => return Err(ConnectError::of(&error)),
            Ok(None) => return Err(ConnectError::Unreachable("the stream was deleted".to_owned())),
            Err(_) => return Err(self.made_anew(last)),
        };
        let found = offset(&first).map(|offset| Position::of(offset, &first.data));
        if let Some(found) = found
            && found.offset > last.offset
        {
            let missed = found.offset - last.offset - 1;
            if missed > 0 {
                let what = self.purpose();
                tracing::warn!(missed, "{missed} {what} left the stream before they were read");
            }
            return Ok(Some(first));
        }
        if found != Some(last) {
            return Err(self.made_anew(last));
        }
        // The one that was read before; it must not use up the prefetch.
        match first.acker.ack(BasicAckOptions::default()).await {
            Ok(_) => Ok(None),
            Err(error) => Err(ConnectError::of(&error)),
        }
    }

    /// Whether the broker answers a question on this channel.
    async fn answers(&self, channel: &Channel) -> Result<(), ConnectError> {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let names = &self.shared.config.names;
        let queue = match self.source {
            Source::Alerts(_) => names.alerts(),
            _ => names.analyses(),
        };
        let ask = channel.queue_declare(queue.as_str().into(), passive, FieldTable::default());
        match timeout(ANSWER_LIMIT, ask).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) => Err(ConnectError::of(&error)),
            Err(_) => Err(ConnectError::Unreachable("the broker does not answer".to_owned())),
        }
    }

    /// Has the next session begin with the oldest message of another stream.
    fn made_anew(&mut self, last: Position) -> ConnectError {
        tracing::warn!(
            offset = last.offset,
            "the stream of {} was made anew; reading it from its beginning",
            self.purpose()
        );
        self.last_read.forget();
        self.source = match self.source {
            Source::Alerts(_) => Source::Alerts(Start::First),
            _ => Source::Analyses(Start::First),
        };
        ConnectError::Unreachable("the stream was made anew".to_owned())
    }
}

/// A queue of this connection's own, bound to `patterns`; gone with the connection.
async fn own_queue(
    channel: &Channel,
    exchange: &str,
    patterns: &[Pattern],
) -> lapin::Result<String> {
    let mut arguments = FieldTable::default();
    arguments.insert("x-max-length".into(), AMQPValue::LongLongInt(PATTERNS_MAX_MESSAGES));
    arguments.insert("x-max-length-bytes".into(), AMQPValue::LongLongInt(PATTERNS_MAX_BYTES));
    arguments.insert("x-overflow".into(), AMQPValue::LongString("drop-head".into()));
    let options = QueueDeclareOptions { exclusive: true, auto_delete: true, ..Default::default() };
    let queue = channel.queue_declare(ShortString::default(), options, arguments).await?;
    let name = queue.name().to_string();
    for pattern in patterns {
        let (queue, exchange) = (name.as_str().into(), exchange.into());
        let options = QueueBindOptions::default();
        let bind = channel.queue_bind(
            queue,
            exchange,
            pattern.as_str().into(),
            options,
            FieldTable::default(),
        );
        bind.await?;
    }
    Ok(name)
}

fn start_argument(start: Start) -> FieldTable {
    let value = match start {
        Start::Next => AMQPValue::LongString("next".into()),
        Start::First => AMQPValue::LongString("first".into()),
        // Asked for again: that it comes proves the stream the same.
        Start::After(last) => {
            AMQPValue::LongLongInt(i64::try_from(last.offset).unwrap_or(i64::MAX))
        }
        Start::Ago(ago) => AMQPValue::LongString(format!("{}s", ago.as_secs().max(1)).into()),
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), value);
    arguments
}

fn header<'a>(delivery: &'a AmqpDelivery, name: &str) -> Option<&'a AMQPValue> {
    delivery.properties.headers().as_ref()?.inner().get(name)
}

/// Place of a delivery in its stream, when it comes from one.
fn offset(delivery: &AmqpDelivery) -> Option<u64> {
    match header(delivery, "x-stream-offset")? {
        AMQPValue::LongLongInt(offset) => u64::try_from(*offset).ok(),
        _ => None,
    }
}

pub(super) fn received(session: u64, delivery: AmqpDelivery) -> Delivery {
    let text = |name: &str| match header(&delivery, name) {
        Some(AMQPValue::LongString(text)) => std::str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    };
    let trace = text(TRACE_HEADER).and_then(|text| text.parse::<TraceParent>().ok());
    let rejection = text(REASON_HEADER)
        .map(Into::into)
        // Moved there by the broker itself: over the delivery limit, or the queue was full.
        .or_else(|| {
            text("x-first-death-reason").map(|word| {
                broker_reason(word, text("x-first-death-queue").unwrap_or_default()).into()
            })
        });
    Delivery {
        topic: delivery.routing_key.as_str().into(),
        timestamp_ms: delivery.properties.timestamp().map(|s| s.saturating_mul(1000)),
        trace,
        redelivered: delivery.redelivered,
        offset: offset(&delivery),
        rejection,
        receipt: Receipt { session, tag: delivery.delivery_tag },
        body: delivery.data.into(),
    }
}

/// The broker's word for why it moved a message out of `queue`, as a sentence.
fn broker_reason(word: &str, queue: &str) -> String {
    match word {
        "maxlen" => format!("the queue {queue} was full"),
        "delivery_limit" => "it was delivered too often without being acknowledged".to_owned(),
        other => format!("the broker moved it: {other}"),
    }
}
