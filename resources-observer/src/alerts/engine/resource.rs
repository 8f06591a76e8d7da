//! One resource of one host: its level, and whether it flaps.

use resources_core::contract::{Alert, AlertKind, HostName, ResourceLevel};
use serde::{Deserialize, Serialize};

use super::condition::{Episode, Holding, Subject, clear, raise, remind};
use crate::alerts::rules::{Flapping, HostRules};

/// What is known of one resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) name: Box<str>,
    /// Whether it counts, in the time of its host.
    above: Holding,
    /// When it changed of late, in the time of its host; empty while nothing happens.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    changes: Vec<u64>,
    #[serde(default)]
    flapping: bool,
    #[serde(default)]
    raised: Episode,
}

/// When a sample is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By the clock of the host.
    pub(super) sampled_ms: u64,
    /// By ours.
    pub(super) now_ms: u64,
}

impl Resource {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            above: Holding::default(),
            changes: Vec::new(),
            flapping: false,
            raised: None,
        }
    }

    /// Judges what a sample says of this resource; `None` when it says nothing, as a disk was
    /// unmounted.
    pub(super) fn judge(
        &mut self,
        host: &HostName,
        rules: &HostRules,
        seen: Option<&ResourceLevel>,
        moment: Moment,
        alerts: &mut Vec<Alert>,
    ) {
        let Moment { sampled_ms, now_ms } = moment;
        let subject = Subject {
            host,
            resource: Some(&self.name),
            level: seen.map(|seen| seen.level),
            percentage: seen.map(|seen| seen.percentage),
        };
        let Some(rule) = rules.level(&self.name).filter(|rule| rule.enabled) else {
            clear(&mut self.raised, subject, now_ms, alerts);
            self.flapping = false;
            self.above = Holding::default();
            return;
        };
        // What is raised is only over when it is below the clear level all the time.
        let level_raised =
            self.raised.as_ref().is_some_and(|raised| raised.kind == AlertKind::Level);
        let before = self.above.holds || level_raised;
        let counts = seen.is_some_and(|seen| rule.counts(before, seen));
        let changed = self.above.note(counts, sampled_ms);
        flaps(&mut self.flapping, &mut self.changes, changed, rules.flapping, sampled_ms);
        match &self.raised {
            None if self.flapping => {
                if !rules.is_quiet(now_ms) {
                    let since_ms = self.changes.first().copied().unwrap_or(sampled_ms);
                    let kind = AlertKind::Flapping;
                    raise(&mut self.raised, kind, subject, since_ms, now_ms, alerts);
                }
            }
            None => {
                if counts && self.above.lasted(rule.hold_ms, sampled_ms) && !rules.is_quiet(now_ms)
                {
                    let since_ms = self.above.since_ms;
                    let kind = AlertKind::Level;
                    raise(&mut self.raised, kind, subject, since_ms, now_ms, alerts);
                }
            }
            // Told once, whichever kind it began as.
            Some(_) if self.flapping => {}
            Some(raised) => {
                let over = raised.kind == AlertKind::Flapping
                    || (!counts && self.above.lasted(rule.clear_hold_ms, sampled_ms));
                if over {
                    clear(&mut self.raised, subject, now_ms, alerts);
                }
            }
        }
        if self.raised.is_some() && rule.repeat_ms.is_some() && !rules.is_quiet(now_ms) {
            remind(&mut self.raised, subject, rule.repeat_ms, now_ms, alerts);
        }
    }

    /// Whether it can be forgotten when samples no longer name it.
    pub(super) const fn is_over(&self) -> bool {
        self.raised.is_none() && !self.above.holds && !self.flapping
    }

    /// The clock of the host was set back: what lasts, lasts from now on.
    pub(super) fn clock_set_back(&mut self, sampled_ms: u64) {
        self.above.since_ms = self.above.since_ms.min(sampled_ms);
        self.changes.retain(|change| *change <= sampled_ms);
    }

    /// The host is forgotten.
    pub(super) fn end(&mut self, host: &HostName, now_ms: u64, alerts: &mut Vec<Alert>) {
        let subject = Subject { resource: Some(&self.name), ..Subject::host(host) };
        clear(&mut self.raised, subject, now_ms, alerts);
    }
}

/// Counts changes, and says whether they are too many, until there was none for a while.
fn flaps(
    flapping: &mut bool,
    changes: &mut Vec<u64>,
    changed: bool,
    rule: Flapping,
    sampled_ms: u64,
) {
    if !rule.enabled {
        *flapping = false;
        *changes = Vec::new();
        return;
    }
    if changed {
        changes.retain(|change| sampled_ms.saturating_sub(*change) < rule.window_ms);
        if changes.len() >= rule.changes {
            changes.remove(0);
        }
        changes.reserve_exact(1);
        changes.push(sampled_ms);
        *flapping |= changes.len() >= rule.changes;
    }
    let Some(last) = changes.last() else { return };
    let calm_ms = sampled_ms.saturating_sub(*last);
    if *flapping && calm_ms >= rule.calm_ms {
        *flapping = false;
        *changes = Vec::new();
    } else if !*flapping && calm_ms >= rule.window_ms {
        *changes = Vec::new();
    }
}

#[cfg(test)]
impl Resource {
    /// Room it takes beside itself, in bytes.
    pub(super) fn heap_bytes(&self) -> usize {
        self.name.len() + self.changes.capacity() * size_of::<u64>()
    }
}
