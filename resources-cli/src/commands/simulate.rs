//! `resources simulate`: the load of many machines, through the path real trackers use.

mod episodes;
mod figures;
pub(crate) mod fleet;
mod progress;

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use resources_core::bus::{Bus, BusArgs, Message};
use resources_core::service::{Failure, parse_duration};
use resources_tracker::{Outbox, OutboxSettings};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::fleet::{FleetPlan, SimulatedFleet, message};
use self::progress::Progress;
use super::{close, trouble};
use crate::args::{QuietLogArgs, remote};
use crate::ledger::LedgerWriter;

/// Publish what many machines would.
///
/// Each sends one measure of about 1 KB an interval, spread evenly over it, through the same
/// path as a real tracker.
///
/// Figures wander as real ones do; one host in 25 is busy. Labels tell the role, the zone and the
/// stage of each. Progress goes to standard error.
/// Sampling follows the clock, whatever the broker does: while it is slow or away, measures are
/// held and sent later, each with its own time. How many are due and not yet confirmed is shown
/// as `behind`.
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

    /// For this long, hosts have episodes, and between and after them are calm: busy, with the
    /// CPU at 95 % at least, or away, when nothing is sampled. The same seed gives the same.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    episodes: Option<Duration>,

    /// Write what will happen to whom to this new file, one line of JSON an episode, to compare
    /// alerts with.
    #[arg(long, value_name = "FILE", requires = "episodes")]
    episode_list: Option<PathBuf>,

    /// Measures that may wait for the broker's confirm at the same time, 2–65535.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 512,
        value_parser = clap::value_parser!(u16).range(2..)
    )]
    window: u16,

    /// Measures of all hosts that are held until the broker confirms them, at about 1.2 KB each;
    /// beyond it the oldest are dropped.
    #[arg(
        long,
        value_name = "COUNT",
        default_value_t = 250_000,
        value_parser = clap::value_parser!(u32).range(1..=100_000_000)
    )]
    buffer: u32,

    /// Measures a host sends a second of those it held during an outage, at most, besides those
    /// it samples.
    #[arg(long, value_name = "PER_SECOND", default_value_t = OutboxSettings::REPLAY_RATE)]
    replay_rate: NonZeroU32,

    /// Append every sample to this file when it is taken, one line of JSON each, for
    /// `resources audit`.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,

    /// How long to wait in the end for measures that are not confirmed yet.
    #[arg(long, value_name = "DURATION", default_value = "8s", value_parser = parse_duration)]
    drain: Duration,

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
    let bus = Bus::open(config);
    let plan = FleetPlan {
        hosts: args.hosts,
        interval: args.interval,
        name_prefix: &args.name_prefix,
        seed: args.seed,
        episodes: args.episodes,
    };
    let fleet = SimulatedFleet::new(&plan, bus.link())?;
    if let Some(path) = &args.episode_list {
        episodes::write(path, fleet.episodes()).map_err(|error| {
            Failure::settings(format_args!("--episode-list {}: {error}", path.display()))
        })?;
    }
    let ledger = args.ledger.as_deref().map(|path| {
        LedgerWriter::append(path).map_err(|error| {
            Failure::settings(format_args!("--ledger {}: {error}", path.display()))
        })
    });
    let mut simulation =
        Simulation { progress: Progress::new(fleet.len()), fleet, ledger: ledger.transpose()? };
    let mut outbox = Outbox::open(&bus, outbox_settings(&args)).map_err(Failure::settings)?;
    let outcome = tokio::select! {
        outcome = simulation.publish(&args, &mut outbox, stop) => outcome,
        reason = bus.refused() => {
            Err(Failure::failed(format_args!("the broker at {url} refused: {reason}")))
        }
    };
    let counts = if outcome.is_ok() { outbox.finish().await } else { outbox.counts() };
    simulation.progress.finish(simulation.fleet.sampled(), counts);
    let trouble = trouble(&bus);
    close(&bus).await;
    outcome?;
    match (counts.held + counts.dropped, trouble) {
        (0, _) => Ok(()),
        (count, None) => Err(Failure::failed(format_args!("{count} measures were not confirmed"))),
        (count, Some(reason)) => Err(Failure::failed(format_args!(
            "{count} measures were not confirmed; the broker at {url}: {reason}"
        ))),
    }
}

/// As each tracker, so all together.
fn outbox_settings(args: &SimulateArgs) -> OutboxSettings {
    let capacity = usize::try_from(args.buffer).unwrap_or(usize::MAX);
    let replay_rate = args.replay_rate.get().saturating_mul(args.hosts);
    OutboxSettings {
        replay_rate: NonZeroU32::new(replay_rate).unwrap_or(args.replay_rate),
        window: usize::from(args.window),
        ..OutboxSettings::new(capacity)
    }
}

/// The machines that are not there, and what was written down of them.
struct Simulation {
    fleet: SimulatedFleet,
    ledger: Option<LedgerWriter>,
    progress: Progress,
}

impl Simulation {
    /// Samples when it is time and publishes, until the time is over or `stop`, then waits for
    /// the last confirms.
    async fn publish(
        &mut self,
        args: &SimulateArgs,
        outbox: &mut Outbox,
        stop: CancellationToken,
    ) -> Result<(), Failure> {
        let start = Instant::now();
        let mut end = std::pin::pin!(async {
            match args.duration {
                Some(duration) => tokio::time::sleep_until(start + duration).await,
                None => std::future::pending().await,
            }
        });
        let mut stopped = std::pin::pin!(stop.cancelled());
        let mut tick = self.progress.ticks();
        loop {
            tokio::select! {
                biased;
                () = &mut stopped => break,
                () = &mut end => break,
                _ = tick.tick() => {
                    let (sampled, due) = (self.fleet.sampled(), self.fleet.due_by_now());
                    self.progress.show(sampled, due, outbox.counts());
                }
                // Before the next sample: when more are due than can be taken, one always is.
                closed = outbox.drive() => return Err(Failure::failed(closed)),
                () = tokio::time::sleep_until(self.fleet.next_due()) => {
                    if let Some(message) = self.sample()? {
                        outbox.push(message);
                    }
                }
            }
        }
        self.drain(args.drain, outbox).await
    }

    /// Publishes what is still held, at the pace it has anyway, for at most `limit`.
    async fn drain(&mut self, limit: Duration, outbox: &mut Outbox) -> Result<(), Failure> {
        let over = Instant::now() + limit;
        let mut tick = self.progress.ticks();
        loop {
            tokio::select! {
                drained = outbox.drained() => return drained.map_err(Failure::failed),
                _ = tick.tick() => self.progress.show(self.fleet.sampled(), 0, outbox.counts()),
                () = tokio::time::sleep_until(over) => return Ok(()),
            }
        }
    }

    /// The next sample, of the host whose turn it is unless that one is away; in the ledger before
    /// it is anywhere else.
    fn sample(&mut self) -> Result<Option<Message>, Failure> {
        let Some(measure) = self.fleet.sample()? else { return Ok(None) };
        if let Some(ledger) = &mut self.ledger {
            ledger.write(&measure).map_err(|error| {
                Failure::failed(format_args!("the ledger cannot be written: {error}"))
            })?;
        }
        message(&measure).map(Some)
    }
}
