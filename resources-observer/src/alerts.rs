//! From analyses to alerts.
//!
//! - [`Rules`] say what is worth an alert, for which hosts.
//! - [`Engine`] is the pure part: analyses and the time in, alerts out.
//! - [`run`] is the service around both. What the engine knows, its place in the stream and the
//!   alerts that are not confirmed yet are stored in one transaction, so that whatever ends it,
//!   nothing is raised twice and nothing forgotten.

mod checkpoint;
mod engine;
mod outlet;
mod raised;
mod rules;
mod service;
mod worker;

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

use crate::database::Location;

pub use engine::Engine;
pub(crate) use rules::Time;
pub use rules::{Rules, RulesError};

/// Judges the analyses of `bus` and publishes alerts over `alerts_bus` until `stop` or until a bus
/// is closed. What is known is kept in `state`; where that is new, what is raised is read from the
/// stream of alerts first, so that it ends some time.
///
/// # Errors
/// When the state cannot be used, or a bus is closed before `stop`.
pub async fn run(
    rules: Rules,
    state: Location,
    bus: Bus,
    alerts_bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    service::run(rules, state, bus, alerts_bus, stop).await
}
