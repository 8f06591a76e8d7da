//! What is known of one host.

mod adopt;
mod clock;

use std::sync::Arc;

use resources_core::bus::fingerprint;
use resources_core::contract::{Alert, AlertKind, Analysis, HostName, Labels};
use serde::{Deserialize, Serialize};

use super::condition::{Condition, Episode, Moment, Subject, Telling, clear, raise, remind};
use super::fleet::Fleet;
use super::resource::Resource;
use crate::alerts::rules::HostRules;

/// Runs before the current one that are remembered, to know their late samples.
const EARLIER_RUNS: usize = 3;

/// The run of samples that name none; 0 is no run at all.
const NAMELESS: u64 = 1;

/// How often a host sends that does not say so.
const UNKNOWN_INTERVAL_MS: u64 = 60_000;

/// How much of the time that passes the usual delay of samples may grow by.
const DELAY_GROWS_BY: u64 = 16;

/// For how long the usual delay of samples must be known before it says when one was taken: until
/// then what holds up everybody may be taken for usual.
const DELAY_TRUSTED_AFTER_MS: u64 = 30_000;

/// A host that sends nothing for this long is forgotten, and what was raised for it is cleared.
pub(super) const FORGET_AFTER_MS: u64 = 7 * 24 * 60 * 60 * 1000;

/// A host is late after three intervals, and never before this.
const LATE_AT_LEAST_MS: u64 = 5_000;

/// The state of one host, as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Host {
    /// What holds for it; found anew at each start.
    #[serde(skip)]
    pub(super) rules: Arc<HostRules>,
    /// Whether it changed since it was stored.
    #[serde(skip)]
    pub(super) changed: bool,
    /// Nothing is to be done before, by our clock.
    #[serde(skip)]
    pub(super) due_ms: u64,
    /// Its labels as JSON, which takes less room than the labels; empty when it has none.
    pub(super) labels: Box<str>,
    /// Fingerprint of the current run, or [`NAMELESS`]; 0 while there was none.
    run: u64,
    earlier_runs: [u64; EARLIER_RUNS],
    /// When the newest sample of an earlier run was taken, by its clock.
    earlier_ms: u64,
    sequence: u64,
    /// When its newest sample was taken, by its own clock…
    timestamp_ms: u64,
    /// … and when it was received, by ours.
    pub(super) received_ms: u64,
    /// What a sample takes to come at least, by both clocks: however wrong that of the host is,
    /// it says when a sample was taken by ours.
    delay_ms: Option<i64>,
    /// Since when that is known, by our clock.
    delay_since_ms: u64,
    interval_ms: Option<u64>,
    uptime_seconds: Option<u64>,
    /// Since when its tracker is stopped, having said so.
    stopped_ms: Option<u64>,
    resources: Vec<Resource>,
    #[serde(skip_serializing_if = "Condition::is_unknown")]
    silent: Condition,
    stopped: Episode,
    #[serde(skip_serializing_if = "Condition::is_unknown")]
    restarted: Condition,
    /// When the restart is no longer of interest.
    restarted_until_ms: u64,
    #[serde(skip_serializing_if = "Condition::is_unknown")]
    clock: Condition,
}

/// What a sample is beside those before it.
enum Place {
    /// Nothing new: a duplicate, or from before the newest.
    Late,
    /// The next one of the same run.
    Next,
    /// The first one of another run.
    Restart,
    /// One of an earlier run, which goes on where the current one has ended.
    Return,
}

/// What a sample told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing that was not known.
    Nothing,
    /// That an earlier run goes on, beside the current one.
    Other,
    /// How the host is now.
    Newer,
}

impl Host {
    pub(super) fn new(rules: Arc<HostRules>) -> Self {
        Self { rules, ..Self::default() }
    }

    /// Labels as they are kept.
    pub(super) fn labels_of(labels: &Labels) -> Box<str> {
        if labels.is_empty() {
            return Box::default();
        }
        serde_json::to_string(labels).unwrap_or_default().into()
    }

    /// The labels kept.
    pub(super) fn labels(&self) -> Labels {
        serde_json::from_str(&self.labels).unwrap_or_default()
    }

    /// Takes a sample received at `now_ms`; one that is not newer changes nothing.
    pub(super) fn take(
        &mut self,
        name: &HostName,
        analysis: &Analysis,
        fleet: &mut Fleet,
        now_ms: u64,
        alerts: &mut Vec<Alert>,
    ) -> Heard {
        let fingerprint_of = |run: &str| fingerprint(run.as_bytes()).max(NAMELESS + 1);
        let run = analysis.run.as_deref().map_or(NAMELESS, fingerprint_of);
        let sampled_ms = analysis.timestamp_ms;
        let sequence = analysis.sequence.unwrap_or(sampled_ms);
        let place = self.place(run, sequence, sampled_ms, now_ms);
        let subject = Subject::host(name);
        let booted = match (self.uptime_seconds, analysis.uptime_seconds) {
            (Some(before), Some(now)) => now < before,
            _ => false,
        };
        match place {
            Place::Late if self.is_earlier(run) && sampled_ms > self.earlier_ms => {
                self.earlier_ms = sampled_ms;
                return Heard::Other;
            }
            Place::Late => return Heard::Nothing,
            Place::Next => {}
            Place::Restart => {
                // A tracker that said good-bye was restarted by somebody who knows.
                let unexpected = booted || self.stopped_ms.is_none();
                if unexpected && run > NAMELESS && self.run > NAMELESS {
                    self.raise_restarted(subject, sampled_ms, now_ms, alerts);
                }
                self.earlier_runs.rotate_right(1);
                self.earlier_runs[0] = self.run;
            }
            Place::Return => {
                let earlier = self.earlier_runs.iter_mut().find(|earlier| **earlier == run);
                if let Some(earlier) = earlier {
                    *earlier = self.run;
                }
            }
        }
        // The tracker may outlive what it watches, as in a container.
        if booted && matches!(place, Place::Next) {
            self.raise_restarted(subject, sampled_ms, now_ms, alerts);
        }
        self.uptime_seconds = analysis.uptime_seconds.or(self.uptime_seconds);
        if sampled_ms < self.timestamp_ms {
            self.resources.iter_mut().for_each(|resource| resource.clock_set_back(sampled_ms));
        }
        let is_next = matches!(place, Place::Next);
        let said_good_bye = !is_next && self.stopped_ms.is_some();
        let other_clock = booted || said_good_bye || sampled_ms < self.timestamp_ms;
        if !is_next {
            self.earlier_ms = self.earlier_ms.max(self.timestamp_ms);
        }
        let lives = self.lives(sampled_ms, other_clock, now_ms) || analysis.stopping;
        (self.run, self.sequence) = (run, sequence);
        (self.timestamp_ms, self.received_ms) = (sampled_ms, now_ms);
        self.interval_ms = analysis.interval_ms.filter(|interval| *interval > 0);
        self.stopped_ms = analysis.stopping.then_some(now_ms);
        if let Some(delay_ms) = self.trusted_delay_ms(now_ms) {
            let taken_ms = sampled_ms.saturating_add_signed(delay_ms);
            fleet.known_until_ms = fleet.known_until_ms.max(taken_ms);
        }
        if lives && !self.silent.is_unknown() {
            self.judge_silent(subject, false, fleet, now_ms, alerts);
        }
        clear(&mut self.stopped, subject, now_ms, alerts);
        if !self.restarted.is_unknown() {
            self.judge_restarted(subject, None, now_ms, alerts);
        }
        // The last sample of a run repeats the one before.
        if !analysis.stopping {
            self.judge_clock(subject, fleet, now_ms, alerts);
            let moment = Moment { at_ms: sampled_ms, now_ms };
            self.judge_resources(name, analysis, moment, alerts);
        }
        Heard::Newer
    }

    fn is_earlier(&self, run: u64) -> bool {
        self.earlier_runs.contains(&run)
    }

    fn place(&self, run: u64, sequence: u64, timestamp_ms: u64, now_ms: u64) -> Place {
        if self.received_ms == 0 {
            return Place::Next;
        }
        // Whoever sent the newest sample has gone away, so an older one may be of a new life
        // with its clock set back.
        let gone =
            || now_ms.saturating_sub(self.received_ms) >= self.silent_after_ms(UNKNOWN_INTERVAL_MS);
        if run == self.run {
            let next = sequence > self.sequence || (run == NAMELESS && gone());
            return if next { Place::Next } else { Place::Late };
        }
        if self.is_earlier(run) {
            // Two trackers had the name of this host, and one of them has ended.
            let newest_ms = self.timestamp_ms.max(self.earlier_ms);
            let goes_on = timestamp_ms > newest_ms && (self.stopped_ms.is_some() || gone());
            return if goes_on { Place::Return } else { Place::Late };
        }
        if timestamp_ms > self.timestamp_ms || gone() { Place::Restart } else { Place::Late }
    }

    /// Whether the host lived after it fell silent, if it did: what it sampled before, and what
    /// was held up since, says nothing about now.
    fn lives(&mut self, sampled_ms: u64, other_clock: bool, now_ms: u64) -> bool {
        let delay_ms = now_ms.cast_signed().saturating_sub(sampled_ms.cast_signed());
        let known_ms = self.delay_ms.filter(|_| !other_clock);
        let usual_ms = known_ms.unwrap_or(delay_ms);
        let lives = sampled_ms.saturating_add_signed(usual_ms) > self.silent.since_ms();
        if known_ms.is_none() || (self.silent.holds() && lives) {
            self.delay_since_ms = now_ms;
        }
        if self.silent.holds() {
            self.delay_ms = Some(if lives { delay_ms } else { usual_ms });
            return lives;
        }
        let usual_step_ms = self.interval_ms.unwrap_or(UNKNOWN_INTERVAL_MS).saturating_mul(2);
        let passed_ms = now_ms.saturating_sub(self.received_ms).min(usual_step_ms);
        let growth_ms = (passed_ms / DELAY_GROWS_BY).cast_signed();
        self.delay_ms = Some(delay_ms.min(usual_ms.saturating_add(growth_ms)));
        true
    }

    /// What a sample takes to come at least, if that is known for long enough to rely on it.
    fn trusted_delay_ms(&self, now_ms: u64) -> Option<i64> {
        let known_for_ms = now_ms.saturating_sub(self.delay_since_ms);
        self.delay_ms.filter(|_| known_for_ms >= DELAY_TRUSTED_AFTER_MS)
    }

    fn raise_restarted(
        &mut self,
        subject: Subject<'_>,
        since_ms: u64,
        now_ms: u64,
        alerts: &mut Vec<Alert>,
    ) {
        if self.rules.restarted.enabled {
            let clear_after_ms = self.rules.restarted.clear_after_ms;
            self.restarted_until_ms = now_ms.saturating_add(clear_after_ms);
            self.judge_restarted(subject, Some(since_ms), now_ms, alerts);
        }
    }

    /// A restart is of interest for a while; `since_ms` is when the host was started, if that is
    /// known here.
    fn judge_restarted(
        &mut self,
        subject: Subject<'_>,
        since_ms: Option<u64>,
        now_ms: u64,
        alerts: &mut Vec<Alert>,
    ) {
        let (rules, kind) = (&self.rules, AlertKind::Restarted);
        if rules.restarted.enabled {
            let how = Telling { since_ms, ..telling(kind, subject, rules) };
            let holds = now_ms < self.restarted_until_ms;
            self.restarted.judge(holds, &how, Moment::ours(now_ms), alerts);
        } else {
            self.restarted.end(subject, now_ms, alerts);
        }
    }

    fn judge_silent(
        &mut self,
        subject: Subject<'_>,
        holds: bool,
        fleet: &Fleet,
        now_ms: u64,
        alerts: &mut Vec<Alert>,
    ) {
        let (rules, kind) = (&self.rules, AlertKind::Silent);
        if rules.silent.enabled && !rules.expected_offline {
            let how = Telling {
                clear_hold_ms: rules.silent.clear_hold_ms,
                repeat_ms: rules.silent.repeat_ms.filter(|_| fleet.link_down_ms.is_none()),
                since_ms: Some(self.received_ms),
                ..telling(kind, subject, rules)
            };
            self.silent.judge(holds, &how, Moment::ours(now_ms), alerts);
        } else {
            self.silent.end(subject, now_ms, alerts);
        }
    }

    /// Compares the clock of the host with ours, by what its samples take at least, less what every
    /// sample takes to come: one that was held up says nothing about a clock.
    fn judge_clock(
        &mut self,
        subject: Subject<'_>,
        fleet: &mut Fleet,
        now_ms: u64,
        alerts: &mut Vec<Alert>,
    ) {
        let rule = self.rules.clock;
        let late_ms = now_ms.saturating_sub(self.timestamp_ms);
        let delay_ms = self.delay_ms.unwrap_or_default();
        let ahead_ms = delay_ms.min(0).unsigned_abs();
        let behind_ms = delay_ms.max(0).unsigned_abs();
        let behind_ms = behind_ms.saturating_sub(fleet.usual_delay(late_ms, now_ms));
        let off = rule.enabled && ahead_ms.max(behind_ms) > rule.tolerance_ms;
        if !off && self.clock.is_unknown() {
            return;
        }
        let how = Telling {
            hold_ms: rule.hold_ms,
            clear_hold_ms: rule.clear_hold_ms,
            repeat_ms: rule.repeat_ms,
            ..telling(AlertKind::Clock, subject, &self.rules)
        };
        self.clock.judge(off, &how, Moment::ours(now_ms), alerts);
    }

    fn judge_resources(
        &mut self,
        name: &HostName,
        analysis: &Analysis,
        moment: Moment,
        alerts: &mut Vec<Alert>,
    ) {
        for (at, seen) in analysis.resources.iter().enumerate() {
            // In the same order as last time, but for disks that come and go.
            let known = match self.resources.get(at) {
                Some(resource) if resource.name == seen.name => Some(at),
                _ => self.resources.iter().position(|resource| resource.name == seen.name),
            };
            let known = known.unwrap_or_else(|| {
                self.resources.reserve_exact(1);
                self.resources.push(Resource::new(&seen.name));
                self.resources.len() - 1
            });
            self.resources[known].judge(name, &self.rules, Some(seen), moment, alerts);
        }
        if self.resources.len() > analysis.resources.len() {
            let rules = &self.rules;
            self.resources.retain_mut(|resource| {
                if analysis.resources.iter().any(|seen| seen.name == resource.name) {
                    return true;
                }
                resource.judge(name, rules, None, moment, alerts);
                !resource.is_over()
            });
        }
    }

    fn silent_after_ms(&self, usual_interval_ms: u64) -> u64 {
        self.rules.silent.after_ms(self.interval_ms.unwrap_or(usual_interval_ms))
    }

    /// Whether it is one that should be heard of.
    pub(super) const fn is_live(&self) -> bool {
        self.interval_ms.is_some() && self.stopped_ms.is_none() && !self.silent.holds()
    }

    /// Since when nothing was heard, not counting the time in which nothing could be.
    fn quiet_since_ms(&self, fleet: &Fleet) -> u64 {
        self.received_ms.max(fleet.listening_since_ms)
    }

    fn late_after_ms(&self) -> u64 {
        let silent_after_ms = self.silent_after_ms(0);
        let late_ms = self.interval_ms.unwrap_or(0).saturating_mul(3).max(LATE_AT_LEAST_MS);
        late_ms.min(silent_after_ms / 2)
    }

    /// Whether it should have been heard of by now.
    pub(super) fn is_late(&self, fleet: &Fleet, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.quiet_since_ms(fleet)) >= self.late_after_ms()
    }

    /// Does what time alone brings about.
    pub(super) fn tick(
        &mut self,
        name: &HostName,
        fleet: &Fleet,
        now_ms: u64,
        alerts: &mut Vec<Alert>,
    ) {
        let rules = Arc::clone(&self.rules);
        let subject = Subject::host(name);
        if !self.restarted.is_unknown() {
            self.judge_restarted(subject, None, now_ms, alerts);
        }
        // Only a sample ends it.
        let silent = self.silent.holds() || self.is_silent(fleet, now_ms);
        if silent || !self.silent.is_unknown() {
            self.judge_silent(subject, silent, fleet, now_ms, alerts);
        }
        if !rules.stopped.enabled || rules.expected_offline {
            clear(&mut self.stopped, subject, now_ms, alerts);
        } else if let Some(since_ms) = self.stopped_ms
            && now_ms.saturating_sub(since_ms) >= rules.stopped.hold_ms
            && self.silent.raised().is_none()
            && !rules.is_quiet(now_ms)
        {
            raise(&mut self.stopped, AlertKind::Stopped, subject, since_ms, now_ms, alerts);
        }
        let repeat_ms = rules.stopped.repeat_ms.filter(|_| fleet.link_down_ms.is_none());
        if self.stopped.is_some() && repeat_ms.is_some() && !rules.is_quiet(now_ms) {
            remind(&mut self.stopped, subject, repeat_ms, now_ms, alerts);
        }
        self.plan(fleet, now_ms);
    }

    /// Whether it is silent, and no other explanation is left: others were heard who sampled long
    /// enough after it was missed, or there is nobody else.
    fn is_silent(&self, fleet: &Fleet, now_ms: u64) -> bool {
        let known_until_ms = if fleet.live <= 1 { now_ms } else { fleet.known_until_ms };
        let silent_ms = known_until_ms.saturating_sub(self.quiet_since_ms(fleet));
        fleet.is_listening() && self.is_live() && silent_ms >= self.silent_after_ms(0)
    }

    /// Works out when there is something to do next.
    pub(super) fn plan(&mut self, fleet: &Fleet, now_ms: u64) {
        let rules = &self.rules;
        let mut due_ms = self.received_ms.saturating_add(FORGET_AFTER_MS);
        let mut at = |ms: u64| due_ms = due_ms.min(ms);
        if self.restarted.holds() {
            at(self.restarted_until_ms);
        }
        if let Some(since_ms) = self.stopped_ms
            && self.stopped.is_none()
            && rules.stopped.enabled
            && !rules.expected_offline
        {
            at(since_ms.saturating_add(rules.stopped.hold_ms));
        }
        if self.is_live() && rules.silent.enabled && !rules.expected_offline {
            at(self.quiet_since_ms(fleet).saturating_add(self.silent_after_ms(0)));
        }
        let active = self.silent.is_active() || self.restarted.is_active();
        if active || self.stopped.is_some() {
            // Reminders, the end of flapping, and rules that changed.
            at(now_ms.saturating_add(10_000));
        }
        self.due_ms = due_ms;
    }

    /// Clears all that is raised: the host is forgotten.
    pub(super) fn end(&mut self, name: &HostName, now_ms: u64, alerts: &mut Vec<Alert>) {
        let subject = Subject::host(name);
        for condition in [&mut self.silent, &mut self.restarted, &mut self.clock] {
            condition.end(subject, now_ms, alerts);
        }
        clear(&mut self.stopped, subject, now_ms, alerts);
        for resource in &mut self.resources {
            resource.end(name, now_ms, alerts);
        }
    }

    /// Room it takes beside itself, in bytes.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        let resources: usize = self.resources.iter().map(Resource::heap_bytes).sum();
        let own = [&self.silent, &self.restarted, &self.clock].map(Condition::heap_bytes);
        own.iter().sum::<usize>()
            + self.labels.len()
            + self.resources.capacity() * size_of::<Resource>()
            + resources
    }
}

/// How a condition of a whole host is told, which is at once unless a rule says otherwise.
const fn telling<'a>(kind: AlertKind, subject: Subject<'a>, rules: &'a HostRules) -> Telling<'a> {
    Telling { kind, subject, rules, hold_ms: 0, clear_hold_ms: 0, repeat_ms: None, since_ms: None }
}
