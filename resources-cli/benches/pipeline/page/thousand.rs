//! A thousand hosts, through broker, analyzer and web server: how soon the page shows them, and
//! how old a figure is when it is painted.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use resources_core::service::now_ms;
use resources_core::test_support::unique_exchange;
use tokio::time::sleep;

use super::browser::{Browser, Paints, Pixels};
use super::probes;
use crate::amqp;
use crate::analyzer::Worker;
use crate::context::Context;
use crate::dashboard::Dashboard;
use crate::process::{Memory, Program};
use crate::report::{Report, Row};
use crate::statistics::{mebibytes, median, percentile_ms};

const HOSTS: &str = "1000";

/// Until the memory of the server has settled: it keeps recent points of every host, and its
/// allocator takes some minutes more. For a quick run only until every host has sent.
const WARM_UP: (u64, u64) = (200, 10);

/// What a person takes for soon enough, in milliseconds.
const FIRST_PAINT_TARGET_MS: f64 = 1000.0;
const AGE_TARGET_MS: f64 = 400.0;

const SCRIPT_TARGET_BYTES: u64 = 120 * 1024;

pub(super) async fn measure(
    context: &Context,
    browser: &Browser,
    report: &mut Report,
) -> anyhow::Result<()> {
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let bus = context.bus(&exchange).await?;
    let analyzer = Worker::Analyzer.start(context, &exchange)?;
    amqp::consumed(&url, &amqp::names(&exchange)?.measures()).await?;
    let mut dashboard = Dashboard::start(context, &exchange, &[]).await?;
    let mut command = context.program("resources", &exchange);
    command.args(["simulate", "--hosts", HOSTS, "--interval", "1s"]);
    // Its progress is not ours.
    command.stderr(std::process::Stdio::null());
    let simulation = Program::start("resources simulate", command)?;
    sleep(Duration::from_secs(context.seconds(WARM_UP.0, WARM_UP.1))).await;

    let before = dashboard.program.memory()?;
    first_paint(context, browser, dashboard.address, report).await?;
    sample_to_pixel(context, browser, dashboard.address, &bus.publisher(), report).await?;
    add_memory(report, before, dashboard.program.memory()?);

    simulation.end().await?;
    dashboard.program.end().await?;
    analyzer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await
}

async fn first_paint(
    context: &Context,
    browser: &Browser,
    address: SocketAddr,
    report: &mut Report,
) -> anyhow::Result<()> {
    let rounds = context.count(7, 1).to_string();
    let arguments = ["--rounds", &rounds];
    let seen: Paints =
        browser.measure("paint", &format!("http://{address}/"), 60, &arguments).await?;
    let first: Vec<_> = seen.rounds.iter().map(|opening| opening.first_paint_ms).collect();
    let worst = first.iter().copied().fold(0.0, f64::max);
    let first = median(&first);
    report.add(Row {
        figure: format!("page, {HOSTS} hosts: from opening it to the frame with the first of them"),
        ours: format!("{first:.0} ms (median of {rounds}, worst {worst:.0} ms)"),
        target: Some(("worst < 1 s", worst < FIRST_PAINT_TARGET_MS)),
        ..Row::default()
    });
    report.add(Row {
        figure: "page: all its JavaScript, gzipped".to_owned(),
        ours: format!("{:.1} KiB", mebibytes(seen.script_bytes) * 1024.0),
        target: Some(("≤ 120 KiB", seen.script_bytes <= SCRIPT_TARGET_BYTES)),
        ..Row::default()
    });
    let slowest =
        seen.rounds.iter().max_by(|a, b| a.tasks.longest_cpu_ms.total_cmp(&b.tasks.longest_cpu_ms));
    if let Some(slowest) = slowest {
        let long: u32 = seen.rounds.iter().map(|opening| opening.tasks.over_50_ms_of_cpu).sum();
        report.add(Row {
            figure: "page, while it loads and for 5 s after: tasks over 50 ms of CPU".to_owned(),
            ours: format!(
                "{long} in all; of the opening with the longest {}",
                slowest.tasks.describe()
            ),
            target: Some(("none", long == 0)),
            ..Row::default()
        });
    }
    Ok(())
}

async fn sample_to_pixel(
    context: &Context,
    browser: &Browser,
    address: SocketAddr,
    publisher: &resources_core::bus::Publisher,
    report: &mut Report,
) -> anyhow::Result<()> {
    let seconds = context.seconds(180, 10);
    let url = format!("http://{address}/#/?sort=name&order=ascending");
    let told = seconds.to_string();
    let arguments = ["--seconds", &told, "--prefix", probes::PREFIX];
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let looking = async {
        let seen = browser.measure::<Pixels>("pixels", &url, seconds, &arguments).await;
        // Fails when the probes failed, which says so itself.
        stop.send(()).ok();
        seen
    };
    let probing = probes::publish(publisher, async {
        stopped.await.ok();
    });
    let (seen, sampled) = tokio::try_join!(looking, probing)?;
    let ended_ms = now_ms();

    let mut ages: Vec<_> = seen
        .paints
        .iter()
        .filter_map(|(host, figure, at_ms)| sampled.age(host, figure, *at_ms))
        .collect();
    ensure!(ages.len() == seen.paints.len(), "the page showed figures no probe had");
    ensure!(!ages.is_empty(), "the page showed no probe");
    ages.sort_unstable();
    let first_ms = seen.paints.iter().map(|(_, _, at_ms)| *at_ms).min().unwrap_or(ended_ms);
    let last_ms = seen.paints.iter().map(|(_, _, at_ms)| *at_ms).max().unwrap_or(ended_ms);
    let p99 = percentile_ms(&ages, 99);
    report.add(Row {
        figure: format!("page, {HOSTS} hosts at 1 Hz: from sample to pixel"),
        ours: format!(
            "p50 {:.0} ms, p99 {p99:.0} ms, worst {:.0} ms; {} figures painted of {} sampled",
            percentile_ms(&ages, 50),
            percentile_ms(&ages, 100),
            ages.len(),
            sampled.count(first_ms, last_ms),
        ),
        target: Some(("p99 ≤ 400 ms", p99 <= AGE_TARGET_MS)),
        ..Row::default()
    });
    Ok(())
}

fn add_memory(report: &mut Report, before: Memory, after: Memory) {
    report.add(Row {
        figure: format!("web server, {HOSTS} hosts: resident memory, before the page and after"),
        ours: format!(
            "{:.1} to {:.1} MiB",
            mebibytes(before.resident_bytes),
            mebibytes(after.resident_bytes),
        ),
        ..Row::default()
    });
}
