//! What pages are told of alerts, and what they say to them.

use resources_core::contract::{self, AlertKind, HostName, Level};
use serde::{Deserialize, Serialize};

/// Most active alerts a page is told of: the newest.
pub const MAX_ACTIVE: usize = 1_000;

/// `{"type":"alerts"}`: how many alerts are active, and the newest of them.
///
/// Behind a snapshot it comes without a number and with `active`, which replaces all that was
/// known. Otherwise it is numbered, and tells what changed since the one before. A page keeps the
/// newest [`MAX_ACTIVE`], by `since_ms` and then by `id`, and of every host how many it has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Alerts {
    /// One more than that of the message before; absent behind a snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// When it was sent.
    pub server_time_ms: u64,
    /// Whether that is all there is.
    pub status: AlertsStatus,
    /// Active alerts that are neither acknowledged nor silenced.
    pub count: u64,
    /// All active alerts.
    pub total: u64,
    /// The newest active ones, newest first; replaces what was known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<Vec<AlertEntry>>,
    /// Active ones that are new among the newest, or otherwise than before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<AlertEntry>>", optional))]
    pub changed: Vec<AlertEntry>,
    /// The `id`s of those that ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<Box<str>>>", optional))]
    pub cleared: Vec<Box<str>>,
    /// How many active alerts a host has: behind a snapshot of every host that has any, which
    /// replaces what was known, otherwise of those of which that may have changed, down to 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(test, ts(as = "Option<Vec<(HostName, u32)>>", optional))]
    pub hosts: Vec<(HostName, u32)>,
}

/// Whether what is told of alerts is all there is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum AlertsStatus {
    /// It is.
    #[default]
    On,
    /// Those of before the server's start are being read; nothing is told until they are.
    Reading,
    /// They cannot be written. They are told all the same, and the stream keeps them.
    Lagging {
        /// Why, in words for people.
        reason: Box<str>,
    },
    /// So many could not be written that none is read any more: what was published later is not
    /// told until they can.
    Halted {
        /// Why, in words for people.
        reason: Box<str>,
        /// When the last was published that is told.
        after_ms: u64,
    },
}

/// One episode of an alert, from raised to cleared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct AlertEntry {
    /// Identifies the episode.
    pub id: Box<str>,
    /// The host it is about.
    pub host: HostName,
    /// The resource it is about; absent when it is the whole host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<str>>,
    /// What kind of condition it is.
    pub kind: AlertKind,
    /// Level of the last message while it was raised, where the condition has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Usage at that moment, 0–100, where the condition has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<f64>,
    /// When the condition began.
    pub since_ms: u64,
    /// When the last message of it was made.
    pub timestamp_ms: u64,
    /// When it ended; absent while it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cleared_ms: Option<u64>,
    /// How often it was told again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u64>,
    /// Who knows of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledged: Option<Acknowledged>,
    /// Until when nobody is told of it; absent when it is not silenced now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silenced_until_ms: Option<u64>,
}

/// Who knows of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Acknowledged {
    /// Who acknowledged it.
    pub by: Box<str>,
    /// When.
    pub at_ms: u64,
    /// What they said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Box<str>>,
}

/// `GET /api/v1/alerts`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct AlertList {
    /// Whether that is all there is.
    pub status: AlertsStatus,
    /// Active ones first, by when they began; then those that ended, by when they did; each the
    /// newest first.
    pub alerts: Vec<AlertEntry>,
    /// Where there are more: the parameter `before` of the next question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Box<str>>,
}

/// `POST /api/v1/alerts/{id}/acknowledgement`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewAcknowledgement {
    /// Who acknowledges; may be left out where a proxy tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
    /// What they say of it, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Box<str>>,
}

/// `POST /api/v1/silences`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct NewSilence {
    /// The host it is about.
    pub host: HostName,
    /// The resource it is about; every one, and the host as a whole, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<str>>,
    /// What kind of condition it is about; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AlertKind>,
    /// How long it lasts, at most 30 days.
    pub for_ms: u64,
    /// Who asks for it; may be left out where a proxy tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Box<str>>,
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

/// `GET /api/v1/silences`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Silences {
    /// Those that hold now, the one that ends first first.
    pub silences: Vec<Silence>,
}

/// A time in which nobody is told of a host, or of a part of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS), ts(optional_fields))]
pub struct Silence {
    /// Identifies the silence.
    pub id: Box<str>,
    /// The host it is about.
    pub host: HostName,
    /// The resource it is about; every one, and the host as a whole, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<str>>,
    /// What kind of condition it is about; every one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AlertKind>,
    /// When it began.
    pub from_ms: u64,
    /// When it is over.
    pub until_ms: u64,
    /// Who asked for it.
    pub by: Box<str>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
}

impl From<contract::Silence> for Silence {
    fn from(silence: contract::Silence) -> Self {
        let contract::Silence { id, host, resource, kind, from_ms, until_ms, by, reason, .. } =
            silence;
        Self { id, host, resource, kind, from_ms, until_ms, by, reason }
    }
}
