//! From the call that publishes a measure to its arrival at the other end: through analyzer and
//! web server to a WebSocket, and through a bare forwarder to a bare consumer.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use resources_core::bus::Message;
use resources_core::contract::Kind;
use resources_core::test_support::unique_exchange;
use resources_web::client::View;
use tokio::time::{Instant as Deadline, timeout_at};

use crate::amqp::{self, Queues, Reader};
use crate::analyzer::Worker;
use crate::context::Context;
use crate::dashboard::{Client, Dashboard};
use crate::load::{Numbers, messages, number_of, publish_evenly};
use crate::report::{Report, Row, say};
use crate::statistics::{median, median_ratio, percentile_ms};

const HOSTS: usize = 1000;

/// How long the last messages may take.
const LAST_LIMIT: Duration = Duration::from_secs(10);

/// Half of the messages arrived within `p50`, all but one in a hundred within `p99`.
#[derive(Debug, Clone, Copy)]
struct Latency {
    p50_ms: f64,
    p99_ms: f64,
}

/// The messages of one round.
struct Load<'a> {
    messages: &'a [Message],
    per_second: u32,
    /// Sent first and not counted.
    warm_up: usize,
}

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    for per_second in [100_u32, 1000] {
        let warm_up = usize::try_from(per_second)?;
        let seconds = usize::try_from(context.seconds(15, 2))?;
        let messages = messages(Kind::Measure, HOSTS, warm_up + seconds * warm_up)?;
        let load = Load { messages: &messages, per_second, warm_up };
        let (mut rounds, mut transient) = (Vec::new(), Vec::new());
        for _ in 0..context.count(3, 1) {
            let ours = through_programs(context, &load).await?;
            let bare = through_forwarder(context, &load, Queues::Durable).await?;
            say(&format!("  {ours:.2?} beside {bare:.2?}"));
            rounds.push((ours, bare));
            transient.push(through_forwarder(context, &load, Queues::Transient).await?);
        }
        add_rows(report, per_second, &rounds, &transient);
    }
    Ok(())
}

fn add_rows(
    report: &mut Report,
    per_second: u32,
    rounds: &[(Latency, Latency)],
    transient: &[Latency],
) {
    for name in ["p50", "p99"] {
        let figure = |latency: &Latency| match name {
            "p50" => latency.p50_ms,
            _ => latency.p99_ms,
        };
        let pairs: Vec<_> =
            rounds.iter().map(|(ours, bare)| (figure(ours), figure(bare))).collect();
        let (ours, bare): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        let classic: Vec<_> = transient.iter().map(figure).collect();
        let ratio = median_ratio(&pairs);
        report.add(Row {
            figure: format!("latency {name} at {per_second} a second, sample to WebSocket"),
            ours: format!("{:.2} ms", median(&ours)),
            bare: format!(
                "{:.2} ms (through transient classic queues {:.2} ms)",
                median(&bare),
                median(&classic)
            ),
            ratio: Some(ratio),
            target: (name == "p50" && per_second == 1000).then_some(("ratio ≤ 1.5", ratio <= 1.5)),
        });
    }
}

async fn through_programs(context: &Context, load: &Load<'_>) -> anyhow::Result<Latency> {
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let bus = context.bus(&exchange).await?;
    let analyzer = Worker::Analyzer.start(context, &exchange)?;
    amqp::consumed(&url, &amqp::names(&exchange)?.measures()).await?;
    let dashboard = Dashboard::start(context, &exchange, &["--push-interval", "0ms"]).await?;
    let mut client = Client::connect(dashboard.address).await?;
    let (wanted, limit) = (load.messages.len(), load.limit());
    let numbers = Numbers::of(load.messages, HOSTS)?;
    let receiving = tokio::spawn(async move {
        let end = Deadline::now() + limit;
        let (mut view, mut arrivals) = (View::default(), Vec::with_capacity(wanted));
        while arrivals.len() < wanted {
            let Ok(text) = timeout_at(end, client.next()).await else { break };
            let (at, text) = text?;
            for sample in view.read(&text)?.samples {
                arrivals.push((at, numbers.number(&sample)?));
            }
        }
        anyhow::Ok(arrivals)
    });
    let sent = publish_evenly(&bus.publisher(), load.messages, load.per_second).await?;
    let arrivals = receiving.await??;
    dashboard.program.end().await?;
    analyzer.end().await?;
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    load.latency(&sent, &arrivals)
}

async fn through_forwarder(
    context: &Context,
    load: &Load<'_>,
    queues: Queues,
) -> anyhow::Result<Latency> {
    let (url, exchange) = (context.broker.url(), unique_exchange());
    if queues == Queues::Transient {
        amqp::declare_transient(&url, &exchange).await?;
    }
    let bus = context.bus(&exchange).await?;
    let forwarder = Worker::BareForwarder { added_bytes: 0 }.start(context, &exchange)?;
    amqp::consumed(&url, &amqp::names(&exchange)?.measures()).await?;
    let mut reader = Reader::open(&url, &exchange, queues).await?;
    let (wanted, limit) = (load.messages.len(), load.limit());
    let receiving = tokio::spawn(async move { reader.take(wanted, limit).await });
    let sent = publish_evenly(&bus.publisher(), load.messages, load.per_second).await?;
    let mut arrivals = Vec::with_capacity(wanted);
    for arrival in receiving.await?? {
        arrivals.push((arrival.at, number_of(&arrival.body, HOSTS)?));
    }
    drop(forwarder);
    bus.close().await;
    amqp::remove(&url, &exchange).await?;
    load.latency(&sent, &arrivals)
}

impl Load<'_> {
    fn limit(&self) -> Duration {
        let count = u32::try_from(self.messages.len()).unwrap_or(u32::MAX);
        Duration::from_secs(1) * (count / self.per_second) + LAST_LIMIT
    }

    /// From the time each was sent to its first arrival.
    fn latency(&self, sent: &[Instant], arrivals: &[(Instant, usize)]) -> anyhow::Result<Latency> {
        let mut arrived = vec![None; sent.len()];
        for (at, number) in arrivals {
            let place = arrived.get_mut(*number).context("a message that was never sent")?;
            place.get_or_insert(*at);
        }
        let missing = arrived.iter().filter(|at| at.is_none()).count();
        ensure!(missing == 0, "{missing} of {} messages did not arrive", sent.len());
        let times = arrived.iter().flatten().zip(sent).skip(self.warm_up);
        let mut times: Vec<_> =
            times.map(|(at, sent)| at.saturating_duration_since(*sent)).collect();
        times.sort_unstable();
        Ok(Latency { p50_ms: percentile_ms(&times, 50), p99_ms: percentile_ms(&times, 99) })
    }
}
