//! The few processes that use most CPU, read only while the CPU is busy.

#[cfg(target_os = "linux")]
mod table;

use std::time::{Duration, Instant};

use resources_core::contract::{MAX_INTEGER, Process};

#[cfg(not(target_os = "linux"))]
use super::portable::Table;
use super::{CpuUse, due, round, usable};
#[cfg(target_os = "linux")]
use table::Table;

/// How soon the second reading follows, which is the first with figures.
const FIRST_PERIOD: Duration = Duration::from_secs(1);

/// How often the processes are read from then on while the CPU is busy: a list in a sample is
/// at most this old, and its figures cover the time between two readings.
const PERIOD: Duration = Duration::from_secs(5);

/// When processes are read, and how many are sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProcessSettings {
    /// CPU of all cores, 0–100, at or above which they are.
    pub above_percentage: f64,
    /// How many are sent at most.
    pub count: usize,
}

/// What a process has used between two readings.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    pub(super) pid: u64,
    pub(super) name: Box<str>,
    /// CPU, as a percentage of all cores.
    pub(super) percentage: f64,
    pub(super) memory_bytes: u64,
}

/// Reads processes while the CPU is busy.
#[derive(Debug)]
pub(super) struct Processes {
    settings: Option<ProcessSettings>,
    /// Kept only while busy: the table of all processes is the largest thing a tracker holds.
    table: Option<Table>,
    read: Option<Instant>,
    last: Vec<Process>,
}

impl Processes {
    pub(super) const fn new(settings: Option<ProcessSettings>) -> Self {
        Self { settings, table: None, read: None, last: Vec::new() }
    }

    /// The processes that use most CPU, at most [`PERIOD`] old; empty while the CPU is calm,
    /// and until the second reading, as a process' CPU takes two.
    pub(super) fn read(&mut self, cpu: &CpuUse, now: Instant) -> &[Process] {
        let busy = |settings: &ProcessSettings| cpu.percentage >= settings.above_percentage;
        let Some(settings) = self.settings.filter(busy) else {
            (self.table, self.read) = (None, None);
            self.last = Vec::new();
            return &self.last;
        };
        let period = if self.last.is_empty() { FIRST_PERIOD } else { PERIOD };
        if due(self.read, now, period) {
            self.read = Some(now);
            match &mut self.table {
                Some(table) => self.last = top(table.read(cpu), settings.count),
                none => *none = Table::prime(cpu),
            }
        }
        &self.last
    }

    /// Whether the processes were read for the first time just now, so that the next reading
    /// has figures.
    pub(super) const fn primed(&self) -> bool {
        self.table.is_some() && self.last.is_empty()
    }
}

/// The `count` processes that use most CPU, most first; those that use none are left out.
fn top(processes: Vec<Figures>, count: usize) -> Vec<Process> {
    let process = |figures: Figures| {
        let percentage = usable(&figures.name, round(figures.percentage), 0.0..=100.0);
        Some(Process {
            cpu_percentage: percentage.filter(|percentage| *percentage > 0.0)?,
            pid: figures.pid,
            name: figures.name,
            memory_bytes: Some(figures.memory_bytes).filter(|bytes| *bytes <= MAX_INTEGER)?,
        })
    };
    let mut top: Vec<Process> = processes.into_iter().filter_map(process).collect();
    top.sort_by(|a, b| b.cpu_percentage.total_cmp(&a.cpu_percentage).then(a.pid.cmp(&b.pid)));
    top.truncate(count);
    top
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(pid: u64, percentage: f64) -> Figures {
        Figures { pid, name: "worker".into(), percentage, memory_bytes: 4096 }
    }

    fn busy(percentage: f64) -> CpuUse {
        CpuUse { percentage, total_ticks: 100, ..CpuUse::default() }
    }

    #[test]
    fn the_busiest_come_first_and_idle_ones_not_at_all() {
        let all = vec![figures(1, 2.5), figures(2, 50.0), figures(3, 0.001), figures(4, 25.0)];
        let shares = |count| -> Vec<(u64, f64)> {
            top(all.clone(), count).iter().map(|p| (p.pid, p.cpu_percentage)).collect()
        };
        assert_eq!(shares(2), [(2, 50.0), (4, 25.0)]);
        assert_eq!(shares(9), [(2, 50.0), (4, 25.0), (1, 2.5)]);
    }

    #[test]
    fn a_figure_that_cannot_be_is_left_out() {
        let all = vec![figures(1, f64::NAN), figures(2, 125.0), figures(3, f64::INFINITY)];
        assert!(top(all, 5).is_empty());
    }

    #[test]
    fn processes_are_not_read_while_the_cpu_is_calm() {
        let settings = ProcessSettings { above_percentage: 75.0, count: 5 };
        let mut processes = Processes::new(Some(settings));
        assert!(processes.read(&busy(74.99), Instant::now()).is_empty());
        assert!(processes.table.is_none());

        processes.read(&busy(75.0), Instant::now());
        assert!(processes.table.is_some() && processes.primed());

        processes.read(&busy(1.0), Instant::now());
        assert!(processes.table.is_none(), "the list is given back when the CPU calms down");
    }

    #[test]
    fn without_settings_processes_are_never_read() {
        let mut processes = Processes::new(None);
        assert!(processes.read(&busy(100.0), Instant::now()).is_empty());
        assert!(processes.table.is_none());
    }

    #[test]
    fn the_second_busy_reading_has_figures_and_they_hold_for_a_while() {
        let settings = ProcessSettings { above_percentage: 0.0, count: 5 };
        let mut processes = Processes::new(Some(settings));
        let begun = Instant::now();
        let cpu = |total_ticks| CpuUse { total_ticks, ..busy(90.0) };
        assert!(processes.read(&cpu(1000), begun).is_empty());
        assert!(processes.read(&cpu(1010), begun + FIRST_PERIOD / 2).is_empty());
        table::work();
        let top = processes.read(&cpu(10_000), begun + FIRST_PERIOD).to_vec();
        assert!(!top.is_empty() && top.len() <= 5, "{top:?}");
        assert_eq!(processes.read(&cpu(11_000), begun + FIRST_PERIOD * 2), top);
    }
}
