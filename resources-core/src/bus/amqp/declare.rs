//! The topology, declared idempotently by every part, so that start order does not matter.

use std::future::Future;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ErrorKind, ExchangeKind};

use super::connect::ConnectError;
use crate::bus::topology::{
    ALERTS_MAX_AGE, ALERTS_MAX_BYTES, ALERTS_SEGMENT_BYTES, ANALYSES_MAX_AGE, ANALYSES_MAX_BYTES,
    ANALYSES_SEGMENT_BYTES, ListenerName, MEASURES_DELIVERY_LIMIT, MEASURES_MAX_BYTES,
    NAMED_DELIVERY_LIMIT, NAMED_MAX_BYTES, Names, REJECTED_DELIVERY_LIMIT, REJECTED_MAX_BYTES,
};
use crate::bus::{Pattern, Place, place_of};
use crate::contract::Kind;

/// Declares everything. Whoever may not declare (a tracker's user) is content when the exchange
/// is there; the rest is then known to those who may.
pub(super) async fn declare(connection: &Connection, names: &Names) -> Result<(), ConnectError> {
    let mut declarer = Declarer { connection, channel: None };
    match declarer.declare_all(names).await {
        Err(Refusal::Forbidden(_)) => declarer.check_exchange(names).await,
        Err(Refusal::Failed(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

/// Declares the queue that listeners with one name share, bound to `patterns`.
pub(super) async fn declare_named(
    connection: &Connection,
    names: &Names,
    listener: &ListenerName,
    patterns: &[Pattern],
) -> Result<(), ConnectError> {
    let mut declarer = Declarer { connection, channel: None };
    let patterns: Vec<_> = patterns.iter().map(Pattern::as_str).collect();
    let arguments = named_arguments(&names.rejected());
    match declarer.queue(&names.on(listener), names.exchange(), &patterns, arguments).await {
        // One that is there may lack a binding, and nobody would notice what does not come.
        Err(Refusal::Forbidden(words)) => Err(ConnectError::Refused(words)),
        Err(Refusal::Failed(error)) => Err(error),
        Ok(()) => Ok(()),
    }
}

/// Why a declaration did not succeed.
enum Refusal {
    /// The user may not declare this.
    Forbidden(String),
    /// The link is broken, or the broker said no for another reason.
    Failed(ConnectError),
}

struct Declarer<'a> {
    connection: &'a Connection,
    /// A refusal closes the channel, so the next declaration needs a new one.
    channel: Option<Channel>,
}

impl Declarer<'_> {
    async fn declare_all(&mut self, names: &Names) -> Result<(), Refusal> {
        let (exchange, rejected) = (names.exchange(), names.rejected());
        for name in [exchange, &rejected] {
            self.step(name, async |channel| {
                channel
                    .exchange_declare(
                        name.into(),
                        ExchangeKind::Topic,
                        ExchangeDeclareOptions { durable: true, ..Default::default() },
                        FieldTable::default(),
                    )
                    .await
            })
            .await?;
        }
        self.queue(&rejected, &rejected, &["#"], rejected_arguments()).await?;
        let kinds_of = |place| Kind::ALL.into_iter().filter(move |kind| place_of(*kind) == place);
        for (place, name, arguments) in [
            (Place::Measures, names.measures(), measures_arguments(&rejected)),
            (Place::Analyses, names.analyses(), analyses_arguments()),
            (Place::Alerts, names.alerts(), alerts_arguments()),
        ] {
            let patterns: Vec<_> = kinds_of(place).map(Kind::pattern).collect();
            self.queue(&name, exchange, &patterns, arguments).await?;
        }
        Ok(())
    }

    async fn queue(
        &mut self,
        name: &str,
        exchange: &str,
        patterns: &[&str],
        arguments: FieldTable,
    ) -> Result<(), Refusal> {
        self.step(name, async |channel| {
            let options = QueueDeclareOptions { durable: true, ..Default::default() };
            channel.queue_declare(name.into(), options, arguments.clone()).await.map(drop)
        })
        .await?;
        for pattern in patterns {
            self.step(name, async |channel| {
                let options = QueueBindOptions::default();
                let (name, exchange, pattern) = (name.into(), exchange.into(), (*pattern).into());
                channel.queue_bind(name, exchange, pattern, options, FieldTable::default()).await
            })
            .await?;
        }
        Ok(())
    }

    /// Runs one declaration. One that clashes with what exists is left as the operator made it.
    async fn step<F>(
        &mut self,
        name: &str,
        declaration: impl FnOnce(Channel) -> F,
    ) -> Result<(), Refusal>
    where
        F: Future<Output = lapin::Result<()>>,
    {
        let channel = self.channel().await.map_err(Refusal::Failed)?;
        let Err(error) = declaration(channel).await else { return Ok(()) };
        match soft_error(&error) {
            Some(AMQPSoftError::PRECONDITIONFAILED) => {
                tracing::debug!(
                    name,
                    reason = super::connect::reason(&error),
                    "`{name}` exists with other arguments and is used as it is"
                );
                self.channel = None;
                Ok(())
            }
            Some(AMQPSoftError::ACCESSREFUSED) => {
                self.channel = None;
                Err(Refusal::Forbidden(super::connect::reason(&error)))
            }
            _ => Err(Refusal::Failed(ConnectError::of(&error))),
        }
    }

    /// Asks whether the exchange is there, which needs no right at all.
    async fn check_exchange(&mut self, names: &Names) -> Result<(), ConnectError> {
        let exchange = names.exchange();
        let channel = self.channel().await?;
        let options = ExchangeDeclareOptions { passive: true, ..Default::default() };
        let checked = channel
            .exchange_declare(exchange.into(), ExchangeKind::Topic, options, FieldTable::default())
            .await;
        checked.map_err(|error| match soft_error(&error) {
            Some(AMQPSoftError::NOTFOUND) => ConnectError::Unreachable(format!(
                "exchange `{exchange}` is not there yet and this user may not declare it; \
                 start an analyzer, which declares everything"
            )),
            _ => ConnectError::of(&error),
        })
    }

    async fn channel(&mut self) -> Result<Channel, ConnectError> {
        match &self.channel {
            Some(channel) => Ok(channel.clone()),
            None => {
                let channel =
                    self.connection.create_channel().await.map_err(|e| ConnectError::of(&e))?;
                self.channel = Some(channel.clone());
                Ok(channel)
            }
        }
    }
}

pub(super) fn soft_error(error: &lapin::Error) -> Option<AMQPSoftError> {
    match error.kind() {
        ErrorKind::ProtocolError(protocol) => match protocol.kind() {
            AMQPErrorKind::Soft(soft) => Some(soft.clone()),
            AMQPErrorKind::Hard(_) => None,
        },
        _ => None,
    }
}

fn table<const N: usize>(arguments: [(&str, AMQPValue); N]) -> FieldTable {
    let mut table = FieldTable::default();
    for (name, value) in arguments {
        table.insert(name.into(), value);
    }
    table
}

fn text(value: &str) -> AMQPValue {
    AMQPValue::LongString(value.into())
}

pub(super) fn measures_arguments(rejected: &str) -> FieldTable {
    work_queue_arguments(MEASURES_MAX_BYTES, MEASURES_DELIVERY_LIMIT, rejected)
}

pub(super) fn named_arguments(rejected: &str) -> FieldTable {
    work_queue_arguments(NAMED_MAX_BYTES, NAMED_DELIVERY_LIMIT, rejected)
}

/// A queue shared by whoever works on its messages; what has no room, or ends whoever takes it,
/// is set aside.
fn work_queue_arguments(max_bytes: i64, delivery_limit: i64, rejected: &str) -> FieldTable {
    table([
        ("x-queue-type", text("quorum")),
        ("x-max-length-bytes", AMQPValue::LongLongInt(max_bytes)),
        ("x-overflow", text("drop-head")),
        ("x-delivery-limit", AMQPValue::LongLongInt(delivery_limit)),
        ("x-dead-letter-exchange", text(rejected)),
    ])
}

pub(super) fn analyses_arguments() -> FieldTable {
    stream_arguments(ANALYSES_MAX_AGE, ANALYSES_MAX_BYTES, ANALYSES_SEGMENT_BYTES)
}

pub(super) fn alerts_arguments() -> FieldTable {
    stream_arguments(ALERTS_MAX_AGE, ALERTS_MAX_BYTES, ALERTS_SEGMENT_BYTES)
}

fn stream_arguments(max_age: &str, max_bytes: i64, segment_bytes: i64) -> FieldTable {
    table([
        ("x-queue-type", text("stream")),
        ("x-max-age", text(max_age)),
        ("x-max-length-bytes", AMQPValue::LongLongInt(max_bytes)),
        ("x-stream-max-segment-size-bytes", AMQPValue::LongLongInt(segment_bytes)),
    ])
}

pub(super) fn rejected_arguments() -> FieldTable {
    table([
        ("x-queue-type", text("quorum")),
        ("x-max-length-bytes", AMQPValue::LongLongInt(REJECTED_MAX_BYTES)),
        ("x-overflow", text("drop-head")),
        ("x-delivery-limit", AMQPValue::LongLongInt(REJECTED_DELIVERY_LIMIT)),
    ])
}
