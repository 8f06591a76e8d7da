//! Classifies what trackers measure: takes each measure from the queue that all analyzers share,
//! gives every resource of it a level, and publishes the result as an analysis.
//!
//! - [`classify()`] is the pure part: a measure and thresholds in, an analysis out.
//! - [`ThresholdRules`] says which thresholds hold for which host and resource.
//! - [`run`] is the pump around both. It keeps no state of its own, so starting one more
//!   analyzer is all it takes to analyse more, and ending one loses nothing.

mod classify;
mod config;
mod pump;
mod thresholds;

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

pub use classify::classify;
pub use config::{AnalyzerArgs, Settings, ThresholdArgs};
pub use thresholds::{HostThresholds, Resource, Table, ThresholdFileError, ThresholdRules};

/// Analyses measures until `stop` or until the bus is closed.
///
/// A measure is acknowledged only after its analysis was confirmed, so whatever ends an analyzer,
/// the measures it held come again, to it or to another one. After `stop` it takes no more and
/// finishes what it holds within [`GRACE`](resources_core::service::GRACE).
///
/// # Errors
/// When nothing takes analyses: the stream of them was deleted under this process.
pub async fn run(settings: Settings, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
    pump::run(settings, bus, stop).await
}
