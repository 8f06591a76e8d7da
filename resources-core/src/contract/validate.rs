//! Range checks shared by every message, each naming the field that failed.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};

use super::{
    Acknowledgement, HostName, Kind, MAX_BODY_BYTES, MAX_INTEGER, MAX_TIME_MS, Rejection,
    RoutingKey, Thresholds,
};

/// Checks size and key of a received message and gives the host it is about.
pub(super) fn host_of(key: &str, expected: Kind, body: &[u8]) -> Result<HostName, Rejection> {
    if body.len() > MAX_BODY_BYTES {
        return Err(Rejection::TooLarge { bytes: body.len() });
    }
    let key: RoutingKey = key.parse().map_err(|error| Rejection::Key(format!("{error}")))?;
    if key.kind == expected {
        Ok(key.host)
    } else {
        Err(Rejection::WrongKind { expected, found: key.kind })
    }
}

/// Checks that the body speaks for the host of the key.
pub(super) fn same_host(body: &HostName, key: &HostName) -> Result<(), Rejection> {
    if body == key {
        Ok(())
    } else {
        Err(Rejection::WrongHost { body: body.clone(), key: key.clone() })
    }
}

/// Longest reason, in characters: it goes into a header and a log line.
const MAX_REASON: usize = 200;

/// Reads a JSON object in UTF-8. An array would be taken for the fields in their order of
/// declaration; and what is passed on unread must be text as well.
pub(super) fn object<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(Rejection::Malformed("it is not a JSON object".to_owned()));
    }
    let text = std::str::from_utf8(body)
        .map_err(|error| Rejection::Malformed(format!("it is not UTF-8: {error}")))?;
    serde_json::from_str(text).map_err(|error| malformed(&error))
}

/// Reads a value that may be missing, but is not `null` when it is there.
pub(super) fn not_null<'de, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(value).map(Some)
}

/// Reads a flag; `null` is false.
pub(super) fn or_false<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

/// Turns a JSON error into the reason, shortened, as it may quote the input.
pub(super) fn malformed(error: &serde_json::Error) -> Rejection {
    let mut reason = error.to_string();
    if let Some((end, _)) = reason.char_indices().nth(MAX_REASON) {
        reason.truncate(end);
        reason.push('…');
    }
    Rejection::Malformed(reason)
}

pub(super) fn refuse<T>(
    field: impl FnOnce() -> String,
    value: impl ToString,
    allowed: &'static str,
) -> Result<T, Rejection> {
    Err(Rejection::OutOfRange { field: field(), value: value.to_string(), allowed })
}

pub(super) fn percentage(value: f64, field: impl FnOnce() -> String) -> Result<(), Rejection> {
    if (0.0..=100.0).contains(&value) {
        Ok(())
    } else {
        refuse(field, value, "a percentage, 0–100")
    }
}

pub(super) fn thresholds(
    medium: f64,
    high: f64,
    field: impl FnOnce() -> String,
) -> Result<(), Rejection> {
    match Thresholds::new(medium, high) {
        Ok(_) => Ok(()),
        Err(_) => refuse(field, format!("medium {medium}, high {high}"), "0 ≤ medium ≤ high ≤ 100"),
    }
}

pub(super) fn not_negative(value: f64, field: impl FnOnce() -> String) -> Result<(), Rejection> {
    if value.is_finite() && value >= 0.0 {
        Ok(())
    } else {
        refuse(field, value, "a finite number of at least 0")
    }
}

pub(super) fn celsius(value: f64, field: impl FnOnce() -> String) -> Result<(), Rejection> {
    if (-273.15..=10_000.0).contains(&value) {
        Ok(())
    } else {
        refuse(field, value, "a temperature, −273.15 to 10,000 °C")
    }
}

pub(super) fn integer(value: u64, field: impl FnOnce() -> String) -> Result<(), Rejection> {
    if value <= MAX_INTEGER { Ok(()) } else { refuse(field, value, "an integer below 2^53") }
}

pub(super) fn time(value: u64, field: impl FnOnce() -> String) -> Result<(), Rejection> {
    if value <= MAX_TIME_MS { Ok(()) } else { refuse(field, value, "a time before the year 10000") }
}

pub(super) fn at_most(
    value: u64,
    total: u64,
    field: impl FnOnce() -> String,
) -> Result<(), Rejection> {
    if value <= total { Ok(()) } else { refuse(field, value, "at most the total") }
}

pub(super) fn text(
    value: &str,
    max_bytes: usize,
    allowed: &'static str,
    field: impl FnOnce() -> String,
) -> Result<(), Rejection> {
    if value.len() <= max_bytes {
        Ok(())
    } else {
        refuse(field, format!("a text of {} bytes", value.len()), allowed)
    }
}

/// Text a person wrote, with line ends and tabs but without other control characters.
pub(super) fn written(
    value: &str,
    max_characters: usize,
    allowed: &'static str,
    field: impl FnOnce() -> String,
) -> Result<(), Rejection> {
    let characters = value.chars().count();
    if characters > max_characters {
        refuse(field, format!("a text of {characters} characters"), allowed)
    } else if value.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        refuse(field, "a text with control characters", "a text that can be shown")
    } else {
        Ok(())
    }
}

/// The name of whoever did something.
pub(super) fn by(value: &str) -> Result<(), Rejection> {
    const ALLOWED: &str = "a name of 1–64 characters without control characters";
    let characters = value.chars().count();
    if characters > Acknowledgement::MAX_BY_CHARACTERS {
        refuse(|| "by".into(), format!("a text of {characters} characters"), ALLOWED)
    } else if value.trim().is_empty() || value.contains(char::is_control) {
        refuse(|| "by".into(), format!("{value:?}"), ALLOWED)
    } else {
        Ok(())
    }
}
