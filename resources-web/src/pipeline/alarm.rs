//! Learns of a memory or disk alarm of the broker while no analysis comes. The broker tells of one
//! only who publishes, which trackers and analyzers do and this server hardly ever does: to it all
//! of them would just be silent.

use std::time::Duration;

use resources_core::bus::inspect::{Flow, InspectError, Inspector};
use resources_core::bus::{Bus, Link, LinkState};
use tokio::sync::watch;
use tokio::time::timeout;

/// How long the broker may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);

/// Asks over a connection of its own: one that publishes may be stopped.
pub(super) struct Alarm<'a> {
    bus: &'a Bus,
    inspector: Option<Inspector>,
    /// This user may not publish what is for nobody; it is not tried again.
    is_denied: bool,
    /// The link as an alarm has it, while there is one.
    told: &'a watch::Sender<Option<Link>>,
}

impl<'a> Alarm<'a> {
    pub(super) const fn new(bus: &'a Bus, told: &'a watch::Sender<Option<Link>>) -> Self {
        Self { bus, inspector: None, is_denied: false, told }
    }

    /// Whether there is one, as far as can be told.
    pub(super) fn is_raised(&self) -> bool {
        self.told.borrow().is_some()
    }

    /// Finds out whether there is one, unless that is known.
    pub(super) async fn ask(&mut self) {
        if self.is_denied || self.is_raised() {
            return;
        }
        match timeout(ANSWER_LIMIT, self.flow()).await {
            Ok(Ok(Flow::Free)) => {}
            Ok(Ok(Flow::HeldBack(reason))) => {
                tracing::warn!(reason, "the broker holds back what is published: {reason}");
                self.told.send_replace(Some(Link::since_now(LinkState::Blocked { reason })));
            }
            Ok(Ok(Flow::Denied(reason))) => {
                tracing::warn!(
                    reason,
                    "this login may not ask whether the broker holds back what is published, so \
                     trackers that are held back are taken for silent: {reason}"
                );
                self.is_denied = true;
                self.inspector = None;
            }
            Ok(Err(error)) => {
                tracing::debug!(%error, "whether the broker holds back messages is not known");
                self.inspector = None;
            }
            Err(_) => self.inspector = None,
        }
    }

    async fn flow(&mut self) -> Result<Flow, InspectError> {
        let Some(config) = self.bus.inspectable() else { return Ok(Flow::Free) };
        let inspector = match &mut self.inspector {
            Some(inspector) => inspector,
            none => none.insert(Inspector::connect(config).await?),
        };
        inspector.flow().await
    }

    /// Resolves when it is over; never when there is none. Safe to drop and call again.
    pub(super) async fn over(&mut self) {
        if !self.is_raised() {
            std::future::pending::<()>().await;
        }
        if let Some(inspector) = &mut self.inspector {
            inspector.released().await;
        }
        self.told.send_replace(None);
    }

    /// Asks no more: analyses come, so there is none.
    pub(super) async fn close(&mut self) {
        if let Some(inspector) = self.inspector.take() {
            inspector.close().await;
        }
        self.told.send_replace(None);
    }
}
