//! Alerts and what is done about them, in one service.

use resources_core::bus::{Bus, BusConfig};
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

use crate::{Settings, alerts, reactions};

/// Judges what comes over `bus`, publishes alerts and acts on them, until `stop` or until the bus
/// is closed.
///
/// # Errors
/// When the state cannot be used, or the bus is closed before `stop`.
pub async fn run(settings: Settings, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
    let Settings { rules, reactions, state, dry_run } = settings;
    // Nobody else hears of alerts that are only tried.
    let alerts_bus = if dry_run { Bus::open(BusConfig::in_memory("dry run")) } else { bus.clone() };
    let how = if dry_run { reactions::Mode::DryRun } else { reactions::Mode::Act };
    // Whichever ends early takes the other with it.
    let stop = stop.child_token();
    let judging = alerts::run(rules, state.clone(), bus, alerts_bus.clone(), stop.clone());
    // Only whoever has the state of the alerts takes that of the reactions: of two observers that
    // start at a time with the same files, one goes on.
    let acting = async {
        if stop.is_cancelled() {
            return Ok(());
        }
        reactions::run(reactions, how, &state, alerts_bus, stop.clone()).await
    };
    let ended = |outcome| {
        stop.cancel();
        outcome
    };
    let (judged, acted) = tokio::join!(
        // The state of the alerts is opened first.
        biased;
        async { ended(judging.await) },
        async { ended(acting.await) },
    );
    judged.and(acted)
}
