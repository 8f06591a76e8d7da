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
mod rules;
mod service;
mod worker;

use resources_core::bus::{Bus, Publisher};
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

use crate::database::Location;

pub use engine::Engine;
pub(crate) use rules::Time;
pub use rules::{Rules, RulesError};

/// Judges the analyses of `bus` and gives alerts to `publisher` until `stop` or until the bus is
/// closed. What is known is kept in `state`.
///
/// # Errors
/// When the state cannot be used, or the bus is closed before `stop`.
pub async fn run(
    rules: Rules,
    state: Location,
    bus: Bus,
    publisher: Publisher,
    stop: CancellationToken,
) -> Result<(), Failure> {
    service::run(rules, state, bus, publisher, stop).await
}
