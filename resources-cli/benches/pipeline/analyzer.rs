//! An analyzer with a full queue before it: measures a second, CPU a measure, none missing.

use std::time::{Duration, Instant};

use anyhow::ensure;
use resources_core::bus::Message;
use resources_core::contract::Kind;
use resources_core::test_support::unique_exchange;
use tokio::time::sleep;

use crate::amqp::{self, Queues, Reader};
use crate::context::Context;
use crate::load::{largest_bytes, messages, number_of, publish_at_once};
use crate::process::Program;
use crate::report::{Report, Row};
use crate::statistics::{median, median_ratio, number};

const HOSTS: usize = 1000;

/// What the analyzer is told, and the bare forwarder with it.
const PREFETCH: &str = "512";
const WINDOW: &str = "256";

/// Rounds of both in turn; one alone tells little on a machine that does other things, too.
const PAIRS: usize = 7;

/// Bound on emptying a queue.
const DRAIN_LIMIT: Duration = Duration::from_secs(120);

/// For the broker to write down what the queue was filled with.
const SETTLE: Duration = Duration::from_secs(2);

/// For the last acknowledgements.
const LAST_ACKNOWLEDGEMENTS: Duration = Duration::from_millis(200);

/// Who takes the measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worker {
    Analyzer,
    /// Adds this many bytes to each body.
    BareForwarder {
        added_bytes: usize,
    },
}

impl Worker {
    /// Starts it and waits until it takes measures.
    pub(crate) fn start(self, context: &Context, exchange: &str) -> anyhow::Result<Program> {
        match self {
            Self::Analyzer => {
                let mut command = context.program("resources-analyzer", exchange);
                command.args(["--prefetch", PREFETCH, "--window", WINDOW]);
                Program::start("resources-analyzer", command)
            }
            Self::BareForwarder { added_bytes } => {
                let url = context.broker.url();
                let arguments = ["forwarder", "--url", &url, "--exchange", exchange];
                let mut command = context.role(&arguments)?;
                command.args(["--prefetch", PREFETCH, "--window", WINDOW]);
                command.arg("--added-bytes").arg(added_bytes.to_string());
                Program::start("the bare forwarder", command)
            }
        }
    }
}

/// What emptying one queue took.
#[derive(Debug, Clone, Copy)]
struct Drain {
    per_second: f64,
    cpu_microseconds: f64,
}

pub(crate) async fn measure(context: &Context, report: &mut Report) -> anyhow::Result<()> {
    let count = context.count(60_000, 5_000);
    let messages = messages(Kind::Measure, HOSTS, count)?;
    let added_bytes = bytes_an_analysis_adds(&messages)?;
    let mut rounds = Vec::new();
    for _ in 0..context.count(PAIRS, 1) {
        let ours = drain(context, Worker::Analyzer, &messages).await?;
        let bare = drain(context, Worker::BareForwarder { added_bytes: 0 }, &messages).await?;
        let grown = drain(context, Worker::BareForwarder { added_bytes }, &messages).await?;
        crate::report::say(&format!("  {ours:.1?} beside {bare:.1?} and {grown:.1?}"));
        rounds.push((ours, bare, grown));
    }
    let of = |figure: fn(&Drain) -> f64, beside: fn(&(Drain, Drain, Drain)) -> &Drain| {
        let pairs: Vec<_> =
            rounds.iter().map(|round| (figure(&round.0), figure(beside(round)))).collect();
        let (ours, bare): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        (median(&ours), median(&bare), median_ratio(&pairs))
    };
    // Both bare forwarders are told: the one that puts as many bytes on the stream shows what the
    // analyzer costs, the other what its levels cost everybody.
    let (ours, bare, ratio) = of(|drain| drain.per_second, |round| &round.2);
    report.add(Row {
        figure: format!("analyzer: {count} measures of {} bytes", largest_bytes(&messages)),
        ours: format!("{ours:.0} a second"),
        bare: format!("{bare:.0} a second, {added_bytes} bytes added to each"),
        ratio: Some(ratio),
        target: Some(("ratio ≥ 0.9", ratio >= 0.9)),
    });
    let (ours, bare, ratio) = of(|drain| drain.per_second, |round| &round.1);
    report.add(Row {
        figure: "the same, beside a forwarder of smaller messages".to_owned(),
        ours: format!("{ours:.0} a second"),
        bare: format!("{bare:.0} a second, bodies untouched"),
        ratio: Some(ratio),
        target: None,
    });
    let (ours, bare, ratio) = of(|drain| drain.cpu_microseconds, |round| &round.1);
    report.add(Row {
        figure: "analyzer: its own CPU a measure".to_owned(),
        ours: format!("{ours:.1} µs"),
        bare: format!("{bare:.1} µs"),
        ratio: Some(ratio),
        target: Some(("ratio ≤ 1.5", ratio <= 1.5)),
    });
    burst(context, &messages, report).await
}

/// By how much the body of an analysis is larger than that of its measure, at most.
fn bytes_an_analysis_adds(measures: &[Message]) -> anyhow::Result<usize> {
    let analyses = messages(Kind::Analysis, HOSTS, HOSTS.min(measures.len()))?;
    Ok(largest_bytes(&analyses).saturating_sub(largest_bytes(measures)))
}

/// Fills a queue, then has it emptied.
async fn drain(context: &Context, worker: Worker, messages: &[Message]) -> anyhow::Result<Drain> {
    let (url, exchange, count) = (context.broker.url(), unique_exchange(), messages.len());
    let bus = context.bus(&exchange).await?;
    publish_at_once(&bus.publisher(), messages).await?;
    bus.close().await;
    amqp::holds(&url, &amqp::names(&exchange)?.measures(), count).await?;
    sleep(SETTLE).await;

    let mut reader = Reader::open(&url, &exchange, Queues::Durable).await?;
    let mut program = worker.start(context, &exchange)?;
    let arrivals = reader.take(count, DRAIN_LIMIT).await?;
    sleep(LAST_ACKNOWLEDGEMENTS).await;
    let cpu = program.cpu()?;
    match worker {
        Worker::Analyzer => program.end().await?,
        Worker::BareForwarder { .. } => drop(program),
    }
    let bodies: Vec<_> = arrivals.iter().map(|arrival| arrival.body.as_slice()).collect();
    all_came(&bodies, count)?;
    amqp::remove(&url, &exchange).await?;

    let (first, last) = (arrivals[0].at, arrivals[count - 1].at);
    Ok(Drain {
        per_second: number(count - 1) / (last - first).as_secs_f64(),
        cpu_microseconds: cpu.as_secs_f64() * 1e6 / number(count),
    })
}

/// Each message is there, and each once: nothing broke, so nothing came twice.
fn all_came(bodies: &[&[u8]], count: usize) -> anyhow::Result<()> {
    let mut seen = vec![false; count];
    for body in bodies {
        let number = number_of(body, HOSTS)?;
        ensure!(number < count, "message {number} was never sent");
        ensure!(!std::mem::replace(&mut seen[number], true), "message {number} came twice");
    }
    let came = seen.iter().filter(|seen| **seen).count();
    ensure!(came == count, "{came} of {count} messages came");
    Ok(())
}

/// Many measures at once, with the analyzer waiting for them.
async fn burst(context: &Context, messages: &[Message], report: &mut Report) -> anyhow::Result<()> {
    const BURST: usize = 5_000;
    let (url, exchange) = (context.broker.url(), unique_exchange());
    let bus = context.bus(&exchange).await?;
    let mut reader = Reader::open(&url, &exchange, Queues::Durable).await?;
    let program = Worker::Analyzer.start(context, &exchange)?;
    amqp::consumed(&url, &amqp::names(&exchange)?.measures()).await?;
    let begun = Instant::now();
    let publisher = bus.publisher();
    let (published, arrivals) = tokio::join!(
        publish_at_once(&publisher, &messages[..BURST]),
        reader.take(BURST, DRAIN_LIMIT)
    );
    published?;
    let arrivals = arrivals?;
    let took = arrivals.last().map_or(DRAIN_LIMIT, |last| last.at - begun);
    program.end().await?;
    bus.close().await;
    let bodies: Vec<_> = arrivals.iter().map(|arrival| arrival.body.as_slice()).collect();
    let complete = all_came(&bodies, BURST);
    amqp::remove(&url, &exchange).await?;
    report.add(Row {
        figure: format!("analyzer: a burst of {BURST} measures"),
        ours: match &complete {
            Ok(()) => format!("all analysed, each once, in {:.2} s", took.as_secs_f64()),
            Err(error) => format!("{error:#}"),
        },
        target: Some(("all", complete.is_ok())),
        ..Row::default()
    });
    Ok(())
}
