//! The messages of docs/api.md, borrowed from what they tell.

use axum::extract::ws::Utf8Bytes;
use resources_core::bus::Link;
use serde::Serialize;

use crate::fleet::{ChangedHosts, HostsWithPoints};
use crate::history::HistoryState;

/// Version of the protocol; another one when an older page could not read it.
pub(super) const PROTOCOL: u32 = 1;

/// `History` of docs/api.md: whether what is told is kept as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub(crate) enum HistoryStatus {
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

/// One text frame to a browser.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum ServerMessage<'a> {
    Snapshot {
        protocol: u32,
        server_version: &'a str,
        server_time_ms: u64,
        link: &'a Link,
        history: &'a HistoryStatus,
        hosts: HostsWithPoints<'a>,
    },
    Changes {
        server_time_ms: u64,
        hosts: ChangedHosts<'a>,
    },
    Link {
        server_time_ms: u64,
        link: &'a Link,
    },
    History {
        server_time_ms: u64,
        history: &'a HistoryStatus,
    },
    Heartbeat {
        server_time_ms: u64,
    },
}

impl ServerMessage<'_> {
    pub(super) fn to_text(&self) -> Utf8Bytes {
        match serde_json::to_string(self) {
            Ok(text) => text.into(),
            // Only maps with keys other than text cannot be written; there are none.
            Err(error) => {
                tracing::error!(%error, "a message to the browsers could not be written");
                Utf8Bytes::from_static("{}")
            }
        }
    }
}
