//! What follows from alerts, acknowledgements and silences: which alerts are active, and what of
//! them was told and written. Pure: events and the time in, state out.

mod silences;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use resources_core::contract::{Acknowledgement, Alert, AlertKind, AlertState, HostName, Silence};

use super::Event;
use crate::protocol::{Acknowledged, AlertEntry, Alerts, AlertsStatus, MAX_ACTIVE};
use silences::Silences;

/// Most active alerts known at a time; further ones are left out and counted.
const MAX_KNOWN: usize = 100_000;

/// Episodes that ended and are remembered, so that a message that comes again raises none anew.
const MAX_ENDED: usize = 10_000;

/// What is old goes by this machine's clock, unless that is so far ahead of the newest event, in
/// milliseconds: then it may be wrong, and would have all there is forgotten.
pub(super) const MAX_AHEAD_MS: u64 = 24 * 60 * 60 * 1_000;

/// Where an active alert stands among the others: the newest first.
type Place = (Reverse<u64>, Reverse<Box<str>>);

/// All alerts that are active now.
#[derive(Debug, Default)]
pub(crate) struct Board {
    now_ms: u64,
    /// When the newest event was published.
    newest_ms: u64,
    active: HashMap<Box<str>, Known>,
    newest: BTreeSet<Place>,
    /// The active alerts of each host that has any.
    of_host: HashMap<HostName, Vec<Box<str>>>,
    /// How many are neither acknowledged nor silenced.
    loud: usize,
    ended: HashSet<Box<str>>,
    ended_in_order: VecDeque<Box<str>>,
    silences: Silences,
    /// Counts the changes of entries.
    revision: u64,
    /// What pages were told: of each alert its revision.
    told: HashMap<Box<str>, u64>,
    /// Hosts of which pages may know another number of alerts.
    changed_hosts: HashSet<HostName>,
    status: AlertsStatus,
    has_news: bool,
    /// Whether what it knows is of the past yet, and nobody is to be told.
    catches_up: bool,
    unwritten: Unwritten,
    left_out: u64,
}

#[derive(Debug)]
struct Known {
    entry: AlertEntry,
    revision: u64,
}

/// What is to be written to the database.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unwritten {
    /// Episodes, as they are now.
    pub(super) entries: BTreeMap<Box<str>, AlertEntry>,
    /// Acknowledgements of episodes that ended before.
    pub(super) acknowledged: BTreeMap<Box<str>, (HostName, Acknowledged)>,
    pub(super) silences: BTreeMap<Box<str>, Silence>,
}

impl Unwritten {
    pub(super) fn len(&self) -> usize {
        self.entries.len() + self.acknowledged.len() + self.silences.len()
    }
}

/// Which alerts are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    pub(crate) host: Option<HostName>,
    pub(crate) resource: Option<Box<str>>,
    pub(crate) kind: Option<AlertKind>,
    /// Only those that were active at this time or later.
    pub(crate) from_ms: Option<u64>,
    /// Only those that began before this time.
    pub(crate) to_ms: Option<u64>,
}

impl Filter {
    pub(crate) fn takes(&self, entry: &AlertEntry) -> bool {
        self.host.as_ref().is_none_or(|host| *host == entry.host)
            && self.resource.as_ref().is_none_or(|wanted| Some(wanted) == entry.resource.as_ref())
            && self.kind.is_none_or(|kind| kind == entry.kind)
            && self.to_ms.is_none_or(|to_ms| entry.since_ms < to_ms)
            && self.from_ms.is_none_or(|from_ms| {
                entry.cleared_ms.is_none_or(|cleared_ms| cleared_ms >= from_ms)
            })
    }
}

impl Board {
    /// What was known when the database was written last: active entries, ids of those that ended
    /// last, oldest first, and silences.
    pub(super) fn restore(
        &mut self,
        active: Vec<AlertEntry>,
        ended: Vec<Box<str>>,
        silences: Vec<Silence>,
        now_ms: u64,
    ) {
        self.now_ms = now_ms;
        for silence in silences {
            self.newest_ms = self.newest_ms.max(silence.timestamp_ms);
            self.silences.take(silence);
        }
        for id in ended {
            self.remember(id);
        }
        for entry in active {
            self.newest_ms = self.newest_ms.max(entry.timestamp_ms);
            self.put(entry);
        }
        self.has_news = true;
    }

    /// Has nobody told what follows from the events until those of the past are in.
    pub(super) const fn catch_up(&mut self) {
        self.catches_up = true;
    }

    /// What it knows is of now.
    pub(super) fn has_caught_up(&mut self) {
        self.catches_up = false;
        self.changed_hosts = self.of_host.keys().cloned().collect();
        self.has_news = true;
    }

    /// What becomes of alerts that are to be written.
    pub(super) fn set_status(&mut self, status: AlertsStatus) {
        if self.status != status {
            self.status = status;
            self.has_news = true;
        }
    }

    /// Whether what it tells is all there is.
    pub(crate) fn status(&self) -> AlertsStatus {
        if self.catches_up { AlertsStatus::Reading } else { self.status.clone() }
    }

    /// When the newest event was published that it has.
    pub(super) const fn newest_ms(&self) -> u64 {
        self.newest_ms
    }

    /// Takes in one event.
    pub(crate) fn apply(&mut self, event: Event, now_ms: u64) {
        self.newest_ms = self.newest_ms.max(event.timestamp_ms());
        self.tick(now_ms);
        match event {
            Event::Alert(alert) => match alert.state {
                AlertState::Raised => self.raise(alert),
                AlertState::Cleared => self.clear(alert),
            },
            Event::Acknowledgement(acknowledgement) => self.acknowledge(acknowledgement),
            Event::Silence(silence) => self.silence(silence),
        }
    }

    /// It is `now_ms`, which may be before what it was, when the clock was set right: silences
    /// begin and end.
    pub(crate) fn tick(&mut self, now_ms: u64) {
        if now_ms != self.now_ms {
            let hosts = self.silences.hosts_that_change(self.now_ms, now_ms);
            self.now_ms = now_ms;
            self.silences.forget_old(now_ms.min(self.newest_ms.saturating_add(MAX_AHEAD_MS)));
            for host in hosts {
                self.look_again(&host);
            }
        }
    }

    /// When the next silence begins or ends.
    pub(crate) fn next_change_ms(&self) -> Option<u64> {
        self.silences.next_change_ms(self.now_ms)
    }

    fn raise(&mut self, alert: Alert) {
        if self.ended.contains(&alert.id) {
            return;
        }
        let known = self.active.get(&alert.id).map(|known| &known.entry);
        if known.is_some_and(|known| known.repeat >= alert.repeat) {
            return;
        }
        let acknowledged = known.and_then(|known| known.acknowledged.clone());
        let is_new = known.is_none();
        if is_new {
            self.end_before(&alert);
            if self.active.len() >= MAX_KNOWN {
                self.left_out += 1;
                return;
            }
        }
        self.put_anew(AlertEntry {
            id: alert.id,
            host: alert.host,
            resource: alert.resource,
            kind: alert.kind,
            level: alert.level,
            percentage: alert.percentage,
            since_ms: alert.since_ms,
            timestamp_ms: alert.timestamp_ms,
            cleared_ms: None,
            repeat: alert.repeat,
            acknowledged,
            silenced_until_ms: None,
        });
    }

    /// One that is active when another takes its place has ended: the stream no longer held its
    /// end, or the observer that raised it lost what it knew and will never tell it.
    fn end_before(&mut self, alert: &Alert) {
        let is_same = |entry: &AlertEntry| {
            entry.resource == alert.resource && entry.kind.slot() == alert.kind.slot()
        };
        let ids = self.of_host.get(&alert.host).into_iter().flatten();
        let same = ids.filter(|id| self.active.get(*id).is_some_and(|known| is_same(&known.entry)));
        for id in same.cloned().collect::<Vec<_>>() {
            self.end(&id, alert.since_ms, alert.since_ms);
        }
    }

    fn clear(&mut self, alert: Alert) {
        if self.ended.contains(&alert.id) || self.end(&alert.id, alert.timestamp_ms, alert.since_ms)
        {
            return;
        }
        // Its begin was gone before anybody read it.
        let entry = AlertEntry {
            id: alert.id.clone(),
            host: alert.host,
            resource: alert.resource,
            kind: alert.kind,
            // Those of its end say nothing of it.
            level: None,
            percentage: None,
            since_ms: alert.since_ms,
            timestamp_ms: alert.timestamp_ms,
            cleared_ms: Some(alert.timestamp_ms),
            repeat: None,
            acknowledged: None,
            silenced_until_ms: None,
        };
        self.unwritten.entries.insert(alert.id.clone(), entry);
        self.remember(alert.id);
    }

    /// Ends the episode `id`; whether there was one.
    fn end(&mut self, id: &str, cleared_ms: u64, timestamp_ms: u64) -> bool {
        let Some(mut entry) = self.take_out(id) else { return false };
        entry.cleared_ms = Some(cleared_ms.max(entry.since_ms));
        entry.timestamp_ms = entry.timestamp_ms.max(timestamp_ms).max(cleared_ms);
        entry.silenced_until_ms = None;
        self.unwritten.entries.insert(id.into(), entry);
        self.remember(id.into());
        self.has_news = true;
        true
    }

    fn acknowledge(&mut self, told: Acknowledgement) {
        let Acknowledgement { id, host, by, note, timestamp_ms } = told;
        let is_newer = |known: &Option<Acknowledged>| {
            known.as_ref().is_none_or(|known| known.at_ms < timestamp_ms)
        };
        let acknowledged = Acknowledged { by, at_ms: timestamp_ms, note };
        if let Some(known) = self.active.get(&id) {
            if known.entry.host == host && is_newer(&known.entry.acknowledged) {
                let entry = AlertEntry { acknowledged: Some(acknowledged), ..known.entry.clone() };
                self.put_anew(entry);
            }
        } else if let Some(entry) = self.unwritten.entries.get_mut(&id) {
            if entry.host == host && is_newer(&entry.acknowledged) {
                entry.acknowledged = Some(acknowledged);
            }
        } else {
            let known = self.unwritten.acknowledged.get(&id);
            if known.is_none_or(|(_, known)| known.at_ms < timestamp_ms) {
                self.unwritten.acknowledged.insert(id, (host, acknowledged));
            }
        }
    }

    fn silence(&mut self, silence: Silence) {
        let (id, host) = (silence.id.clone(), silence.host.clone());
        if let Some(counts) = self.silences.take(silence) {
            self.unwritten.silences.insert(id, counts);
            self.look_again(&host);
        }
    }

    /// Finds out anew which alerts of `host` are silenced.
    fn look_again(&mut self, host: &HostName) {
        for id in self.of_host.get(host).cloned().unwrap_or_default() {
            let Some(known) = self.active.get(&id) else { continue };
            let until_ms = self.silences.covering_until_ms(&known.entry, self.now_ms);
            if until_ms != known.entry.silenced_until_ms {
                // Not to be written: it follows from the silences.
                self.put(known.entry.clone());
            }
        }
    }

    /// An entry that is to be written, too.
    fn put_anew(&mut self, entry: AlertEntry) {
        self.unwritten.entries.insert(entry.id.clone(), entry.clone());
        self.put(entry);
    }

    fn put(&mut self, mut entry: AlertEntry) {
        self.take_out(&entry.id);
        entry.silenced_until_ms = self.silences.covering_until_ms(&entry, self.now_ms);
        self.loud += usize::from(is_loud(&entry));
        self.newest.insert(place(&entry));
        self.of_host.entry(entry.host.clone()).or_default().push(entry.id.clone());
        self.changed_hosts.insert(entry.host.clone());
        self.revision += 1;
        self.active.insert(entry.id.clone(), Known { entry, revision: self.revision });
        self.has_news = true;
    }

    fn take_out(&mut self, id: &str) -> Option<AlertEntry> {
        let Known { entry, .. } = self.active.remove(id)?;
        self.loud -= usize::from(is_loud(&entry));
        self.newest.remove(&place(&entry));
        self.changed_hosts.insert(entry.host.clone());
        if let Some(ids) = self.of_host.get_mut(&entry.host) {
            ids.retain(|known| **known != *id);
            if ids.is_empty() {
                self.of_host.remove(&entry.host);
            }
        }
        Some(entry)
    }

    fn remember(&mut self, id: Box<str>) {
        if self.ended.insert(id.clone()) {
            self.ended_in_order.push_back(id);
        }
        while self.ended_in_order.len() > MAX_ENDED {
            if let Some(id) = self.ended_in_order.pop_front() {
                self.ended.remove(&id);
            }
        }
    }

    /// Whether there is something that pages were not told.
    pub(crate) const fn has_news(&self) -> bool {
        self.has_news && !self.catches_up
    }

    /// What pages are to be told that know what was told before.
    pub(crate) fn take_news(&mut self, number: u64, server_time_ms: u64) -> Alerts {
        self.has_news = false;
        let newest = self.newest.iter().take(MAX_ACTIVE);
        let newest: Vec<&Known> = newest.filter_map(|(_, id)| self.active.get(&id.0)).collect();
        let is_changed = |known: &&&Known| self.told.get(&known.entry.id) != Some(&known.revision);
        let changed = newest.iter().filter(is_changed).map(|known| known.entry.clone()).collect();
        let told = newest.iter().map(|known| (known.entry.id.clone(), known.revision)).collect();
        let before = std::mem::replace(&mut self.told, told);
        let mut cleared: Vec<Box<str>> = before.into_keys().collect();
        cleared.retain(|id| !self.active.contains_key(id));
        cleared.sort_unstable();
        let changed_hosts = std::mem::take(&mut self.changed_hosts);
        let hosts = self.counted(changed_hosts);
        Alerts { number: Some(number), changed, cleared, hosts, ..self.figures(server_time_ms) }
    }

    /// How many active alerts each of `hosts` has, sorted by name.
    fn counted(&self, hosts: impl IntoIterator<Item = HostName>) -> Vec<(HostName, u32)> {
        let counted = hosts.into_iter().map(|host| {
            let count = self.of_host.get(&host).map_or(0, Vec::len);
            (host, u32::try_from(count).unwrap_or(u32::MAX))
        });
        let mut counted: Vec<_> = counted.collect();
        counted.sort_unstable();
        counted
    }

    /// What a page is to be told that knows nothing.
    pub(crate) fn all(&self, server_time_ms: u64) -> Alerts {
        let everything = Filter::default();
        let active = self.active_after(None, &everything, MAX_ACTIVE);
        let hosts =
            if self.catches_up { Vec::new() } else { self.counted(self.of_host.keys().cloned()) };
        Alerts { active: Some(active), hosts, ..self.figures(server_time_ms) }
    }

    fn figures(&self, server_time_ms: u64) -> Alerts {
        let known = Alerts { server_time_ms, status: self.status(), ..Alerts::default() };
        if self.catches_up {
            return known;
        }
        Alerts { count: self.loud as u64, total: self.active.len() as u64, ..known }
    }

    /// At most so many of the active alerts that `filter` takes, newest first, behind the one that
    /// began at a time and has an id.
    pub(crate) fn active_after(
        &self,
        after: Option<(u64, &str)>,
        filter: &Filter,
        most: usize,
    ) -> Vec<AlertEntry> {
        use std::ops::Bound::{Excluded, Unbounded};
        if self.catches_up {
            return Vec::new();
        }
        let entry = |id: &str| self.active.get(id).map(|known| &known.entry);
        let is_asked_for = |entry: &&AlertEntry| filter.takes(entry);
        if let Some(host) = &filter.host {
            // Those of one host are few among all.
            let ids = self.of_host.get(host).into_iter().flatten();
            let is_behind = |entry: &&AlertEntry| {
                after.is_none_or(|after| (entry.since_ms, &*entry.id) < after)
            };
            let mut found: Vec<&AlertEntry> =
                ids.filter_map(|id| entry(id)).filter(is_behind).filter(is_asked_for).collect();
            found.sort_unstable_by_key(|entry| Reverse((entry.since_ms, &*entry.id)));
            return found.into_iter().take(most).cloned().collect();
        }
        let from = after.map(|(since_ms, id)| (Reverse(since_ms), Reverse(Box::from(id))));
        let places = self.newest.range((from.map_or(Unbounded, Excluded), Unbounded));
        let found = places.filter_map(|(_, id)| entry(&id.0)).filter(is_asked_for);
        found.take(most).cloned().collect()
    }

    /// How many alerts and silences are yet to be written.
    pub(crate) fn unwritten_count(&self) -> usize {
        self.unwritten.len()
    }

    /// Those that ended and are not in the database yet.
    pub(crate) fn unwritten_cleared(&self) -> impl Iterator<Item = &AlertEntry> {
        self.unwritten.entries.values().filter(|entry| entry.cleared_ms.is_some())
    }

    /// An episode that is active, or not in the database yet.
    pub(crate) fn entry(&self, id: &str) -> Option<&AlertEntry> {
        let active = self.active.get(id).map(|known| &known.entry);
        active.or_else(|| self.unwritten.entries.get(id))
    }

    /// The silences that hold now, the one that ends first first.
    pub(crate) fn running_silences(&self) -> Vec<Silence> {
        self.silences.running(self.now_ms)
    }

    /// A silence that holds now.
    pub(crate) fn running_silence(&self, id: &str) -> Option<Silence> {
        self.silences.running(self.now_ms).into_iter().find(|silence| &*silence.id == id)
    }

    /// Whether there is room for another silence.
    pub(crate) fn takes_silences(&self) -> bool {
        !self.silences.is_full()
    }

    pub(super) const fn unwritten(&self) -> &Unwritten {
        &self.unwritten
    }

    /// All that was to be written is.
    pub(super) fn written(&mut self) {
        self.unwritten = Unwritten::default();
    }

    /// Alerts and silences that found no room since the last call.
    pub(super) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out) + self.silences.take_left_out()
    }
}

const fn is_loud(entry: &AlertEntry) -> bool {
    entry.acknowledged.is_none() && entry.silenced_until_ms.is_none()
}

fn place(entry: &AlertEntry) -> Place {
    (Reverse(entry.since_ms), Reverse(entry.id.clone()))
}

#[cfg(test)]
mod tests;
