//! CPU in use, from the counters of `/proc/stat`.
//!
//! Read here rather than by sysinfo, which keeps one reading for 200 ms, longer than our
//! shortest interval, and does not see a core that was added.

use super::proc_file::ProcFile;
use super::{CpuUse, round, usable};

/// How many counters of a line count: user, nice, system, idle, iowait, irq, softirq, steal.
/// The two after them, guest and guest_nice, are already part of user and nice.
const COUNTERS: usize = 8;

/// Ticks of one core, or of all, since the host started.
type Ticks = [u64; COUNTERS];

const IDLE: usize = 3;
const IO_WAIT: usize = 4;

/// The counters of one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Snapshot {
    all: Ticks,
    /// With the number of the core, as a core that is offline is not listed.
    cores: Vec<(u32, Ticks)>,
}

/// Reads the CPU in use between one reading and the next.
#[derive(Debug)]
pub(super) struct Cpu {
    file: ProcFile,
    before: Option<Snapshot>,
}

impl Cpu {
    pub(super) const fn new() -> Self {
        Self { file: ProcFile::new("/proc/stat"), before: None }
    }

    /// CPU in use since the last call; `None` at the first call, which has no interval behind
    /// it, and when the counters did not move or cannot be read.
    pub(super) fn read(&mut self) -> Option<CpuUse> {
        let now = match self.file.text() {
            Ok(text) => parse(&text),
            Err(error) => {
                tracing::debug!(%error, "cannot read /proc/stat");
                None
            }
        };
        let before = std::mem::replace(&mut self.before, now);
        between(&before?, self.before.as_ref()?)
    }
}

fn parse(text: &str) -> Option<Snapshot> {
    let mut all = None;
    let mut cores = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else { break };
        let (number, counters) = rest.split_once(' ')?;
        let ticks = parse_ticks(counters)?;
        if number.is_empty() {
            all = Some(ticks);
        } else {
            cores.push((number.parse().ok()?, ticks));
        }
    }
    Some(Snapshot { all: all?, cores })
}

/// The counters of one line; an old kernel has fewer, which then did not move.
fn parse_ticks(counters: &str) -> Option<Ticks> {
    let mut ticks = Ticks::default();
    let mut fields = counters.split_ascii_whitespace();
    for (i, tick) in ticks.iter_mut().enumerate() {
        match fields.next() {
            Some(field) => *tick = field.parse().ok()?,
            None if i > IDLE => break,
            None => return None,
        }
    }
    Some(ticks)
}

fn between(before: &Snapshot, now: &Snapshot) -> Option<CpuUse> {
    let percentage = share(&before.all, &now.all)?;
    // A core that came or went, or whose counters stood still, would shift or bend the list:
    // then this sample has none.
    let same = before.cores.len() == now.cores.len();
    let core = |(before, now): (&(u32, Ticks), &(u32, Ticks))| {
        (before.0 == now.0).then(|| share(&before.1, &now.1)).flatten()
    };
    let cores = same.then(|| before.cores.iter().zip(&now.cores).map(core).collect()).flatten();
    Some(CpuUse {
        percentage,
        cores_percentage: cores.unwrap_or_default(),
        cores: now.cores.len(),
        total_ticks: now.all.iter().sum(),
    })
}

/// The share of ticks that were neither idle nor waiting for a disk, 0–100.
fn share(before: &Ticks, now: &Ticks) -> Option<f64> {
    // Each for itself: the kernel lets iowait fall now and then.
    let mut moved = Ticks::default();
    for (moved, (before, now)) in moved.iter_mut().zip(before.iter().zip(now)) {
        *moved = now.saturating_sub(*before);
    }
    let total: u64 = moved.iter().sum();
    let busy = total - moved[IDLE] - moved[IO_WAIT];
    if total == 0 {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "ticks of one interval are far below 2^53")]
    let percentage = busy as f64 / total as f64 * 100.0;
    usable("cpu_percentage", round(percentage), 0.0..=100.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BEFORE: &str = "\
cpu  1000 100 500 8000 200 10 20 30 40 5
cpu0 500 50 250 4000 100 5 10 15 20 2
cpu1 500 50 250 4000 100 5 10 15 20 3
intr 463364 0 0 0
ctxt 1409734
btime 1794999999
";
    const AFTER: &str = "\
cpu  1040 100 520 8130 205 10 20 35 60 5
cpu0 540 50 270 4030 105 5 10 15 40 2
cpu1 500 50 250 4100 100 5 10 20 20 3
intr 463999 0 0 0
";

    fn snapshot(text: &str) -> Snapshot {
        parse(text).unwrap()
    }

    #[test]
    fn reads_all_cores_together_and_each() {
        let snapshot = snapshot(BEFORE);
        assert_eq!(snapshot.all, [1000, 100, 500, 8000, 200, 10, 20, 30]);
        assert_eq!(snapshot.cores.len(), 2);
        assert_eq!(snapshot.cores[1], (1, [500, 50, 250, 4000, 100, 5, 10, 15]));
    }

    #[test]
    fn use_is_what_was_neither_idle_nor_waiting_for_a_disk() {
        // All: 40 user, 20 system and 5 stolen of 200. Core 0: 60 of 95. Core 1: 5 of 105.
        let used = between(&snapshot(BEFORE), &snapshot(AFTER)).unwrap();
        assert!((used.percentage - 32.5).abs() < 1e-9, "{used:?}");
        assert_eq!(used.cores_percentage, [63.16, 4.76]);
        assert_eq!((used.cores, used.total_ticks), (2, 10_060));
    }

    #[test]
    fn counters_that_stand_still_give_no_figure() {
        assert!(between(&snapshot(BEFORE), &snapshot(BEFORE)).is_none());
    }

    #[test]
    fn a_core_that_went_leaves_the_cores_out_of_one_sample() {
        let one_less: String = AFTER.lines().filter(|l| !l.starts_with("cpu1")).fold(
            String::new(),
            |mut text, line| {
                text.push_str(line);
                text.push('\n');
                text
            },
        );
        let used = between(&snapshot(BEFORE), &snapshot(&one_less)).unwrap();
        assert!(used.cores_percentage.is_empty());
        assert_eq!(used.cores, 1);
    }

    #[test]
    fn an_io_wait_that_falls_does_not_bend_the_figure() {
        let before = parse("cpu 0 0 0 100 50 0 0 0\n").unwrap();
        let after = parse("cpu 50 0 0 150 40 0 0 0\n").unwrap();
        assert!((between(&before, &after).unwrap().percentage - 50.0).abs() < 1e-9);
    }

    #[test]
    fn an_old_kernel_with_four_counters_is_understood_and_foreign_text_is_not() {
        assert!(parse("cpu 1 2 3 4\ncpu0 1 2 3 4\n").is_some());
        for text in
            ["", "cpu\n", "cpu 1 2 3\n", "cpu a b c d\n", "intr 1 2 3 4\n", "cpux 1 2 3 4\n"]
        {
            assert!(parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn the_first_reading_of_this_machine_is_discarded() {
        let mut cpu = Cpu::new();
        assert!(cpu.read().is_none());
    }

    proptest! {
        #[test]
        fn any_two_snapshots_give_a_percentage_or_nothing(
            before in prop::array::uniform8(0u64..1 << 40),
            now in prop::array::uniform8(0u64..1 << 40),
        ) {
            if let Some(share) = share(&before, &now) {
                prop_assert!((0.0..=100.0).contains(&share));
            }
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(cpu[0-9 ]{0,20}\n){0,4}.{0,20}") {
            let _: Option<Snapshot> = parse(&text);
        }
    }
}
