//! The rules file as it is written. A key that is not here is refused.

use std::collections::BTreeMap;

use resources_core::contract::{HostName, Level};
use serde::Deserialize;
use serde::de::IgnoredAny;
use toml::Spanned;

use super::quiet::Quiet;
use super::values::{Patterns, Repeat, Threshold, Time};

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RulesFile {
    pub(super) default: Table,
    pub(super) group: Vec<Spanned<Group>>,
    pub(super) host: BTreeMap<HostName, Table>,
    pub(super) pipeline: PipelineTable,
    // What is done about alerts is read by the reactions.
    page_url: Option<IgnoredAny>,
    reaction: Option<IgnoredAny>,
    route: Option<IgnoredAny>,
}

/// Hosts that have rules in common: those that match a pattern and have all the labels.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Group {
    pub(super) hosts: Option<Patterns>,
    pub(super) labels: BTreeMap<Box<str>, Box<str>>,
    pub(super) rules: Table,
}

/// Rules for some hosts; what is absent is as for more hosts.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Table {
    pub(super) cpu: Option<LevelTable>,
    pub(super) memory: Option<LevelTable>,
    pub(super) swap: Option<LevelTable>,
    pub(super) disk: Option<LevelTable>,
    /// By mount point.
    pub(super) disks: BTreeMap<Box<str>, LevelTable>,
    pub(super) silent: Option<SilentTable>,
    pub(super) stopped: Option<StoppedTable>,
    pub(super) restarted: Option<RestartedTable>,
    pub(super) clock: Option<ClockTable>,
    pub(super) flapping: Option<FlappingTable>,
    pub(super) repeat: Option<Repeat>,
    pub(super) quiet: Option<Vec<Quiet>>,
    pub(super) expected_offline: Option<bool>,
}

/// What holds for one resource.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "LevelText")]
pub(super) struct LevelTable {
    pub(super) enabled: Option<bool>,
    /// From where on to raise, and from where on to clear: always both.
    pub(super) thresholds: Option<(Threshold, Threshold)>,
    pub(super) hold: Option<Time>,
    pub(super) clear_hold: Option<Time>,
    pub(super) repeat: Option<Repeat>,
    /// What is wrong with the thresholds, and at which byte of the text.
    mistake: Option<(usize, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LevelText {
    enabled: Option<bool>,
    raise: Option<Spanned<Threshold>>,
    clear: Option<Spanned<Threshold>>,
    hold: Option<Time>,
    clear_hold: Option<Time>,
    repeat: Option<Repeat>,
}

/// How far below the raise level a resource is clear unless a rule says so, in percent.
const CLEAR_BELOW: f64 = 5.0;

impl From<LevelText> for LevelTable {
    fn from(text: LevelText) -> Self {
        let at = text.clear.as_ref().or(text.raise.as_ref()).map(|value| value.span().start);
        let raise = text.raise.map(Spanned::into_inner);
        let clear = text.clear.map(Spanned::into_inner);
        let thresholds = match (raise, clear) {
            (None, None) => Ok(None),
            (None, Some(_)) => Err("clear goes with raise in the same table".to_owned()),
            (Some(raise), clear) => clear_of(raise, clear).map(|clear| Some((raise, clear))),
        };
        let (thresholds, mistake) = match thresholds {
            Ok(thresholds) => (thresholds, None),
            Err(reason) => (None, Some((at.unwrap_or(0), reason))),
        };
        let LevelText { enabled, hold, clear_hold, repeat, .. } = text;
        Self { enabled, thresholds, hold, clear_hold, repeat, mistake }
    }
}

impl RulesFile {
    /// The first thing that is wrong although each value can be read, and at which byte.
    pub(super) fn mistake(&self) -> Option<(usize, String)> {
        let tables = std::iter::once(&self.default)
            .chain(self.group.iter().map(|group| &group.get_ref().rules))
            .chain(self.host.values());
        let levels = tables.flat_map(|table| {
            [&table.cpu, &table.memory, &table.swap, &table.disk]
                .into_iter()
                .flatten()
                .chain(table.disks.values())
        });
        levels.filter_map(|level| level.mistake.clone()).min()
    }
}

fn clear_of(raise: Threshold, clear: Option<Threshold>) -> Result<Threshold, String> {
    match (raise, clear) {
        (Threshold::Level(Level::Low), _) => {
            Err("raise is \"MEDIUM\", \"HIGH\" or a percentage: everything is LOW".to_owned())
        }
        (Threshold::Level(Level::Medium), None) => Ok(Threshold::Level(Level::Low)),
        (Threshold::Level(Level::High), None) => Ok(Threshold::Level(Level::Medium)),
        (Threshold::Percentage(raise), None) => {
            Ok(Threshold::Percentage((raise - CLEAR_BELOW).max(0.0)))
        }
        (Threshold::Percentage(from), Some(clear @ Threshold::Percentage(to))) if to <= from => {
            Ok(clear)
        }
        (Threshold::Level(from), Some(clear @ Threshold::Level(to))) if to < from => Ok(clear),
        (Threshold::Percentage(_), Some(Threshold::Percentage(_))) => {
            Err(format!("clear is at most raise, {raise}"))
        }
        (Threshold::Level(_), Some(Threshold::Level(_))) => {
            Err(format!("clear is a level below raise, {raise}"))
        }
        _ => Err("raise and clear are both percentages or both levels".to_owned()),
    }
}

/// When a resource or a host changes too often to be told each time.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FlappingTable {
    pub(super) enabled: Option<bool>,
    pub(super) changes: Option<Changes>,
    pub(super) window: Option<Time>,
    pub(super) calm: Option<Time>,
}

/// How many changes are too many.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Changes(pub(super) usize);

impl TryFrom<u64> for Changes {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, &'static str> {
        usize::try_from(number)
            .ok()
            .filter(|number| (2..=20).contains(number))
            .map(Self)
            .ok_or("changes are 2 to 20")
    }
}

/// When a host is silent.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct SilentTable {
    pub(super) enabled: Option<bool>,
    pub(super) intervals: Option<Intervals>,
    pub(super) at_least: Option<Time>,
    pub(super) clear_hold: Option<Time>,
    pub(super) repeat: Option<Repeat>,
}

/// After how many intervals a host is silent; after three it is only late.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Intervals(pub(super) u64);

impl TryFrom<u64> for Intervals {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, &'static str> {
        if (4..=10_000).contains(&number) {
            Ok(Self(number))
        } else {
            Err("intervals are 4 to 10000; a host that is three behind is only late")
        }
    }
}

/// When a host counts as stopped.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct StoppedTable {
    pub(super) enabled: Option<bool>,
    pub(super) hold: Option<Time>,
    pub(super) repeat: Option<Repeat>,
}

/// How long a restart is of interest.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RestartedTable {
    pub(super) enabled: Option<bool>,
    pub(super) clear_after: Option<Time>,
}

/// When a clock is off.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ClockTable {
    pub(super) enabled: Option<bool>,
    pub(super) tolerance: Option<Time>,
    pub(super) hold: Option<Time>,
    pub(super) clear_hold: Option<Time>,
    pub(super) repeat: Option<Repeat>,
}

/// When nothing arrives from anyone.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PipelineTable {
    pub(super) enabled: Option<bool>,
    pub(super) after: Option<Time>,
}
