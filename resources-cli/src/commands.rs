//! One file for each thing the program does.

pub(crate) mod audit;
pub(crate) mod doctor;
pub(crate) mod listen;
pub(crate) mod observer;
pub(crate) mod rejected;
pub(crate) mod send;
pub(crate) mod simulate;
pub(crate) mod up;

use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use resources_core::bus::{Bus, LinkState};
use resources_core::service::{self, Failure};

/// Longest wait for the good-bye to the broker: a tool's user waits for the prompt.
const CLOSING: Duration = Duration::from_secs(3);

pub(crate) async fn close(bus: &Bus) {
    service::within(CLOSING, "closing the links to the broker", bus.close()).await;
}

/// What keeps the links of the bus from being up, if anything does.
pub(crate) fn trouble(bus: &Bus) -> Option<String> {
    trouble_of(&bus.link().borrow().state)
}

/// What keeps a link from being up, if anything does.
pub(crate) fn trouble_of(link: &LinkState) -> Option<String> {
    match link {
        LinkState::Up => None,
        LinkState::Connecting => Some("it does not answer".to_owned()),
        LinkState::Blocked { reason } => Some(format!("it accepts nothing for now: {reason}")),
        LinkState::Down { reason } | LinkState::Refused { reason } => Some(reason.clone()),
        LinkState::Closed => Some("the link was closed".to_owned()),
    }
}

/// Prints `text` on standard output; that nobody reads it is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut output = std::io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed.map_err(|error| Failure::failed(format_args!("cannot print: {error}"))),
    }
}
