//! How a message looks on standard output.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use clap::ValueEnum;
use resources_core::bus::Delivery;
use resources_core::contract::MAX_TIME_MS;
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// How a message is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For programs: one line of JSON, the body as it came.
    Json,
    /// For people: time, routing key, and the fields of the body as `name=value`.
    Text,
}

impl Format {
    /// `delivery` in one line, with its line end.
    pub(crate) fn line(self, delivery: &Delivery) -> serde_json::Result<Vec<u8>> {
        match self {
            Self::Json => line(delivery),
            Self::Text => {
                Ok(text(&delivery.topic, delivery.timestamp_ms, &delivery.body).into_bytes())
            }
        }
    }
}

/// One line of `resources listen`; described in `docs/cli.md`.
#[derive(Serialize)]
struct Line<'a> {
    topic: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trace_id: Option<String>,
    body: Body<'a>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Body<'a> {
    /// JSON, byte for byte as it came.
    Raw(&'a RawValue),
    /// JSON that had line ends in it.
    Value(Value),
    Text(Cow<'a, str>),
}

/// `delivery` as JSON in one line, with its line end.
pub(crate) fn line(delivery: &Delivery) -> serde_json::Result<Vec<u8>> {
    let line = Line {
        topic: &delivery.topic,
        timestamp_ms: delivery.timestamp_ms,
        trace_id: delivery.trace.map(|trace| format!("{:032x}", trace.trace_id())),
        body: body(&delivery.body),
    };
    let mut bytes = Vec::with_capacity(delivery.body.len() + 128);
    serde_json::to_writer(&mut bytes, &line)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A message for people, in one line.
fn text(topic: &str, timestamp_ms: Option<u64>, body: &[u8]) -> String {
    let time = timestamp_ms
        .filter(|ms| *ms <= MAX_TIME_MS)
        .map(|ms| UNIX_EPOCH + Duration::from_millis(ms))
        .map_or_else(|| "-".into(), |time| humantime::format_rfc3339_seconds(time).to_string());
    let body = match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => {
            let fields =
                fields.iter().map(|(name, value)| format!("{}={}", word(name), short(value)));
            fields.collect::<Vec<_>>().join(" ")
        }
        Ok(Value::String(text)) => visible(&text),
        Ok(value) => value.to_string(),
        Err(_) => visible(&String::from_utf8_lossy(body)),
    };
    format!("{time} {} {body}\n", visible(topic))
}

/// Texts without quotes where they need none, everything else as JSON.
fn short(value: &Value) -> String {
    match value {
        Value::String(text) => word(text),
        value => value.to_string(),
    }
}

fn word(text: &str) -> String {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"\"=".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        visible(&Value::from(text).to_string())
    }
}

/// `text` without what would move a terminal's cursor, or worse.
fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() {
            write!(shown, "{}", c.escape_default()).unwrap_or_default();
        } else {
            shown.push(c);
        }
    }
    shown
}

fn body(bytes: &[u8]) -> Body<'_> {
    match serde_json::from_slice::<&RawValue>(bytes) {
        Ok(raw) if !raw.get().contains(['\n', '\r']) => Body::Raw(raw),
        Ok(raw) => match serde_json::from_str(raw.get()) {
            Ok(value) => Body::Value(value),
            Err(_) => Body::Text(raw.get().into()),
        },
        Err(_) => Body::Text(String::from_utf8_lossy(bytes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_people_a_message_is_its_time_its_key_and_its_fields() {
        for (body, expected) in [
            (
                r#"{"host": "web-1", "percentage": 93.5, "note": "disk full", "labels": {"a": 1}}"#,
                r#"host=web-1 labels={"a":1} note="disk full" percentage=93.5"#,
            ),
            (r#""Terminator just dropped""#, "Terminator just dropped"),
            ("\"\\u001b[2J\\n\"", "\\u{1b}[2J\\n"),
            (r#"{"": "", "a": "b\u0007"}"#, r#"""="" a="b\u0007""#),
            ("[1, 2]", "[1,2]"),
            ("no json\r", "no json\\r"),
        ] {
            let line = text("web.alert", Some(1_767_268_800_123), body.as_bytes());
            assert_eq!(line, format!("2026-01-01T12:00:00Z web.alert {expected}\n"));
        }
        for timestamp_ms in [None, Some(u64::MAX)] {
            assert_eq!(text("a\u{7}", timestamp_ms, b"1"), "- a\\u{7} 1\n");
        }
    }

    fn shown(bytes: &[u8]) -> String {
        serde_json::to_string(&body(bytes)).unwrap()
    }

    #[test]
    fn json_is_shown_as_it_came_and_anything_else_as_text() {
        assert_eq!(shown(br#"{"b": 1.50, "a": 2}"#), r#"{"b": 1.50, "a": 2}"#);
        assert_eq!(shown(b"{\"b\":\n 1}"), r#"{"b":1}"#);
        assert_eq!(shown(b"plain words"), r#""plain words""#);
        assert_eq!(shown(b"\xff"), "\"\u{fffd}\"");
        assert_eq!(shown(b""), r#""""#);
    }
}
