//! What every figure needs: the broker, the programs, and how long to take.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use resources_core::bus::{Bus, LinkState};
use resources_core::test_support::{RabbitMq, open_bus};
use tokio::process::Command;
use tokio::time::timeout;

/// The programs measured.
const PROGRAMS: [&str; 5] =
    ["resources-tracker", "resources-analyzer", "resources-observer", "resources-web", "resources"];

/// Bound on anything that should happen at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Context {
    pub(crate) broker: RabbitMq,
    pub(crate) quick: bool,
    programs: PathBuf,
}

impl Context {
    /// Finds the programs and starts the broker.
    pub(crate) fn new(quick: bool) -> anyhow::Result<Self> {
        // This runs as <target>/<profile>/deps/pipeline-…; the programs are two folders up.
        let own = std::env::current_exe()?;
        let programs = own.ancestors().nth(2).context("this program has no folder")?.to_owned();
        for program in PROGRAMS {
            ensure!(
                programs.join(program).is_file(),
                "no `{program}` in {}: run `cargo build --release` first",
                programs.display()
            );
        }
        Ok(Self { broker: RabbitMq::start(), quick, programs })
    }

    /// One of the programs, told where the broker is and to log warnings only.
    pub(crate) fn program(&self, name: &str, exchange: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        self.configure(&mut command, exchange);
        command
    }

    /// Settings in the environment apply to every program, and none of the caller's do.
    fn configure(&self, command: &mut Command, exchange: &str) {
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("RESOURCES_") {
                command.env_remove(name);
            }
        }
        command
            .env("RESOURCES_BROKER_URL", self.broker.url())
            .env("RESOURCES_EXCHANGE", exchange)
            .env("RESOURCES_LOG", "warn");
    }

    /// This program again, in another role.
    pub(crate) fn role(&self, arguments: &[&str]) -> anyhow::Result<Command> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(arguments);
        Ok(command)
    }

    /// How long to measure for.
    pub(crate) fn seconds(&self, full: u64, quick: u64) -> u64 {
        if self.quick { quick } else { full }
    }

    /// How many to measure, or how often.
    pub(crate) fn count(&self, full: usize, quick: usize) -> usize {
        if self.quick { quick } else { full }
    }

    /// A bus to the broker over `exchange`, up and with its topology declared.
    pub(crate) async fn bus(&self, exchange: &str) -> anyhow::Result<Bus> {
        let bus = open_bus(&self.broker.url(), exchange);
        let _publisher = bus.publisher();
        let mut link = bus.link();
        timeout(PATIENCE, link.wait_for(|link| link.state == LinkState::Up))
            .await
            .context("the bus did not come up")??;
        Ok(bus)
    }
}
