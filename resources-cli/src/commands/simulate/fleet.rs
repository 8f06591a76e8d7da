//! The machines that are not there, and whose turn it is.

use std::time::Duration;

use resources_core::bus::{Bus, Link, Message};
use resources_core::contract::{HostName, Kind, Measure, RoutingKey, Topic};
use resources_core::service::{Failure, now_ms};
use resources_core::telemetry::begin_trace;
use resources_tracker::{Outbox, OutboxSettings};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::episodes::{Episodes, Kind as EpisodeKind};
use super::figures::{SimulatedHost, Strain};

/// Measures on their way at a time.
const WINDOW: usize = 512;

/// Measures held a host while those before them are not taken.
const HELD_A_HOST: usize = 10;

/// Which machines to simulate.
#[derive(Debug)]
pub(crate) struct FleetPlan<'a> {
    /// How many, at least 1.
    pub(crate) hosts: u32,
    /// Time between two samples of one of them.
    pub(crate) interval: Duration,
    /// They are called this and a number from 0001.
    pub(crate) name_prefix: &'a str,
    /// The same number gives the same figures.
    pub(crate) seed: u64,
    /// For how long hosts have episodes that are known beforehand; without it none.
    pub(crate) episodes: Option<Duration>,
}

/// Samples many machines in turn, each once an interval, spread evenly over it.
#[derive(Debug)]
pub(crate) struct SimulatedFleet {
    hosts: Vec<SimulatedHost>,
    /// What happens to each of them; empty when that is left to chance.
    episodes: Vec<Episodes>,
    /// Time between two samples of any of them, in seconds.
    spacing: f64,
    start: Instant,
    /// How often it was somebody's turn…
    turns: u64,
    /// … who was away.
    away: u64,
    link: watch::Receiver<Link>,
}

impl SimulatedFleet {
    /// Machines that tell what hardly ever changes whenever `link` came up, as trackers do. The
    /// first is due at once.
    ///
    /// # Errors
    /// When the prefix does not make host names.
    pub(crate) fn new(plan: &FleetPlan<'_>, link: watch::Receiver<Link>) -> Result<Self, Failure> {
        let run = format!("{:016x}", fastrand::u64(..));
        let host = |number| {
            let name = HostName::new(&format!("{}{number:04}", plan.name_prefix))
                .map_err(|error| Failure::settings(format_args!("--name-prefix: {error}")))?;
            Ok(SimulatedHost::new(name, &run, plan.interval, plan.seed, number))
        };
        let start_ms = now_ms();
        let episodes = plan.episodes.into_iter().flat_map(|time| {
            (1..=plan.hosts).map(move |number| Episodes::new(plan.seed, number, start_ms, time))
        });
        Ok(Self {
            hosts: (1..=plan.hosts).map(host).collect::<Result<_, Failure>>()?,
            episodes: episodes.collect(),
            spacing: plan.interval.as_secs_f64() / f64::from(plan.hosts),
            start: Instant::now(),
            turns: 0,
            away: 0,
            link,
        })
    }

    /// What will happen to whom.
    pub(crate) fn episodes(&self) -> impl Iterator<Item = (&HostName, &Episodes)> {
        self.hosts.iter().map(SimulatedHost::name).zip(&self.episodes)
    }

    /// How many machines there are.
    pub(crate) const fn len(&self) -> usize {
        self.hosts.len()
    }

    /// How many samples were taken.
    pub(crate) const fn sampled(&self) -> u64 {
        self.turns - self.away
    }

    /// When the next turn is due: the n-th n spacings after the start, however late those before
    /// it.
    pub(crate) fn next_due(&self) -> Instant {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
        let turns = self.turns as f64;
        self.start + Duration::from_secs_f64(self.spacing * turns)
    }

    /// How many samples should have been taken by now.
    pub(crate) fn due_by_now(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let due = (self.start.elapsed().as_secs_f64() / self.spacing) as u64;
        (due + 1).saturating_sub(self.away)
    }

    /// The next sample, of the host whose turn it is; `None` when that one is away.
    pub(crate) fn sample(&mut self) -> Result<Option<Measure>, Failure> {
        let link = self.link.borrow();
        let up_since_ms = link.state.is_up().then_some(link.since_ms);
        drop(link);
        let turn = usize::try_from(self.turns % self.hosts.len() as u64).unwrap_or_default();
        let host = self.hosts.get_mut(turn).ok_or_else(|| Failure::failed("no host"))?;
        self.turns += 1;
        let at_ms = now_ms();
        let strain = match self.episodes.get(turn).map(|episodes| episodes.at(at_ms)) {
            None => Strain::Usual,
            Some(None) => Strain::Calm,
            Some(Some(EpisodeKind::Busy)) => Strain::Busy,
            Some(Some(EpisodeKind::Away)) => {
                self.away += 1;
                return Ok(None);
            }
        };
        Ok(Some(host.sample(at_ms, up_since_ms, strain)))
    }
}

/// Samples `fleet` and publishes over `bus` until `stop`.
///
/// # Errors
/// When the bus is closed before `stop`.
pub(crate) async fn run(
    mut fleet: SimulatedFleet,
    bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let settings = OutboxSettings {
        window: WINDOW,
        ..OutboxSettings::new(fleet.len().saturating_mul(HELD_A_HOST).max(2 * WINDOW))
    };
    let mut outbox = Outbox::open(&bus, settings).map_err(Failure::settings)?;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            // Before the next sample: when more are due than can be taken, one always is.
            closed = outbox.drive() => return Err(Failure::failed(closed)),
            () = tokio::time::sleep_until(fleet.next_due()) => {
                if let Some(measure) = fleet.sample()? {
                    outbox.push(message(&measure)?);
                }
            }
        }
    }
    outbox.finish().await;
    Ok(())
}

/// The message of `measure`.
pub(crate) fn message(measure: &Measure) -> Result<Message, Failure> {
    let topic = Topic::from(RoutingKey::new(measure.host.clone(), Kind::Measure));
    Message::json(topic, measure, measure.timestamp_ms, begin_trace()).map_err(Failure::failed)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU16;

    use resources_core::bus::Source;
    use resources_core::test_support::{in_time, open_bus};

    use super::*;

    #[tokio::test]
    async fn a_simulation_that_falls_behind_publishes_all_the_same() {
        let bus = open_bus("memory:", "resources");
        let mut measures = bus.subscribe(Source::Measures, NonZeroU16::MIN);
        // More than any machine takes.
        let interval = Duration::from_micros(1);
        let plan = FleetPlan { hosts: 100, interval, name_prefix: "sim-", seed: 1, episodes: None };
        let fleet = SimulatedFleet::new(&plan, bus.link()).unwrap();
        let stop = CancellationToken::new();
        let simulation = tokio::spawn(run(fleet, bus.clone(), stop.clone()));
        in_time("a measure", measures.next()).await.unwrap();
        stop.cancel();
        simulation.await.unwrap().unwrap();
    }
}
