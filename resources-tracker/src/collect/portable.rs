//! CPU, disks, interfaces and processes by way of sysinfo alone, for systems other than Linux.
//!
//! Also built for the tests on Linux, so that it stays whole.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use resources_core::contract::{Disk, MAX_INTEGER, Network};
use sysinfo::{DiskRefreshKind, ProcessRefreshKind, ProcessesToUpdate, System};

use super::network::{Counters, Rates};
use super::process::Figures;
use super::{CpuUse, MOST_LISTED, due, round, usable};
use crate::filter::NameFilter;

/// How often disks are read: a disk in a sample is at most this old.
const DISK_PERIOD: Duration = Duration::from_secs(1);

/// Reads the CPU in use between one reading and the next.
#[derive(Debug)]
pub(super) struct Cpu {
    system: Option<System>,
    first: bool,
}

impl Cpu {
    pub(super) fn new() -> Self {
        let unreadable = |error: &sysinfo::Error| tracing::warn!(%error, "cannot read the CPU");
        Self { system: System::new().inspect_err(unreadable).ok(), first: true }
    }

    /// CPU in use since the last call; `None` at the first call.
    pub(super) fn read(&mut self) -> Option<CpuUse> {
        let system = self.system.as_mut()?;
        system.refresh_cpu_usage();
        if std::mem::take(&mut self.first) {
            return None;
        }
        let share = |value: f32| usable("cpu_percentage", round(f64::from(value)), 0.0..=100.0);
        let cores: Option<Vec<f64>> =
            system.cpus().iter().map(|core| share(core.usage())).collect();
        Some(CpuUse {
            percentage: share(system.global_cpu_usage())?,
            cores: system.cpus().len(),
            total_ticks: 0,
            cores_percentage: cores.unwrap_or_default(),
        })
    }
}

/// Reads the disks of this machine.
#[derive(Debug)]
pub(super) struct Disks {
    filter: NameFilter,
    disks: Option<sysinfo::Disks>,
    read: Option<Instant>,
    last: Vec<Disk>,
}

impl Disks {
    /// There is no host root but on Linux.
    pub(super) fn new(filter: NameFilter, _host_root: Option<PathBuf>) -> Self {
        Self { filter, disks: sysinfo::Disks::new().ok(), read: None, last: Vec::new() }
    }

    pub(super) fn read(&mut self, now: Instant) -> &[Disk] {
        if let Some(disks) = self.disks.as_mut().filter(|_| due(self.read, now, DISK_PERIOD)) {
            self.read = Some(now);
            disks.refresh_specifics(true, DiskRefreshKind::nothing().with_storage());
            let filter = &self.filter;
            self.last = disks.iter().filter_map(|disk| checked(disk, filter)).collect();
            self.last.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
            self.last.truncate(MOST_LISTED);
        }
        &self.last
    }
}

fn checked(disk: &sysinfo::Disk, filter: &NameFilter) -> Option<Disk> {
    let name = disk.mount_point().to_string_lossy();
    let total_bytes = disk.total_space();
    let used_bytes = total_bytes.checked_sub(disk.available_space())?;
    let counts = (1..=MAX_INTEGER).contains(&total_bytes) && filter.admits(&name);
    counts.then(|| Disk { mount_point: name.into(), total_bytes, used_bytes })
}

/// Reads the traffic of this machine's interfaces.
#[derive(Debug)]
pub(super) struct Networks {
    networks: Option<sysinfo::Networks>,
    rates: Rates,
}

impl Networks {
    pub(super) fn new(filter: NameFilter) -> Self {
        Self { networks: sysinfo::Networks::new().ok(), rates: Rates::new(filter) }
    }

    pub(super) fn read(&mut self, now: Instant) -> Vec<Network> {
        let Some(networks) = &mut self.networks else { return Vec::new() };
        networks.refresh(true);
        let counters = networks.iter().map(|(name, data)| {
            let received_bytes = data.total_received();
            let transmitted_bytes = data.total_transmitted();
            (name.to_str().unwrap_or_default(), Counters { received_bytes, transmitted_bytes })
        });
        self.rates.update(counters, now)
    }
}

/// The CPU each process had used at the last reading.
#[derive(Debug)]
pub(super) struct Table(System);

impl Table {
    /// Takes the first reading, from which the next one counts.
    pub(super) fn prime(cpu: &CpuUse) -> Option<Self> {
        let unreadable = |error: &sysinfo::Error| tracing::debug!(%error, "cannot read processes");
        let mut table = Self(System::new().inspect_err(unreadable).ok()?);
        table.read(cpu);
        Some(table)
    }

    /// What each process has used since the last reading.
    pub(super) fn read(&mut self, cpu: &CpuUse) -> Vec<Figures> {
        let kind = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
        self.0.refresh_processes_specifics(ProcessesToUpdate::All, true, kind);
        #[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 cores")]
        let cores = cpu.cores.max(1) as f64;
        let figures = |process: &sysinfo::Process| Figures {
            pid: u64::from(process.pid().as_u32()),
            name: process.name().to_string_lossy().into(),
            // sysinfo counts 100 % a core.
            percentage: f64::from(process.cpu_usage()) / cores,
            memory_bytes: process.memory(),
        };
        self.0.processes().values().map(figures).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_this_machine_in_the_contracts_units() {
        let mut cpu = Cpu::new();
        assert!(cpu.read().is_none(), "the first reading has no interval behind it");
        assert!((0.0..=100.0).contains(&cpu.read().unwrap().percentage));

        let mut disks = Disks::new(NameFilter::default(), None);
        for disk in disks.read(Instant::now()) {
            assert!(disk.used_bytes <= disk.total_bytes, "{disk:?}");
        }

        let mut table = Table::prime(&CpuUse { cores: 1, ..CpuUse::default() }).unwrap();
        let processes = table.read(&CpuUse { cores: 1, ..CpuUse::default() });
        let me = processes.iter().find(|p| p.pid == u64::from(std::process::id())).unwrap();
        assert!(me.memory_bytes > 0);

        let mut networks = Networks::new(NameFilter::default());
        let now = Instant::now();
        assert!(networks.read(now).is_empty());
        let rates = networks.read(now + Duration::from_secs(1));
        assert!(rates.iter().all(|network| network.received_bytes_per_second >= 0.0));
    }
}
