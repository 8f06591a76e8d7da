//! From the call that publishes a measure over its level to the alert that follows, through
//! analyzer and observer; and what the observer takes when a very large fleet falls silent.

use std::collections::HashSet;
use std::num::NonZeroU16;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use resources_core::bus::{Bus, Message, Source, Start, Subscription};
use resources_core::contract::{Alert, AlertKind, AlertState, Kind, Measure};
use resources_core::service::now_ms;
use resources_core::test_support::unique_exchange;
use tokio::time::{sleep, timeout};

use crate::amqp;
use crate::analyzer::Worker;
use crate::context::{Context, PATIENCE};
use crate::load::{HOST_PREFIX, Numbers, messages, messages_of, publish_at_once, publish_evenly};
use crate::process::Program;
use crate::report::{Report, Row, say};
use crate::statistics::{mebibytes, median, percentile_ms};

const HOSTS: usize = 1_000;
const PER_SECOND: u32 = 1_000;

/// One host in this many is over its level, every other second.
const BUSY_EVERY: usize = 10;

/// Hosts that fall silent and come back.
const FLEET: usize = 40_000;

/// How long the last alerts may take.
const LAST_LIMIT: Duration = Duration::from_secs(30);

/// Alerts the broker sends ahead.
const PREFETCH: NonZeroU16 = NonZeroU16::MAX;

const RULES: &str = "[default]\n\
    cpu = { raise = 90, clear = 80, hold = \"0s\", clear_hold = \"0s\" }\n\
    flapping = { enabled = false }\nclock = { enabled = false }\nrestarted = { enabled = false }\n";

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..context.count(3, 1) {
        let times = latency(context).await?;
        let (p50, p99) = (percentile_ms(&times, 50), percentile_ms(&times, 99));
        say(&format!("  p50 {p50:.2} ms, p99 {p99:.2} ms of {} alerts", times.len()));
        rounds.push((p50, p99));
    }
    let (p50, p99): (Vec<_>, Vec<_>) = rounds.into_iter().unzip();
    let (p50, p99) = (median(&p50), median(&p99));
    report.add(Row {
        figure: format!(
            "alert: {HOSTS} hosts at 1 Hz, {} a second go over their level, measure to alert",
            HOSTS / BUSY_EVERY / 2
        ),
        ours: format!("p50 {p50:.2} ms, p99 {p99:.2} ms"),
        target: Some(("p99 ≤ 50 ms", p99 <= 50.0)),
        ..Row::default()
    });
    silence(context, report).await
}

/// An observer with its rules and state in `folder`.
fn observer(context: &Context, exchange: &str, folder: &Path) -> anyhow::Result<Program> {
    let rules = folder.join("rules.toml");
    std::fs::write(&rules, RULES)?;
    let mut command = context.program("resources-observer", exchange);
    command.arg("--rules").arg(rules).arg("--state").arg(folder.join("alerts.sqlite"));
    Program::start("resources-observer", command)
}

/// Waits until the observer judges what is published: a host of nobody's is over its level.
async fn wait_for_observer(bus: &Bus, alerts: &mut Subscription) -> anyhow::Result<()> {
    let busy = |_, measure: &mut Measure| measure.cpu_percentage = 99.0;
    let mut first = messages_of(Kind::Analysis, 1, 1, busy)?;
    rename(&mut first[0], "first", 0)?;
    publish_at_once(&bus.publisher(), &first).await?;
    let told = timeout(PATIENCE, alerts.next()).await.context("the observer says nothing")?;
    told.context("the bus was closed").map(drop)
}

/// Times from the measure to the alert, sorted.
async fn latency(context: &Context) -> anyhow::Result<Vec<Duration>> {
    let seconds = usize::try_from(context.seconds(30, 4))?;
    let is_busy = |number: usize| {
        let (host, second) = (number % HOSTS, number / HOSTS);
        // Half of them each second.
        host.is_multiple_of(BUSY_EVERY) && (second + host / BUSY_EVERY) % 2 == 1
    };
    let messages = messages_of(Kind::Measure, HOSTS, seconds * HOSTS, |number, measure| {
        measure.cpu_percentage = if is_busy(number) { 99.0 } else { 10.0 };
    })?;
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let folder = tempfile::tempdir()?;
    let bus = context.bus(&exchange).await?;
    let analyzer = Worker::Analyzer.start(context, &exchange)?;
    let observer = observer(context, &exchange, folder.path())?;
    amqp::consumed(&url, &amqp::names(&exchange)?.measures()).await?;
    let mut alerts = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    wait_for_observer(&bus, &mut alerts).await?;

    let wanted = (0..messages.len()).filter(|number| is_busy(*number)).count();
    let numbers = Numbers::of(&messages, HOSTS)?;
    let receiving = tokio::spawn(async move {
        let mut arrivals = Vec::with_capacity(wanted);
        while arrivals.len() < wanted {
            let next = timeout(LAST_LIMIT, alerts.next()).await;
            let Some(delivery) = next.context("alerts are missing")? else { break };
            let at = Instant::now();
            alerts.acknowledge_through(delivery.receipt).await;
            let alert = Alert::decode(&delivery.topic, &delivery.body)?;
            if (alert.kind, alert.state) == (AlertKind::Level, AlertState::Raised) {
                arrivals.push((at, numbers.number(&(alert.host, alert.since_ms))?));
            }
        }
        anyhow::Ok(arrivals)
    });
    let sent = publish_evenly(&bus.publisher(), &messages, PER_SECOND).await?;
    let arrivals = receiving.await??;
    observer.end().await?;
    analyzer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    let mut times = Vec::new();
    for (at, number) in arrivals {
        ensure!(is_busy(number), "message {number} was not over its level");
        times.push(at.saturating_duration_since(sent[number]));
    }
    times.sort_unstable();
    Ok(times)
}

/// A large fleet falls silent and comes back, again and again: alerts alternate, memory stays.
async fn silence(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let rounds = context.count(4, 1);
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let folder = tempfile::tempdir()?;
    let bus = context.bus(&exchange).await?;
    let mut observer = observer(context, &exchange, folder.path())?;
    let mut alerts = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    wait_for_observer(&bus, &mut alerts).await?;
    let samples = messages(Kind::Analysis, FLEET, FLEET * (rounds + 1))?;
    let mut resident = Vec::new();
    let (mut told, mut took) = (0, Vec::new());
    for round in samples.chunks(FLEET) {
        publish_at_once(&bus.publisher(), round).await?;
        // Those who come back are told of; the first time nobody was away.
        let back = if resident.is_empty() { 0 } else { FLEET };
        told += count(&mut alerts, AlertState::Cleared, back).await?;
        resident.push(mebibytes(observer.memory()?.resident_bytes));
        if resident.len() > rounds {
            break;
        }
        // Somebody is heard all the while, so that the silence is the others'.
        let witness = tokio::spawn(witness(bus.clone()));
        let begun = Instant::now();
        told += count(&mut alerts, AlertState::Raised, FLEET).await?;
        took.push(begun.elapsed().as_secs_f64());
        witness.abort();
        say(&format!("  {FLEET} hosts silent, told within {:.1} s", begun.elapsed().as_secs_f64()));
    }
    let peak = mebibytes(observer.memory()?.peak_bytes);
    observer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    let (first, last) = (resident[1], resident[resident.len() - 1]);
    let shown: Vec<_> = resident.iter().map(|mebibytes| format!("{mebibytes:.0}")).collect();
    report.add(Row {
        figure: format!("alert: {FLEET} hosts silent and back, {rounds} times"),
        ours: format!(
            "{told} alerts, raised and cleared by turns; the observer's memory {} MiB, peak {peak:.0}",
            shown.join(", ")
        ),
        target: Some(("flat", last <= first * 1.1)),
        ..Row::default()
    });
    Ok(())
}

/// Takes `wanted` alerts of silence, all in `state` and each of another host.
async fn count(
    alerts: &mut Subscription,
    state: AlertState,
    wanted: usize,
) -> anyhow::Result<usize> {
    let mut hosts = HashSet::new();
    while hosts.len() < wanted {
        let next = timeout(LAST_LIMIT * 2, alerts.next()).await;
        let got = hosts.len();
        let delivery = next.with_context(|| format!("{got} of {wanted} alerts came"))?;
        let delivery = delivery.context("the bus was closed")?;
        alerts.acknowledge_through(delivery.receipt).await;
        let alert = Alert::decode(&delivery.topic, &delivery.body)?;
        if alert.kind != AlertKind::Silent || !alert.host.as_str().starts_with(HOST_PREFIX) {
            continue;
        }
        ensure!(alert.state == state, "{alert:?} is not {state:?}");
        ensure!(hosts.insert(alert.host.clone()), "{alert:?} came twice");
    }
    Ok(wanted)
}

/// Sends analyses of one more host until it is stopped.
async fn witness(bus: Bus) -> anyhow::Result<()> {
    let publisher = bus.publisher();
    loop {
        let mut message = messages(Kind::Analysis, 1, 1)?.remove(0);
        rename(&mut message, "witness", now_ms())?;
        publisher.publish_until_confirmed(&message).await?;
        sleep(Duration::from_millis(500)).await;
    }
}

fn rename(message: &mut Message, host: &str, sequence: u64) -> anyhow::Result<()> {
    let mut body: serde_json::Value = serde_json::from_slice(&message.body)?;
    (body["host"], body["sequence"]) = (host.into(), sequence.into());
    message.topic = format!("{host}.analysis").parse()?;
    message.body = body.to_string().into();
    Ok(())
}
