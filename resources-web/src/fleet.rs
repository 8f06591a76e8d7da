//! What is known of every host now. Pure: no clock, no channel; times come in as arguments.

mod clock;
mod entry;
mod figures;
mod host;
mod late;
mod points;
mod rare;
mod recent;
mod views;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use resources_core::contract::{Analysis, HostName, Labels, ResourceThresholds, System};

use crate::protocol::{Changes, Info, Row, Series};
use entry::Entry;
pub(crate) use host::Host;
#[cfg(test)]
pub(crate) use points::{CLOSEST_MS, POINTS_KEPT};
pub(crate) use recent::{RECENT_MS, Sample, is_kept};
pub(crate) use views::AllHosts;

/// One entry for each host, bounded in number.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// The index of every host. Ordered, because every list of hosts is sorted by name.
    indices: BTreeMap<HostName, u32>,
    /// Every host at its index.
    entries: Vec<Option<Box<Entry>>>,
    /// Hosts with changes not told yet, in order of their first change.
    changed: Vec<u32>,
    /// Indices whose hosts are no more, which was not told yet.
    gone: Vec<u32>,
    /// Indices that may be given to other hosts.
    free: Vec<u32>,
    max_hosts: usize,
    /// That of the last analysis that told something newer of its host.
    revision: u64,
}

/// What became of an analysis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Applied {
    /// It is the newest of its host.
    Newest,
    /// A newer one is known; it found its place behind that, or is too old for what is kept.
    Late {
        /// Whether something of it is to be told; else the next one to be told tells of it too.
        is_to_tell: bool,
    },
    /// It says nothing new.
    Nothing,
    /// Its host is one more than there may be.
    Refused,
}

/// When an analysis was received, in milliseconds since the epoch by the server's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Receipt {
    /// When, or of one that another process may have received, when that may have been.
    pub(crate) received_ms: u64,
    /// When this process read it; `None` when it is read again, long after it was sent.
    pub(crate) read_ms: Option<u64>,
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
    /// It is older than what is kept, or too close to that.
    Unkept,
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

/// All that is known of one host.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Another one when there is more to know.
    pub(crate) revision: u64,
    /// The newest analysis as it came.
    pub(crate) body: Bytes,
    pub(crate) received_ms: u64,
    pub(crate) system: Option<Arc<System>>,
    pub(crate) labels: Option<Arc<Labels>>,
    pub(crate) thresholds: Option<Arc<[ResourceThresholds]>>,
    pub(crate) clock_offset_ms: Option<i64>,
    pub(crate) late_samples: u64,
    pub(crate) dropped_samples: u64,
}

/// How an analysis relates to the latest one known of its host.
enum Age {
    Newer,
    Same,
    Older,
}

impl Receipt {
    /// It was received and read at once.
    #[cfg(test)]
    pub(crate) const fn at(received_ms: u64) -> Self {
        Self { received_ms, read_ms: Some(received_ms) }
    }
}

impl Fleet {
    /// An empty fleet that will hold at most `max_hosts`.
    pub(crate) const fn new(max_hosts: usize) -> Self {
        Self {
            indices: BTreeMap::new(),
            entries: Vec::new(),
            changed: Vec::new(),
            gone: Vec::new(),
            free: Vec::new(),
            max_hosts,
            revision: 0,
        }
    }

    /// Takes in one analysis and the body it was read from. An older sample never replaces a
    /// newer one, whatever the order they come in.
    pub(crate) fn apply(&mut self, analysis: Analysis, body: Bytes, receipt: Receipt) -> Applied {
        self.take(analysis, body, receipt, Arrival::Now)
    }

    /// Takes in one analysis that was received before. That it is older than what came since
    /// does not make it late.
    pub(crate) fn apply_again(
        &mut self,
        analysis: Analysis,
        body: Bytes,
        receipt: Receipt,
    ) -> Applied {
        self.take(analysis, body, receipt, Arrival::Before)
    }

    fn take(
        &mut self,
        analysis: Analysis,
        body: Bytes,
        receipt: Receipt,
        arrival: Arrival,
    ) -> Applied {
        let revision = self.revision + 1;
        let Some(index) = self.indices.get(&analysis.host).copied() else {
            let is_full = self.indices.len() >= self.max_hosts;
            let Some(index) = (!is_full).then(|| self.free_index()).flatten() else {
                return Applied::Refused;
            };
            self.revision = revision;
            self.indices.insert(analysis.host.clone(), index);
            let entry = Entry::new(analysis, body, receipt, revision);
            self.entries[index as usize] = Some(Box::new(entry));
            self.note_change(index);
            return Applied::Newest;
        };
        let Some(entry) = self.entry_mut(index) else { return Applied::Nothing };
        let applied = entry.take(analysis, body, receipt, arrival, revision);
        let reached = entry.revision();
        self.revision = self.revision.max(reached);
        if matches!(applied, Applied::Newest | Applied::Late { is_to_tell: true }) {
            self.note_change(index);
        }
        applied
    }

    fn note_change(&mut self, index: u32) {
        if self.entry_mut(index).is_some_and(Entry::is_newly_changed) {
            self.changed.push(index);
        }
    }

    /// An index with room for an entry; `None` when every number is taken.
    fn free_index(&mut self) -> Option<u32> {
        let free = self.free.pop().or_else(|| u32::try_from(self.entries.len()).ok())?;
        if free as usize == self.entries.len() {
            self.entries.push(None);
        }
        Some(free)
    }

    fn entry(&self, index: u32) -> Option<&Entry> {
        self.entries.get(index as usize)?.as_deref()
    }

    fn entry_mut(&mut self, index: u32) -> Option<&mut Entry> {
        self.entries.get_mut(index as usize)?.as_deref_mut()
    }

    fn named(&self, host: &str) -> Option<&Entry> {
        self.entry(*self.indices.get(host)?)
    }

    /// Every host with its index, in order of their names.
    fn by_name(&self) -> impl Iterator<Item = (u32, &Entry)> {
        self.indices.values().filter_map(|index| Some((*index, self.entry(*index)?)))
    }

    /// The newest analysis of each host behind `after` in order of their names, as it came and
    /// when.
    pub(crate) fn latest_after(
        &self,
        after: Option<&HostName>,
    ) -> impl Iterator<Item = (HostName, Bytes, u64)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.indices.range::<HostName, _>((from, Bound::Unbounded)).filter_map(|(host, index)| {
            let entry = self.entry(*index)?;
            Some((host.clone(), entry.body().clone(), entry.latest().received_ms))
        })
    }

    /// Drops every host of which nothing newer than `before_ms` was received, and gives how
    /// many they were.
    pub(crate) fn forget_unseen_since(&mut self, before_ms: u64) -> usize {
        let (entries, gone, free) = (&mut self.entries, &mut self.gone, &mut self.free);
        let known = self.indices.len();
        self.indices.retain(|_, index| {
            let Some(place) = entries.get_mut(*index as usize) else { return false };
            let is_kept =
                place.as_ref().is_some_and(|entry| entry.latest().received_ms >= before_ms);
            if !is_kept {
                // An index that a page may know is free once that was told.
                let is_told = place.take().is_some_and(|entry| entry.is_told());
                if is_told { &mut *gone } else { &mut *free }.push(*index);
            }
            is_kept
        });
        let forgotten = known - self.indices.len();
        if forgotten > 0 {
            let entries = &self.entries;
            self.changed.retain(|index| entries[*index as usize].is_some());
        }
        forgotten
    }

    /// The samples kept of a host from one instant to before another; `None` when it is not
    /// known.
    pub(crate) fn recent(&self, host: &str, from_ms: u64, to_ms: u64) -> Option<RecentSamples> {
        Some(self.named(host)?.recent(from_ms, to_ms))
    }

    /// How many hosts are known.
    pub(crate) fn len(&self) -> usize {
        self.indices.len()
    }

    /// Whether there is something that [`take_changes`](Self::take_changes) would tell.
    pub(crate) const fn has_changes(&self) -> bool {
        !self.changed.is_empty() || !self.gone.is_empty()
    }

    /// What was not told yet, and from here on is, by message `number`.
    pub(crate) fn take_changes(&mut self, number: u64, server_time_ms: u64) -> Changes {
        let mut changes = Changes { number, server_time_ms, ..Changes::default() };
        for index in std::mem::take(&mut self.changed) {
            if let Some(entry) = self.entry_mut(index) {
                entry.tell(index, &mut changes);
            }
        }
        self.free.extend(&self.gone);
        changes.gone = std::mem::take(&mut self.gone);
        changes
    }

    /// All that was told, and no figure that was not: what is told next builds on it.
    pub(crate) fn told(&self, server_time_ms: u64) -> (Vec<(u32, Info)>, Vec<Row>) {
        let told = |(index, entry): (u32, &Entry)| {
            Some(((index, entry.info()), entry.told_row(index, server_time_ms)?))
        };
        self.by_name().filter_map(told).unzip()
    }

    /// Takes those hosts out of `indices` that a page knows of which has all messages up to
    /// `number`, and gives the last points told of each. What is no host is taken out as well;
    /// of what stays the page is still to be told what it stands for.
    pub(crate) fn take_series(&self, indices: &mut Vec<u32>, number: u64) -> Vec<(u32, Series)> {
        let mut series = Vec::new();
        indices.retain(|index| match self.entry(*index) {
            Some(entry) if entry.is_told_by(number) => {
                series.push((*index, entry.series()));
                false
            }
            Some(_) => true,
            None => false,
        });
        series
    }

    /// The revision of a host, and with another than `seen` all that is known of it; `None`
    /// when no such host is known.
    pub(crate) fn known(&self, host: &str, seen: Option<u64>) -> Option<Option<Known>> {
        let entry = self.named(host)?;
        Some((seen != Some(entry.revision())).then(|| entry.known()))
    }
}

#[cfg(test)]
mod tests;
