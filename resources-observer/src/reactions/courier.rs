//! Brings the notifications of one reaction to whom they are for, and does not give up soon.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use resources_core::bus::{Backoff, Publisher};
use resources_core::contract::Topic;
use resources_core::service::now_ms;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::notification::Notification;
use super::outbox::Formed;
use super::publish;
use super::sender::SendError;
use super::service::Event;
use super::{Config, Mode, Reaction};

/// Waits between tries double from the one to the other.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long a try may go on when the service stops.
const LAST_LIMIT: Duration = Duration::from_secs(3);

/// A notification that is done with.
pub(super) struct Settled {
    pub(super) reaction: usize,
    pub(super) id: Box<str>,
}

/// Tells what one reaction has to tell.
pub(super) struct Courier {
    pub(super) config: Arc<Config>,
    pub(super) place: usize,
    pub(super) mode: Mode,
    /// What is told, when it is told over the broker.
    pub(super) told_over: Publisher,
    /// What is given up.
    pub(super) publisher: Publisher,
    pub(super) settled: mpsc::Sender<Event>,
    pub(super) stop: CancellationToken,
}

impl Courier {
    /// Tells until `stop`, as many notifications at a time as the reaction allows.
    pub(super) async fn run(self, to_tell: mpsc::Receiver<Formed>) {
        let next = |mut to_tell: mpsc::Receiver<Formed>| async {
            tokio::select! {
                () = self.stop.cancelled() => None,
                formed = to_tell.recv() => formed.map(|formed| (formed, to_tell)),
            }
        };
        let parallel = self.reaction().limits.parallel;
        stream::unfold(to_tell, next)
            .for_each_concurrent(parallel, |formed| self.see_through(formed))
            .await;
    }

    fn reaction(&self) -> &Reaction {
        &self.config.reactions[self.place]
    }

    /// Tells one notification, or gives it up. When the service stops first it is told again at
    /// the next start.
    async fn see_through(&self, formed: Formed) {
        let tried = async {
            match self.mode {
                Mode::DryRun => self.only_say(&formed.notification),
                Mode::Act => {
                    if let Err(given_up) = self.persevere(&formed).await {
                        self.set_aside(&formed.notification, &given_up).await;
                    }
                }
            }
        };
        let stopped = async {
            self.stop.cancelled().await;
            sleep(LAST_LIMIT).await;
        };
        tokio::select! {
            () = tried => {}
            () = stopped => return,
        }
        let settled = Settled { reaction: self.place, id: formed.notification.id };
        // The thread ends only after all couriers did.
        self.settled.send(Event::Settled(settled)).await.ok();
    }

    fn only_say(&self, notification: &Notification) {
        let Reaction { name, sender, .. } = self.reaction();
        tracing::info!(
            reaction = &**name,
            notification = &*notification.id,
            count = notification.group.count,
            "would tell {}: {}",
            sender.place(),
            notification.text().replace('\n', "; "),
        );
    }

    /// Tries until somebody was told, or until it has been tried for long enough.
    async fn persevere(&self, formed: &Formed) -> Result<(), GivenUp> {
        let Reaction { name, sender, retry_for, .. } = self.reaction();
        let Formed { at_ms, notification } = formed;
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or_default();
        let mut tries = 0_u32;
        loop {
            tries += 1;
            let SendError { cause, worth_another_try } =
                match sender.send(notification, &self.told_over).await {
                    Ok(how) => {
                        tracing::info!(
                            reaction = &**name,
                            notification = &*notification.id,
                            count = notification.group.count,
                            tries,
                            "reaction {name} told {} alerts: {how}",
                            notification.group.count,
                        );
                        return Ok(());
                    }
                    Err(error) => error,
                };
            let spent = Duration::from_millis(now_ms().saturating_sub(*at_ms));
            if !worth_another_try || spent >= *retry_for {
                return Err(GivenUp { cause, tries });
            }
            if tries == 1 {
                tracing::warn!(
                    reaction = &**name,
                    notification = &*notification.id,
                    "reaction {name} failed and is tried again: {cause}"
                );
            }
            // Tried once more when the time is over, and not long before.
            let left = retry_for.saturating_sub(spent).max(FIRST_WAIT);
            let wait = backoff.next_wait().min(left);
            if timeout(wait, self.stop.cancelled()).await.is_ok() {
                // Nothing is given up because the service stops.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn set_aside(&self, notification: &Notification, given_up: &GivenUp) {
        let name = &self.reaction().name;
        let GivenUp { cause, tries } = given_up;
        tracing::error!(
            reaction = &**name,
            notification = &*notification.id,
            tries,
            "reaction {name} was given up after {tries} tries, and is in the rejected queue: {cause}"
        );
        let reason = format!("reaction {name} was given up after {tries} tries: {cause}");
        let topic = Topic::new(&format!("{name}.notification"));
        let body = serde_json::to_string(notification);
        if let (Ok(topic), Ok(body)) = (topic, body) {
            let message = publish::message(topic, body, notification);
            if let Err(error) = self.publisher.give_up(&message, &reason).await {
                tracing::error!(%error, "a notification could not be set aside: {error}");
            }
        }
    }
}

/// Nobody could be told.
struct GivenUp {
    cause: String,
    tries: u32,
}
