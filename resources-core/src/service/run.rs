//! The life of a service around its work.

use std::future::Future;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use super::{Failure, GRACE, HealthFile, within};
use crate::bus::{Bus, BusConfig};

/// Opens the bus, does `work` over it until it ends or the broker refuses us, and closes the
/// bus, keeping `health_file` true meanwhile.
///
/// # Errors
/// What `work` ended with; or that the broker refused a link, or that the health file cannot be
/// written.
pub async fn run_over_bus<W>(
    config: BusConfig,
    health_file: Option<&Path>,
    stop: CancellationToken,
    work: impl FnOnce(Bus, CancellationToken) -> W,
) -> Result<(), Failure>
where
    W: Future<Output = Result<(), Failure>>,
{
    let bus = Bus::open(config);
    let health = match health_file {
        Some(path) => {
            let file = HealthFile::create(path, &bus.link().borrow())?;
            Some(tokio::spawn(file.keep(bus.link(), stop.clone())))
        }
        None => None,
    };
    let outcome = tokio::select! {
        outcome = work(bus.clone(), stop.clone()) => outcome,
        reason = bus.refused() => {
            Err(Failure::failed(format_args!("the broker refused the connection: {reason}")))
        }
    };
    stop.cancel();
    within(GRACE, "closing the links to the broker", bus.close()).await;
    if let Some(health) = health {
        // It ends with `stop`, which was just cancelled, after removing its file.
        within(GRACE, "removing the health file", async {
            if let Err(error) = health.await {
                tracing::warn!(%error, "the health file was not kept to the end");
            }
        })
        .await;
    }
    outcome
}
