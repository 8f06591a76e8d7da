//! Publishes to another key of the same exchange.

use resources_core::bus::{Message, PublishError, Publisher};
use resources_core::contract::{MAX_BODY_BYTES, Topic};
use resources_core::service::now_ms;
use resources_core::telemetry::{begin_trace, next_of};

use super::config::Mistake;
use super::file::PublishTable;
use super::notification::Notification;
use super::sender::SendError;
use super::template::{Form, Template};

/// The kinds that other parts understand: what a reaction says is none of them.
const KINDS: [&str; 5] = ["measure", "analysis", "alert", "acknowledgement", "silence"];

/// Another key.
#[derive(Debug, Clone)]
pub(super) struct PublishTo {
    /// As it is written.
    shown: String,
    key: Template,
    template: Option<Template>,
}

impl PublishTo {
    pub(super) fn new(table: PublishTable) -> Result<Self, Mistake> {
        let PublishTable { key, template } = table;
        let parsed = Template::new(key.get_ref().clone(), Form::Plain)
            .map_err(|reason| Mistake::of(&key, format!("key: {reason}")))?;
        let tried = parsed.render(&Notification::made_up("test", 0, None, false));
        tried.and_then(|text| topic(&text)).map_err(|reason| Mistake::of(&key, reason))?;
        let template = template
            .map(|source| {
                Template::new(source.get_ref().clone(), Form::Json)
                    .map_err(|reason| Mistake::of(&source, reason))
            })
            .transpose()?;
        Ok(Self { shown: key.into_inner(), key: parsed, template })
    }

    /// The key, as it is written.
    pub(super) fn key(&self) -> &str {
        &self.shown
    }

    pub(super) async fn send(
        &self,
        notification: &Notification,
        publisher: &Publisher,
    ) -> Result<String, SendError> {
        let key = self.key.render(notification).map_err(SendError::unwritable)?;
        let topic = topic(&key).map_err(SendError::unwritable)?;
        let body = match &self.template {
            Some(template) => fitting(notification, |some| template.render(some)),
            None => fitting(notification, json),
        };
        let body = body.map_err(SendError::unwritable)?;
        let message = message(topic, body, notification);
        match publisher.publish(&message).await {
            Ok(()) => Ok(format!("the broker has it on {key}")),
            Err(PublishError::Unroutable(_)) => Ok(format!("nobody listens to {key}")),
            Err(error @ PublishError::Refused(_)) => {
                Err(SendError::lasting("refused", format!("publishing to {key}: {error}")))
            }
            Err(error) => {
                Err(SendError::passing("not_accepted", format!("publishing to {key}: {error}")))
            }
        }
    }
}

/// What `write` makes of a notification: with fewer alerts listed when it would be larger than
/// what listeners take.
pub(super) fn fitting(
    notification: &Notification,
    write: impl Fn(&Notification) -> Result<String, String>,
) -> Result<String, String> {
    let (mut listed, mut body) = (notification.alerts.len(), write(notification)?);
    while body.len() > MAX_BODY_BYTES {
        let bytes = body.len();
        let fewer = listed.checked_sub(1).ok_or_else(|| {
            format!("it has {bytes} bytes without any alert, more than {MAX_BODY_BYTES}")
        })?;
        listed = fewer.min(listed * MAX_BODY_BYTES / bytes);
        body = write(&notification.listing(listed))?;
    }
    Ok(body)
}

/// The notification as it is.
pub(super) fn json(notification: &Notification) -> Result<String, String> {
    serde_json::to_string(notification).map_err(|error| error.to_string())
}

/// The message of a notification, in its trace.
pub(super) fn message(topic: Topic, body: String, notification: &Notification) -> Message {
    Message {
        topic,
        body: body.into_bytes().into(),
        timestamp_ms: now_ms(),
        trace: notification.trace().map_or_else(begin_trace, next_of),
    }
}

fn topic(key: &str) -> Result<Topic, String> {
    let topic = Topic::new(key).map_err(|error| format!("key: {error}"))?;
    match KINDS.iter().find(|kind| **kind == topic.last_word()) {
        None => Ok(topic),
        Some(kind) => Err(format!(
            "key: what ends in .{kind} is for the parts of this program; end it otherwise"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_nobody_would_take_lists_fewer_alerts() {
        let mut notification = Notification::made_up("x", 0, None, false);
        let mut one = notification.alerts.remove(0);
        one.alert.resource = Some(format!("disk:/srv/{}", "x".repeat(100)).into());
        notification.alerts = vec![one; 1_000];
        notification.group.count = 1_005;
        assert!(json(&notification).unwrap().len() > MAX_BODY_BYTES);
        let body = fitting(&notification, json).unwrap();
        assert!((MAX_BODY_BYTES / 2..=MAX_BODY_BYTES).contains(&body.len()), "{}", body.len());
        let read: Notification = serde_json::from_str(&body).unwrap();
        assert_eq!(read.alerts.len() as u64 + read.truncated.unwrap(), 1_005);
        assert_eq!(read.id, notification.id);
        let small = notification.listing(3);
        assert_eq!(fitting(&small, json), json(&small));
        let error = fitting(&small, |_| Ok("x".repeat(MAX_BODY_BYTES + 1))).unwrap_err();
        assert!(error.contains("without any alert"), "{error}");
    }
}
