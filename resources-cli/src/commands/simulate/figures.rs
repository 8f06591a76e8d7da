//! Plausible figures of a machine that is not there.

mod machine;

use std::f64::consts::TAU;
use std::time::Duration;

use fastrand::Rng;
use resources_core::contract::{Disk, HostName, Labels, Measure, Network, Temperature, Usage};

use self::machine::Machine;

const GIB: u64 = 1 << 30;

/// One host in this many is busy.
const HOT_EVERY: u32 = 25;

/// One host in this many has no swap.
const NO_SWAP_EVERY: u32 = 10;

/// One host in this many, as a virtual machine, has no sensors.
const NO_SENSORS_EVERY: u32 = 8;

/// A day goes by this fast, so that its wave can be seen on a chart of minutes.
const DAY_SECONDS: f64 = 600.0;

/// Like a tracker, what hardly ever changes is sent this often.
const SYSTEM_EVERY_MS: u64 = 60_000;

/// From this CPU on, a tracker lists the processes that use most of it.
const BUSY: f64 = 75.0;

const MOUNT_POINTS: [&str; 4] = ["/", "/home", "/var/lib/docker", "/srv/data"];
const INTERFACES: [&str; 4] = ["eth0", "eth1", "docker0", "wg0"];

/// What is asked of a machine at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strain {
    /// What comes along.
    Usual,
    /// Little: the CPU is at 60 % at most.
    Calm,
    /// All it can do: the CPU is at 95 % at least.
    Busy,
}

impl Strain {
    fn on(self, cpu: f64) -> f64 {
        match self {
            Self::Usual => cpu,
            Self::Calm => cpu.min(60.0),
            Self::Busy => 95.0 + cpu / 20.0,
        }
    }
}

/// A machine that is not there. The same seed and number give the same figures.
#[derive(Debug)]
pub(crate) struct SimulatedHost {
    rng: Rng,
    name: HostName,
    run: Box<str>,
    interval_ms: u64,
    sequence: u64,
    booted_seconds_ago: u64,
    machine: Machine,
    /// When what hardly ever changes was told last, in time since the start, and since when the
    /// link was up then.
    told: Option<(u64, Option<u64>)>,
    /// Middle of the CPU's daily wave, its height, and where in the day it begins.
    base: f64,
    swing: f64,
    phase: f64,
    cpu: Walk,
    load: f64,
    memory_total: u64,
    memory: Walk,
    swap: Option<Walk>,
    has_sensors: bool,
    disks: Vec<(&'static str, u64, Walk)>,
    networks: Vec<(&'static str, Walk)>,
}

impl SimulatedHost {
    /// Host `number` (from 1) of a simulation.
    pub(crate) fn new(
        name: HostName,
        run: &str,
        interval: Duration,
        seed: u64,
        number: u32,
    ) -> Self {
        // Far apart, so that neighbours do not move together.
        let mut rng = Rng::with_seed(seed ^ u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let hot = number.is_multiple_of(HOT_EVERY);
        let range = |rng: &mut Rng, low: f64, high: f64| low + (high - low) * rng.f64();
        let disks = rng.usize(2..=MOUNT_POINTS.len());
        let networks = rng.usize(2..=INTERFACES.len());
        Self {
            machine: Machine::new(&mut rng),
            name,
            run: run.into(),
            interval_ms: u64::try_from(interval.as_millis()).unwrap_or(u64::MAX),
            sequence: 0,
            booted_seconds_ago: rng.u64(3_600..90 * 86_400),
            told: None,
            base: if hot { range(&mut rng, 80.0, 92.0) } else { range(&mut rng, 8.0, 35.0) },
            swing: range(&mut rng, 2.0, 15.0),
            phase: rng.f64(),
            cpu: Walk::new(0.0, -12.0, 12.0, 2.5),
            load: 0.0,
            memory_total: GIB << rng.u32(2..=7),
            memory: Walk::new(range(&mut rng, 25.0, 70.0), 10.0, 96.0, 0.3),
            swap: (!number.is_multiple_of(NO_SWAP_EVERY))
                .then(|| Walk::new(range(&mut rng, 0.0, 20.0), 0.0, 60.0, 0.1)),
            has_sensors: !number.is_multiple_of(NO_SENSORS_EVERY),
            disks: MOUNT_POINTS[..disks]
                .iter()
                .map(|mount_point| {
                    let full = Walk::new(range(&mut rng, 5.0, 85.0), 1.0, 99.0, 0.02);
                    (*mount_point, GIB * rng.u64(20..=2_000), full)
                })
                .collect(),
            networks: INTERFACES[..networks]
                .iter()
                .map(|interface| {
                    (*interface, Walk::new(range(&mut rng, 1e3, 1e6), 0.0, 1.2e8, 5e4))
                })
                .collect(),
            rng,
        }
    }

    pub(crate) const fn name(&self) -> &HostName {
        &self.name
    }

    /// What a tracker on this machine would send at `timestamp_ms` over a link that is up since
    /// `up_since_ms`, if it is.
    pub(crate) fn sample(
        &mut self,
        timestamp_ms: u64,
        up_since_ms: Option<u64>,
        strain: Strain,
    ) -> Measure {
        let rng = &mut self.rng;
        let elapsed_ms = self.sequence.saturating_mul(self.interval_ms);
        #[expect(clippy::cast_precision_loss, reason = "a time of day")]
        let day = elapsed_ms as f64 / 1_000.0 / DAY_SECONDS + self.phase;
        let wave = self.swing * (TAU * day).sin();
        let cpu = strain.on((self.base + wave + self.cpu.step(rng)).clamp(0.0, 100.0));
        #[expect(clippy::cast_precision_loss, reason = "at most 16")]
        let cores = self.machine.cores() as f64;
        self.load += (cpu / 100.0 * cores - self.load) * 0.1;
        let memory = share(self.memory_total, self.memory.step(rng));
        let swap_total = 2 * GIB;
        let came_up = |up_before_ms| up_since_ms.is_some() && up_since_ms != up_before_ms;
        let tells_system = self.told.is_none_or(|(last_ms, up_before_ms)| {
            came_up(up_before_ms) || elapsed_ms - last_ms >= SYSTEM_EVERY_MS
        });
        if tells_system {
            self.told = Some((elapsed_ms, up_since_ms));
        }
        let measure = Measure {
            run: Some(self.run.clone()),
            sequence: Some(self.sequence),
            interval_ms: Some(self.interval_ms),
            cores_percentage: (0..self.machine.cores())
                .map(|_| round((cpu + 30.0 * (rng.f64() - 0.5)).clamp(0.0, 100.0)))
                .collect(),
            load_average: Some([self.load, self.load * 0.9, self.load * 0.8].map(round)),
            memory: Some(Usage { total_bytes: self.memory_total, used_bytes: memory }),
            swap: self.swap.as_mut().map(|used| Usage {
                total_bytes: swap_total,
                used_bytes: share(swap_total, used.step(rng)),
            }),
            disks: self
                .disks
                .iter_mut()
                .map(|(mount_point, total_bytes, full)| Disk {
                    mount_point: (*mount_point).into(),
                    total_bytes: *total_bytes,
                    used_bytes: share(*total_bytes, full.step(rng)),
                })
                .collect(),
            networks: self
                .networks
                .iter_mut()
                .map(|(interface, traffic)| {
                    let received = traffic.step(rng);
                    Network {
                        interface: (*interface).into(),
                        received_bytes_per_second: round(received),
                        transmitted_bytes_per_second: round(received * 0.4),
                    }
                })
                .collect(),
            temperatures: if self.has_sensors {
                let sensor = |label: &str, celsius| Temperature {
                    label: label.into(),
                    celsius: round(celsius),
                };
                vec![
                    sensor("Package id 0", 35.0 + cpu * 0.45),
                    sensor("nvme Composite", 30.0 + cpu * 0.15),
                ]
            } else {
                Vec::new()
            },
            uptime_seconds: Some(self.booted_seconds_ago + elapsed_ms / 1_000),
            processes: if cpu >= BUSY { self.machine.processes(cpu, rng) } else { Vec::new() },
            system: tells_system.then(|| self.machine.system()),
            labels: if tells_system { self.machine.labels().clone() } else { Labels::default() },
            ..Measure::new(self.name.clone(), timestamp_ms, round(cpu))
        };
        self.sequence += 1;
        measure
    }
}

/// A figure that wanders between two bounds.
#[derive(Debug)]
struct Walk {
    at: f64,
    low: f64,
    high: f64,
    stride: f64,
}

impl Walk {
    const fn new(at: f64, low: f64, high: f64, stride: f64) -> Self {
        Self { at, low, high, stride }
    }

    fn step(&mut self, rng: &mut Rng) -> f64 {
        let step = self.stride * (2.0 * rng.f64() - 1.0);
        self.at = (self.at + step).clamp(self.low, self.high);
        self.at
    }
}

/// `percentage` of `total`.
fn share(total: u64, percentage: f64) -> u64 {
    // In hundredths of a percent, so that no float holds bytes.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0–10,000")]
    let parts = (percentage * 100.0) as u64;
    total / 10_000 * parts.min(10_000)
}

fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(seed: u64, number: u32) -> SimulatedHost {
        let name = HostName::new(&format!("sim-{number:04}")).unwrap();
        SimulatedHost::new(name, "run", Duration::from_secs(1), seed, number)
    }

    fn samples(seed: u64, number: u32, count: u64) -> Vec<Measure> {
        let mut host = host(seed, number);
        (0..count).map(|i| host.sample(1_000 * i, Some(0), Strain::Usual)).collect()
    }

    #[test]
    fn every_figure_follows_the_contract_and_a_message_is_as_large_as_a_real_one() {
        for number in 1..=100 {
            for measure in samples(1, number, 200) {
                assert_eq!(measure.validate(), Ok(()));
                let bytes = serde_json::to_vec(&measure).unwrap().len();
                assert!((600..2_200).contains(&bytes), "{bytes} bytes");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_figures_and_another_one_others() {
        assert_eq!(samples(7, 3, 50), samples(7, 3, 50));
        assert_ne!(samples(7, 3, 50), samples(8, 3, 50));
        let cpu = |number| samples(7, number, 50)[49].cpu_percentage;
        assert_ne!(cpu(3), cpu(4), "hosts differ");
    }

    #[test]
    fn a_few_hosts_are_hot_and_the_others_are_not() {
        let average =
            |number| samples(1, number, 300).iter().map(|m| m.cpu_percentage).sum::<f64>() / 300.0;
        let hot = (1..=100).filter(|number| average(*number) >= 70.0).count();
        assert_eq!(hot, 4);
    }

    #[test]
    fn strain_decides_the_cpu_whoever_the_host_is() {
        for number in 1..=2 * HOT_EVERY {
            let mut host = host(1, number);
            for at_ms in 0..100 {
                assert!(host.sample(at_ms, Some(0), Strain::Calm).cpu_percentage <= 60.0);
                assert!(host.sample(at_ms, Some(0), Strain::Busy).cpu_percentage >= 95.0);
            }
        }
    }

    #[test]
    fn samples_are_numbered_and_tell_the_system_once_a_minute() {
        let samples = samples(1, 1, 121);
        assert!(samples.iter().zip(0..).all(|(measure, i)| measure.sequence == Some(i)));
        let told: Vec<_> = samples
            .iter()
            .filter(|measure| measure.system.is_some())
            .filter_map(|measure| measure.sequence)
            .collect();
        assert_eq!(told, [0, 60, 120]);
        let labelled = |measure: &Measure| measure.labels.get("role").is_some();
        assert!(samples.iter().all(|measure| labelled(measure) == measure.system.is_some()));
    }

    #[test]
    fn the_system_is_told_again_when_the_link_came_up() {
        let mut host = host(1, 1);
        let links = [None, Some(5), Some(5), None, Some(9), Some(9)];
        let told =
            links.map(|up_since_ms| host.sample(0, up_since_ms, Strain::Usual).system.is_some());
        assert_eq!(told, [true, true, false, false, true, false]);
    }

    #[test]
    fn the_first_host_has_every_figure_a_page_can_show() {
        let first = &samples(1, 1, 1)[0];
        assert!(first.swap.is_some() && first.disks.len() > 1 && first.networks.len() > 1);
        assert_eq!(first.temperatures.len(), 2);
        assert!(first.system.is_some() && !first.labels.is_empty());
        assert!(samples(1, HOT_EVERY, 600).iter().any(|measure| measure.processes.len() == 5));
    }
}
