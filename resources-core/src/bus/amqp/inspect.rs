//! Looking at a RabbitMQ without changing it.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use lapin::options::{
    BasicConsumeOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, ExchangeUnbindOptions, QueueDeclareOptions,
};
use lapin::protocol::AMQPSoftError;
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Connection, Event, ExchangeKind};
use tokio::time::{Instant, timeout, timeout_at};

use super::connect::{ConnectError, connect, reason};
use super::declare::{
    alerts_arguments, analyses_arguments, measures_arguments, named_arguments, rejected_arguments,
    soft_error,
};
use super::subscription::received;
use crate::bus::inspect::{
    Backlog, Declaration, Flow, Glimpse, InspectError, PROBE_EXCHANGE, PROBE_KEY, Part, PartState,
    Presence, Right,
};
use crate::bus::settings::{AmqpUrl, BusConfig};
use crate::bus::topology::{ListenerName, Names};
use crate::service::now_ms;

/// A binding nobody has: the one that is asked to be taken away.
const NO_BINDING: &str = "resources.inspect.no-such-binding";

/// Bound on the polite goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(in crate::bus) struct Inspector {
    connection: Connection,
    names: Names,
}

/// How a request was answered that the broker may refuse.
enum Answer<T> {
    Done(T),
    /// Refused with this code and these words; the channel is gone.
    Refused(AMQPSoftError, String),
}

impl From<ConnectError> for InspectError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Unreachable(reason) => Self::Unreachable(reason),
            ConnectError::Refused(reason) => Self::Refused(reason),
        }
    }
}

impl Inspector {
    pub(in crate::bus) async fn connect(
        config: &BusConfig,
        url: &AmqpUrl,
    ) -> Result<Self, InspectError> {
        let connection = connect(config, url, "inspecting").await?;
        Ok(Self { connection, names: config.names.clone() })
    }

    pub(in crate::bus) async fn topology(&mut self) -> Result<Vec<PartState>, InspectError> {
        let (exchange, rejected) = (self.names.exchange().to_owned(), self.names.rejected());
        let mut seen = Vec::new();
        for (part, name) in [(Part::Exchange, &exchange), (Part::RejectedExchange, &rejected)] {
            let presence = self.exchange(name).await?;
            seen.push(PartState { part, name: name.clone(), presence });
        }
        for (part, name, arguments) in [
            (Part::Measures, self.names.measures(), measures_arguments(&rejected)),
            (Part::Analyses, self.names.analyses(), analyses_arguments()),
            (Part::Alerts, self.names.alerts(), alerts_arguments()),
            (Part::Rejected, rejected.clone(), rejected_arguments()),
        ] {
            let presence = self.queue(&name, arguments).await?;
            seen.push(PartState { part, name, presence });
        }
        Ok(seen)
    }

    pub(in crate::bus) async fn named(
        &mut self,
        listener: &ListenerName,
    ) -> Result<PartState, InspectError> {
        let name = self.names.on(listener);
        let presence = self.queue(&name, named_arguments(&self.names.rejected())).await?;
        Ok(PartState { part: Part::Named, name, presence })
    }

    async fn exchange(&self, name: &str) -> Result<Presence, InspectError> {
        let declare = async |passive| {
            let options = ExchangeDeclareOptions { passive, durable: true, ..Default::default() };
            let channel = self.channel().await?;
            let kind = ExchangeKind::Topic;
            let declared =
                channel.exchange_declare(name.into(), kind, options, FieldTable::default());
            answer(declared.await)
        };
        Ok(match declare(true).await? {
            Answer::Refused(AMQPSoftError::NOTFOUND, _) => Presence::Missing,
            _ => {
                let declaration = compared(declare(false).await?);
                Presence::There { messages: 0, consumers: 0, declaration }
            }
        })
    }

    async fn queue(&self, name: &str, arguments: FieldTable) -> Result<Presence, InspectError> {
        let declare = async |passive| {
            let options = QueueDeclareOptions { passive, durable: true, ..Default::default() };
            let channel = self.channel().await?;
            answer(channel.queue_declare(name.into(), options, arguments.clone()).await)
        };
        let (messages, consumers) = match declare(true).await? {
            Answer::Done(queue) => (queue.message_count(), queue.consumer_count()),
            Answer::Refused(AMQPSoftError::NOTFOUND, _) => return Ok(Presence::Missing),
            // Of another connection alone, or not to be seen by this user.
            Answer::Refused(..) => (0, 0),
        };
        let declaration = compared(declare(false).await?);
        Ok(Presence::There { messages, consumers, declaration })
    }

    pub(in crate::bus) async fn backlog(&mut self) -> Result<Option<Backlog>, InspectError> {
        let options = QueueDeclareOptions { passive: true, ..Default::default() };
        let channel = self.channel().await?;
        let queue = self.names.measures();
        let declared =
            channel.queue_declare(queue.as_str().into(), options, FieldTable::default()).await;
        match answer(declared)? {
            Answer::Done(queue) => {
                // Unlike a refusal this leaves the channel open, and it may be asked for ever.
                let closed = channel.close(200, "OK".into()).await;
                closed.map_err(|error| ConnectError::of(&error))?;
                let (measures, consumers) = (queue.message_count(), queue.consumer_count());
                Ok(Some(Backlog { measures, consumers }))
            }
            Answer::Refused(AMQPSoftError::NOTFOUND, _) => Ok(None),
            Answer::Refused(_, words) => Err(InspectError::Refused(words)),
        }
    }

    pub(in crate::bus) async fn may_publish(&mut self) -> Result<Right, InspectError> {
        let (exchange, rejected) = (self.names.exchange(), self.names.rejected());
        let channel = self.channel().await?;
        // The right to write to the one is looked at before the right to read the other, and a
        // refusal names which of them it is about.
        let unbound = channel.exchange_unbind(
            exchange.into(),
            rejected.as_str().into(),
            NO_BINDING.into(),
            ExchangeUnbindOptions::default(),
            FieldTable::default(),
        );
        Ok(match answer(unbound.await)? {
            Answer::Refused(AMQPSoftError::ACCESSREFUSED, words)
                if words.contains(&format!("'{exchange}'")) =>
            {
                Right::Denied(words)
            }
            _ => Right::Granted,
        })
    }

    pub(in crate::bus) async fn flow(&mut self) -> Result<Flow, InspectError> {
        let mut events = pin!(self.connection.events_listener());
        let publishing = async {
            let channel = self.channel().await?;
            let published = async {
                channel.confirm_select(ConfirmSelectOptions::default()).await?;
                let confirm = channel.basic_publish(
                    PROBE_EXCHANGE.into(),
                    PROBE_KEY.into(),
                    BasicPublishOptions::default(),
                    b"{}",
                    BasicProperties::default(),
                );
                confirm.await?.await
            };
            Ok(match answer(published.await)? {
                Answer::Done(_) => Flow::Free,
                Answer::Refused(AMQPSoftError::ACCESSREFUSED, words) => Flow::Denied(words),
                Answer::Refused(_, words) => return Err(InspectError::Unreachable(words)),
            })
        };
        let held_back = async {
            while let Some(event) = events.next().await {
                if let Event::ConnectionBlocked(words) = event {
                    return words;
                }
            }
            std::future::pending().await
        };
        tokio::select! {
            flow = publishing => flow,
            words = held_back => Ok(Flow::HeldBack(words)),
        }
    }

    pub(in crate::bus) async fn released(&self) {
        let mut events = pin!(self.connection.events_listener());
        let is_held_back = || {
            let status = self.connection.status();
            status.connected() && status.blocked()
        };
        while is_held_back() && events.next().await.is_some() {}
    }

    pub(in crate::bus) const fn names(&self) -> &Names {
        &self.names
    }

    pub(in crate::bus) async fn glimpse(
        &self,
        stream: String,
        time: Duration,
        most: usize,
    ) -> Result<Glimpse, InspectError> {
        let deadline = Instant::now() + time;
        let channel = self.channel().await?;
        // What is never acknowledged is never sent beyond this: a bound.
        let prefetch = u16::try_from(most).unwrap_or(u16::MAX);
        let limited = channel.basic_qos(prefetch, BasicQosOptions::default()).await;
        limited.map_err(|error| ConnectError::of(&error))?;
        let mut arguments = FieldTable::default();
        arguments.insert("x-stream-offset".into(), AMQPValue::LongString("last".into()));
        let consumer = channel.basic_consume(
            stream.as_str().into(),
            ShortString::default(),
            BasicConsumeOptions::default(),
            arguments,
        );
        let mut consumer = match answer(consumer.await)? {
            Answer::Done(consumer) => consumer,
            Answer::Refused(_, words) => return Ok(Glimpse::Denied(words)),
        };
        let mut seen = Vec::new();
        while seen.len() < most
            && let Ok(Some(Ok(delivery))) = timeout_at(deadline, consumer.next()).await
        {
            seen.push((now_ms(), received(0, delivery)));
        }
        Ok(Glimpse::Seen(seen))
    }

    pub(in crate::bus) async fn close(self) {
        if timeout(GOODBYE_LIMIT, self.connection.close(200, "OK".into())).await.is_err() {
            tracing::debug!("the broker did not answer the close");
        }
    }

    /// A channel of its own for each question: a refusal closes it.
    async fn channel(&self) -> Result<Channel, InspectError> {
        let created = self.connection.create_channel().await;
        Ok(created.map_err(|error| ConnectError::of(&error))?)
    }
}

/// Tells a refusal of one request from a broken connection.
fn answer<T>(outcome: lapin::Result<T>) -> Result<Answer<T>, InspectError> {
    match outcome {
        Ok(done) => Ok(Answer::Done(done)),
        Err(error) => match soft_error(&error) {
            Some(code) => Ok(Answer::Refused(code, reason(&error))),
            None => Err(ConnectError::of(&error).into()),
        },
    }
}

fn compared<T>(answer: Answer<T>) -> Declaration {
    match answer {
        Answer::Done(_) => Declaration::Same,
        Answer::Refused(AMQPSoftError::ACCESSREFUSED, words) => Declaration::Forbidden(words),
        Answer::Refused(_, words) => Declaration::Different(words),
    }
}
