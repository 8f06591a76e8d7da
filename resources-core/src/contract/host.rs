//! The name of a monitored host.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Longest host name, in bytes; leaves room for the kind in a routing key of 255 bytes.
pub const MAX_HOST_BYTES: usize = 200;

/// A checked host name: 1–200 bytes of ASCII letters, digits, `-`, `_` and `.`, no empty label.
///
/// The only way to hold a host's name, so whoever has one may put it in a routing key, a page
/// or a log line without checking again. Cloning is cheap.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(type = "string"))]
pub struct HostName(Arc<str>);

/// Why a text is not a host name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostNameError {
    /// No character at all.
    #[error("a host name must not be empty")]
    Empty,
    /// Longer than 200 bytes.
    #[error("a host name has at most {MAX_HOST_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A character outside the allowed set.
    #[error(
        "host name {name:?} holds {character:?}; allowed are letters, digits, '-', '_' and '.'"
    )]
    Character {
        /// The refused name.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// Two dots in a row, or a dot at an end.
    #[error("host name {0:?} has an empty label: two dots in a row or a dot at an end")]
    EmptyLabel(String),
}

impl HostName {
    /// Checks `name` and keeps it.
    ///
    /// # Errors
    /// Says which rule the name breaks.
    pub fn new(name: &str) -> Result<Self, HostNameError> {
        Self::check(name)?;
        Ok(Self(name.into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn check(name: &str) -> Result<(), HostNameError> {
        if name.is_empty() {
            return Err(HostNameError::Empty);
        }
        if name.len() > MAX_HOST_BYTES {
            return Err(HostNameError::TooLong(name.len()));
        }
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
        if !name.as_bytes().iter().all(allowed) {
            let foreign = |c: &char| !(c.is_ascii() && allowed(&(*c as u8)));
            let character = name.chars().find(foreign).unwrap_or_default();
            return Err(HostNameError::Character { name: name.to_owned(), character });
        }
        if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
            return Err(HostNameError::EmptyLabel(name.to_owned()));
        }
        Ok(())
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::new(name)
    }
}

impl AsRef<str> for HostName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

/// Lets a map keyed by `HostName` be asked with a `&str`.
impl std::borrow::Borrow<str> for HostName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for HostName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for HostName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = HostName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a host name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<HostName, E> {
                HostName::new(name).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_plain_dotted_and_underscored_names() {
        for name in ["a", "web-1", "web-1.eu.example.com", "DB_2", &"x".repeat(200)] {
            assert_eq!(HostName::new(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_what_could_not_be_a_routing_key_or_would_mislead() {
        for name in
            ["", ".", "a.", ".a", "a..b", "a b", "a*", "#", "a\n", "ä", "a/b", &"x".repeat(201)]
        {
            assert!(HostName::new(name).is_err(), "{name:?} must be refused");
        }
    }

    #[test]
    fn names_the_first_character_that_is_wrong() {
        let error = HostName::new("web 1").unwrap_err().to_string();
        assert!(error.contains("' '"), "{error}");
    }
}
