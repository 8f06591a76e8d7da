//! Nothing is to be told of a host for a while.

use serde::{Deserialize, Serialize};

use super::validate::{self, refuse, text, time, written};
use super::{AlertKind, HostName, Kind, Rejection};

/// For a time nobody is to be told of a host, or of one resource or one kind of condition of it,
/// published to `<host>.silence`. Alerts are raised and cleared as ever.
///
/// A silence is ended by the same message with an earlier [`until_ms`](Self::until_ms): of
/// several with one `id` the one that ends first counts, whatever their order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Silence {
    /// Identifies the silence.
    pub id: Box<str>,
    /// The host it is about.
    pub host: HostName,
    /// The resource it is about, named as in an analysis; absent when it is every one, and the
    /// host as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resource: Option<Box<str>>,
    /// What kind of condition it is about; absent when it is every one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<AlertKind>,
    /// When it begins: milliseconds since the Unix epoch, UTC.
    pub from_ms: u64,
    /// When it is over: milliseconds since the Unix epoch, UTC.
    pub until_ms: u64,
    /// Who asked for it.
    pub by: Box<str>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Box<str>>,
    /// When this message was made: milliseconds since the Unix epoch, UTC.
    pub timestamp_ms: u64,
}

impl Silence {
    /// Longest time from begin to end, in milliseconds: 30 days.
    pub const MAX_LENGTH_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

    /// Most characters of [`by`](Self::by), at least one of which is no space.
    pub const MAX_BY_CHARACTERS: usize = super::Acknowledgement::MAX_BY_CHARACTERS;

    /// Most characters of [`reason`](Self::reason).
    pub const MAX_REASON_CHARACTERS: usize = 500;

    /// Reads and checks a message received on routing key `key`.
    ///
    /// # Errors
    /// Says why the message does not follow the contract.
    pub fn decode(key: &str, body: &[u8]) -> Result<Self, Rejection> {
        let key_host = validate::host_of(key, Kind::Silence, body)?;
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
        if let Some(resource) = &self.resource {
            text(resource, 4_096, "at most 4,096 bytes", || "resource".into())?;
        }
        time(self.from_ms, || "from_ms".into())?;
        time(self.until_ms, || "until_ms".into())?;
        let length_ms = self.until_ms.checked_sub(self.from_ms);
        if length_ms.is_none_or(|length_ms| length_ms > Self::MAX_LENGTH_MS) {
            return refuse(
                || "until_ms".into(),
                self.until_ms,
                "from_ms or later, and at most 30 days later",
            );
        }
        validate::by(&self.by)?;
        if let Some(reason) = &self.reason {
            written(reason, Self::MAX_REASON_CHARACTERS, "at most 500 characters", || {
                "reason".into()
            })?;
        }
        time(self.timestamp_ms, || "timestamp_ms".into())
    }

    /// Whether it holds at `now_ms`.
    #[must_use]
    pub const fn runs_at(&self, now_ms: u64) -> bool {
        self.from_ms <= now_ms && now_ms < self.until_ms
    }

    /// Whether it is about conditions of `kind` of `resource` of `host`, whenever they are.
    #[must_use]
    pub fn covers(&self, host: &HostName, resource: Option<&str>, kind: AlertKind) -> bool {
        self.host == *host
            && self.resource.as_deref().is_none_or(|named| Some(named) == resource)
            && self.kind.is_none_or(|named| named == kind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence(resource: Option<&str>, kind: Option<AlertKind>) -> Silence {
        Silence {
            id: "s".into(),
            host: HostName::new("web").unwrap(),
            resource: resource.map(Into::into),
            kind,
            from_ms: 1_000,
            until_ms: 2_000,
            by: "ada".into(),
            reason: None,
            timestamp_ms: 1_000,
        }
    }

    #[test]
    fn what_is_not_named_is_covered_whole() {
        let (web, db) = (HostName::new("web").unwrap(), HostName::new("db").unwrap());
        let host = silence(None, None);
        assert!(host.covers(&web, Some("cpu"), AlertKind::Level));
        assert!(host.covers(&web, None, AlertKind::Silent));
        assert!(!host.covers(&db, Some("cpu"), AlertKind::Level));
        let cpu = silence(Some("cpu"), None);
        assert!(cpu.covers(&web, Some("cpu"), AlertKind::Flapping));
        assert!(!cpu.covers(&web, Some("memory"), AlertKind::Level));
        assert!(!cpu.covers(&web, None, AlertKind::Silent));
        let silent = silence(None, Some(AlertKind::Silent));
        assert!(silent.covers(&web, None, AlertKind::Silent));
        assert!(!silent.covers(&web, Some("cpu"), AlertKind::Level));
    }

    #[test]
    fn it_runs_from_its_begin_and_ends_with_its_end() {
        let silence = silence(None, None);
        assert_eq!(
            [999, 1_000, 1_999, 2_000].map(|at| silence.runs_at(at)),
            [false, true, true, false]
        );
    }
}
