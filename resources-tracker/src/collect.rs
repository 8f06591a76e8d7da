//! Reads the machine: one resource a file, parsing apart from reading.
//!
//! What a sensor gives that is not finite or out of its range is left out, never bent to look
//! real. Percentages and rates are rounded to two decimals, which keeps messages small.

#[cfg(target_os = "linux")]
mod cpu;
#[cfg(target_os = "linux")]
mod disk;
mod load;
mod memory;
mod network;
#[cfg(any(test, not(target_os = "linux")))]
mod portable;
#[cfg(target_os = "linux")]
mod proc_file;
mod process;
mod system;
mod temperature;

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use resources_core::contract::{
    Disk, HostName, Measure, Network, Process, System, Temperature, Usage,
};

#[cfg(not(target_os = "linux"))]
use self::portable::{Cpu, Disks, Networks};
use self::process::Processes;
use self::temperature::Temperatures;
#[cfg(target_os = "linux")]
use self::{cpu::Cpu, disk::Disks, network::Networks};
use crate::filter::NameFilter;

pub use self::process::ProcessSettings;

/// Most disks, interfaces and sensors one measure lists, each: keeps a message far below its
/// largest size whatever is mounted.
const MOST_LISTED: usize = 256;

/// What to collect.
#[derive(Debug, Clone, Default)]
pub struct CollectSettings {
    /// Mount points that count.
    pub disks: NameFilter,
    /// Network interfaces that count.
    pub networks: NameFilter,
    /// Where the host's `/` is mounted, when the tracker runs in a container; Linux only.
    pub host_root: Option<PathBuf>,
    /// When to read processes; `None` is never.
    pub processes: Option<ProcessSettings>,
}

/// CPU in use between two readings.
#[derive(Debug, Clone, Default, PartialEq)]
struct CpuUse {
    /// All cores together, 0–100.
    percentage: f64,
    /// Each core, 0–100; empty when cores came or went in between.
    cores_percentage: Vec<f64>,
    /// Number of logical cores.
    cores: usize,
    /// Ticks of all cores together since the host started, idle ones included; 0 where the
    /// system has no such count.
    total_ticks: u64,
}

/// The figures of one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    cpu: CpuUse,
    load_average: Option<[f64; 3]>,
    memory: Option<Usage>,
    swap: Option<Usage>,
    disks: Vec<Disk>,
    networks: Vec<Network>,
    temperatures: Vec<Temperature>,
    uptime_seconds: Option<u64>,
    processes: Vec<Process>,
}

impl Reading {
    /// The measure of `host` with these figures, read at `timestamp_ms`.
    #[must_use]
    pub fn into_measure(self, host: HostName, timestamp_ms: u64) -> Measure {
        Measure {
            cores_percentage: self.cpu.cores_percentage,
            load_average: self.load_average,
            memory: self.memory,
            swap: self.swap,
            disks: self.disks,
            networks: self.networks,
            temperatures: self.temperatures,
            uptime_seconds: self.uptime_seconds,
            processes: self.processes,
            ..Measure::new(host, timestamp_ms, self.cpu.percentage)
        }
    }
}

/// Reads every figure of this machine.
///
/// Keeps the counters of the last reading, as CPU and traffic are what happened between two.
/// Disks are read at most once a second, temperatures and (while the CPU is busy) processes
/// every fifth second; readings in between carry the last figures.
#[derive(Debug)]
pub struct Collector {
    cpu: Cpu,
    memory: Option<sysinfo::System>,
    disks: Disks,
    networks: Networks,
    temperatures: Temperatures,
    processes: Processes,
    system: System,
    cores: Option<u64>,
}

impl Collector {
    /// Takes the first reading of the counters: what follows is counted from here.
    #[must_use]
    pub fn new(settings: &CollectSettings) -> Self {
        let unreadable = |error: &sysinfo::Error| tracing::warn!(%error, "cannot read memory");
        let mut collector = Self {
            cpu: Cpu::new(),
            memory: sysinfo::System::new().inspect_err(unreadable).ok(),
            disks: Disks::new(settings.disks.clone(), settings.host_root.clone()),
            networks: Networks::new(settings.networks.clone()),
            temperatures: Temperatures::default(),
            processes: Processes::new(settings.processes),
            system: system::read(settings.host_root.as_deref()),
            cores: None,
        };
        // The first reading has no interval behind it.
        drop(collector.cpu.read());
        drop(collector.networks.read(Instant::now()));
        collector
    }

    /// Reads the machine; `None` when there is no figure of the CPU since the last reading,
    /// because no time passed for the kernel's clock or it cannot be read.
    pub fn read(&mut self) -> Option<Reading> {
        self.read_at(Instant::now())
    }

    /// Like [`read`](Self::read), at a given moment: rates and periods go by it.
    pub fn read_at(&mut self, now: Instant) -> Option<Reading> {
        let cpu = self.cpu.read();
        let memory = self.memory.as_mut().map(memory::read).unwrap_or_default();
        let networks = self.networks.read(now);
        let load_average = load::average();
        let uptime_seconds = load::uptime_seconds();
        let temperatures = self.temperatures.read(now).to_vec();
        let disks = self.disks.read(now).to_vec();
        let cpu = cpu?;
        self.cores = u64::try_from(cpu.cores).ok();
        Some(Reading {
            processes: self.processes.read(&cpu, now).to_vec(),
            cpu,
            load_average,
            memory: memory.main,
            swap: memory.swap,
            disks,
            networks,
            temperatures,
            uptime_seconds,
        })
    }

    /// What hardly ever changes about this machine.
    #[must_use]
    pub fn system(&self) -> System {
        System { cores: self.cores, ..self.system.clone() }
    }

    /// Whether the processes were read for the first time by the last reading, so that the next
    /// one has their figures.
    #[must_use]
    pub const fn processes_primed(&self) -> bool {
        self.processes.primed()
    }
}

/// Two decimals.
fn round(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

/// `value` when it is in `range`; else nothing, and a line for whoever wonders where it is.
fn usable(name: &str, value: f64, range: RangeInclusive<f64>) -> Option<f64> {
    if range.contains(&value) {
        return Some(value);
    }
    tracing::debug!(value, "figure of {name} left out: it cannot be");
    None
}

/// Whether `period` has passed since `last`. A tenth early counts, or else what is due at every
/// tick of the same length would miss each one that is a moment short.
fn due(last: Option<Instant>, now: Instant, period: Duration) -> bool {
    last.is_none_or(|last| now.saturating_duration_since(last) >= period.mul_f64(0.9))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes readings until the kernel's counters have moved.
    fn reading(collector: &mut Collector) -> Reading {
        loop {
            if let Some(reading) = collector.read() {
                return reading;
            }
            std::thread::yield_now();
        }
    }

    #[test]
    fn every_reading_of_this_machine_is_a_valid_measure() {
        let mut collector = Collector::new(&CollectSettings {
            processes: Some(ProcessSettings { above_percentage: 0.0, count: 5 }),
            ..CollectSettings::default()
        });
        for _ in 0..3 {
            let mut measure = reading(&mut collector).into_measure(HostName::new("me").unwrap(), 1);
            measure.system = Some(collector.system());
            measure.validate().unwrap();
            assert!(measure.memory.is_some() && measure.load_average.is_some());
            assert!(measure.uptime_seconds.is_some());
            assert!(measure.system.unwrap().cores.unwrap() > 0);
        }
    }

    #[test]
    fn what_is_due_at_each_tick_is_not_missed_by_a_tick_a_moment_short() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        assert!(due(None, now, second));
        assert!(due(Some(now), now + Duration::from_millis(995), second));
        assert!(!due(Some(now), now + Duration::from_millis(500), second));
    }

    #[test]
    fn a_figure_that_cannot_be_is_left_out() {
        assert_eq!(usable("x", 100.0, 0.0..=100.0), Some(100.0));
        for value in [100.01, -0.01, f64::NAN, f64::INFINITY] {
            assert_eq!(usable("x", value, 0.0..=100.0), None);
        }
    }
}
