//! What holds for one host once all tables are put together.

use resources_core::contract::ResourceLevel;

use super::file::{LevelTable, PipelineTable, Table};
use super::quiet::Quiet;
use super::values::{Repeat, Threshold, Time};

const SECOND_MS: u64 = 1000;
const MINUTE_MS: u64 = 60 * SECOND_MS;

/// All rules of one host. Times are in milliseconds.
#[derive(Debug, Clone)]
pub(crate) struct HostRules {
    pub(crate) cpu: LevelRule,
    pub(crate) memory: LevelRule,
    pub(crate) swap: LevelRule,
    pub(crate) disk: LevelRule,
    /// For single disks, by mount point.
    pub(crate) disks: Vec<(Box<str>, LevelRule)>,
    pub(crate) flapping: Flapping,
    pub(crate) silent: SilentRule,
    pub(crate) stopped: StoppedRule,
    pub(crate) restarted: RestartedRule,
    pub(crate) clock: ClockRule,
    pub(crate) quiet: Vec<Quiet>,
    /// Whether it may be off at any time, and nobody wants to know.
    pub(crate) expected_offline: bool,
}

/// When a resource is raised and when cleared.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LevelRule {
    pub(crate) enabled: bool,
    pub(crate) raise: Threshold,
    pub(crate) clear: Threshold,
    /// How long it must hold before it is raised…
    pub(crate) hold_ms: u64,
    /// … and how long it must be over before it is cleared.
    pub(crate) clear_hold_ms: u64,
    pub(crate) repeat_ms: Option<u64>,
}

/// When a resource or a host changes too often to be told each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flapping {
    pub(crate) enabled: bool,
    /// So many changes…
    pub(crate) changes: usize,
    /// … within this time; until it…
    pub(crate) window_ms: u64,
    /// … has not changed for this long.
    pub(crate) calm_ms: u64,
}

/// When a host is silent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SilentRule {
    pub(crate) enabled: bool,
    pub(crate) intervals: u64,
    pub(crate) at_least_ms: u64,
    /// How long it must send again before that is told.
    pub(crate) clear_hold_ms: u64,
    pub(crate) repeat_ms: Option<u64>,
}

/// When a host counts as stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoppedRule {
    pub(crate) enabled: bool,
    pub(crate) hold_ms: u64,
    pub(crate) repeat_ms: Option<u64>,
}

/// How long a restart is of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RestartedRule {
    pub(crate) enabled: bool,
    pub(crate) clear_after_ms: u64,
}

/// When a clock is off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockRule {
    pub(crate) enabled: bool,
    pub(crate) tolerance_ms: u64,
    pub(crate) hold_ms: u64,
    pub(crate) clear_hold_ms: u64,
    pub(crate) repeat_ms: Option<u64>,
}

/// When nothing arrives from anyone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PipelineRule {
    pub(crate) enabled: bool,
    pub(crate) after_ms: u64,
}

impl PipelineRule {
    pub(super) fn of(table: &PipelineTable) -> Self {
        Self {
            enabled: table.enabled.unwrap_or(true),
            after_ms: table.after.map_or(15 * SECOND_MS, |Time(ms)| ms.max(5 * SECOND_MS)),
        }
    }
}

impl SilentRule {
    /// How long a host that promises a sample each interval may send none.
    pub(crate) fn after_ms(&self, interval_ms: u64) -> u64 {
        interval_ms.saturating_mul(self.intervals).max(self.at_least_ms)
    }
}

impl LevelRule {
    fn usual(percentage: f64, clear: f64, hold_ms: u64) -> Self {
        Self {
            enabled: true,
            raise: Threshold::Percentage(percentage),
            clear: Threshold::Percentage(clear),
            hold_ms,
            clear_hold_ms: MINUTE_MS,
            repeat_ms: None,
        }
    }

    fn put(&mut self, table: &LevelTable) {
        put(&mut self.enabled, table.enabled);
        if let Some((raise, clear)) = table.thresholds {
            (self.raise, self.clear) = (raise, clear);
        }
        put_time(&mut self.hold_ms, table.hold);
        put_time(&mut self.clear_hold_ms, table.clear_hold);
        put_repeat(&mut self.repeat_ms, table.repeat);
    }

    /// Whether the resource counts, when it counted before or not.
    pub(crate) fn counts(&self, before: bool, resource: &ResourceLevel) -> bool {
        match (self.raise, self.clear) {
            (Threshold::Percentage(raise), Threshold::Percentage(clear)) => {
                resource.percentage >= if before { clear } else { raise }
            }
            (Threshold::Level(raise), Threshold::Level(clear)) => {
                resource.level >= raise || (before && resource.level > clear)
            }
            // A file has no such pair.
            _ => false,
        }
    }
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

fn put_time(place: &mut u64, value: Option<Time>) {
    put(place, value.map(|Time(ms)| ms));
}

fn put_repeat(place: &mut Option<u64>, value: Option<Repeat>) {
    put(place, value.map(|Repeat(ms)| ms));
}

impl Default for HostRules {
    fn default() -> Self {
        Self {
            cpu: LevelRule::usual(90.0, 80.0, 5 * MINUTE_MS),
            memory: LevelRule::usual(90.0, 85.0, 2 * MINUTE_MS),
            swap: LevelRule::usual(80.0, 70.0, 5 * MINUTE_MS),
            disk: LevelRule::usual(90.0, 88.0, MINUTE_MS),
            disks: Vec::new(),
            flapping: Flapping {
                enabled: true,
                changes: 6,
                window_ms: 10 * MINUTE_MS,
                calm_ms: 10 * MINUTE_MS,
            },
            silent: SilentRule {
                enabled: true,
                intervals: 10,
                at_least_ms: 15 * SECOND_MS,
                clear_hold_ms: 0,
                repeat_ms: None,
            },
            stopped: StoppedRule { enabled: true, hold_ms: MINUTE_MS, repeat_ms: None },
            restarted: RestartedRule { enabled: true, clear_after_ms: 5 * MINUTE_MS },
            clock: ClockRule {
                enabled: true,
                tolerance_ms: 30 * SECOND_MS,
                hold_ms: MINUTE_MS,
                clear_hold_ms: MINUTE_MS,
                repeat_ms: None,
            },
            quiet: Vec::new(),
            expected_offline: false,
        }
    }
}

impl HostRules {
    /// Puts tables together, each over those before it.
    pub(super) fn of<'a>(tables: impl Iterator<Item = &'a Table>) -> Self {
        let mut rules = Self::default();
        for table in tables {
            rules.put(table);
        }
        rules
    }

    fn put(&mut self, table: &Table) {
        if let Some(repeat) = table.repeat {
            self.repeat_all(repeat);
        }
        for (rule, table) in [
            (&mut self.cpu, &table.cpu),
            (&mut self.memory, &table.memory),
            (&mut self.swap, &table.swap),
        ] {
            if let Some(table) = table {
                rule.put(table);
            }
        }
        if let Some(disk) = &table.disk {
            self.disk.put(disk);
            // Every disk, those that were named before as well.
            for (_, rule) in &mut self.disks {
                rule.put(disk);
            }
        }
        for (mount_point, disk) in &table.disks {
            let place = self.disks.iter().position(|(name, _)| name == mount_point);
            let place = place.unwrap_or_else(|| {
                self.disks.push((mount_point.clone(), self.disk.clone()));
                self.disks.len() - 1
            });
            self.disks[place].1.put(disk);
        }
        if let Some(flapping) = &table.flapping {
            put(&mut self.flapping.enabled, flapping.enabled);
            put(&mut self.flapping.changes, flapping.changes.map(|changes| changes.0));
            put_time(&mut self.flapping.window_ms, flapping.window);
            put_time(&mut self.flapping.calm_ms, flapping.calm);
        }
        if let Some(silent) = &table.silent {
            put(&mut self.silent.enabled, silent.enabled);
            put(&mut self.silent.intervals, silent.intervals.map(|intervals| intervals.0));
            put_time(&mut self.silent.at_least_ms, silent.at_least);
            put_time(&mut self.silent.clear_hold_ms, silent.clear_hold);
            put_repeat(&mut self.silent.repeat_ms, silent.repeat);
        }
        if let Some(stopped) = &table.stopped {
            put(&mut self.stopped.enabled, stopped.enabled);
            put_time(&mut self.stopped.hold_ms, stopped.hold);
            put_repeat(&mut self.stopped.repeat_ms, stopped.repeat);
        }
        if let Some(restarted) = &table.restarted {
            put(&mut self.restarted.enabled, restarted.enabled);
            put_time(&mut self.restarted.clear_after_ms, restarted.clear_after);
        }
        if let Some(clock) = &table.clock {
            put(&mut self.clock.enabled, clock.enabled);
            put_time(&mut self.clock.tolerance_ms, clock.tolerance);
            put_time(&mut self.clock.hold_ms, clock.hold);
            put_time(&mut self.clock.clear_hold_ms, clock.clear_hold);
            put_repeat(&mut self.clock.repeat_ms, clock.repeat);
        }
        put(&mut self.quiet, table.quiet.clone());
        put(&mut self.expected_offline, table.expected_offline);
    }

    fn repeat_all(&mut self, Repeat(repeat): Repeat) {
        for rule in [&mut self.cpu, &mut self.memory, &mut self.swap, &mut self.disk]
            .into_iter()
            .chain(self.disks.iter_mut().map(|(_, rule)| rule))
        {
            rule.repeat_ms = repeat;
        }
        self.silent.repeat_ms = repeat;
        self.stopped.repeat_ms = repeat;
        self.clock.repeat_ms = repeat;
    }

    /// The rule of a resource, named as in an analysis; `None` when there is none for it.
    pub(crate) fn level(&self, resource: &str) -> Option<&LevelRule> {
        match resource {
            "cpu" => Some(&self.cpu),
            "memory" => Some(&self.memory),
            "swap" => Some(&self.swap),
            other => {
                let mount_point = other.strip_prefix("disk:")?;
                let named = self.disks.iter().find(|(name, _)| **name == *mount_point);
                Some(named.map_or(&self.disk, |(_, rule)| rule))
            }
        }
    }

    /// Whether nothing is to be raised at this moment.
    pub(crate) fn is_quiet(&self, now_ms: u64) -> bool {
        self.quiet.iter().any(|quiet| quiet.holds(now_ms))
    }
}
