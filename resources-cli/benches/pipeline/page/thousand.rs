//! A thousand hosts: how soon the page shows them, and, through broker, analyzer and web server,
//! how old a figure is when it is painted.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use resources_core::bus::Publisher;
use resources_core::contract::HostName;
use resources_core::test_support::unique_exchange;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::browser::{Browser, Opening, Paint, Paints, Pixels};
use super::fleet::Fleet;
use super::probes::{self, Sampled};
use super::waits::{Sample, Waits};
use crate::amqp;
use crate::analyzer::Worker;
use crate::context::Context;
use crate::dashboard::Dashboard;
use crate::process::{Memory, Program};
use crate::report::{Report, Row};
use crate::statistics::{Times, mebibytes, median};

const HOSTS: &str = "1000";

/// Until the memory of the server has settled: it keeps recent points of every host, and its
/// allocator takes some minutes more. For a quick run only until every host has sent.
const WARM_UP: (u64, u64) = (200, 10);

/// What a person takes for soon enough, in milliseconds.
const FIRST_PAINT_TARGET_MS: f64 = 1000.0;
const AGE_TARGET_MS: f64 = 400.0;
const COALESCING_TARGET_MS: f64 = 100.0;

const SCRIPT_TARGET_BYTES: u64 = 120 * 1024;

pub(super) async fn measure(
    context: &Context,
    browser: &Browser,
    report: &mut Report,
) -> anyhow::Result<()> {
    first_paint(context, browser, report).await?;
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
    opening(context, browser, dashboard.address, report).await?;
    let stage = Stage {
        context,
        browser,
        exchange: &exchange,
        address: dashboard.address,
        publisher: bus.publisher(),
    };
    stage.sample_to_pixel(report).await?;
    add_memory(report, before, dashboard.program.memory()?);

    simulation.end().await?;
    dashboard.program.end().await?;
    analyzer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await
}

/// With nothing but the hosts, the server and the browser on the machine.
async fn first_paint(
    context: &Context,
    browser: &Browser,
    report: &mut Report,
) -> anyhow::Result<()> {
    let fleet = Fleet::start(context, HOSTS).await?;
    let seen = open(context, browser, &fleet.url("")).await?;
    fleet.program.end().await?;
    let worst = seen.rounds.iter().map(|opening| opening.full_paint_ms).fold(0.0, f64::max);
    report.add(Row {
        figure: format!("page of `resources up`, {HOSTS} hosts: from opening it to the frame with the first of them"),
        ours: described(&seen),
        target: Some(("worst of all there is room for < 1 s", worst < FIRST_PAINT_TARGET_MS)),
        ..Row::default()
    });
    report.add(Row {
        figure: "page: all its JavaScript, gzipped".to_owned(),
        ours: format!("{:.1} KiB", mebibytes(seen.script_bytes) * 1024.0),
        target: Some(("≤ 120 KiB", seen.script_bytes <= SCRIPT_TARGET_BYTES)),
        ..Row::default()
    });
    Ok(())
}

/// Beside broker, analyzer and the senders of all hosts on the same machine: not judged, as they
/// leave the browser what they leave.
async fn opening(
    context: &Context,
    browser: &Browser,
    address: SocketAddr,
    report: &mut Report,
) -> anyhow::Result<()> {
    let seen = open(context, browser, &format!("http://{address}/")).await?;
    report.add(Row {
        figure:
            "first paint of `resources-web`, with broker, analyzer and senders beside the browser"
                .to_owned(),
        ours: described(&seen),
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

/// Opens the page again and again.
async fn open(context: &Context, browser: &Browser, url: &str) -> anyhow::Result<Paints> {
    let rounds = context.count(7, 1).to_string();
    browser.measure("paint", url, 120, &["--rounds", &rounds]).await
}

fn described(seen: &Paints) -> String {
    let told = |time: fn(&Opening) -> f64| {
        let times: Vec<_> = seen.rounds.iter().map(time).collect();
        let worst = times.iter().copied().fold(0.0, f64::max);
        format!("{:.0} ms (median of {}, worst {worst:.0} ms)", median(&times), times.len())
    };
    let (first, full) =
        (told(|opening| opening.first_paint_ms), told(|opening| opening.full_paint_ms));
    format!("{first}; with all there is room for {full}")
}

/// Where a page is looked at while hosts are sampled.
struct Stage<'a> {
    context: &'a Context,
    browser: &'a Browser,
    exchange: &'a str,
    address: SocketAddr,
    publisher: Publisher,
}

impl Stage<'_> {
    async fn sample_to_pixel(&self, report: &mut Report) -> anyhow::Result<()> {
        let seconds = self.context.seconds(180, 10);
        let page = format!("http://{}/#/?sort=name&order=ascending", self.address);
        let told = seconds.to_string();
        let arguments = ["--seconds", &told, "--prefix", probes::PREFIX];
        let looked = CancellationToken::new();
        let looking = async {
            let seen = self.browser.measure::<Pixels>("pixels", &page, seconds, &arguments).await;
            looked.cancel();
            seen
        };
        let probing = probes::publish(&self.publisher, looked.cancelled());
        let url = self.context.broker.url();
        let watching = Waits::watch(&url, self.exchange, self.address, looked.cancelled());
        let (seen, sampled, waits) = tokio::try_join!(looking, probing, watching)?;
        let figures = Figures::of(seen.paints, &sampled)?;
        figures.add_ages(&sampled, report);
        figures.add_waits(&waits, report)
    }
}

/// The figures that were painted, each with the time of its sample; there are some.
struct Figures(Vec<(Paint, u64)>);

impl Figures {
    fn of(paints: Vec<Paint>, sampled: &Sampled) -> anyhow::Result<Self> {
        let with_sample = |paint: Paint| {
            let sampled_ms = sampled.sampled_ms(&paint.host, &paint.figure, paint.painted_ms);
            Ok((paint, sampled_ms.context("the page showed a figure no probe had")?))
        };
        let figures: Vec<_> = paints.into_iter().map(with_sample).collect::<anyhow::Result<_>>()?;
        ensure!(!figures.is_empty(), "the page showed no probe");
        Ok(Self(figures))
    }

    /// From the first frame to the last.
    fn span_ms(&self) -> (u64, u64) {
        let painted = || self.0.iter().map(|(paint, _)| paint.painted_ms);
        (painted().min().unwrap_or_default(), painted().max().unwrap_or_default())
    }

    fn add_ages(&self, sampled: &Sampled, report: &mut Report) {
        let ages = self.0.iter().map(|(paint, sampled_ms)| paint.painted_ms - sampled_ms);
        let ages = Times::of(ages.map(Duration::from_millis).collect());
        let (first_ms, last_ms) = self.span_ms();
        report.add(Row {
            figure: format!("page, {HOSTS} hosts at 1 Hz: from sample to pixel"),
            ours: format!(
                "{}; {} figures painted of {} sampled",
                ages.describe(),
                self.0.len(),
                sampled.count(first_ms, last_ms),
            ),
            target: Some(("p99 ≤ 400 ms", ages.p99_ms() <= AGE_TARGET_MS)),
            ..Row::default()
        });
    }

    fn add_waits(&self, waits: &Waits, report: &mut Report) -> anyhow::Result<()> {
        let times = |time: fn(&Waits, &Sample, u64) -> Option<Duration>, at: fn(&Paint) -> u64| {
            let time = |(paint, sampled_ms): &(Paint, u64)| {
                let sample = (HostName::new(&paint.host).ok()?, *sampled_ms);
                time(waits, &sample, at(paint))
            };
            let times: Vec<_> = self.0.iter().filter_map(time).collect();
            // A watcher that was slow was sent everything anew, and missed what came before.
            let seen = times.len() * 100 / self.0.len();
            ensure!(seen >= 99, "only {seen} % of the figures were seen on their way");
            Ok(Times::of(times))
        };
        let in_the_page = times(Waits::in_the_page, |paint| paint.handed_over_ms)?;
        let (first_ms, last_ms) = self.span_ms();
        let on_the_server = Times::of(waits.on_the_server(first_ms, last_ms));
        let both = times(Waits::until_page, |paint| paint.handed_over_ms)?;
        report.add(Row {
            figure: "of that, coalescing: from the bus to the page's hands".to_owned(),
            ours: format!(
                "{}; from the bus to a WebSocket {}, from there through the page's worker {}",
                both.describe(),
                on_the_server.describe(),
                in_the_page.describe(),
            ),
            target: Some(("p99 ≤ 100 ms", both.p99_ms() <= COALESCING_TARGET_MS)),
            ..Row::default()
        });
        let frames = self.0.iter().map(|(paint, _)| paint.painted_ms - paint.handed_over_ms);
        let frames = Times::of(frames.map(Duration::from_millis).collect());
        report.add(Row {
            figure: "of that, waiting for a frame and drawing".to_owned(),
            ours: frames.describe(),
            ..Row::default()
        });
        Ok(())
    }
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
