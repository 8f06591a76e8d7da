//! A thousand hosts on one page in a browser: is its main thread ever busy for long, and does
//! the web server's memory stay.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use resources_core::test_support::unique_exchange;
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::amqp;
use crate::analyzer::Worker;
use crate::context::Context;
use crate::dashboard::Dashboard;
use crate::process::Program;
use crate::report::{Report, Row, say};
use crate::statistics::mebibytes;

const HOSTS: &str = "1000";

/// Until the memory of the server has settled: it keeps recent points of every host, and its
/// allocator takes some minutes more. For a quick run only until every host has sent.
const WARM_UP: (u64, u64) = (200, 10);

/// For the browser to start and end besides what it watches.
const BROWSER_LIMIT: Duration = Duration::from_secs(90);

/// What the page's own bench prints, as far as it is shown here.
#[derive(Debug, Deserialize)]
struct Seen {
    loading: Tasks,
    steady: Tasks,
    busy_share: f64,
    longest_frame_gap_ms: f64,
    first_chart_ms: f64,
    heap_start_mb: f64,
    heap_end_mb: f64,
    problems: Vec<String>,
}

/// Tasks of the page's main thread over some time.
#[derive(Debug, Deserialize)]
struct Tasks {
    over_50_ms: u32,
    over_50_ms_of_cpu: u32,
    longest_ms: f64,
    longest_cpu_ms: f64,
}

impl Tasks {
    fn describe(&self) -> String {
        format!(
            "{} (longest {:.0} ms of CPU; {} over 50 ms on the clock, longest {:.0} ms)",
            self.over_50_ms_of_cpu, self.longest_cpu_ms, self.over_50_ms, self.longest_ms,
        )
    }
}

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let static_folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../static");
    if !static_folder.join("node_modules").is_dir() {
        say("  left out: no static/node_modules; run `npm ci` in static/");
        return Ok(());
    }
    let seconds = context.seconds(60, 5);
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let bus = context.bus(&exchange).await?;
    let analyzer = Worker::Analyzer.start(context, &exchange)?;
    let mut dashboard = Dashboard::start(context, &exchange, &[]).await?;
    let mut command = context.program("resources", &exchange);
    command.args(["simulate", "--hosts", HOSTS, "--interval", "1s"]);
    // Its progress is not ours.
    command.stderr(std::process::Stdio::null());
    let simulation = Program::start("resources simulate", command)?;
    sleep(Duration::from_secs(context.seconds(WARM_UP.0, WARM_UP.1))).await;

    let mut command = Command::new("node");
    command
        .current_dir(&static_folder)
        .args(["e2e/bench-page.mjs", &format!("http://{}/", dashboard.address)])
        .env("BENCH_SECONDS", seconds.to_string());
    let before = dashboard.program.memory()?;
    let mut browser = Program::start("the browser", command)?;
    let mut output = browser.output()?;
    let mut text = String::new();
    let limit = Duration::from_secs(seconds) + BROWSER_LIMIT;
    timeout(limit, output.read_to_string(&mut text)).await.context("the browser hangs")??;
    let after = dashboard.program.memory()?;
    let status = browser.wait(BROWSER_LIMIT).await?;
    simulation.end().await?;
    dashboard.program.end().await?;
    analyzer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;

    let seen: Seen = serde_json::from_str(&text)
        .with_context(|| format!("the page's bench ended with {status} and printed {text:?}"))?;
    ensure!(seen.problems.is_empty(), "the page had problems: {:?}", seen.problems);
    report.add(Row {
        figure: format!("page, {HOSTS} hosts at 1 Hz for {seconds} s: tasks over 50 ms of CPU"),
        ours: format!(
            "{}; busy {:.0} % of the time; longest gap between frames {:.0} ms",
            seen.steady.describe(),
            seen.busy_share * 100.0,
            seen.longest_frame_gap_ms,
        ),
        target: Some(("none", seen.steady.over_50_ms_of_cpu == 0)),
        ..Row::default()
    });
    report.add(Row {
        figure: "page, while it loads and for 5 s after: tasks over 50 ms of CPU".to_owned(),
        ours: format!(
            "{}; first chart after {:.0} ms",
            seen.loading.describe(),
            seen.first_chart_ms,
        ),
        target: Some(("none", seen.loading.over_50_ms_of_cpu == 0)),
        ..Row::default()
    });
    report.add(Row {
        figure: "page: memory from the start to the end of it".to_owned(),
        ours: format!(
            "web server {:.1} to {:.1} MiB resident; page {:.1} to {:.1} MB of heap",
            mebibytes(before.resident_bytes),
            mebibytes(after.resident_bytes),
            seen.heap_start_mb,
            seen.heap_end_mb,
        ),
        ..Row::default()
    });
    Ok(())
}
