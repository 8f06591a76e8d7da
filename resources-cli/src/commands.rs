//! One file for each thing the program does.

pub(crate) mod listen;
pub(crate) mod send;
pub(crate) mod simulate;
pub(crate) mod up;

use std::time::Duration;

use resources_core::bus::{Bus, LinkState};
use resources_core::service;

/// Longest wait for the good-bye to the broker: a tool's user waits for the prompt.
const CLOSING: Duration = Duration::from_secs(3);

pub(crate) async fn close(bus: &Bus) {
    service::within(CLOSING, "closing the links to the broker", bus.close()).await;
}

/// What keeps the link from being up, if anything does.
pub(crate) fn trouble(bus: &Bus) -> Option<String> {
    match &bus.link().borrow().state {
        LinkState::Up => None,
        LinkState::Connecting => Some("it does not answer".to_owned()),
        LinkState::Blocked { reason } => Some(format!("it accepts nothing for now: {reason}")),
        LinkState::Down { reason } | LinkState::Refused { reason } => Some(reason.clone()),
        LinkState::Closed => Some("the link was closed".to_owned()),
    }
}
