//! Routing keys: who speaks (the host) and what about (the kind).

use std::fmt;
use std::str::FromStr;

use super::{HostName, HostNameError};

/// What a message is: the last word of its routing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// One reading of one host, from a tracker.
    Measure,
    /// The same reading, classified, from an analyzer.
    Analysis,
    /// A change worth a reaction, from the observer.
    Alert,
    /// Somebody knows of an alert, from a web server or a person's own program.
    Acknowledgement,
    /// Nothing is to be told of a host for a while, likewise.
    Silence,
}

impl Kind {
    /// Every kind there is.
    pub const ALL: [Self; 5] =
        [Self::Measure, Self::Analysis, Self::Alert, Self::Acknowledgement, Self::Silence];

    /// The word in the routing key.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Measure => "measure",
            Self::Analysis => "analysis",
            Self::Alert => "alert",
            Self::Acknowledgement => "acknowledgement",
            Self::Silence => "silence",
        }
    }

    /// The binding pattern that takes all messages of this kind, from any host, dotted or not.
    #[must_use]
    pub const fn pattern(self) -> &'static str {
        match self {
            Self::Measure => "#.measure",
            Self::Analysis => "#.analysis",
            Self::Alert => "#.alert",
            Self::Acknowledgement => "#.acknowledgement",
            Self::Silence => "#.silence",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// `<host>.<kind>`: the last word is the kind, all before it the host, which may have dots.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoutingKey {
    /// The host the message is about.
    pub host: HostName,
    /// What the message is.
    pub kind: Kind,
}

/// Why a routing key is not `<host>.<kind>`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoutingKeyError {
    /// The last word is none of the kinds.
    #[error(
        "routing key {0:?} does not end in .measure, .analysis, .alert, .acknowledgement or .silence"
    )]
    Kind(String),
    /// What stands before the kind is not a host name.
    #[error("routing key {key:?}: {source}")]
    Host {
        /// The refused key.
        key: String,
        /// What is wrong with the host.
        source: HostNameError,
    },
}

impl RoutingKey {
    /// The key of messages of `kind` about `host`.
    #[must_use]
    pub const fn new(host: HostName, kind: Kind) -> Self {
        Self { host, kind }
    }
}

impl FromStr for RoutingKey {
    type Err = RoutingKeyError;

    fn from_str(key: &str) -> Result<Self, Self::Err> {
        let foreign = || RoutingKeyError::Kind(key.to_owned());
        let (host, kind) = key.rsplit_once('.').ok_or_else(foreign)?;
        let kind =
            Kind::ALL.into_iter().find(|known| known.as_str() == kind).ok_or_else(foreign)?;
        let host = HostName::new(host)
            .map_err(|source| RoutingKeyError::Host { key: key.to_owned(), source })?;
        Ok(Self { host, kind })
    }
}

impl fmt::Display for RoutingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.host, self.kind)
    }
}

/// Any key a message may be published to, ours or a module's own: 1–255 bytes, no white space
/// or control characters, none of the pattern characters `*` and `#`, no empty word.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Topic(Box<str>);

/// Why a text cannot be published to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a routing key: {reason}")]
pub struct TopicError {
    text: String,
    reason: &'static str,
}

impl Topic {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, TopicError> {
        let refuse = |reason| Err(TopicError { text: text.chars().take(300).collect(), reason });
        match text {
            "" => refuse("it is empty"),
            _ if text.len() > 255 => refuse("it has more than 255 bytes"),
            _ if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                refuse("it holds white space or control characters")
            }
            _ if text.contains(['*', '#']) => refuse("'*' and '#' are for patterns"),
            _ if text.split('.').any(str::is_empty) => refuse("it has an empty word"),
            _ => Ok(Self(text.into())),
        }
    }

    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last word: for our own keys the kind of the message.
    #[must_use]
    pub fn last_word(&self) -> &str {
        self.0.rsplit('.').next().unwrap_or(&self.0)
    }
}

impl From<RoutingKey> for Topic {
    /// Never fails: a host name and a kind make a valid key of at most 216 bytes.
    fn from(key: RoutingKey) -> Self {
        Self([key.host.as_str(), ".", key.kind.as_str()].concat().into())
    }
}

impl FromStr for Topic {
    type Err = TopicError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_the_kind_and_all_before_it_the_host() {
        let key: RoutingKey = "web-1.eu.example.com.measure".parse().unwrap();
        assert_eq!(key.host.as_str(), "web-1.eu.example.com");
        assert_eq!(key.kind, Kind::Measure);
        assert_eq!(key.to_string(), "web-1.eu.example.com.measure");
    }

    #[test]
    fn a_host_may_be_named_like_a_kind() {
        let key: RoutingKey = "measure.analysis".parse().unwrap();
        assert_eq!((key.host.as_str(), key.kind), ("measure", Kind::Analysis));
    }

    #[test]
    fn refuses_keys_without_host_or_known_kind() {
        for key in ["", "measure", ".measure", "web.metrics", "web", "we b.measure", "a..measure"] {
            assert!(key.parse::<RoutingKey>().is_err(), "{key:?} must be refused");
        }
    }

    #[test]
    fn a_topic_is_any_publishable_key() {
        assert_eq!(Topic::new("terminator_detected").unwrap().last_word(), "terminator_detected");
        assert_eq!(Topic::new("a.b.measure").unwrap().last_word(), "measure");
        for text in ["", "a b", "a.*", "#", "a..b", ".a", "a\u{7}", &"x".repeat(256)] {
            assert!(Topic::new(text).is_err(), "{text:?} must be refused");
        }
    }
}
