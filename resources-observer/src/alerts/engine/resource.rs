//! One resource of one host, and its level.

use resources_core::contract::{Alert, AlertKind, HostName, ResourceLevel};
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Moment, Raised, Subject, Telling};
use crate::alerts::rules::HostRules;

/// What is known of one resource.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Resource {
    pub(super) name: Box<str>,
    /// Whether it counts, in the time of its host.
    above: Condition,
}

impl Resource {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.into(), above: Condition::default() }
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
        let subject = Subject {
            host,
            resource: Some(&self.name),
            level: seen.map(|seen| seen.level),
            percentage: seen.map(|seen| seen.percentage),
        };
        let Some(rule) = rules.level(&self.name).filter(|rule| rule.enabled) else {
            self.above.end(subject, moment.now_ms, alerts);
            return;
        };
        // What is raised is only over when it is below the clear level all the time.
        let before = self.above.holds() || self.above.raised() == Some(AlertKind::Level);
        let how = Telling {
            kind: AlertKind::Level,
            subject,
            rules,
            hold_ms: rule.hold_ms,
            clear_hold_ms: rule.clear_hold_ms,
            repeat_ms: rule.repeat_ms,
            since_ms: None,
        };
        let counts = seen.is_some_and(|seen| rule.counts(before, seen));
        self.above.judge(counts, &how, moment, alerts);
    }

    /// Whether it can be forgotten when samples no longer name it.
    pub(super) const fn is_over(&self) -> bool {
        !self.above.is_active()
    }

    /// The clock of the host was set back.
    pub(super) fn clock_set_back(&mut self, sampled_ms: u64) {
        self.above.clock_set_back(sampled_ms);
    }

    /// Our own clock was set back.
    pub(super) fn told_set_back(&mut self, now_ms: u64) {
        self.above.told_set_back(now_ms);
    }

    /// The host is forgotten.
    pub(super) fn end(&mut self, host: &HostName, now_ms: u64, alerts: &mut Vec<Alert>) {
        let subject = Subject { resource: Some(&self.name), ..Subject::host(host) };
        self.above.end(subject, now_ms, alerts);
    }

    /// Takes over an episode.
    pub(super) fn adopt(&mut self, raised: Raised) {
        self.above.adopt(raised);
    }

    /// Room it takes beside itself, in bytes.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.name.len() + self.above.heap_bytes()
    }
}
