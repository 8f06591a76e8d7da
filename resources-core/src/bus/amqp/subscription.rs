//! Consuming, with acknowledgements in batches, over sessions that come and go.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::message::Delivery as AmqpDelivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, Consumer};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connect::{ConnectError, reason};
use super::supervisor::{Live, Session, supervise};
use super::{REASON_HEADER, Shared};
use crate::bus::topology::PATTERNS_MAX_MESSAGES;
use crate::bus::{Delivery, Pattern, Receipt, Source, Start};
use crate::contract::{TRACE_HEADER, TraceParent};

/// Most deliveries one acknowledgement covers.
const MAX_BATCH: u64 = 64;

/// A stream that gives nothing for this long after being asked again for a message it gave
/// before was deleted and made anew.
const REREAD_LIMIT: Duration = Duration::from_secs(10);

/// The reader's side.
#[derive(Debug)]
pub(in crate::bus) struct Subscription {
    items: mpsc::Receiver<Item>,
    /// Dropping the subscription ends its link.
    _closing: DropGuard,
    /// Number of the session that delivers now; those below are over.
    live: Arc<AtomicU64>,
    /// Whether deliveries of a session that is over are worth nothing, as they come again.
    redelivers: bool,
    opened: watch::Receiver<bool>,
    /// The session whose deliveries are being read.
    session: u64,
    channel: Option<Channel>,
    batch: u64,
    acknowledged: u64,
    due: u64,
}

#[derive(Debug)]
enum Item {
    Opened(u64, Channel),
    Delivery(Delivery),
}

impl Subscription {
    pub(super) fn start(shared: &Arc<Shared>, source: Source, prefetch: NonZeroU16) -> Self {
        // The broker never sends more than the prefetch, so the task never waits for long.
        let (sender, items) = mpsc::channel(usize::from(prefetch.get()) + 1);
        let live = Arc::new(AtomicU64::new(0));
        let (opened_sender, opened) = watch::channel(false);
        let redelivers = matches!(source, Source::Measures | Source::Rejected);
        let closing = shared.closing.child_token();
        supervise(
            shared,
            closing.clone(),
            ConsumeLink {
                shared: Arc::clone(shared),
                closing: closing.clone(),
                source,
                prefetch: prefetch.get(),
                items: sender,
                live: Arc::clone(&live),
                opened: opened_sender,
                last_offset: None,
            },
        );
        Self {
            items,
            _closing: closing.drop_guard(),
            live,
            redelivers,
            opened,
            session: 0,
            channel: None,
            batch: (u64::from(prefetch.get()) / 8).clamp(1, MAX_BATCH),
            acknowledged: 0,
            due: 0,
        }
    }

    pub(in crate::bus) async fn next(&mut self) -> Option<Delivery> {
        loop {
            let item = match self.items.try_recv() {
                Ok(item) => item,
                Err(TryRecvError::Disconnected) => return None,
                Err(TryRecvError::Empty) => {
                    self.flush().await;
                    self.items.recv().await?
                }
            };
            match item {
                Item::Opened(session, channel) => {
                    (self.session, self.channel) = (session, Some(channel));
                    (self.acknowledged, self.due) = (0, 0);
                }
                Item::Delivery(delivery) => {
                    let over = delivery.receipt.session < self.live.load(Ordering::Acquire);
                    if !(over && self.redelivers) {
                        return Some(delivery);
                    }
                }
            }
        }
    }

    pub(in crate::bus) async fn acknowledge_through(&mut self, receipt: Receipt) {
        if receipt.session == self.session {
            self.due = self.due.max(receipt.tag);
            if self.due - self.acknowledged >= self.batch {
                self.flush().await;
            }
        }
    }

    pub(in crate::bus) async fn flush(&mut self) {
        let Some(channel) = self.channel.as_ref().filter(|_| self.due > self.acknowledged) else {
            return;
        };
        // Before waiting, so that a caller who drops this does not make it count twice.
        self.acknowledged = self.due;
        if let Err(error) = channel.basic_ack(self.due, BasicAckOptions { multiple: true }).await {
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
    items: mpsc::Sender<Item>,
    live: Arc<AtomicU64>,
    opened: watch::Sender<bool>,
    /// Place of the last message of the stream handed to the reader.
    last_offset: Option<u64>,
}

impl Session for ConsumeLink {
    fn purpose(&self) -> &'static str {
        match self.source {
            Source::Measures => "measures",
            Source::Analyses(_) => "analyses",
            Source::Rejected => "rejected",
            Source::Patterns(_) => "listening",
        }
    }

    async fn run(&mut self, connection: &Connection, live: &Live<'_>) -> ConnectError {
        let session = self.live.load(Ordering::Acquire);
        let (channel, mut consumer) = match self.consume(connection).await {
            Ok(opened) => opened,
            Err(error) => return ConnectError::of(&error),
        };
        if self.items.send(Item::Opened(session, channel)).await.is_err() {
            return self.reader_gone().await;
        }
        self.opened.send_replace(true);
        live.up();
        if let Err(error) = self.resume(session, &mut consumer).await {
            return error;
        }
        loop {
            let delivery = match consumer.next().await {
                Some(Ok(delivery)) => delivery,
                Some(Err(error)) => return ConnectError::of(&error),
                None => return ConnectError::Unreachable("the queue was deleted".to_owned()),
            };
            let delivery = received(session, delivery);
            let offset = delivery.offset;
            if self.items.send(Item::Delivery(delivery)).await.is_err() {
                return self.reader_gone().await;
            }
            self.last_offset = offset.or(self.last_offset);
        }
    }

    fn ended(&mut self) {
        self.live.fetch_add(1, Ordering::AcqRel);
    }
}

impl ConsumeLink {
    /// The subscription was dropped, which ends the link.
    async fn reader_gone(&self) -> ConnectError {
        self.closing.cancelled().await;
        ConnectError::Unreachable("closed".to_owned())
    }

    async fn consume(&self, connection: &Connection) -> lapin::Result<(Channel, Consumer)> {
        let channel = connection.create_channel().await?;
        channel.basic_qos(self.prefetch, BasicQosOptions::default()).await?;
        let names = &self.shared.config.names;
        let (queue, arguments) = match &self.source {
            Source::Measures => (names.measures(), FieldTable::default()),
            Source::Rejected => (names.rejected(), FieldTable::default()),
            Source::Analyses(start) => {
                // The last message is asked for again: that it comes proves the stream the same.
                let start = self.last_offset.map_or(*start, Start::Offset);
                (names.analyses(), start_argument(start))
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

    /// After a reconnect: takes the message read last once more, to know that the stream is
    /// still the one it was, and says so when messages in between are gone.
    async fn resume(&mut self, session: u64, consumer: &mut Consumer) -> Result<(), ConnectError> {
        let Some(last) = self.last_offset else { return Ok(()) };
        let first = match tokio::time::timeout(REREAD_LIMIT, consumer.next()).await {
            Ok(Some(Ok(delivery))) => delivery,
            Ok(Some(Err(error))) => return Err(ConnectError::of(&error)),
            Ok(None) => return Err(ConnectError::Unreachable("the stream was deleted".to_owned())),
            Err(_) => {
                tracing::warn!(
                    offset = last,
                    "the stream of analyses was made anew; reading it from its beginning"
                );
                self.last_offset = None;
                self.source = Source::Analyses(Start::First);
                return Err(ConnectError::Unreachable("the stream was made anew".to_owned()));
            }
        };
        let acker = first.acker.clone();
        let first = received(session, first);
        match first.offset {
            Some(offset) if offset > last => {
                let missed = offset - last - 1;
                if missed > 0 {
                    tracing::warn!(
                        missed,
                        "{missed} analyses left the stream before they were read"
                    );
                }
                if self.items.send(Item::Delivery(first)).await.is_ok() {
                    self.last_offset = Some(offset);
                }
                Ok(())
            }
            // The one that was read before; it must not use up the prefetch.
            _ => acker
                .ack(BasicAckOptions::default())
                .await
                .map(drop)
                .map_err(|error| ConnectError::of(&error)),
        }
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
        Start::Offset(offset) => AMQPValue::LongLongInt(i64::try_from(offset).unwrap_or(i64::MAX)),
        Start::Ago(ago) => AMQPValue::LongString(format!("{}s", ago.as_secs().max(1)).into()),
    };
    let mut arguments = FieldTable::default();
    arguments.insert("x-stream-offset".into(), value);
    arguments
}

fn received(session: u64, delivery: AmqpDelivery) -> Delivery {
    let headers = delivery.properties.headers().as_ref();
    let header = |name: &str| headers.and_then(|headers| headers.inner().get(name));
    let text = |name: &str| match header(name) {
        Some(AMQPValue::LongString(text)) => std::str::from_utf8(text.as_bytes()).ok(),
        _ => None,
    };
    let trace = text(TRACE_HEADER).and_then(|text| text.parse::<TraceParent>().ok());
    let offset = match header("x-stream-offset") {
        Some(AMQPValue::LongLongInt(offset)) => u64::try_from(*offset).ok(),
        _ => None,
    };
    let rejection = text(REASON_HEADER)
        .map(Into::into)
        // Moved there by the broker itself: over the delivery limit, or the queue was full.
        .or_else(|| text("x-first-death-reason").map(|word| broker_reason(word).into()));
    let timestamp_ms = delivery.properties.timestamp().map(|s| s.saturating_mul(1000));
    Delivery {
        topic: delivery.routing_key.as_str().into(),
        timestamp_ms,
        trace,
        redelivered: delivery.redelivered,
        offset,
        rejection,
        receipt: Receipt { session, tag: delivery.delivery_tag },
        body: delivery.data.into(),
    }
}

/// The broker's word for why it moved a message, as a sentence.
fn broker_reason(word: &str) -> String {
    match word {
        "maxlen" => "the queue of measures was full".to_owned(),
        "delivery_limit" => "it was delivered too often without being acknowledged".to_owned(),
        other => format!("the broker moved it: {other}"),
    }
}
