//! `resources simulate`: the load of many machines, through the path real trackers use.

mod figures;
mod progress;

use std::time::Duration;

use clap::Args;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use resources_core::bus::{Bus, BusArgs, Message, PublishError, Publisher};
use resources_core::contract::{HostName, Kind, RoutingKey, Topic, TraceParent};
use resources_core::service::{Failure, GRACE, now_ms, parse_duration, within};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::figures::SimulatedHost;
use self::progress::Progress;
use super::{close, trouble};
use crate::args::{QuietLogArgs, remote};

/// Publish what many machines would.
///
/// Each sends one measure of about 1 KB an interval, spread evenly over it, through the same
/// path as a real tracker.
///
/// Figures wander as real ones do; one host in 25 is busy. Progress goes to standard error.
/// When the broker cannot keep up, the number of measures that are due but not yet sent is
/// shown as `behind`; none is left out.
#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// How many machines, 1–1000000.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    hosts: u32,

    /// Time between two measures of one machine, at least 10ms.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    interval: Duration,

    /// End after this time; without it, when asked to stop.
    #[arg(long = "for", value_name = "DURATION", value_parser = parse_duration)]
    duration: Option<Duration>,

    /// Hosts are called this and a number from 0001.
    #[arg(long, value_name = "PREFIX", default_value = "sim-")]
    name_prefix: String,

    /// The same number gives the same figures.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    seed: u64,

    /// Measures that may wait for the broker's confirm at the same time, 1–65535.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 512,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    window: u16,

    #[command(flatten)]
    bus: BusArgs,

    #[command(flatten)]
    pub(crate) log: QuietLogArgs,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = parse_duration(text)?;
    if interval >= Duration::from_millis(10) {
        Ok(interval)
    } else {
        Err("an interval is at least 10ms; simulate more hosts instead".to_owned())
    }
}

pub(crate) async fn run(args: SimulateArgs, stop: CancellationToken) -> Result<(), Failure> {
    let config = remote(&args.bus)?;
    let url = config.url.clone();
    let hosts = simulated_hosts(&args)?;
    let bus = Bus::open(config);
    let publisher = bus.publisher();
    let mut progress = Progress::new(hosts.len());
    let outcome = tokio::select! {
        outcome = publish(&args, hosts, &publisher, stop, &mut progress) => outcome,
        reason = bus.refused() => {
            Err(Failure::failed(format_args!("the broker at {url} refused: {reason}")))
        }
    };
    progress.finish();
    let trouble = trouble(&bus);
    close(&bus).await;
    outcome?;
    let unconfirmed = progress.sent() - progress.confirmed();
    match (unconfirmed, trouble) {
        (0, _) => Ok(()),
        (count, None) => Err(Failure::failed(format_args!("{count} measures were not confirmed"))),
        (count, Some(reason)) => Err(Failure::failed(format_args!(
            "{count} measures were not confirmed; the broker at {url}: {reason}"
        ))),
    }
}

fn simulated_hosts(args: &SimulateArgs) -> Result<Vec<SimulatedHost>, Failure> {
    let run = format!("{:016x}", fastrand::u64(..));
    (1..=args.hosts)
        .map(|number| {
            let name = HostName::new(&format!("{}{number:04}", args.name_prefix))
                .map_err(|error| Failure::settings(format_args!("--name-prefix: {error}")))?;
            Ok(SimulatedHost::new(name, &run, args.interval, args.seed, number))
        })
        .collect()
}

/// Publishes each measure when it is due, until the time is over or `stop`, then waits for the
/// last confirms.
async fn publish(
    args: &SimulateArgs,
    mut hosts: Vec<SimulatedHost>,
    publisher: &Publisher,
    stop: CancellationToken,
    progress: &mut Progress,
) -> Result<(), Failure> {
    let window = usize::from(args.window);
    let spacing = args.interval.as_secs_f64() / f64::from(args.hosts);
    let start = Instant::now();
    let mut end = std::pin::pin!(async {
        match args.duration {
            Some(duration) => tokio::time::sleep_until(start + duration).await,
            None => std::future::pending().await,
        }
    });
    let mut stopped = std::pin::pin!(stop.cancelled());
    let mut in_flight = FuturesUnordered::new();
    let mut tick = progress.ticks();
    let mut turn = 0;
    loop {
        // The n-th measure is due n spacings after the start, however late the ones before it.
        let due = start + Duration::from_secs_f64(spacing * progress.sent() as f64);
        tokio::select! {
            biased;
            () = &mut stopped => break,
            () = &mut end => break,
            Some(outcome) = in_flight.next(), if !in_flight.is_empty() => {
                confirmed(outcome, progress)?;
            }
            _ = tick.tick() => {
                let due = (start.elapsed().as_secs_f64() / spacing) as u64 + 1;
                progress.show(due);
            }
            () = tokio::time::sleep_until(due), if in_flight.len() < window => {
                let message = message(&mut hosts[turn])?;
                in_flight.push(async move { publisher.publish_until_confirmed(&message).await });
                progress.count_sent();
                turn = (turn + 1) % hosts.len();
            }
        }
    }
    let mut failed = Ok(());
    within(GRACE, "waiting for the last confirms", async {
        while let Some(outcome) = in_flight.next().await {
            failed = confirmed(outcome, progress);
            if failed.is_err() {
                break;
            }
        }
    })
    .await;
    failed
}

fn confirmed(outcome: Result<(), PublishError>, progress: &mut Progress) -> Result<(), Failure> {
    outcome.map_err(Failure::failed)?;
    progress.count_confirmed();
    Ok(())
}

fn message(host: &mut SimulatedHost) -> Result<Message, Failure> {
    let measure = host.sample(now_ms());
    let topic = Topic::from(RoutingKey::new(measure.host.clone(), Kind::Measure));
    Message::json(topic, &measure, measure.timestamp_ms, TraceParent::begin())
        .map_err(Failure::failed)
}
