//! The program with rules of a test's own, over a real broker.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};

use resources_core::bus::{Bus, Source, Subscription};
use resources_core::contract::{Alert, Kind, TraceParent};
use resources_core::test_support::{eventually, open_bus, shared_broker, unique_exchange};
use tempfile::TempDir;

use crate::react::{has_started, publish};

/// The program, which tells what is raised from now on; it ends with the test.
pub(crate) struct Started {
    pub(crate) bus: Bus,
    child: Child,
    folder: TempDir,
}

impl Started {
    pub(crate) async fn start(rules: &str, arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let (url, exchange) = (shared_broker(), unique_exchange());
        let bus = open_bus(url, &exchange);
        let folder = tempfile::tempdir().expect("a folder");
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("rules.toml"), rules).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_resources-observer"))
            .args(["--broker-url", url, "--exchange", &exchange, "--log-format", "json"])
            .args([Path::new("--rules"), &file("rules.toml")])
            .args([Path::new("--state"), &file("state.sqlite")])
            .args(arguments)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(variables.iter().copied())
            .stderr(File::create(file("log")).expect("a file"))
            .spawn()
            .expect("the program starts");
        let started = Self { bus, child, folder };
        eventually("it has started", async || has_started(&started.state())).await;
        started
    }

    /// Where what is yet to be told is kept.
    pub(crate) fn state(&self) -> PathBuf {
        self.folder.path().join("state.sqlite.reactions")
    }

    pub(crate) async fn tell(&self, alert: &Alert, trace: TraceParent) {
        publish(&self.bus.publisher(), &alert.host, Kind::Alert, alert, trace).await;
    }

    pub(crate) fn rejected(&self) -> Subscription {
        self.bus.subscribe(Source::Rejected, 100.try_into().expect("not zero"))
    }

    /// What it logged so far.
    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a file")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
