//! `resources`: everything in one process, and tools to send, listen and simulate. Only wiring.

mod args;
mod commands;
mod http;
mod ledger;
mod render;
mod sequences;

use std::process::ExitCode;

use resources_core::service::{self, Failure};

use crate::args::{Arguments, What};
use crate::commands::{audit, doctor, listen, observer, rejected, send, simulate, up};

pub(crate) const NAME: &str = "resources";

fn main() -> ExitCode {
    let arguments: Arguments = service::parse();
    service::report(NAME, start(arguments.command))
}

fn start(command: What) -> Result<(), Failure> {
    command.log().init()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Failure::failed)?;
    let outcome = runtime.block_on(async {
        let stop = service::stop_on_signal().map_err(Failure::failed)?;
        match command {
            What::Up(args) => up::run(*args, stop).await,
            What::Send(args) => send::run(args, stop).await,
            What::Listen(args) => listen::run(args, stop).await,
            What::Simulate(args) => simulate::run(args, stop).await,
            What::Audit(args) => audit::run(args, stop).await,
            What::Rejected(args) => rejected::run(args, stop).await,
            What::Doctor(args) => doctor::run(args, stop).await,
            What::Observer(args) => observer::run(&args, stop).await,
        }
    });
    // Not waited for: a thread that reads a terminal or writes to a full pipe may never end.
    runtime.shutdown_background();
    outcome
}
