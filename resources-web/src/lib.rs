//! The dashboard of Resources: what is known of every host now, over HTTP and WebSocket, and
//! the page that shows it. `docs/api.md` describes every address and message.
//!
//! Analyses come in through `feed`, which applies them to the `fleet`. `live` tells every
//! browser: a snapshot when it connects, then the changes, coalesced and serialised once for
//! all. `history` keeps what the fleet forgets, and
//! `alerts` what is wrong with hosts. `server` binds, accepts and stops; `security` decides who may ask at all.

mod alerts;
mod api;
mod aside;
mod assets;
mod base_path;
pub mod client;
mod config;
mod error;
mod feed;
mod fleet;
pub mod health;
pub mod history;
mod live;
mod pipeline;
pub mod protocol;
mod security;
mod server;

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

pub use base_path::BasePath;
pub use config::{HistoryArgs, HistoryPlace, Settings, WebArgs};
pub use security::{HostRule, OriginRule};
pub use server::{AppState, Server, router};

/// Binds and serves until `stop`; see [`Server`]. Does not close the bus.
///
/// # Errors
/// When the address cannot be bound, or when a part of the service ends by itself.
pub async fn run(settings: Settings, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
    Server::bind(settings, bus).await?.run(stop).await
}
