//! From the call that publishes a measure over its level to the alert in its stream, and to the
//! web hook that was told.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use resources_core::bus::{Source, Start, Subscription};
use resources_core::contract::{Alert, AlertKind, AlertState, Kind};
use resources_core::test_support::unique_exchange;
use tokio::time::timeout;

use super::hook::Hook;
use super::{LAST_LIMIT, PREFETCH, observer, wait_for_observer};
use crate::amqp;
use crate::analyzer::Worker;
use crate::context::Context;
use crate::load::{HOST_PREFIX, Numbers, messages_of, publish_evenly};
use crate::report::{Report, Row, say};
use crate::statistics::{median, percentile_ms};

const HOSTS: usize = 1_000;
const PER_SECOND: u32 = 1_000;

/// One host in this many is over its level, every other second.
const BUSY_EVERY: usize = 10;

/// Each alert goes at once.
const ROUTE: &str = "[[route]]\nto = [\"hook\"]\ngroup = \"0s\"\n";

/// When something arrived, and the number of the measure it is about.
type Arrivals = Vec<(Instant, usize)>;

/// Half of all times are no longer than the first, 99 of 100 than the second; in milliseconds.
type Percentiles = (f64, f64);

pub(super) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let (mut to_stream, mut to_hook) = (Vec::new(), Vec::new());
    for _ in 0..context.count(3, 1) {
        let (stream, hook) = round(context).await?;
        for (what, (p50, p99)) in [("stream", stream), ("web hook", hook)] {
            say(&format!("  to the {what}: p50 {p50:.2} ms, p99 {p99:.2} ms"));
        }
        to_stream.push(stream);
        to_hook.push(hook);
    }
    let figure = |to: &str| {
        let busy = HOSTS / BUSY_EVERY / 2;
        format!(
            "alert: {HOSTS} hosts at 1 Hz, {busy} a second go over their level, measure to {to}"
        )
    };
    let (p50, p99) = medians(to_stream);
    report.add(Row {
        figure: figure("alert in its stream"),
        ours: format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        ..Row::default()
    });
    let (p50, p99) = medians(to_hook);
    report.add(Row {
        figure: figure("web hook told"),
        ours: format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        target: Some(("p99 ≤ 50 ms", p99 <= 50.0)),
        ..Row::default()
    });
    Ok(())
}

fn medians(rounds: Vec<Percentiles>) -> Percentiles {
    let (p50, p99): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    (median(&p50), median(&p99))
}

fn is_busy(number: usize) -> bool {
    let (host, second) = (number % HOSTS, number / HOSTS);
    // Half of them each second.
    host.is_multiple_of(BUSY_EVERY) && (second + host / BUSY_EVERY) % 2 == 1
}

/// To the stream, and to the hook.
async fn round(context: &Context) -> anyhow::Result<(Percentiles, Percentiles)> {
    let seconds = usize::try_from(context.seconds(30, 4))?;
    let messages = messages_of(Kind::Measure, HOSTS, seconds * HOSTS, |number, measure| {
        measure.cpu_percentage = if is_busy(number) { 99.0 } else { 10.0 };
    })?;
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let folder = tempfile::tempdir()?;
    let bus = context.bus(&exchange).await?;
    let mut hook = Hook::listen().await?;
    let analyzer = Worker::Analyzer.start(context, &exchange)?;
    let observer = observer(context, &exchange, folder.path(), &hook.url, ROUTE)?;
    amqp::consumed(&url, &amqp::names(&exchange)?.measures()).await?;
    let mut alerts = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    wait_for_observer(&bus, &mut alerts, Some(&mut hook)).await?;

    let wanted = (0..messages.len()).filter(|number| is_busy(*number)).count();
    let numbers = Numbers::of(&messages, HOSTS)?;
    let from_stream = tokio::spawn(from_stream(alerts, numbers, wanted));
    let from_hook = tokio::spawn(from_hook(hook, numbers, wanted));
    let sent = publish_evenly(&bus.publisher(), &messages, PER_SECOND).await?;
    let (stream, hook) = (from_stream.await??, from_hook.await??);
    observer.end().await?;
    analyzer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    Ok((percentiles(stream, wanted, &sent)?, percentiles(hook, wanted, &sent)?))
}

/// The number of the measure that raised `alert`, if one of the bench did.
fn raised_by(alert: Alert, numbers: Numbers) -> anyhow::Result<Option<usize>> {
    let is_wanted = (alert.kind, alert.state) == (AlertKind::Level, AlertState::Raised)
        && alert.host.as_str().starts_with(HOST_PREFIX);
    is_wanted.then(|| numbers.number(&(alert.host, alert.since_ms))).transpose()
}

async fn from_stream(
    mut alerts: Subscription,
    numbers: Numbers,
    wanted: usize,
) -> anyhow::Result<Arrivals> {
    let mut arrivals = Vec::with_capacity(wanted);
    while arrivals.len() < wanted {
        let next = timeout(LAST_LIMIT, alerts.next()).await;
        let delivery = next.context("alerts are missing")?.context("the bus was closed")?;
        let at = Instant::now();
        alerts.acknowledge_through(delivery.receipt).await;
        let alert = Alert::decode(&delivery.topic, &delivery.body)?;
        arrivals.extend(raised_by(alert, numbers)?.map(|number| (at, number)));
    }
    Ok(arrivals)
}

async fn from_hook(mut hook: Hook, numbers: Numbers, wanted: usize) -> anyhow::Result<Arrivals> {
    let mut arrivals = Vec::with_capacity(wanted);
    while arrivals.len() < wanted {
        let (at, notification) = hook.next(LAST_LIMIT).await?;
        for alert in notification.alerts {
            arrivals.extend(raised_by(alert, numbers)?.map(|number| (at, number)));
        }
    }
    Ok(arrivals)
}

fn percentiles(arrivals: Arrivals, wanted: usize, sent: &[Instant]) -> anyhow::Result<Percentiles> {
    ensure!(arrivals.len() == wanted, "{} arrived, {wanted} were to", arrivals.len());
    let mut seen = vec![false; sent.len()];
    let mut times: Vec<Duration> = Vec::with_capacity(wanted);
    for (at, number) in arrivals {
        ensure!(is_busy(number), "message {number} was not over its level");
        ensure!(!std::mem::replace(&mut seen[number], true), "message {number} was told twice");
        times.push(at.saturating_duration_since(sent[number]));
    }
    times.sort_unstable();
    Ok((percentile_ms(&times, 50), percentile_ms(&times, 99)))
}
