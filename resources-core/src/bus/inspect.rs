//! A look at a broker that changes nothing there: what is declared, what this user may do, what
//! flows. For a program that tells an operator what is wrong.

use std::time::Duration;

use super::Delivery;
use super::amqp;
use super::settings::{BrokerUrl, BusConfig};
use super::topology::ListenerName;

/// Where a message that is for nobody goes; see [`Inspector::flow`]. Every broker has this exchange,
/// and whoever listens to all keys of ours does not listen there.
pub(super) const PROBE_EXCHANGE: &str = "amq.direct";

/// The key of that message.
pub(super) const PROBE_KEY: &str = "resources.probe";

/// One connection to look through.
#[derive(Debug)]
pub struct Inspector(amqp::Inspector);

/// Why nothing can be seen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InspectError {
    /// Nobody answered, or the connection broke.
    #[error("{0}")]
    Unreachable(String),
    /// The broker answered no: wrong credentials, no such virtual host.
    #[error("{0}")]
    Refused(String),
}

/// A part of the topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The exchange every message is published to.
    Exchange,
    /// The exchange for messages that are set aside.
    RejectedExchange,
    /// The queue of measures.
    Measures,
    /// The stream of analyses.
    Analyses,
    /// The stream of alerts.
    Alerts,
    /// The queue of messages that were set aside.
    Rejected,
    /// The queue of the listeners of one name.
    Named,
}

/// What was seen of one part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartState {
    /// Which part.
    pub part: Part,
    /// Its name at the broker.
    pub name: String,
    /// Whether it is there, and how.
    pub presence: Presence,
}

/// Whether a part is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presence {
    /// It is not.
    Missing,
    /// It is.
    There {
        /// Messages ready for a consumer; 0 for exchanges and, whatever it holds, for a stream.
        messages: u32,
        /// Its consumers; 0 for exchanges.
        consumers: u32,
        /// How it compares with what the services declare.
        declaration: Declaration,
    },
}

/// How a part that is there compares with what the services declare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Declaration {
    /// The same.
    Same,
    /// Another kind, or other arguments; the broker's words.
    Different(String),
    /// This user may not declare, so it was not compared; the broker's words.
    Forbidden(String),
}

/// Whether this user may do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Right {
    /// It may.
    Granted,
    /// It may not; the broker's words.
    Denied(String),
}

/// Whether what is published gets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flow {
    /// It does.
    Free,
    /// The broker holds it back (a memory or disk alarm); the broker's words.
    HeldBack(String),
    /// This user may not publish, so nobody knows; the broker's words.
    Denied(String),
}

/// How many measures wait to be analysed, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backlog {
    /// Measures in the queue that no analyzer has taken.
    pub measures: u32,
    /// Analyzers that take measures.
    pub consumers: u32,
}

/// What was read of a stream.
#[derive(Debug, Clone)]
pub enum Glimpse {
    /// The last ones there were and those that came while looking, in order, each with when it
    /// came: milliseconds since the Unix epoch, UTC.
    Seen(Vec<(u64, Delivery)>),
    /// It cannot be read; the broker's words.
    Denied(String),
}

impl Inspector {
    /// Connects and logs in; declares nothing.
    ///
    /// # Errors
    /// Why there is no connection; for a bus inside this process, that there is none to look at.
    pub async fn connect(config: &BusConfig) -> Result<Self, InspectError> {
        match &config.url {
            BrokerUrl::Amqp(url) => amqp::Inspector::connect(config, url).await.map(Self),
            BrokerUrl::Memory => {
                Err(InspectError::Unreachable("a bus inside a process cannot be looked at".into()))
            }
        }
    }

    /// Every part of the topology. First asks whether a part is there, passively. One that is
    /// there is then declared once more, which the broker answers by comparing and nothing else.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn topology(&mut self) -> Result<Vec<PartState>, InspectError> {
        self.0.topology().await
    }

    /// The queue of the listeners of this name, looked at like the parts of the topology.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn named(&mut self, listener: &ListenerName) -> Result<PartState, InspectError> {
        self.0.named(listener).await
    }

    /// The queue of measures, asked for passively; `None` when it is not there.
    ///
    /// # Errors
    /// When the connection breaks, or this user may not see the queue.
    pub async fn backlog(&mut self) -> Result<Option<Backlog>, InspectError> {
        self.0.backlog().await
    }

    /// Whether this user may publish to the exchange: asks to take away a binding of the
    /// exchange that is not there, for which a user needs that right. Rights that hold for some
    /// routing keys only are not seen.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn may_publish(&mut self) -> Result<Right, InspectError> {
        self.0.may_publish().await
    }

    /// Whether what is published gets through. Only who publishes is told of an alarm of the
    /// broker, so this publishes `{}` under the key `resources.probe` to the exchange `amq.direct`,
    /// where no queue takes it. While it is held back the broker answers nothing else over this connection.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn flow(&mut self) -> Result<Flow, InspectError> {
        self.0.flow().await
    }

    /// Resolves when the broker holds nothing of this connection back any more, or it broke. Safe
    /// to drop and call again.
    pub async fn released(&mut self) {
        self.0.released().await;
    }

    /// Reads the end of the stream of analyses, and what comes within `time`; at most `most`.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn glimpse(&mut self, time: Duration, most: usize) -> Result<Glimpse, InspectError> {
        self.0.glimpse(self.0.names().analyses(), time, most).await
    }

    /// The same of the stream of alerts.
    ///
    /// # Errors
    /// When the connection breaks.
    pub async fn glimpse_alerts(
        &mut self,
        time: Duration,
        most: usize,
    ) -> Result<Glimpse, InspectError> {
        self.0.glimpse(self.0.names().alerts(), time, most).await
    }

    /// Says good-bye, within a bound.
    pub async fn close(self) {
        self.0.close().await;
    }
}
