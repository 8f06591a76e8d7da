//! How a message looks on standard output.

use std::borrow::Cow;

use resources_core::bus::Delivery;
use serde::Serialize;
use serde_json::value::RawValue;

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
    Value(serde_json::Value),
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
