//! Publishes to another key of the same exchange.

use resources_core::bus::{Message, PublishError, Publisher};
use resources_core::contract::Topic;
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
        let key = self.key.render(notification).map_err(SendError::lasting)?;
        let topic = topic(&key).map_err(SendError::lasting)?;
        let body = match &self.template {
            Some(template) => template.render(notification).map_err(SendError::lasting)?,
            None => serde_json::to_string(notification).map_err(SendError::lasting)?,
        };
        let message = message(topic, body, notification);
        match publisher.publish(&message).await {
            Ok(()) => Ok(format!("the broker has it on {key}")),
            Err(PublishError::Unroutable(_)) => Ok(format!("nobody listens to {key}")),
            Err(error @ PublishError::Refused(_)) => {
                Err(SendError::lasting(format!("publishing to {key}: {error}")))
            }
            Err(error) => Err(SendError::passing(format!("publishing to {key}: {error}"))),
        }
    }
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
