//! Rejected messages for people.

use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use resources_core::bus::Delivery;
use resources_core::contract::MAX_TIME_MS;

use super::identity::Identity;

/// Most characters of a body that are shown.
const SHOWN: usize = 4_000;

/// One line for each message: number, id, time of the message, size, key and reason.
pub(super) fn list(messages: &[Delivery], more: bool) -> String {
    if messages.is_empty() {
        return "no message is set aside\n".to_owned();
    }
    let key_width = messages.iter().map(|message| message.topic.len()).max().unwrap_or(0).max(3);
    let mut text = format!(
        "{:>5}  {:16}  {:20}  {:>7}  {:key_width$}  reason\n",
        "", "id", "time", "bytes", "key"
    );
    for (message, number) in messages.iter().zip(1..) {
        // Writing to a string does not fail.
        let _written = writeln!(
            text,
            "{number:>5}  {}  {:20}  {:>7}  {:key_width$}  {}",
            Identity::of(message),
            time(message),
            message.body.len(),
            printable(&message.topic),
            reason(message)
        );
    }
    if more {
        text.push_str("there are more; see --limit\n");
    }
    text
}

/// Everything about one message.
pub(super) fn whole(message: &Delivery) -> String {
    let body = String::from_utf8_lossy(&message.body);
    let shown: String = body.chars().take(SHOWN).collect();
    let rest = if shown.len() < body.len() { "\n… (cut)" } else { "" };
    let trace = message.trace.map(|trace| trace.to_string()).unwrap_or_else(|| "-".to_owned());
    format!(
        "id      {}\nkey     {}\nreason  {}\ntime    {}\ntrace   {trace}\nbytes   {}\n\n{}{rest}\n",
        Identity::of(message),
        printable(&message.topic),
        reason(message),
        time(message),
        message.body.len(),
        shown
            .chars()
            .map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c })
            .collect::<String>(),
    )
}

/// The sender's time of the message, UTC.
fn time(message: &Delivery) -> String {
    let time =
        message.timestamp_ms.and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)));
    match time {
        // Of what is later there is no such text.
        Some(time) if message.timestamp_ms <= Some(MAX_TIME_MS) => {
            humantime::format_rfc3339_seconds(time).to_string()
        }
        _ => "-".to_owned(),
    }
}

fn reason(message: &Delivery) -> String {
    printable(message.rejection.as_deref().unwrap_or("no reason is given"))
}

/// What others sent must not steer a terminal.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
