//! What this program is when it starts itself again: the bare programs, each in a process of
//! its own so that its CPU and memory are its own.

mod broadcast;
mod forwarder;
mod reader;

use clap::Subcommand;

/// A bare program.
#[derive(Debug, Subcommand)]
pub(crate) enum Role {
    /// Reads two files of /proc once a second.
    #[command(hide = true)]
    Reader,
    /// Passes every measure on as if it were an analysis.
    #[command(hide = true)]
    Forwarder(forwarder::ForwarderArgs),
    /// Sends one text to every WebSocket client ten times a second.
    #[command(hide = true)]
    Broadcast(broadcast::BroadcastArgs),
}

impl Role {
    pub(crate) fn play(self) -> anyhow::Result<()> {
        match self {
            Self::Reader => reader::run(),
            Self::Forwarder(args) => runtime()?.block_on(forwarder::run(args)),
            Self::Broadcast(args) => runtime()?.block_on(broadcast::run(args)),
        }
    }
}

/// Of the kind the programs use.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
