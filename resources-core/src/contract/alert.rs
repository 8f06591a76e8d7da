//! A change worth a reaction.

use serde::{Deserialize, Serialize};

use super::validate::{self, integer, percentage, text, time};
use super::{HostName, Kind, Level, Rejection};

/// A condition of one resource of one host that began or ended, published to `<host>.alert`.
///
/// For one host, resource and kind, raised and cleared strictly alternate, repeats left out; of
/// `level` and `flapping` one resource has at most one at a time, and of `silent` and `stopped` one
/// host ([`AlertKind::slot`]). An observer with an older copy of its state may raise anew what is raised:
/// then the episode that was raised before has ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alert {
    /// Identifies the episode: the same for its raised and its cleared message.
    pub id: Box<str>,
    /// The host it is about.
    pub host: HostName,
    /// The resource it is about, named as in an analysis; absent when it is the whole host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<str>>,
    /// Whether it began or ended.
    pub state: AlertState,
    /// What kind of condition it is.
    pub kind: AlertKind,
    /// Level at that moment, where the condition has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub level: Option<Level>,
    /// Usage at that moment, 0–100, where the condition has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<f64>,
    /// How often this was told before: absent the first time. Otherwise it only reminds of what
    /// is raised already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u64>,
    /// When the condition began: milliseconds since the Unix epoch, UTC.
    pub since_ms: u64,
    /// When this message was made: milliseconds since the Unix epoch, UTC.
    pub timestamp_ms: u64,
}

/// Whether a condition began or ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertState {
    /// It began.
    Raised,
    /// It ended.
    Cleared,
}

/// What kind of condition an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(rename_all = "lowercase")]
pub enum AlertKind {
    /// A resource reached a level.
    Level,
    /// The host sends nothing.
    Silent,
    /// A resource changes between its levels so often that it is told once, until it is calm.
    Flapping,
    /// The host's tracker was stopped, and said so.
    Stopped,
    /// The host started anew, or its tracker did without having said that it stops.
    Restarted,
    /// The host's clock is off.
    Clock,
    /// Nothing arrives from any host: the broker, the analyzers or the observer were away. Its
    /// host is [`Alert::PIPELINE`].
    Pipeline,
}

impl AlertKind {
    /// The kind that stands for those of which a host, or a resource of it, has at most one at a
    /// time.
    #[must_use]
    pub const fn slot(self) -> Self {
        match self {
            Self::Flapping => Self::Level,
            Self::Stopped => Self::Silent,
            own => own,
        }
    }
}

impl Alert {
    /// The host of alerts about the way from trackers to here, which is no machine's.
    pub const PIPELINE: &str = "resources.pipeline";

    /// Reads and checks a message received on routing key `key`.
    ///
    /// # Errors
    /// Says why the message does not follow the contract.
    pub fn decode(key: &str, body: &[u8]) -> Result<Self, Rejection> {
        let key_host = validate::host_of(key, Kind::Alert, body)?;
        let alert: Self = validate::object(body)?;
        validate::same_host(&alert.host, &key_host)?;
        text(&alert.id, 64, "at most 64 bytes", || "id".into())?;
        if let Some(value) = alert.percentage {
            percentage(value, || "percentage".into())?;
        }
        if let Some(repeat) = alert.repeat {
            integer(repeat, || "repeat".into())?;
        }
        time(alert.since_ms, || "since_ms".into())?;
        time(alert.timestamp_ms, || "timestamp_ms".into())?;
        Ok(alert)
    }
}
