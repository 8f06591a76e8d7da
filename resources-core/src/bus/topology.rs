//! The names of exchanges and queues, and the bounds that hold for them.
//!
//! Every part declares all of it, so that start order does not matter; only the queues of
//! listeners with a name are declared by those listeners alone.

use std::fmt;
use std::str::FromStr;

/// Names of exchanges and queues, all made from the exchange's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    exchange: String,
}

impl Names {
    /// Names made from `exchange`; `None` unless it is 1–200 letters, digits, `-`, `_`, `.`
    /// or `:`.
    #[must_use]
    pub fn new(exchange: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        // `amq.` belongs to the broker.
        let fits = (1..=200).contains(&exchange.len())
            && exchange.bytes().all(allowed)
            && !exchange.starts_with("amq.");
        fits.then(|| Self { exchange: exchange.to_owned() })
    }

    /// The topic exchange every message is published to.
    #[must_use]
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The quorum queue of measures, shared by the analyzers.
    #[must_use]
    pub fn measures(&self) -> String {
        format!("{}.measures", self.exchange)
    }

    /// The stream of analyses.
    #[must_use]
    pub fn analyses(&self) -> String {
        format!("{}.analyses", self.exchange)
    }

    /// The stream of alerts, and of what people say to them: acknowledgements and silences.
    #[must_use]
    pub fn alerts(&self) -> String {
        format!("{}.alerts", self.exchange)
    }

    /// Both the exchange for messages that are set aside and the queue that keeps them.
    #[must_use]
    pub fn rejected(&self) -> String {
        format!("{}.rejected", self.exchange)
    }

    /// The quorum queue that all listeners with this name share.
    #[must_use]
    pub fn on(&self, listener: &ListenerName) -> String {
        format!("{}.on.{listener}", self.exchange)
    }
}

impl Default for Names {
    fn default() -> Self {
        Self { exchange: "resources".to_owned() }
    }
}

/// What listeners that share a queue call themselves: 1–50 letters, digits, `-`, `_` or `.`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerName(Box<str>);

/// A text is not the name of a listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no name for a listener: use 1–50 letters, digits, '-', '_' and '.'")]
pub struct ListenerNameError(String);

impl ListenerName {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// Says what is allowed.
    pub fn new(text: &str) -> Result<Self, ListenerNameError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        // With the longest exchange's name before it, it is just short enough for a broker.
        if (1..=50).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ListenerNameError(text.chars().take(100).collect()))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ListenerName {
    type Err = ListenerNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for ListenerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Most the queue of measures holds, in bytes, before its oldest messages move to the rejected
/// queue: about a day of 10 hosts, or 15 minutes of 1,000, at one measure of 1 KB a second.
pub(crate) const MEASURES_MAX_BYTES: i64 = 1 << 30;

/// Deliveries of one measure before it is set aside: a message that ends every analyzer that
/// takes it must not do so for ever.
pub(crate) const MEASURES_DELIVERY_LIMIT: i64 = 20;

/// How long the stream of analyses keeps a message at least, in the broker's notation.
pub(crate) const ANALYSES_MAX_AGE: &str = "1D";

/// Most the stream of analyses holds, in bytes.
pub(crate) const ANALYSES_MAX_BYTES: i64 = 4 << 30;

/// Size of a segment file of the stream, in bytes; retention drops whole segments.
pub(crate) const ANALYSES_SEGMENT_BYTES: i64 = 64 << 20;

/// How long the stream of alerts keeps a message at least, in the broker's notation.
pub(crate) const ALERTS_MAX_AGE: &str = "7D";

/// Most the stream of alerts holds, in bytes: about a million alerts.
pub(crate) const ALERTS_MAX_BYTES: i64 = 256 << 20;

/// Size of a segment file of the stream of alerts, in bytes.
pub(crate) const ALERTS_SEGMENT_BYTES: i64 = 16 << 20;

/// Most the rejected queue holds, in bytes, before its oldest messages are dropped.
pub(crate) const REJECTED_MAX_BYTES: i64 = 64 << 20;

/// Deliveries of one rejected message before the broker drops it: as good as never, as whoever
/// looks at the queue takes its messages and gives them back. Newer brokers have a low default.
pub(crate) const REJECTED_DELIVERY_LIMIT: i64 = 1_000_000;

/// Most the queue of listeners with a name holds, in bytes, before its oldest messages move to
/// the rejected queue.
pub(crate) const NAMED_MAX_BYTES: i64 = 256 << 20;

/// Deliveries of one message to listeners with a name before it is set aside.
pub(crate) const NAMED_DELIVERY_LIMIT: i64 = MEASURES_DELIVERY_LIMIT;

/// Most a subscription to patterns holds while its reader is slow, in messages and in bytes,
/// whichever it has first.
pub(crate) const PATTERNS_MAX_MESSAGES: i64 = 100_000;
pub(crate) const PATTERNS_MAX_BYTES: i64 = NAMED_MAX_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listeners_have_plain_names_that_leave_room_for_the_exchange() {
        let names = Names::new(&"x".repeat(200)).unwrap();
        let longest = ListenerName::new(&"y".repeat(50)).unwrap();
        assert!(names.on(&longest).len() <= 255);
        assert_eq!(Names::default().on(&"pager-1.eu".parse().unwrap()), "resources.on.pager-1.eu");
        for text in ["", "a b", "a/b", "é", "#", &"y".repeat(51)] {
            let error = ListenerName::new(text).unwrap_err().to_string();
            assert!(error.contains("1–50 letters"), "{error}");
        }
    }
}
