//! Somebody knows of an alert.

use serde::{Deserialize, Serialize};

use super::validate::{self, text, time, written};
use super::{HostName, Kind, Rejection};

/// Somebody has seen an episode and cares for it, published to `<host>.acknowledgement`: whoever
/// reminds of what is raised stops doing so for this episode.
///
/// Of several for one episode the one with the latest [`timestamp_ms`](Self::timestamp_ms) counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acknowledgement {
    /// The episode: the `id` of its alerts.
    pub id: Box<str>,
    /// The host the episode is about.
    pub host: HostName,
    /// Who acknowledges it.
    pub by: Box<str>,
    /// What they say of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Box<str>>,
    /// When they did: milliseconds since the Unix epoch, UTC.
    pub timestamp_ms: u64,
}

impl Acknowledgement {
    /// Most characters of [`by`](Self::by), at least one of which is no space.
    pub const MAX_BY_CHARACTERS: usize = 64;

    /// Most characters of [`note`](Self::note).
    pub const MAX_NOTE_CHARACTERS: usize = 500;

    /// Reads and checks a message received on routing key `key`.
    ///
    /// # Errors
    /// Says why the message does not follow the contract.
    pub fn decode(key: &str, body: &[u8]) -> Result<Self, Rejection> {
        let key_host = validate::host_of(key, Kind::Acknowledgement, body)?;
        let taken: Self = validate::object(body)?;
        validate::same_host(&taken.host, &key_host)?;
        taken.validate()?;
        Ok(taken)
    }

    /// Whether every field is within its range.
    ///
    /// # Errors
    /// Names the field that is not, and what is allowed.
    pub fn validate(&self) -> Result<(), Rejection> {
        text(&self.id, 64, "at most 64 bytes", || "id".into())?;
        validate::by(&self.by)?;
        if let Some(note) = &self.note {
            written(note, Self::MAX_NOTE_CHARACTERS, "at most 500 characters", || "note".into())?;
        }
        time(self.timestamp_ms, || "timestamp_ms".into())
    }
}
