//! One try to tell somebody something.

use resources_core::bus::Publisher;

use super::email::Email;
use super::exec::Exec;
use super::notification::Notification;
use super::publish::PublishTo;
use super::webhook::Webhook;

/// How a reaction tells.
#[derive(Debug, Clone)]
pub(super) enum Sender {
    Webhook(Webhook),
    Exec(Exec),
    Email(Box<Email>),
    Publish(PublishTo),
    Log,
}

/// Why nobody was told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub(super) struct SendError {
    /// What happened, without any secret.
    pub(super) cause: String,
    /// Whether another try could end otherwise.
    pub(super) worth_another_try: bool,
}

impl SendError {
    /// Another try may end otherwise.
    pub(super) fn passing(cause: impl ToString) -> Self {
        Self { cause: cause.to_string(), worth_another_try: true }
    }

    /// It would end the same.
    pub(super) fn lasting(cause: impl ToString) -> Self {
        Self { cause: cause.to_string(), worth_another_try: false }
    }
}

impl Sender {
    /// Tells `notification`; what comes back says how that went.
    pub(super) async fn send(
        &self,
        notification: &Notification,
        publisher: &Publisher,
    ) -> Result<String, SendError> {
        match self {
            Self::Webhook(webhook) => webhook.send(notification).await,
            Self::Exec(exec) => exec.send(notification).await,
            Self::Email(email) => email.send(notification).await,
            Self::Publish(publish) => publish.send(notification, publisher).await,
            Self::Log => {
                tracing::info!(
                    reaction = &*notification.reaction,
                    notification = &*notification.id,
                    count = notification.group.count,
                    "{}",
                    notification.text()
                );
                Ok("it is in the log".to_owned())
            }
        }
    }
}

impl Sender {
    /// What it does, to whom, for people.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Webhook(webhook) => format!("the web hook at {}", webhook.place()),
            Self::Exec(exec) => format!("the program {}", exec.program()),
            Self::Email(email) => format!("{} by {}", email.receivers(), email.place()),
            Self::Publish(publish) => format!("whoever listens to {}", publish.key()),
            Self::Log => "the log".to_owned(),
        }
    }
}
