//! The broker as a bare client sees it: the other side of every comparison.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::StreamExt as _;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions,
    ExchangeDeleteOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions,
};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Connection, ConnectionProperties, Consumer, ExchangeKind};
use resources_core::bus::Names;
use resources_core::contract::Kind;
use tokio::time::timeout_at;

use crate::context::PATIENCE;

/// How many messages the reader of a stream is sent ahead; it acknowledges a tenth at a time.
const READ_AHEAD: u16 = 2000;

/// How often the broker is asked for what it tells nobody.
const ASK_EVERY: Duration = Duration::from_millis(50);

/// Which queues stand where the measures and the analyses go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Queues {
    /// Those the programs declare: a quorum queue and a stream.
    Durable,
    /// Transient classic queues under the same names, which keep nothing.
    Transient,
}

/// Connects with the settings the programs use.
pub(crate) async fn connect(url: &str) -> anyhow::Result<Connection> {
    let url = format!("{url}?heartbeat=10&frame_max=8192");
    Ok(Connection::connect(&url, ConnectionProperties::default()).await?)
}

pub(crate) fn names(exchange: &str) -> anyhow::Result<Names> {
    Names::new(exchange).context("not the name of an exchange")
}

/// Declares transient queues under the names of the durable ones, before anyone else declares
/// those; what exists is then used as it is.
pub(crate) async fn declare_transient(url: &str, exchange: &str) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let names = names(exchange)?;
    let durable = ExchangeDeclareOptions { durable: true, ..Default::default() };
    let declare = channel.exchange_declare(
        exchange.into(),
        ExchangeKind::Topic,
        durable,
        FieldTable::default(),
    );
    declare.await?;
    for (queue, kind) in [(names.measures(), Kind::Measure), (names.analyses(), Kind::Analysis)] {
        let options = QueueDeclareOptions::default();
        channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await?;
        let (queue, pattern) = (queue.as_str().into(), kind.pattern().into());
        let options = QueueBindOptions::default();
        let bind =
            channel.queue_bind(queue, exchange.into(), pattern, options, FieldTable::default());
        bind.await?;
    }
    connection.close(200, "OK".into()).await?;
    Ok(())
}

/// Removes an exchange with its queues and what is in them, and all else of its round.
pub(crate) async fn remove(url: &str, exchange: &str) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let names = names(exchange)?;
    for queue in [names.measures(), names.analyses(), names.alerts(), names.rejected()] {
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await?;
    }
    for exchange in [exchange, names.rejected().as_str()] {
        channel.exchange_delete(exchange.into(), ExchangeDeleteOptions::default()).await?;
    }
    connection.close(200, "OK".into()).await?;
    Ok(())
}

/// Waits until somebody consumes `queue`.
pub(crate) async fn consumed(url: &str, queue: &str) -> anyhow::Result<()> {
    wait_for(url, queue, "nobody consumes", |_, consumers| consumers > 0).await
}

/// Waits until `queue` holds `count` messages: what was confirmed may take a moment to count.
pub(crate) async fn holds(url: &str, queue: &str, count: usize) -> anyhow::Result<()> {
    wait_for(url, queue, "not all are in", |messages, _| messages == count).await
}

async fn wait_for(
    url: &str,
    queue: &str,
    otherwise: &str,
    done: impl Fn(usize, u32) -> bool,
) -> anyhow::Result<()> {
    let connection = connect(url).await?;
    let channel = connection.create_channel().await?;
    let begun = Instant::now();
    loop {
        let passive = QueueDeclareOptions { passive: true, ..Default::default() };
        let state = channel.queue_declare(queue.into(), passive, FieldTable::default()).await?;
        if done(usize::try_from(state.message_count())?, state.consumer_count()) {
            break;
        }
        if begun.elapsed() > PATIENCE {
            bail!("{otherwise}: `{queue}` after {PATIENCE:?}");
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
    connection.close(200, "OK".into()).await?;
    Ok(())
}

/// Reads what is published to the analyses from now on.
pub(crate) struct Reader {
    /// Held, as the channel ends with it.
    _connection: Connection,
    channel: Channel,
    consumer: Consumer,
    /// The tag of the message read last.
    newest: u64,
    unacknowledged: u16,
}

/// A message, and when it came.
pub(crate) struct Arrival {
    pub(crate) at: Instant,
    pub(crate) body: Vec<u8>,
}

impl Reader {
    pub(crate) async fn open(url: &str, exchange: &str, queues: Queues) -> anyhow::Result<Self> {
        let connection = connect(url).await?;
        let channel = connection.create_channel().await?;
        channel.basic_qos(READ_AHEAD, BasicQosOptions::default()).await?;
        let mut arguments = FieldTable::default();
        if queues == Queues::Durable {
            arguments.insert("x-stream-offset".into(), AMQPValue::LongString("next".into()));
        }
        let options = BasicConsumeOptions::default();
        let queue = names(exchange)?.analyses();
        let consume = channel.basic_consume(
            queue.as_str().into(),
            ShortString::default(),
            options,
            arguments,
        );
        let consumer = consume.await?;
        Ok(Self { _connection: connection, channel, consumer, newest: 0, unacknowledged: 0 })
    }

    /// The next `count` messages, or those that came before `limit` was over.
    pub(crate) async fn take(
        &mut self,
        count: usize,
        limit: Duration,
    ) -> anyhow::Result<Vec<Arrival>> {
        let end = tokio::time::Instant::now() + limit;
        let mut arrivals = Vec::with_capacity(count);
        while arrivals.len() < count {
            let Ok(arrival) = timeout_at(end, self.next()).await else { break };
            arrivals.push(arrival?);
        }
        Ok(arrivals)
    }

    /// The next message. Given up while it waits, it loses none.
    pub(crate) async fn next(&mut self) -> anyhow::Result<Arrival> {
        if self.unacknowledged >= READ_AHEAD / 10 {
            let multiple = BasicAckOptions { multiple: true };
            // Not told twice: given up before it is told, it is told with the next ones.
            self.unacknowledged = 0;
            self.channel.basic_ack(self.newest, multiple).await?;
        }
        let delivery = self.consumer.next().await.context("the stream of analyses ended")??;
        self.newest = delivery.delivery_tag;
        self.unacknowledged += 1;
        Ok(Arrival { at: Instant::now(), body: delivery.data })
    }
}
