//! The state machine: analyses and the time in, alerts out. It reads no clock and does no I/O.

mod condition;
mod fleet;
mod host;
mod resource;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use resources_core::contract::{Alert, AlertKind, AlertState, Analysis, HostName, Labels};

use self::condition::{Raised, Subject, clear, raise};
use self::fleet::Fleet;
use self::host::{FORGET_AFTER_MS, Heard, Host};
use super::rules::{HostRules, Membership, Rules};

/// Most hosts that are judged; analyses of further ones are left out.
const MAX_HOSTS: usize = 100_000;

/// Nothing heard from anyone for less than this is nothing to look into, in milliseconds.
const STALLED_MS: u64 = 5_000;

/// Judges every host by the rules.
///
/// What comes in is ordered by the caller; a sample that is not newer than the newest of its host
/// (the same host, run and sequence again, or one that comes late) changes nothing. For one host,
/// resource and kind what comes out strictly alternates between raised and cleared.
#[derive(Debug)]
pub struct Engine {
    rules: Rules,
    /// Rules of hosts in the same groups, found once.
    shared_rules: HashMap<Membership, Arc<HostRules>>,
    /// Boxed: a third of the table's places are empty.
    hosts: HashMap<HostName, Box<Host>>,
    /// Those that changed since they were stored.
    changed: Vec<HostName>,
    fleet: Fleet,
    pipeline: HostName,
    /// Analyses of hosts that found no room.
    left_out: u64,
}

impl Engine {
    /// An engine that knows no host yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            shared_rules: HashMap::new(),
            hosts: HashMap::new(),
            changed: Vec::new(),
            fleet: Fleet::default(),
            pipeline: pipeline_host(),
            left_out: 0,
        }
    }

    /// Takes what was received at `now_ms` (milliseconds since the Unix epoch) and adds what
    /// follows from it to `alerts`.
    pub fn observe(&mut self, analysis: &Analysis, now_ms: u64, alerts: &mut Vec<Alert>) {
        let room = self.hosts.len() < MAX_HOSTS;
        let host = match self.hosts.entry(analysis.host.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if !room => {
                self.left_out += 1;
                return;
            }
            Entry::Vacant(place) => {
                let labels = Labels::default();
                let rules = rules_of(&self.rules, &mut self.shared_rules, &analysis.host, &labels);
                place.insert(Box::new(Host::new(rules)))
            }
        };
        if analysis.system.is_some() {
            let labels = Host::labels_of(&analysis.labels);
            if host.labels != labels {
                host.rules =
                    rules_of(&self.rules, &mut self.shared_rules, &analysis.host, &analysis.labels);
                host.labels = labels;
            }
        }
        let heard = host.take(&analysis.host, analysis, &mut self.fleet, now_ms, alerts);
        if heard != Heard::Nothing && !std::mem::replace(&mut host.changed, true) {
            self.changed.push(analysis.host.clone());
        }
        if heard != Heard::Newer {
            // A backlog says nothing about now: what is new may be held up behind it.
            return;
        }
        self.fleet.heard_ms = self.fleet.heard_ms.max(now_ms);
        host.plan(&self.fleet, now_ms);
        if self.fleet.pipeline.is_some() && self.fleet.link_down_ms.is_none() {
            self.fleet.listening_since_ms = now_ms;
            self.tell_pipeline(alerts, |fleet, subject, told| {
                clear(&mut fleet.pipeline, subject, now_ms, told);
            });
        }
    }

    /// Notes that the link to the broker is up or not.
    pub fn link(&mut self, is_up: bool, now_ms: u64) {
        if !is_up {
            self.fleet.link_down_ms.get_or_insert(now_ms);
        } else if self.fleet.link_down_ms.take().is_some() {
            self.fleet.listening_since_ms = now_ms;
        }
    }

    /// Does what time alone brings about; to be called about once a second.
    pub fn tick(&mut self, now_ms: u64, alerts: &mut Vec<Alert>) {
        if now_ms < self.fleet.ticked_ms {
            self.set_back(now_ms);
        }
        self.judge_pipeline(now_ms, alerts);
        let first = alerts.len();
        let mut gone = Vec::new();
        for (name, host) in &mut self.hosts {
            if now_ms < host.due_ms {
                continue;
            }
            let told = alerts.len();
            if now_ms.saturating_sub(host.received_ms) >= FORGET_AFTER_MS {
                host.end(name, now_ms, alerts);
                gone.push(name.clone());
            } else {
                host.tick(name, &self.fleet, now_ms, alerts);
            }
            if alerts.len() > told && !std::mem::replace(&mut host.changed, true) {
                self.changed.push(name.clone());
            }
        }
        // The table has no order, and the same input gives the same output.
        alerts[first..].sort_by(|one, other| one.host.cmp(&other.host));
        for name in gone {
            self.hosts.remove(&name);
            self.changed.push(name);
        }
    }

    /// Our own clock was set back: nobody was heard in the future.
    fn set_back(&mut self, now_ms: u64) {
        self.fleet.set_back(now_ms);
        for (name, host) in &mut self.hosts {
            host.set_back(now_ms);
            if !std::mem::replace(&mut host.changed, true) {
                self.changed.push(name.clone());
            }
        }
    }

    /// Our own clock may have been set forward: how long samples take by it is not known.
    fn set_forward(&mut self) {
        self.hosts.values_mut().for_each(|host| host.set_forward());
    }

    /// Raises one alert in place of one for each host when nothing can be heard from anyone:
    /// the link is down, this program was away, or nobody was heard for a while and most of
    /// several hosts should have been.
    fn judge_pipeline(&mut self, now_ms: u64, alerts: &mut Vec<Alert>) {
        let after_ms = self.rules.pipeline().after_ms;
        let absent_since_ms = self.fleet.note_time(now_ms);
        if absent_since_ms.is_some() {
            self.set_forward();
        }
        let away_since_ms =
            absent_since_ms.filter(|since| now_ms.saturating_sub(*since) >= after_ms);
        let down_since_ms =
            self.fleet.link_down_ms.filter(|since| now_ms.saturating_sub(*since) >= after_ms);
        let fleet = &self.fleet;
        let unheard_since_ms = fleet.heard_ms.max(fleet.listening_since_ms);
        let unheard_ms = now_ms.saturating_sub(unheard_since_ms);
        let mut stalled_since_ms = None;
        if unheard_ms >= STALLED_MS {
            let live = || self.hosts.values().filter(|host| host.is_live());
            let late = live().filter(|host| host.is_late(fleet, now_ms)).count();
            let live = live().count();
            if unheard_ms >= after_ms && late >= 2 && late * 2 >= live {
                stalled_since_ms = Some(unheard_since_ms);
            }
            self.fleet.live = live;
        } else {
            self.fleet.live = usize::MAX;
        }
        // Whoever is alone cannot be told from the way to here: back to judging hosts.
        let listened_ms = now_ms.saturating_sub(self.fleet.listening_since_ms);
        if self.fleet.live <= 1 && self.fleet.link_down_ms.is_none() && listened_ms >= after_ms {
            self.tell_pipeline(alerts, |fleet, subject, told| {
                clear(&mut fleet.pipeline, subject, now_ms, told);
            });
        }
        let since_ms = away_since_ms.or(down_since_ms).or(stalled_since_ms);
        if let Some(since_ms) = since_ms
            && !self.hosts.is_empty()
        {
            self.tell_pipeline(alerts, |fleet, subject, told| {
                let kind = AlertKind::Pipeline;
                raise(&mut fleet.pipeline, kind, subject, since_ms, now_ms, told);
            });
        }
    }

    fn tell_pipeline(
        &mut self,
        alerts: &mut Vec<Alert>,
        tell: impl FnOnce(&mut Fleet, Subject<'_>, &mut Vec<Alert>),
    ) {
        let mut told = Vec::new();
        tell(&mut self.fleet, Subject::host(&self.pipeline), &mut told);
        for alert in told {
            if alert.state == AlertState::Raised {
                self.fleet.is_pipeline_told = self.rules.pipeline().enabled;
            }
            if self.fleet.is_pipeline_told {
                alerts.push(alert);
            }
        }
    }

    /// Takes over what an engine before this one raised, as `alert` tells of it: an engine that
    /// lost what it knew ends it like one of its own. What no engine raised is left alone.
    pub(super) fn adopt(&mut self, alert: &Alert, now_ms: u64) {
        let Some(raised) = Raised::of(alert, now_ms) else { return };
        self.fleet.adopted_ms = self.fleet.adopted_ms.max(raised.told_ms);
        if alert.host == self.pipeline {
            self.fleet.pipeline.get_or_insert(Box::new(raised));
            self.fleet.is_pipeline_told = true;
            return;
        }
        if self.hosts.len() >= MAX_HOSTS && !self.hosts.contains_key(&alert.host) {
            return;
        }
        let host = self.hosts.entry(alert.host.clone()).or_insert_with(|| {
            let labels = Labels::default();
            Box::new(Host::new(rules_of(&self.rules, &mut self.shared_rules, &alert.host, &labels)))
        });
        host.adopt(alert, raised, now_ms);
        if !std::mem::replace(&mut host.changed, true) {
            self.changed.push(alert.host.clone());
        }
    }

    /// When the newest of what was taken over was told, in milliseconds since the Unix epoch; 0
    /// when nothing was. What came before then says nothing about whether it is over.
    pub(super) const fn adopted_ms(&self) -> u64 {
        self.fleet.adopted_ms
    }

    /// Hosts judged.
    #[must_use]
    pub fn host_count(&self) -> usize {
        self.hosts.len()
    }

    /// How many analyses found no room for their host since this was asked last.
    pub fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// What is known of the fleet, to be stored.
    pub(super) fn stored_fleet(&self) -> Vec<u8> {
        serde_json::to_vec(&self.fleet).unwrap_or_default()
    }

    /// The hosts that changed since this was called last, as they are to be stored; `None` for
    /// one that was forgotten. To be called again only when what it gave is stored.
    pub(super) fn stored_hosts(&self) -> impl Iterator<Item = (&HostName, Option<Vec<u8>>)> {
        self.changed.iter().map(|name| {
            let host = self.hosts.get(name);
            (name, host.and_then(|host| serde_json::to_vec(host).ok()))
        })
    }

    /// What was given to be stored is stored.
    pub(super) fn stored(&mut self) {
        for name in self.changed.drain(..) {
            if let Some(host) = self.hosts.get_mut(&name) {
                host.changed = false;
            }
        }
    }

    /// Takes back what was stored.
    pub(super) fn restore_fleet(&mut self, stored: &[u8]) -> serde_json::Result<()> {
        self.fleet = serde_json::from_slice(stored)?;
        // Whether the link is up is told anew.
        self.fleet.link_down_ms = None;
        Ok(())
    }

    /// Takes back one host as it was stored.
    pub(super) fn restore_host(&mut self, name: HostName, stored: &[u8]) -> serde_json::Result<()> {
        let mut host: Box<Host> = serde_json::from_slice(stored)?;
        host.rules = rules_of(&self.rules, &mut self.shared_rules, &name, &host.labels());
        self.hosts.insert(name, host);
        Ok(())
    }
}

fn pipeline_host() -> HostName {
    HostName::new(Alert::PIPELINE).unwrap_or_else(|_| unreachable!("it is a host name"))
}

/// The rules of a host, shared with others that have the same.
fn rules_of(
    rules: &Rules,
    shared: &mut HashMap<Membership, Arc<HostRules>>,
    host: &HostName,
    labels: &Labels,
) -> Arc<HostRules> {
    let membership = rules.membership(host, labels);
    if membership.own {
        return Arc::new(rules.for_host(host, labels));
    }
    let found = || Arc::new(rules.for_host(host, labels));
    Arc::clone(shared.entry(membership).or_insert_with(found))
}

#[cfg(test)]
mod tests;
