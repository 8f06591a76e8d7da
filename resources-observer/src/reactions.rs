//! What is done about alerts: somebody is told.
//!
//! - [`Reactions`] are what a rules file says: reactions, and routes that lead alerts to them.
//! - `router` is pure: alerts, acknowledgements, silences and the time in, what is to be told
//!   out. So is `outbox`: it makes notifications of alerts, grouped and within the rate.
//! - [`run`] is the service around both. What is known, the place in the stream and what is yet
//!   to be told are stored in one transaction before anyone is told, so that whatever ends it,
//!   nothing is forgotten, and at most what was told a moment ago is told again, under its old id.
//! - Each reaction has a courier of its own, so that one that hangs holds up no other.

mod config;
mod courier;
mod desk;
mod email;
mod exec;
mod explain;
mod figures;
mod file;
mod notification;
mod outbox;
mod publish;
mod route;
mod router;
mod secret;
mod sender;
mod service;
mod store;
mod template;
mod tls;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use resources_core::bus::{Bus, Publisher};
use resources_core::service::{Failure, now_ms};
use tokio_util::sync::CancellationToken;
use url::Url;

use self::notification::Notification;
use self::outbox::Limits;
use self::route::Route;
use self::sender::Sender;
use crate::database::Location;

/// Reactions and the routes that lead to them.
#[derive(Debug, Clone, Default)]
pub struct Reactions(Arc<Config>);

#[derive(Debug, Default)]
struct Config {
    reactions: Vec<Reaction>,
    routes: Vec<Route>,
    /// Where the page is.
    page: Option<Url>,
}

/// Somebody who is told.
#[derive(Debug)]
struct Reaction {
    name: Box<str>,
    sender: Sender,
    limits: Limits,
    /// How long is tried to tell one notification.
    retry_for: Duration,
}

/// Whether to tell anyone, or only to say who would be told what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Tell.
    Act,
    /// Say in the log.
    DryRun,
}

/// Reacts to the alerts of `bus` until `stop` or until the bus is closed. What is known is kept
/// beside the file `state`.
///
/// # Errors
/// When the state cannot be used, or the bus is closed before `stop`.
pub async fn run(
    reactions: Reactions,
    mode: Mode,
    state: &Location,
    bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    service::run(reactions, mode, state, bus, stop).await
}

impl Reactions {
    /// Tells a made-up alert through one reaction, once and now, and says how that went.
    ///
    /// # Errors
    /// When there is no such reaction, or nobody could be told.
    pub async fn test(&self, name: &str, publisher: &Publisher) -> Result<String, Failure> {
        let Config { reactions, page, .. } = &*self.0;
        let Some(reaction) = reactions.iter().find(|reaction| *reaction.name == *name) else {
            let known: Vec<&str> = reactions.iter().map(|reaction| &*reaction.name).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(Failure::settings(format_args!(
                "there is no reaction {name:?} in the rules; there is {known}"
            )));
        };
        let notification = Notification::made_up(name, now_ms(), page.as_ref(), false);
        let place = reaction.sender.place();
        let told = reaction.sender.send(&notification, publisher).await;
        told.map(|how| match reaction.sender {
            // The level of this program's own log may hide it.
            Sender::Log => format!("the log says: {}", notification.text()),
            _ => how,
        })
        .map_err(|error| Failure::failed(format_args!("{place} could not be told: {error}")))
    }

    /// How long one try of a reaction takes at most; `None` when that is for the broker to say.
    #[must_use]
    pub fn longest_try(&self, name: &str) -> Option<Duration> {
        let mut reactions = self.0.reactions.iter();
        reactions.find(|one| *one.name == *name)?.sender.longest_try()
    }

    /// Whether a reaction needs the broker to be tested.
    #[must_use]
    pub fn needs_broker(&self, name: &str) -> bool {
        let mut reactions = self.0.reactions.iter();
        reactions.any(|one| *one.name == *name && matches!(one.sender, Sender::Publish(_)))
    }
}
