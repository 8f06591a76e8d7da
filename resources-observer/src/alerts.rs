//! From analyses to alerts.
//!
//! - [`Rules`] say what is worth an alert, for which hosts.
//! - [`Engine`] is the pure part: analyses and the time in, alerts out.
//! - [`run`] is the service around both. What the engine knows, its place in the stream and the
//!   alerts that are not confirmed yet are stored in one transaction, so that whatever ends it,
//!   nothing is raised twice and nothing forgotten.

mod checkpoint;
mod config;
mod engine;
mod rules;
mod service;
mod worker;

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

pub use checkpoint::{Location, OpenError};
pub use config::{ObserverArgs, Settings};
pub use engine::Engine;
pub use rules::{Rules, RulesError};

/// Judges analyses and publishes alerts until `stop` or until the bus is closed.
///
/// # Errors
/// When the state cannot be used, or the bus is closed before `stop`.
pub async fn run(settings: Settings, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
    service::run(settings, bus, stop).await
}
