//! One try to tell somebody something.

use std::borrow::Cow;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use resources_core::bus::Publisher;
use resources_core::telemetry::{Span, StepError, metrics};

use super::email::Email;
use super::exec::Exec;
use super::notification::{Listed, Notification};
use super::publish::PublishTo;
use super::webhook::Webhook;

/// Tries that failed, of all reactions.
pub(super) static FAILED: LazyLock<metrics::Counter> = LazyLock::new(|| {
    metrics::counter(
        "resources_reaction_failures_total",
        "Tries to tell somebody of alerts that failed",
    )
});

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
    /// What kind of failure it is, in one of few words.
    pub(super) class: Cow<'static, str>,
    /// What happened, without any secret.
    pub(super) cause: String,
    /// Whether another try could end otherwise.
    pub(super) worth_another_try: bool,
}

impl SendError {
    /// Another try may end otherwise.
    pub(super) fn passing(class: impl Into<Cow<'static, str>>, cause: impl ToString) -> Self {
        Self { class: class.into(), cause: cause.to_string(), worth_another_try: true }
    }

    /// It would end the same.
    pub(super) fn lasting(class: impl Into<Cow<'static, str>>, cause: impl ToString) -> Self {
        Self { class: class.into(), cause: cause.to_string(), worth_another_try: false }
    }

    /// What is to be told cannot be written.
    pub(super) fn unwritable(cause: impl ToString) -> Self {
        Self::lasting("template", cause)
    }
}

impl Sender {
    /// Tells `notification`, as a step of its trace; what comes back says how that went.
    pub(super) async fn send(
        &self,
        notification: &Notification,
        publisher: &Publisher,
    ) -> Result<String, SendError> {
        let (begun, parent) = (Instant::now(), notification.trace());
        let span = Span::after(parent);
        // Whoever is told follows from this step, when it is recorded.
        let told = match parent {
            Some(parent) if parent != span.trace() => {
                Cow::Owned(notification.told_by(span.trace()))
            }
            _ => Cow::Borrowed(notification),
        };
        let outcome = self.tell(&told, publisher).await;
        let kind = self.kind();
        metrics::handler(kind).observe(begun.elapsed().as_secs_f64());
        if outcome.is_err() {
            FAILED.inc();
        }
        let failed = outcome.as_ref().err();
        let failed = failed.map(|SendError { class, cause, .. }| StepError { class, cause });
        let reaction = [("resources.reaction", notification.reaction.to_string())];
        let others = notification.alerts.iter().skip(1).filter_map(Listed::trace);
        span.end_call(&format!("tell {kind}"), reaction, others, failed);
        outcome
    }

    const fn kind(&self) -> &'static str {
        match self {
            Self::Webhook(_) => "webhook",
            Self::Exec(_) => "exec",
            Self::Email(_) => "email",
            Self::Publish(_) => "publish",
            Self::Log => "log",
        }
    }

    async fn tell(
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
                    trace_id = notification.trace_id(),
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
    /// How long one try takes at most; `None` when that is for the broker to say.
    pub(super) fn longest_try(&self) -> Option<Duration> {
        match self {
            Self::Webhook(webhook) => Some(webhook.timeout()),
            Self::Exec(exec) => Some(exec.timeout()),
            Self::Email(email) => Some(email.longest_try()),
            Self::Publish(_) => None,
            Self::Log => Some(Duration::ZERO),
        }
    }

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
