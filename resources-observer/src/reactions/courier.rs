//! Brings the notifications of one reaction to whom they are for, and does not give up soon.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use resources_core::bus::{Backoff, PublishError, Publisher};
use resources_core::contract::Topic;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::figures::Figures;
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
    /// For what is told over the broker, and for what is given up. Apart from the publisher of
    /// alerts, which must not wait when the broker refuses either.
    pub(super) publisher: Publisher,
    pub(super) settled: mpsc::Sender<Event>,
    pub(super) figures: Figures,
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
                Mode::DryRun => {
                    self.only_say(&formed.notification);
                    true
                }
                Mode::Act => match self.persevere(&formed).await {
                    Ok(()) => true,
                    Err(given_up) => self.set_aside(&formed.notification, &given_up).await,
                },
            }
        };
        let stopped = async {
            self.stop.cancelled().await;
            sleep(LAST_LIMIT).await;
        };
        let done_with = tokio::select! {
            done_with = tried => done_with,
            () = stopped => false,
        };
        if !done_with {
            return;
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
        let Formed { notification } = formed;
        // Neither the time while the observer was away counts, nor what the clock of the machine
        // says.
        let begun = Instant::now();
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or_default();
        let mut tries = 0_u32;
        loop {
            tries += 1;
            if tries > 1 {
                self.figures.retries.inc();
            }
            let SendError { cause, worth_another_try, .. } =
                match sender.send(notification, &self.publisher).await {
                    Ok(how) => {
                        self.figures.told.inc();
                        tracing::info!(
                            reaction = &**name,
                            notification = &*notification.id,
                            trace_id = notification.trace_id(),
                            count = notification.group.count,
                            tries,
                            "reaction {name} told {} alerts: {how}",
                            notification.group.count,
                        );
                        return Ok(());
                    }
                    Err(error) => error,
                };
            let spent = begun.elapsed();
            if !worth_another_try || spent >= *retry_for {
                return Err(GivenUp { cause, tries });
            }
            if tries == 1 {
                tracing::warn!(
                    reaction = &**name,
                    notification = &*notification.id,
                    trace_id = notification.trace_id(),
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

    /// Puts a notification into the rejected queue; whether it is done with. It is not when the
    /// bus is closed before the broker has it: then it is told at the next start.
    async fn set_aside(&self, notification: &Notification, given_up: &GivenUp) -> bool {
        let name = &self.reaction().name;
        let GivenUp { cause, tries } = given_up;
        let reason = format!("reaction {name} was given up after {tries} tries: {cause}");
        let topic = Topic::new(&format!("{name}.notification"));
        let body = publish::fitting(notification, publish::json);
        let outcome = match (topic, body) {
            (Ok(topic), Ok(body)) => {
                let message = publish::message(topic, body, notification);
                self.publisher.give_up(&message, &reason).await.map_err(Some)
            }
            // A name of a reaction is a word of a key, and a notification is JSON.
            _ => Err(None),
        };
        if !matches!(outcome, Err(Some(PublishError::Closed))) {
            self.figures.given_up.inc();
        }
        let place = match outcome {
            Ok(()) => "in the rejected queue".to_owned(),
            Err(Some(PublishError::Unroutable(_))) => {
                "lost, as there is no rejected queue".to_owned()
            }
            Err(Some(PublishError::Refused(words))) => {
                format!("lost, as the broker does not take it into the rejected queue ({words})")
            }
            Err(None) => "lost, as it cannot be written".to_owned(),
            Err(Some(error)) => {
                tracing::warn!(
                    reaction = &**name,
                    notification = &*notification.id,
                    trace_id = notification.trace_id(),
                    %error,
                    "a notification could not be set aside, and is told at the next start: {error}"
                );
                return false;
            }
        };
        tracing::error!(
            reaction = &**name,
            notification = &*notification.id,
            trace_id = notification.trace_id(),
            tries,
            "reaction {name} was given up after {tries} tries, and what it was to tell is {place}: \
             {cause}"
        );
        true
    }
}

/// Nobody could be told.
struct GivenUp {
    cause: String,
    tries: u32,
}

#[cfg(test)]
mod tests {
    use resources_core::bus::{Bus, BusConfig};
    use resources_core::test_support::in_time;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;
    use crate::reactions::Reactions;
    use crate::reactions::outbox::Formed;

    /// Whether `formed` is done with once the reaction of `rules` has told it, or given it up.
    async fn is_done_with(rules: &str, bus: &Bus, formed: Formed) -> bool {
        let config = Reactions::parse("r.toml", rules).unwrap().0;
        let (settled, mut events) = mpsc::channel(1);
        let (hand, to_tell) = mpsc::channel(1);
        let courier = Courier {
            config,
            place: 0,
            mode: Mode::Act,
            publisher: bus.publisher(),
            settled,
            figures: Figures::of("hook"),
            stop: CancellationToken::new(),
        };
        hand.send(formed).await.unwrap();
        drop(hand);
        in_time("the courier ends", courier.run(to_tell)).await;
        events.recv().await.is_some()
    }

    #[tokio::test]
    async fn what_cannot_be_set_aside_is_not_done_with() {
        let rules = "[reaction.hook]\ntype = \"webhook\"\nurl = \"http://127.0.0.1:1/\"\n\
                     retry_for = \"0s\"";
        for closed in [false, true] {
            let bus = Bus::open(BusConfig::in_memory("test"));
            if closed {
                bus.close().await;
            }
            let notification = Notification::made_up("hook", 0, None, false);
            assert_eq!(is_done_with(rules, &bus, Formed { notification }).await, !closed);
        }
    }

    #[tokio::test]
    async fn the_time_while_the_observer_was_away_is_not_time_in_which_was_tried() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let rules = format!(
            "[reaction.hook]\ntype = \"webhook\"\nurl = \"http://{}/\"\nretry_for = \"1h\"",
            listener.local_addr().unwrap()
        );
        // Formed long before the network is up again.
        let notification = Notification::made_up("hook", 0, None, false);
        let stored = serde_json::json!({ "at_ms": 0, "notification": notification });
        let formed = serde_json::from_value(stored).unwrap();
        let bus = Bus::open(BusConfig::in_memory("test"));
        let serve = async {
            drop(listener.accept().await.unwrap());
            let (mut second, _) = in_time("it is tried again", listener.accept()).await.unwrap();
            second.read_exact(&mut [0]).await.unwrap();
            second.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            // Kept until the answer was read.
            second.read_to_end(&mut Vec::new()).await.ok();
        };
        let (done_with, ()) = tokio::join!(is_done_with(&rules, &bus, formed), serve);
        assert!(done_with);
    }
}
