//! What server and page say to each other over the WebSocket, as docs/api.md describes it.
//!
//! The same types write and read, so that programs and tests understand what they are sent; the
//! page's types are generated from them. [`View`](crate::client::View) puts messages together.

mod alerts;
mod look;
mod row;

use std::sync::Arc;

use resources_core::bus::Link;
use resources_core::contract::{Analysis, HostName, Labels, ResourceThresholds, System};
use serde::{Deserialize, Serialize};

use crate::history::HistoryState;
pub use crate::pipeline::{Pipeline, PipelineState};
pub use alerts::{
    Acknowledged, AlertEntry, AlertList, Alerts, AlertsStatus, MAX_ACTIVE, NewAcknowledgement,
    NewSilence, Silence, Silences,
};
pub use look::{BadLook, Look, MAX_LOOK_BYTES, PageMessage};
pub use row::{Field, Figures, Row};

/// Version of the protocol; another one when an older page could not read it.
pub const PROTOCOL: u32 = 2;

/// One text frame to a page. `A` is an analysis as it came over the bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(concrete(A = Analysis)))]
pub enum Message<A = Analysis> {
    /// All there is; replaces what was known.
    Snapshot(Snapshot),
    /// What was missed follows; nothing is to be thrown away.
    Resumed(Resumed),
    /// What changed since the message before.
    Changes(Changes),
    /// The link to the broker is in another state.
    Link {
        /// One more than that of the message before.
        number: u64,
        /// When it was sent.
        server_time_ms: u64,
        /// Its state.
        link: Link,
    },
    /// History does otherwise than before.
    History {
        /// One more than that of the message before.
        number: u64,
        /// When it was sent.
        server_time_ms: u64,
        /// How it does.
        history: HistoryStatus,
    },
    /// The way from tracker to dashboard does otherwise than before.
    Pipeline {
        /// One more than that of the message before.
        number: u64,
        /// When it was sent.
        server_time_ms: u64,
        /// What it does.
        pipeline: Pipeline,
    },
    /// Alerts are others than before.
    Alerts(Alerts),
    /// The server is there.
    Heartbeat {
        /// When it was sent.
        server_time_ms: u64,
    },
    /// The last points of hosts newly looked at.
    Points {
        /// When it was sent.
        server_time_ms: u64,
        /// Each host by its index.
        hosts: Vec<(u32, Series)>,
    },
    /// All that is known of one host that is looked at.
    Detail(Detail<A>),
}

impl<A> Message<A> {
    /// When it was sent, by the server's clock.
    #[must_use]
    pub const fn server_time_ms(&self) -> u64 {
        match self {
            Self::Snapshot(snapshot) => snapshot.server_time_ms,
            Self::Resumed(resumed) => resumed.server_time_ms,
            Self::Changes(changes) => changes.server_time_ms,
            Self::Detail(detail) => detail.server_time_ms,
            Self::Alerts(alerts) => alerts.server_time_ms,
            Self::Link { server_time_ms, .. }
            | Self::History { server_time_ms, .. }
            | Self::Pipeline { server_time_ms, .. }
            | Self::Heartbeat { server_time_ms }
            | Self::Points { server_time_ms, .. } => *server_time_ms,
        }
    }
}

/// All there is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Snapshot {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// This run of the server; what is numbered is numbered within it.
    pub session: Box<str>,
    /// Number of the last message that is in it.
    pub number: u64,
    /// Version of the server.
    pub server_version: Box<str>,
    /// When it was made.
    pub server_time_ms: u64,
    /// Least time between two messages of changes, in milliseconds; 0 for none.
    pub push_interval_ms: u64,
    /// State of the link to the broker.
    pub link: Link,
    /// How history does.
    pub history: HistoryStatus,
    /// What the way from tracker to dashboard does.
    pub pipeline: Pipeline,
    /// Every host by its index.
    pub hosts: Vec<(u32, Info)>,
    /// All figures of each.
    pub rows: Vec<Row>,
}

/// Where a page goes on that was away for a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Resumed {
    /// [`PROTOCOL`].
    pub protocol: u32,
    /// This run of the server, as the page said.
    pub session: Box<str>,
    /// Number of the last message the page has, as it said.
    pub number: u64,
    /// When it was made.
    pub server_time_ms: u64,
    /// State of the link to the broker now.
    pub link: Link,
    /// How history does now.
    pub history: HistoryStatus,
    /// What the way from tracker to dashboard does now.
    pub pipeline: Pipeline,
}

/// What changed, to be applied in the order of the fields. An empty list is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Changes {
    /// One more than that of the message before.
    pub number: u64,
    /// When it was sent.
    pub server_time_ms: u64,
    /// Hosts that are no more; their indices may be given to others from here on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<u32>>", optional))]
    pub gone: Vec<u32>,
    /// Hosts that are new, or whose information changed: all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<(u32, Info)>>", optional))]
    pub hosts: Vec<(u32, Info)>,
    /// A row for each host with a newer sample: what changed since its row before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<Row>>", optional))]
    pub rows: Vec<Row>,
    /// Samples that no row tells, because a newer one came before them: index, timestamp and
    /// tenths of a percent of CPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<(u32, u64, u16)>>", optional))]
    pub points: Vec<(u32, u64, u16)>,
}

/// What hardly ever changes of a host on a page.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Info {
    /// Its name.
    pub host: HostName,
    /// Time between samples as the tracker promises it, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// What it calls itself besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Arc<Labels>>,
    /// Main memory, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_total_bytes: Option<u64>,
    /// When it started, by its own clock, to within 5 s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booted_ms: Option<u64>,
    /// The resources that have the level of the host, when that is above LOW and it is not the
    /// CPU alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<Box<str>>>", optional))]
    pub causes: Vec<Box<str>>,
    /// Samples that came at least 2 s behind a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_samples: Option<u64>,
    /// When the last of them came, by the server's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_ms: Option<u64>,
    /// Samples its tracker had to drop, since the server first heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_samples: Option<u64>,
}

/// Points of one host, oldest first: a timestamp and tenths of a percent of CPU, then for each
/// further point the milliseconds since the one before and its CPU.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Series(pub Vec<u64>);

/// All that is known of one host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields, concrete(A = Analysis)))]
pub struct Detail<A = Analysis> {
    /// When it was sent.
    pub server_time_ms: u64,
    /// The name that is looked at.
    pub host: Box<str>,
    /// Its newest analysis as it came over the bus; `null`, and nothing more, when no such host
    /// is known.
    #[cfg_attr(test, ts(as = "Option<Analysis>", optional = false))]
    pub analysis: Option<A>,
    /// When the server received that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_ms: Option<u64>,
    /// The last it told; it comes about once a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<Arc<System>>,
    /// The last it told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<Arc<Labels>>,
    /// The last its analyzer told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Arc<[ResourceThresholds]>>,
    /// The host's clock less the server's, so far as delays let it be seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
    /// Samples that came at least 2 s behind a newer one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_samples: Option<u64>,
    /// Samples its tracker had to drop, since the server first heard of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_samples: Option<u64>,
}

/// `History` of docs/api.md: whether what is told is kept as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS), ts(rename = "History"))]
pub enum HistoryStatus {
    /// Nothing is kept.
    Off,
    /// Everything is kept.
    On,
    /// What comes is not kept for now, and will be taken from the stream later.
    Lagging {
        /// Why, in words for people.
        reason: Box<str>,
    },
}

impl From<&HistoryState> for HistoryStatus {
    fn from(state: &HistoryState) -> Self {
        match state {
            HistoryState::Off => Self::Off,
            HistoryState::On => Self::On,
            HistoryState::Lagging { reason } => Self::Lagging { reason: reason.clone() },
        }
    }
}

#[cfg(test)]
mod types;
