//! The page's own bench, in a process of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::Program;

/// For the browser to start, load and end besides what it watches.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) struct Browser {
    static_folder: PathBuf,
}

/// How soon the fleet was seen, one entry an opening.
#[derive(Debug, Deserialize)]
pub(super) struct Paints {
    pub(super) rounds: Vec<Opening>,
    /// Of all scripts of the page, compressed.
    pub(super) script_bytes: u64,
}

/// One opening of the page, and its first seconds.
#[derive(Debug, Deserialize)]
pub(super) struct Opening {
    pub(super) first_paint_ms: f64,
    /// When as many hosts were painted as there is room for.
    pub(super) full_paint_ms: f64,
    #[serde(flatten)]
    pub(super) tasks: Tasks,
}

/// The page while it is looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Watched {
    #[serde(flatten)]
    pub(super) tasks: Tasks,
    /// What reached the page, on average.
    pub(super) updates_per_second: u32,
    /// CPU of the main thread, in cores.
    pub(super) busy_share: f64,
}

/// The page's memory while it is looked at.
#[derive(Debug, Deserialize)]
pub(super) struct Memory {
    /// What reached the page, on average.
    pub(super) updates_per_second: u32,
    /// JavaScript's memory in megabytes, evenly over the time.
    pub(super) page_heap_mb: Vec<f64>,
    pub(super) worker_heap_mb: Vec<f64>,
}

/// When figures were painted.
#[derive(Debug, Deserialize)]
pub(super) struct Pixels {
    pub(super) paints: Vec<Paint>,
}

/// One figure in a frame; times are milliseconds since the epoch.
#[derive(Debug, Deserialize)]
pub(super) struct Paint {
    pub(super) host: String,
    /// Its CPU as it reads.
    pub(super) figure: String,
    /// When the page's worker had handed it over.
    pub(super) handed_over_ms: u64,
    pub(super) painted_ms: u64,
}

/// Tasks of the page's main thread over some time.
#[derive(Debug, Deserialize)]
pub(super) struct Tasks {
    pub(super) over_50_ms: u32,
    pub(super) over_50_ms_of_cpu: u32,
    pub(super) longest_ms: f64,
    pub(super) longest_cpu_ms: f64,
}

impl Tasks {
    pub(super) fn describe(&self) -> String {
        format!(
            "{} (longest {:.0} ms of CPU; {} over 50 ms on the clock, longest {:.0} ms)",
            self.over_50_ms_of_cpu, self.longest_cpu_ms, self.over_50_ms, self.longest_ms,
        )
    }
}

/// What it prints of anything.
#[derive(Debug, Deserialize)]
struct Printed<T> {
    #[serde(flatten)]
    measured: T,
    problems: Vec<String>,
}

impl Browser {
    /// `None` when what drives it is not installed.
    pub(super) fn find() -> Option<Self> {
        let static_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../static");
        static_folder.join("node_modules").is_dir().then_some(Self { static_folder })
    }

    /// Measures `what` of the page at `url`, which takes `seconds` and what the browser needs
    /// besides.
    pub(super) async fn measure<T: DeserializeOwned>(
        &self,
        what: &str,
        url: &str,
        seconds: u64,
        arguments: &[&str],
    ) -> anyhow::Result<T> {
        let mut command = Command::new("node");
        command
            .current_dir(&self.static_folder)
            .args(["e2e/bench-page.mjs", what, url])
            .args(arguments);
        let mut program = Program::start("the browser", command)?;
        let mut output = program.output()?;
        let mut text = String::new();
        let limit = Duration::from_secs(seconds) + LIMIT;
        timeout(limit, output.read_to_string(&mut text)).await.context("the browser hangs")??;
        let status = program.wait(limit).await?;
        let printed: Printed<T> = serde_json::from_str(&text)
            .with_context(|| format!("the page's bench ended with {status} and said {text:?}"))?;
        ensure!(printed.problems.is_empty(), "the page had problems: {:?}", printed.problems);
        Ok(printed.measured)
    }
}
