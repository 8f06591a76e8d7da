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

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use resources_core::bus::{Source, Start};
    use resources_core::test_support::{RabbitMq, in_time, open_bus};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::pipeline::{PipelineState, PipelineWatch};

    #[tokio::test(flavor = "multi_thread")]
    async fn it_shows_on_the_link_and_nobody_is_blamed_for_the_silence() {
        let broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
        let bus = open_bus(&broker.url(), "resources");
        let mut analyses = bus.subscribe(Source::Analyses(Start::Next), NonZeroU16::MIN);
        let analyzer = open_bus(&broker.url(), "resources");
        let mut measures = analyzer.subscribe(Source::Measures, NonZeroU16::MIN);
        let reading = async { tokio::join!(analyses.ready(), measures.ready()) };
        assert_eq!(in_time("both read", reading).await, (true, true));
        broker.ctl(&["set_vm_memory_high_watermark", "0.00001"]);

        let watch = PipelineWatch::new(bus.clone());
        let (mut link, mut pipeline) = (watch.link(), watch.pipeline());
        let states = watch.pipeline();
        let task = tokio::spawn(watch.run(CancellationToken::new()));
        let blocked = |link: &Link| matches!(&link.state, LinkState::Blocked { reason } if reason.contains("memory"));
        in_time("the alarm is told", link.wait_for(blocked)).await.unwrap();
        assert!(bus.link().borrow().state.is_up(), "the bus was told nothing");
        assert_eq!(states.borrow().state, PipelineState::Unknown);

        broker.ctl(&["set_vm_memory_high_watermark", "0.8"]);
        in_time("its end is told", link.wait_for(|link| link.state.is_up())).await.unwrap();
        let idle = pipeline.wait_for(|now| now.state == PipelineState::Idle);
        in_time("silence is the trackers' again", idle).await.unwrap();
        task.abort();
        in_time("the buses close", async { tokio::join!(bus.close(), analyzer.close()) }).await;
        tokio::task::spawn_blocking(move || drop(broker)).await.unwrap();
    }
}
