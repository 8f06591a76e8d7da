//! Messages as text.

use axum::extract::ws::Utf8Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::protocol::Message;

/// A message whose analysis is in the words in which it came.
pub(super) type ServerMessage<'a> = Message<&'a RawValue>;

/// The frame that holds `message`.
pub(super) fn text<A: Serialize>(message: &Message<A>) -> Utf8Bytes {
    match serde_json::to_string(message) {
        Ok(text) => text.into(),
        // Only maps with keys other than text cannot be written; there are none.
        Err(error) => {
            tracing::error!(%error, "a message to the browsers could not be written");
            Utf8Bytes::from_static("{}")
        }
    }
}
