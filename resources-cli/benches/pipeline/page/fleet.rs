//! Hosts, server and bus in one process, each host a sample a second.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::time::{sleep, timeout};

use crate::context::{Context, PATIENCE};
use crate::process::Program;

/// Until every host has sent, and the last of them twice.
const WARM_UP: Duration = Duration::from_secs(10);

/// Everything in one process, its hosts simulated.
pub(super) struct Fleet {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
}

impl Fleet {
    /// Starts one and waits until every host has sent.
    pub(super) async fn start(context: &Context, hosts: &str) -> anyhow::Result<Self> {
        // The exchange is inside the process.
        let mut command = context.program("resources", "resources");
        command.args(["up", "--simulate-hosts", hosts, "--listen", "127.0.0.1:0"]);
        command.args(["--history", "off"]);
        let mut program = Program::start("resources up", command)?;
        let mut line = String::new();
        let mut output = BufReader::new(program.output()?);
        timeout(PATIENCE, output.read_line(&mut line)).await.context("no address")??;
        let address = line.trim().trim_start_matches("Open http://").trim_end_matches('/');
        let address = address.parse().context("the server's address")?;
        sleep(WARM_UP).await;
        Ok(Self { program, address })
    }

    pub(super) fn url(&self, route: &str) -> String {
        format!("http://{}/{route}", self.address)
    }
}
