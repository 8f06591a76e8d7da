//! `resources send`: publishes one message and waits until the broker has it.

use std::io::Read as _;
use std::time::Duration;

use clap::Args;
use resources_core::bus::{Bus, BusArgs, Message, PublishError};
use resources_core::contract::{MAX_BODY_BYTES, Topic, TraceParent};
use resources_core::service::{Failure, now_ms, parse_duration};
use tokio_util::sync::CancellationToken;

use super::{close, trouble};
use crate::args::{QuietLogArgs, remote};

/// Publish one message and wait until the broker has it.
///
/// The body is JSON. A text that is not JSON is sent as a JSON string, so that
/// `resources send terminator_detected 'Terminator just dropped in our space-time'` works.
#[derive(Debug, Args)]
pub(crate) struct SendArgs {
    /// The routing key, such as `web.measure`.
    #[arg(value_name = "KEY")]
    topic: Topic,

    /// The body; `-` reads it from standard input; `{}` when there is none.
    #[arg(value_name = "JSON|-", allow_negative_numbers = true)]
    body: Option<String>,

    /// How long to wait for the broker to confirm.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = parse_duration)]
    timeout: Duration,

    #[command(flatten)]
    bus: BusArgs,

    #[command(flatten)]
    pub(crate) log: QuietLogArgs,
}

/// Exits well only once the broker has the message in some queue.
pub(crate) async fn run(args: SendArgs, stop: CancellationToken) -> Result<(), Failure> {
    let config = remote(&args.bus)?;
    let body = match args.body.as_deref() {
        None => "{}".to_owned(),
        Some("-") => from_input(std::io::stdin().lock())?,
        Some(text) => as_json(text),
    };
    if body.len() > MAX_BODY_BYTES {
        return Err(too_large());
    }
    let url = config.url.clone();
    let bus = Bus::open(config);
    let message = Message {
        topic: args.topic,
        body: body.into(),
        timestamp_ms: now_ms(),
        trace: TraceParent::begin(),
    };
    let publisher = bus.publisher();
    let outcome = tokio::select! {
        outcome = publisher.publish_until_confirmed(&message) => outcome.map_err(|error| match error {
            PublishError::Unroutable(topic) => Failure::failed(format_args!(
                "nobody listens to `{topic}`: no queue is bound for it, so the message was dropped"
            )),
            error => Failure::failed(error),
        }),
        reason = bus.refused() => {
            Err(Failure::failed(format_args!("the broker at {url} refused: {reason}")))
        }
        () = tokio::time::sleep(args.timeout) => Err(match trouble(&bus) {
            Some(reason) => Failure::failed(format_args!(
                "cannot reach the broker at {url} within {:?}: {reason}", args.timeout
            )),
            None => Failure::failed(format_args!(
                "the broker at {url} did not confirm within {:?}; it may have the message or not",
                args.timeout
            )),
        }),
        () = stop.cancelled() => Err(Failure::failed("stopped before the broker confirmed")),
    };
    close(&bus).await;
    outcome
}

/// Reads the whole body, but no more than can be sent.
fn from_input(input: impl std::io::Read) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = MAX_BODY_BYTES as u64 + 1;
    let mut input = input.take(limit);
    input
        .read_to_string(&mut text)
        // The bound may cut a character in two.
        .map_err(|error| {
            if input.limit() == 0 {
                too_large()
            } else {
                Failure::settings(format_args!(
                    "the body on standard input cannot be read: {error}"
                ))
            }
        })?;
    if text.len() > MAX_BODY_BYTES {
        return Err(too_large());
    }
    // The line end belongs to the shell, not to the text.
    Ok(as_json(text.strip_suffix('\n').map_or(&*text, |line| line.trim_end_matches('\r'))))
}

fn too_large() -> Failure {
    Failure::settings(format_args!("the body has more than the {MAX_BODY_BYTES} bytes allowed"))
}

/// `text` as it is when it is JSON, else as a JSON string.
fn as_json(text: &str) -> String {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => text.to_owned(),
        Err(_) => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stays_as_it_is_and_other_text_becomes_a_string() {
        assert_eq!(as_json(r#"{"cpu_percentage": 80}"#), r#"{"cpu_percentage": 80}"#);
        assert_eq!(as_json("80"), "80");
        assert_eq!(as_json(r#"say "hi""#), r#""say \"hi\"""#);
        assert_eq!(as_json("{broken"), r#""{broken""#);
        assert_eq!(as_json(""), r#""""#);
    }

    #[test]
    fn input_loses_its_line_end_and_has_a_limit() {
        assert_eq!(from_input(&b"hello\r\n"[..]).unwrap(), r#""hello""#);
        assert_eq!(from_input(&b"[1,\n2]\n"[..]).unwrap(), "[1,\n2]");
        let full = vec![b'1'; MAX_BODY_BYTES];
        assert_eq!(from_input(&full[..]).unwrap().len(), MAX_BODY_BYTES);
        for (body, wanted) in [
            (vec![b'1'; MAX_BODY_BYTES + 1], "262144"),
            ("ä".repeat(MAX_BODY_BYTES).into_bytes(), "262144"),
            (vec![0xff], "UTF-8"),
        ] {
            let error = from_input(&body[..]).unwrap_err();
            assert!(matches!(error, Failure::Settings(_)));
            assert!(error.to_string().contains(wanted), "{error}");
        }
    }
}
