//! Why a message is set aside.

use super::{HostName, Kind, MAX_BODY_BYTES};

/// Why a received message is set aside: it does not follow the contract, or nobody could deal
/// with it. Its text goes into the header of the
/// rejected message and into the log, so it names the field and what is allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// The body is larger than any message of ours.
    #[error("the body has {bytes} bytes, more than the {MAX_BODY_BYTES} allowed")]
    TooLarge {
        /// Size of the body.
        bytes: usize,
    },
    /// The routing key is not `<host>.<kind>`.
    #[error("{0}")]
    Key(String),
    /// The routing key is of another kind than the receiver handles.
    #[error("expected a message of kind {expected}, the routing key says {found}")]
    WrongKind {
        /// The kind this receiver handles.
        expected: Kind,
        /// The kind in the key.
        found: Kind,
    },
    /// The body is not JSON of the expected shape.
    #[error("the body does not parse: {0}")]
    Malformed(String),
    /// The host in the body is not the host of the routing key.
    #[error("the body speaks for host {body}, the routing key for {key}")]
    WrongHost {
        /// Host in the body.
        body: HostName,
        /// Host in the routing key.
        key: HostName,
    },
    /// A figure is outside its range.
    #[error("{field}: {value} is not {allowed}")]
    OutOfRange {
        /// Path of the field, such as `disks[0].used_bytes`.
        field: String,
        /// The value found.
        value: String,
        /// What is allowed.
        allowed: &'static str,
    },
    /// Whoever listens for it failed at it, for good.
    #[error("{0}")]
    Unhandled(String),
}

impl Rejection {
    /// What kind of reason it is, in a word or two: for counting alike ones together.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too large",
            Self::Key(_) => "bad routing key",
            Self::WrongKind { .. } => "wrong kind",
            Self::Malformed(_) => "malformed",
            Self::WrongHost { .. } => "wrong host",
            Self::OutOfRange { .. } => "out of range",
            Self::Unhandled(_) => "unhandled",
        }
    }
}
