//! What every process has used, from `/proc/<pid>/stat`.
//!
//! Read here rather than by sysinfo, which opens four files a process where this one has it
//! all: a busy machine is the wrong one to burden.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use super::Figures;
use crate::collect::CpuUse;

/// Longest line read, in bytes; a name is at most 64 and a number 20 bytes long, and what
/// counts comes within the first 24 of 52 fields.
const LINE_BYTES: usize = 1024;

/// A share this far above 100 % is the moment between reading the CPU and the processes, and
/// counts as 100 %.
const READ_APART_PERCENTAGE: f64 = 105.0;

/// What one line says of a process.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    name: &'a [u8],
    /// CPU used since it started.
    ticks: u64,
    /// When it started, in ticks: tells it from a later one with the same id.
    started: u64,
    resident_pages: u64,
}

/// The CPU each process had used at the last reading.
#[derive(Debug, Default)]
pub(in crate::collect) struct Table {
    /// Start and ticks by process id.
    before: HashMap<u32, (u64, u64)>,
    /// Ticks of all cores at the last reading.
    total_ticks: u64,
}

impl Table {
    /// Takes the first reading, from which the next one counts.
    pub(in crate::collect) fn prime(cpu: &CpuUse) -> Option<Self> {
        let mut table = Self::default();
        table.read(cpu);
        Some(table)
    }

    /// What each process has used since the last reading. One that started in between counts
    /// from its start.
    pub(in crate::collect) fn read(&mut self, cpu: &CpuUse) -> Vec<Figures> {
        let elapsed_ticks = cpu.total_ticks.saturating_sub(self.total_ticks);
        let mut now = HashMap::with_capacity(self.before.len());
        let mut figures = Vec::new();
        let mut buffer = [0; LINE_BYTES];
        let page_bytes = rustix::param::page_size() as u64;
        for pid in pids() {
            // It may have ended since it was listed.
            let Ok(text) = read_line(pid, &mut buffer) else { continue };
            let Some(line) = parse(text) else { continue };
            now.insert(pid, (line.started, line.ticks));
            let before = self.before.get(&pid).filter(|(started, _)| *started == line.started);
            let before_ticks = before.map_or(0, |(_, ticks)| *ticks);
            let used_ticks = line.ticks.saturating_sub(before_ticks);
            if let Some(percentage) = share(used_ticks, elapsed_ticks) {
                figures.push(Figures {
                    pid: u64::from(pid),
                    name: String::from_utf8_lossy(line.name).into(),
                    percentage,
                    memory_bytes: line.resident_pages.saturating_mul(page_bytes),
                });
            }
        }
        self.before = now;
        self.total_ticks = cpu.total_ticks;
        figures
    }
}

/// Percentage of all cores; `None` of nothing.
fn share(used_ticks: u64, elapsed_ticks: u64) -> Option<f64> {
    if used_ticks == 0 || elapsed_ticks == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "ticks between readings are far below 2^53")]
    let percentage = used_ticks as f64 / elapsed_ticks as f64 * 100.0;
    Some(if percentage <= READ_APART_PERCENTAGE { percentage.min(100.0) } else { percentage })
}

fn pids() -> Vec<u32> {
    let entries = match std::fs::read_dir("/proc") {
        Ok(entries) => entries,
        Err(error) => {
            tracing::debug!(%error, "cannot list processes");
            return Vec::new();
        }
    };
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

fn read_line(pid: u32, buffer: &mut [u8; LINE_BYTES]) -> io::Result<&[u8]> {
    let path = PathBuf::from(format!("/proc/{pid}/stat"));
    let length = File::open(path)?.read(buffer)?;
    Ok(&buffer[..length])
}

/// `<pid> (<name>) <state> …`: a name may hold anything, parentheses included.
fn parse(line: &[u8]) -> Option<Line<'_>> {
    let open = line.iter().position(|byte| *byte == b'(')?;
    let close = line.iter().rposition(|byte| *byte == b')')?;
    let name = line.get(open + 1..close)?;
    let mut fields = line.get(close + 2..)?.split(|byte| *byte == b' ');
    let number = |field: Option<&[u8]>| std::str::from_utf8(field?).ok()?.parse::<u64>().ok();
    // By the numbers of proc_pid_stat(5): the state is 3, so 14 is the twelfth from there.
    let user = number(fields.nth(14 - 3))?;
    let system = number(fields.next())?;
    let started = number(fields.nth(22 - 16))?;
    let resident_pages = number(fields.nth(24 - 23))?;
    Some(Line { name, ticks: user.saturating_add(system), started, resident_pages })
}

/// Works until the counters of this process, in hundredths of a second, must have moved, however
/// long a busy machine gives it no core.
#[cfg(test)]
pub(super) fn work() {
    let used = || -> u64 {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        // Behind the name, from the state on.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        fields.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<u64>().unwrap()).sum()
    };
    let before = used();
    while used() < before + 5 {}
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LINE: &[u8] = b"4242 (my (odd) name) S 1 4242 4242 0 -1 4194560 27 0 1 0 150 50 3 4 \
        20 0 1 0 987654 123456789 321 18446744073709551615 1 1 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0\n";

    #[test]
    fn reads_name_cpu_start_and_memory() {
        let line = parse(LINE).unwrap();
        assert_eq!(line.name, b"my (odd) name");
        assert_eq!((line.ticks, line.started, line.resident_pages), (200, 987_654, 321));
    }

    #[test]
    fn a_line_that_is_cut_short_is_no_process() {
        for length in 0..70 {
            assert_eq!(parse(&LINE[..length]), None, "{length}");
        }
    }

    #[test]
    fn a_share_is_of_all_cores() {
        assert_eq!(share(50, 200), Some(25.0));
        assert_eq!(share(0, 200), None);
        assert_eq!(share(10, 0), None);
        assert_eq!(share(202, 200), Some(100.0), "read a moment later than the CPU");
        assert_eq!(share(400, 200), Some(200.0), "not bent to look real");
    }

    #[test]
    fn this_process_is_found_with_its_memory() {
        let cpu = |total_ticks| CpuUse { total_ticks, ..CpuUse::default() };
        let mut table = Table::prime(&cpu(100)).unwrap();
        let me = std::process::id();
        assert!(table.before.contains_key(&me));
        // As if it had been seen before it used anything.
        table.before.insert(me, (table.before[&me].0, 0));
        work();
        let figures = table.read(&cpu(1_000_000_000));
        let mine = figures.iter().find(|figures| figures.pid == u64::from(me)).unwrap();
        assert!(mine.percentage > 0.0 && mine.memory_bytes > 100_000, "{mine:?}");
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..100)) {
            let _: Option<Line<'_>> = parse(&line);
        }
    }
}
