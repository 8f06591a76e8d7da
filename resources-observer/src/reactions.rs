//! What is done about alerts.

use resources_core::bus::Bus;
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

use crate::alerts::RulesError;
use crate::database::Location;

/// Reactions and the routes that lead to them.
#[derive(Debug, Clone, Default)]
pub struct Reactions {}

impl Reactions {
    /// Reads the text of a rules file; `path` names it in errors.
    ///
    /// # Errors
    /// Names the file, the line and what is allowed there.
    pub fn parse(_path: &str, _text: &str) -> Result<Self, RulesError> {
        Ok(Self {})
    }
}

/// Whether to do something about alerts, or only to say what would be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Send.
    Act,
    /// Say in the log what would be sent.
    DryRun,
}

/// Acts on the alerts of `bus` until `stop`.
///
/// # Errors
/// When the state cannot be used, or the bus is closed before `stop`.
pub async fn run(
    _reactions: Reactions,
    _mode: Mode,
    _state: &Location,
    _bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    stop.cancelled().await;
    Ok(())
}
