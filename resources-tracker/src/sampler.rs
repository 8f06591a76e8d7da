//! When to sample, and what a sample becomes.

use std::time::{Duration, Instant};

use resources_core::bus::{Link, Message};
use resources_core::contract::{
    HostName, Kind, Labels, MAX_BODY_BYTES, Measure, RoutingKey, Topic,
};
use resources_core::service::now_ms;
use resources_core::telemetry::begin_trace;
use tokio::sync::watch;

use crate::collect::Collector;
use crate::config::{Interval, Settings};
use crate::outbox::Sample;

/// How often a sample tells what hardly ever changes.
const SYSTEM_PERIOD: Duration = Duration::from_secs(60);

/// Longest sleep before the wall clock is looked at again: it may have been set, or the machine
/// may have slept, which the clock of timers does not count.
const LONGEST_SLEEP_MS: u64 = 10_000;

/// Longest time between the first reading of counters and the first sample that is held back to
/// let it cover a fair interval, in milliseconds.
const FIRST_WAIT_MS: u64 = 500;

/// The moments to sample at: the multiples of the interval on the Unix clock.
#[derive(Debug)]
struct Grid {
    interval_ms: u64,
    next_ms: u64,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    Sample,
    /// Look again after this many milliseconds.
    Wait(u64),
}

impl Grid {
    /// The first tick leaves counters, read now, a fair interval to count over.
    fn new(interval: Interval, now_ms: u64) -> Self {
        let interval_ms = interval.as_ms();
        let earliest_ms = now_ms.saturating_add((interval_ms / 2).min(FIRST_WAIT_MS));
        Self { interval_ms, next_ms: tick_from(earliest_ms, interval_ms) }
    }

    /// What to do when the clock shows `now_ms`. Missed ticks are skipped, and so is one that
    /// would follow a late sample at less than half an interval, over which counters say little.
    fn step(&mut self, now_ms: u64) -> Step {
        if now_ms >= self.next_ms {
            self.next_ms = next_tick(now_ms, self.interval_ms);
            return Step::Sample;
        }
        // Set back by more than an interval; less is waited for, so that no tick comes twice.
        if self.next_ms - now_ms > 2 * self.interval_ms {
            self.next_ms = next_tick(now_ms, self.interval_ms);
        }
        Step::Wait((self.next_ms - now_ms).min(LONGEST_SLEEP_MS))
    }
}

/// The tick after a sample taken at `now_ms`: at least half an interval later.
fn next_tick(now_ms: u64, interval_ms: u64) -> u64 {
    tick_from(now_ms.saturating_add((interval_ms / 2).max(1)), interval_ms)
}

/// The first tick at or after `ms`.
fn tick_from(ms: u64, interval_ms: u64) -> u64 {
    ms.div_ceil(interval_ms).saturating_mul(interval_ms)
}

/// Who the samples of this run are from.
#[derive(Debug)]
struct Identity {
    host: HostName,
    topic: Topic,
    run: Box<str>,
    interval: Interval,
    labels: Labels,
}

impl Identity {
    fn new(settings: &Settings) -> Self {
        let host = settings.host.clone();
        let topic = RoutingKey::new(host.clone(), Kind::Measure).into();
        let run = format!("{:016x}", fastrand::u64(..)).into();
        Self { host, topic, run, interval: settings.interval, labels: settings.labels.clone() }
    }
}

/// Takes samples at the ticks of its grid.
#[derive(Debug)]
pub(crate) struct Sampler {
    collector: Collector,
    identity: Identity,
    grid: Grid,
    sequence: u64,
    link: watch::Receiver<Link>,
    /// When the link that is up came up, when that was last looked at.
    up_since_ms: Option<u64>,
    system_sent: Option<Instant>,
    /// CPU figure of the last sample.
    cpu_percentage: Option<f64>,
}

impl Sampler {
    pub(crate) fn new(settings: &Settings, link: watch::Receiver<Link>) -> Self {
        Self {
            collector: Collector::new(&settings.collect),
            identity: Identity::new(settings),
            grid: Grid::new(settings.interval, now_ms()),
            sequence: 0,
            link,
            up_since_ms: None,
            system_sent: None,
            cpu_percentage: None,
        }
    }

    /// Resolves at the next tick. Safe to drop and call again: a tick is lost only when nobody
    /// waits for it.
    pub(crate) async fn tick(&mut self) {
        while let Step::Wait(ms) = self.grid.step(now_ms()) {
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
    }

    /// The sample of now, which tells of `dropped` others; `None` when there is none to take.
    pub(crate) fn sample(&mut self, dropped: u64) -> Option<Sample> {
        let timestamp_ms = now_ms();
        let Some(reading) = self.collector.read() else {
            tracing::debug!("no figure of the CPU at this tick; no sample");
            return None;
        };
        let mut measure = reading.into_measure(self.identity.host.clone(), timestamp_ms);
        self.identify(&mut measure);
        measure.dropped = (dropped > 0).then_some(dropped);
        if self.system_due() {
            measure.system = Some(self.collector.system());
            measure.labels = self.identity.labels.clone();
        }
        let cpu_percentage = measure.cpu_percentage;
        let message = encode(&self.identity.topic, measure)?;
        self.sequence += 1;
        self.cpu_percentage = Some(cpu_percentage);
        Some(Sample { message, dropped })
    }

    /// The last sample of this run, by which a host that was stopped is told from one that fell
    /// silent; `None` when there was no sample.
    pub(crate) fn last_sample(&mut self, dropped: u64) -> Option<Sample> {
        let cpu_percentage = self.cpu_percentage?;
        let timestamp_ms = now_ms();
        let host = self.identity.host.clone();
        let mut measure = match self.collector.read() {
            Some(reading) => reading.into_measure(host, timestamp_ms),
            None => Measure::new(host, timestamp_ms, cpu_percentage),
        };
        // Counters since a moment ago say little.
        measure.cpu_percentage = cpu_percentage;
        measure.cores_percentage.clear();
        measure.networks.clear();
        self.identify(&mut measure);
        measure.dropped = (dropped > 0).then_some(dropped);
        measure.stopping = true;
        let message = encode(&self.identity.topic, measure)?;
        self.sequence += 1;
        Some(Sample { message, dropped })
    }

    fn identify(&self, measure: &mut Measure) {
        measure.run = Some(self.identity.run.clone());
        measure.sequence = Some(self.sequence);
        measure.interval_ms = Some(self.identity.interval.as_ms());
    }

    /// Once a minute, and whenever the link came up since the last sample.
    fn system_due(&mut self) -> bool {
        let link = self.link.borrow();
        let up_since_ms = link.state.is_up().then_some(link.since_ms);
        let came_up = up_since_ms.is_some() && up_since_ms != self.up_since_ms;
        if came_up {
            self.up_since_ms = up_since_ms;
        }
        let now = Instant::now();
        let sent = self.system_sent;
        let due = came_up || sent.is_none_or(|sent| now.duration_since(sent) >= SYSTEM_PERIOD);
        if due {
            self.system_sent = Some(now);
        }
        due
    }
}

/// The message of `measure`; `None`, with an error in the log, when it breaks the contract.
fn encode(topic: &Topic, mut measure: Measure) -> Option<Message> {
    if let Err(error) = measure.validate() {
        tracing::error!(%error, "sample left out: it breaks the contract");
        return None;
    }
    let message = |measure: &Measure| {
        Message::json(topic.clone(), measure, measure.timestamp_ms, begin_trace())
            .inspect_err(|error| tracing::error!(%error, "sample left out: it is no JSON"))
            .ok()
    };
    let whole = message(&measure)?;
    if whole.body.len() <= MAX_BODY_BYTES {
        return Some(whole);
    }
    let bytes = whole.body.len();
    tracing::warn!(bytes, "sample too large; sent without its lists. Choose what it lists");
    measure.disks.clear();
    measure.networks.clear();
    measure.temperatures.clear();
    measure.processes.clear();
    message(&measure).filter(|message| message.body.len() <= MAX_BODY_BYTES)
}

/// One measure of this machine as a tracker with these settings would send it first.
///
/// Blocks for an interval, at most a second, and once more when it takes a second reading to
/// know the processes.
///
/// `None` when the CPU cannot be read.
#[must_use]
pub fn measure_once(settings: &Settings) -> Option<Measure> {
    let wait = Duration::from_millis(settings.interval.as_ms()).min(Duration::from_secs(1));
    let mut collector = Collector::new(&settings.collect);
    std::thread::sleep(wait);
    let mut reading = collector.read()?;
    if collector.processes_primed() {
        std::thread::sleep(Duration::from_secs(1));
        reading = collector.read()?;
    }
    let identity = Identity::new(settings);
    let mut measure = reading.into_measure(identity.host, now_ms());
    measure.run = Some(identity.run);
    measure.sequence = Some(0);
    measure.interval_ms = Some(identity.interval.as_ms());
    measure.system = Some(collector.system());
    measure.labels = identity.labels;
    Some(measure)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use resources_core::bus::{Bus, BusConfig};
    use resources_core::contract::Disk;

    use super::*;
    use crate::collect::CollectSettings;
    use crate::outbox::OutboxSettings;

    fn grid(interval_ms: u64, now_ms: u64) -> Grid {
        Grid::new(Interval::new(Duration::from_millis(interval_ms)).unwrap(), now_ms)
    }

    #[test]
    fn samples_at_whole_seconds_and_skips_what_it_missed() {
        let mut grid = grid(1000, 10_200);
        assert_eq!(grid.step(10_200), Step::Wait(800));
        assert_eq!(grid.step(11_001), Step::Sample);
        assert_eq!(grid.step(11_002), Step::Wait(998));
        assert_eq!(grid.step(15_300), Step::Sample, "late, and only once");
        assert_eq!(grid.step(15_301), Step::Wait(699));
        assert_eq!(grid.step(16_900), Step::Sample);
        assert_eq!(grid.step(16_901), Step::Wait(1099), "17,000 would be too close");
    }

    #[test]
    fn the_first_sample_has_a_fair_interval_behind_it() {
        assert_eq!(grid(1000, 10_999).next_ms, 12_000);
        assert_eq!(grid(1000, 10_500).next_ms, 11_000);
        assert_eq!(grid(3_600_000, 7_199_000).next_ms, 7_200_000);
    }

    #[test]
    fn a_clock_set_back_does_not_stop_sampling() {
        let mut grid = grid(1000, 1_000_000_000);
        assert_eq!(grid.step(1_000_001_000), Step::Sample);
        assert_eq!(grid.step(500_000_300), Step::Wait(700));
    }

    proptest! {
        #[test]
        fn the_next_tick_is_on_the_grid_half_to_one_and_a_half_intervals_away(
            now_ms in 0u64..1 << 45, interval_ms in 100u64..=3_600_000,
        ) {
            let tick = next_tick(now_ms, interval_ms);
            prop_assert_eq!(tick % interval_ms, 0);
            prop_assert!(tick - now_ms >= interval_ms / 2);
            prop_assert!(tick - now_ms <= interval_ms + interval_ms / 2);
        }

        /// Whatever the clock does, a wait is short and positive, and samples at most one a tick.
        #[test]
        fn any_clock_is_survived(
            interval_ms in 100u64..=3_600_000,
            start_ms in 0u64..1 << 45,
            steps in prop::collection::vec(-10_000_000i64..10_000_000, 1..100),
        ) {
            let mut grid = grid(interval_ms, start_ms);
            let mut now_ms = start_ms;
            for step in steps {
                now_ms = now_ms.saturating_add_signed(step);
                if grid.step(now_ms) == Step::Sample {
                    let again = grid.step(now_ms);
                    prop_assert!(matches!(again, Step::Wait(_)), "burst at {}", now_ms);
                }
                if let Step::Wait(ms) = grid.step(now_ms) {
                    prop_assert!((1..=LONGEST_SLEEP_MS).contains(&ms));
                    prop_assert!(grid.next_ms - now_ms <= 2 * interval_ms);
                }
            }
        }

        /// A clock that only moves forward gives one sample for each tick it is shown.
        #[test]
        fn a_steady_clock_misses_no_tick(
            interval_ms in 100u64..=10_000, start_ms in 0u64..1 << 40, late_ms in 0u64..40,
        ) {
            let mut grid = grid(interval_ms, start_ms);
            let first_ms = grid.next_ms;
            for tick in 0..50 {
                let now_ms = first_ms + tick * interval_ms + late_ms;
                prop_assert_eq!(grid.step(now_ms), Step::Sample);
            }
        }
    }

    #[test]
    fn a_sample_too_large_for_any_receiver_goes_without_its_lists() {
        let host = HostName::new("me").unwrap();
        let topic = Topic::from(RoutingKey::new(host.clone(), Kind::Measure));
        let mut measure = Measure::new(host, 1, 5.0);
        let disk =
            |_| Disk { mount_point: "/x".repeat(1000).into(), total_bytes: 2, used_bytes: 1 };
        measure.disks = (0..200).map(disk).collect();
        let message = encode(&topic, measure).unwrap();
        assert!(message.body.len() <= MAX_BODY_BYTES);
        let decoded = Measure::decode("me.measure", &message.body, 0).unwrap();
        assert!(decoded.disks.is_empty());
        assert!((decoded.cpu_percentage - 5.0).abs() < f64::EPSILON);
    }

    #[tokio::test]
    async fn a_sample_tells_how_many_were_dropped_before_it() {
        let settings = Settings {
            host: HostName::new("me").unwrap(),
            labels: Labels::parse(["role=web"]).unwrap(),
            interval: Interval::new(Duration::from_millis(100)).unwrap(),
            buffer: 128,
            replay_rate: OutboxSettings::REPLAY_RATE,
            spool: None,
            collect: CollectSettings::default(),
        };
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut sampler = Sampler::new(&settings, bus.link());
        for (sequence, dropped, told) in [(0, 7, Some(7)), (1, 0, None)] {
            let sample = loop {
                sampler.tick().await;
                if let Some(sample) = sampler.sample(dropped) {
                    break sample;
                }
            };
            let measure = Measure::decode("me.measure", &sample.message.body, 0).unwrap();
            assert_eq!((measure.sequence, measure.dropped), (Some(sequence), told));
            // With what hardly ever changes, which is due in the first sample only.
            let role = (sequence == 0).then_some("web");
            assert_eq!(measure.labels.get("role"), role);
            assert_eq!(measure.system.is_some(), role.is_some());
            assert_eq!(sample.dropped, dropped);
        }
    }

    #[test]
    fn a_sample_that_breaks_the_contract_is_left_out() {
        let host = HostName::new("me").unwrap();
        let topic = Topic::from(RoutingKey::new(host.clone(), Kind::Measure));
        assert!(encode(&topic, Measure::new(host, 1, 101.0)).is_none());
    }
}
