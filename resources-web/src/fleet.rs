//! What is known of every host now. Pure: no clock, no channel; times come in as arguments.

mod host;
mod late;
mod points;
mod recent;
mod views;

use std::collections::BTreeMap;

use resources_core::contract::{Analysis, HostName};

pub(crate) use host::Host;
use points::Points;
use recent::Recent;
pub(crate) use recent::{RECENT_MS, Sample, is_kept};
pub(crate) use views::{AllHosts, ChangedHosts, HostsWithPoints};

/// One entry for each host, bounded in number.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// Ordered, because every list of hosts is sorted by name.
    hosts: BTreeMap<HostName, Entry>,
    /// Hosts with changes not told yet, in order of their first change.
    changed: Vec<HostName>,
    max_hosts: usize,
}

#[derive(Debug)]
struct Entry {
    latest: Host,
    points: Points,
    recent: Recent,
    /// Whether the host is in `changed`.
    is_changed: bool,
}

/// What became of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is the newest of its host.
    Newest,
    /// A newer one is known; it found its place behind that, or is too old for what is kept.
    Late,
    /// It says nothing new.
    Nothing,
    /// Its host is one more than there may be.
    Refused,
}

/// When a sample first came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Now,
    /// To another process, before this one was started.
    Before,
}

/// What became of an older sample where samples are kept in order of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// It was put where it belongs.
    Taken,
    /// Its instant was known.
    Known,
    /// It is older than what is kept.
    TooOld,
    /// Its timestamp is later than that of the latest: the host's clock was set back.
    Ahead,
}

/// What is kept of one host at full resolution.
#[derive(Debug)]
pub(crate) struct RecentSamples {
    /// From when on every sample that came is there.
    pub(crate) since_ms: u64,
    /// Time between samples, as the tracker promises it; above 0.
    pub(crate) interval_ms: Option<u64>,
    /// Oldest first.
    pub(crate) samples: Vec<Sample>,
}

/// How an analysis relates to the latest one known of its host.
enum Age {
    Newer,
    Same,
    Older,
}

impl Fleet {
    /// An empty fleet that will hold at most `max_hosts`.
    pub(crate) const fn new(max_hosts: usize) -> Self {
        Self { hosts: BTreeMap::new(), changed: Vec::new(), max_hosts }
    }

    /// Takes in one analysis, received at `received_ms`. An older sample never replaces a newer
    /// one, whatever the order they come in.
    pub(crate) fn apply(&mut self, analysis: Analysis, received_ms: u64) -> Applied {
        self.take(analysis, received_ms, Arrival::Now)
    }

    /// Takes in one analysis that was received before, at `received_ms`. That it is older than
    /// what came since does not make it late.
    pub(crate) fn apply_again(&mut self, analysis: Analysis, received_ms: u64) -> Applied {
        self.take(analysis, received_ms, Arrival::Before)
    }

    fn take(&mut self, analysis: Analysis, received_ms: u64, arrival: Arrival) -> Applied {
        let Some(entry) = self.hosts.get_mut(&analysis.host) else {
            if self.hosts.len() >= self.max_hosts {
                return Applied::Refused;
            }
            self.add(analysis, received_ms);
            return Applied::Newest;
        };
        let (timestamp_ms, cpu) = (analysis.timestamp_ms, analysis.cpu_percentage);
        let sample = Sample::of(&analysis);
        let applied = match entry.latest.age_of(&analysis, received_ms) {
            Age::Same => return Applied::Nothing,
            Age::Newer => {
                entry.points.push_newest(timestamp_ms, cpu);
                entry.recent.push_newest(sample);
                entry.latest.succeed(analysis, received_ms);
                Applied::Newest
            }
            Age::Older => {
                let places =
                    [entry.points.insert_late(timestamp_ms, cpu), entry.recent.insert_late(sample)];
                if places.contains(&Place::Known) || places.contains(&Place::Ahead) {
                    return Applied::Nothing;
                }
                let is_due =
                    arrival == Arrival::Now && entry.latest.note_late(timestamp_ms, received_ms);
                if !is_due && places[0] != Place::Taken {
                    // The next one to be told tells of it too.
                    return Applied::Late;
                }
                Applied::Late
            }
        };
        if !entry.is_changed {
            entry.is_changed = true;
            self.changed.push(entry.latest.host.clone());
        }
        applied
    }

    fn add(&mut self, analysis: Analysis, received_ms: u64) {
        let mut points = Points::default();
        points.push_newest(analysis.timestamp_ms, analysis.cpu_percentage);
        let mut recent = Recent::default();
        recent.push_newest(Sample::of(&analysis));
        let latest = Host::new(analysis, received_ms);
        let name = latest.host.clone();
        self.changed.push(name.clone());
        self.hosts.insert(name, Entry { latest, points, recent, is_changed: true });
    }

    /// Drops every host of which nothing newer than `before_ms` was received, and gives how
    /// many they were.
    pub(crate) fn forget_unseen_since(&mut self, before_ms: u64) -> usize {
        let known = self.hosts.len();
        self.hosts.retain(|_, entry| entry.latest.received_ms >= before_ms);
        let forgotten = known - self.hosts.len();
        if forgotten > 0 {
            let hosts = &self.hosts;
            self.changed.retain(|name| hosts.contains_key(name));
        }
        forgotten
    }

    /// The samples kept of a host from one instant to before another; `None` when it is not
    /// known.
    pub(crate) fn recent(&self, host: &str, from_ms: u64, to_ms: u64) -> Option<RecentSamples> {
        let entry = self.hosts.get(host)?;
        Some(RecentSamples {
            since_ms: entry.recent.since_ms(),
            interval_ms: entry.latest.interval_ms,
            samples: entry.recent.between(from_ms, to_ms),
        })
    }

    /// How many hosts are known.
    pub(crate) fn len(&self) -> usize {
        self.hosts.len()
    }

    /// Whether there is something that [`ChangedHosts`] would tell.
    pub(crate) const fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Takes all changes as told.
    pub(crate) fn clear_changes(&mut self) {
        for name in self.changed.drain(..) {
            if let Some(entry) = self.hosts.get_mut(&name) {
                entry.is_changed = false;
                entry.points.mark_told();
            }
        }
    }
}

#[cfg(test)]
mod tests;
