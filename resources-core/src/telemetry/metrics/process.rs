//! What this process takes of its machine, read when it is asked for. Linux only; elsewhere it is
//! left out.

use std::fmt::Display;

/// Adds the figures of this process, under the names every Prometheus client uses.
pub(super) fn write(text: &mut String) {
    let Some(figures) = Figures::read() else { return };
    let Figures { cpu_seconds, resident_bytes, threads, open_files } = figures;
    let mut add = |name: &str, kind: &str, help: &str, value: &dyn Display| {
        text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}\n"));
    };
    let name = "process_cpu_seconds_total";
    add(name, "counter", "CPU time of this process, in seconds", &cpu_seconds);
    let name = "process_resident_memory_bytes";
    add(name, "gauge", "Resident memory of this process, in bytes", &resident_bytes);
    add("process_threads", "gauge", "Threads of this process", &threads);
    add("process_open_fds", "gauge", "Open files of this process", &open_files);
}

struct Figures {
    cpu_seconds: f64,
    resident_bytes: u64,
    threads: u64,
    open_files: usize,
}

impl Figures {
    #[cfg(target_os = "linux")]
    fn read() -> Option<Self> {
        let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
        let open_files = std::fs::read_dir("/proc/self/fd").ok()?.count();
        let page_bytes = u64::try_from(rustix::param::page_size()).ok()?;
        Self::of(&stat, page_bytes, rustix::param::clock_ticks_per_second(), open_files)
    }

    #[cfg(not(target_os = "linux"))]
    fn read() -> Option<Self> {
        None
    }

    /// Reads a line of `/proc/<pid>/stat`, see `proc_pid_stat(5)`.
    #[cfg(any(target_os = "linux", test))]
    fn of(stat: &str, page_bytes: u64, ticks_a_second: u64, open_files: usize) -> Option<Self> {
        // The name, in parentheses, may hold anything; behind it the third field begins.
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        let ticks = field(14)?.checked_add(field(15)?)?;
        #[expect(clippy::cast_precision_loss, reason = "hundredths of a second, for centuries")]
        let cpu_seconds = ticks as f64 / ticks_a_second as f64;
        let resident_bytes = field(24)?.checked_mul(page_bytes)?;
        Some(Self { cpu_seconds, resident_bytes, threads: field(20)?, open_files })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 9 0 0 0 150 50 0 0 20 0 4 0 99 1000 25 0";
        let figures = Figures::of(stat, 4096, 100, 9).unwrap();
        assert!((figures.cpu_seconds - 2.0).abs() < f64::EPSILON);
        assert_eq!((figures.resident_bytes, figures.threads), (25 * 4096, 4));
        assert!(Figures::of("7 (a", 4096, 100, 9).is_none());
        assert!(Figures::of("7 (a) S 1", 4096, 100, 9).is_none());
    }
}
