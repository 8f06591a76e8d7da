//! How a message that was set aside is named: by what it is, so that the name holds between
//! calls. Messages that are the same in everything share it.

use std::fmt;
use std::str::FromStr;

use resources_core::bus::{Delivery, fingerprint};

/// A fingerprint of key, time, reason and body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity(u64);

/// One message, by its place in the list or by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    /// From 1.
    Number(u32),
    Id(Identity),
}

impl Identity {
    pub(super) fn of(message: &Delivery) -> Self {
        let time = message.timestamp_ms.unwrap_or(0).to_be_bytes();
        let reason = message.rejection.as_deref().unwrap_or_default();
        Self::of_parts(&[message.topic.as_bytes(), &time, reason.as_bytes(), &message.body])
    }

    fn of_parts(parts: &[&[u8]]) -> Self {
        // Its length before each, so that no byte can move from one part to the next.
        let lengths: Vec<_> = parts.iter().map(|part| part.len().to_be_bytes()).collect();
        let bytes = lengths.iter().zip(parts).flat_map(|(length, part)| length.iter().chain(*part));
        Self(fingerprint(bytes))
    }
}

impl Which {
    /// Whether it is `message`, which has this `number` in the list.
    pub(super) fn is(&self, message: &Delivery, number: u32) -> bool {
        match self {
            Self::Number(wanted) => *wanted == number,
            Self::Id(id) => *id == Identity::of(message),
        }
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "number {number}"),
            Self::Id(id) => write!(f, "{id}"),
        }
    }
}

impl FromStr for Identity {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let id = u64::from_str_radix(text, 16).ok().filter(|_| digits);
        id.map(Self).ok_or("an id has 16 hexadecimal digits; see `resources rejected list`")
    }
}

impl FromStr for Which {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() == 16 {
            return text.parse().map(Self::Id);
        }
        let number = text.parse().ok().filter(|number| *number > 0);
        number.map(Self::Number).ok_or(
            "give a number from 1, or an id of 16 hexadecimal digits; see `resources rejected list`",
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_the_same_in_every_build_and_depends_on_every_part() {
        let of = |parts: &[&[u8]]| Identity::of_parts(parts).to_string();
        assert_eq!(of(&[]), "cbf29ce484222325");
        assert_eq!(of(&[b"a", b"b"]), of(&[b"a", b"b"]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"ab", b""]));
        assert_ne!(of(&[b"a", b"b"]), of(&[b"a", b"c"]));
    }

    #[test]
    fn a_message_is_named_by_number_or_id() {
        let id = "00ff00ff00ff00ff";
        assert_eq!(id.parse::<Identity>().unwrap().to_string(), id);
        assert!(matches!(id.parse(), Ok(Which::Id(_))));
        assert_eq!("7".parse(), Ok(Which::Number(7)));
        for text in ["0", "", "-1", "x", "00ff", "+0ff00ff00ff00ff"] {
            assert!(text.parse::<Which>().is_err(), "{text:?}");
        }
    }
}
