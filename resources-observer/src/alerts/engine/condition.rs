//! A condition that is raised after it held for a while, cleared after it was over for one, and
//! told once while it changes too often in between.

use resources_core::bus::fingerprint;
use resources_core::contract::{Alert, AlertKind, AlertState, HostName, Level};
use serde::{Deserialize, Serialize};

use crate::alerts::rules::{Flapping, HostRules};

/// What held for less than this is over only after this long, in milliseconds, whatever the rule
/// says: what changes each second is one episode from its first change on. Only where flapping is
/// looked for at all.
const MOMENT_MS: u64 = 5_000;

/// What is raised, if anything: boxed, as mostly nothing is.
pub(super) type Episode = Option<Box<Raised>>;

/// An episode that was raised and is not cleared yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Raised {
    id: u64,
    pub(super) kind: AlertKind,
    since_ms: u64,
    /// When it was told last.
    pub(super) told_ms: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    repeats: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
const fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Who and what an alert is about, and how that is at the moment.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) host: &'a HostName,
    pub(super) resource: Option<&'a str>,
    pub(super) level: Option<Level>,
    pub(super) percentage: Option<f64>,
}

impl Raised {
    /// The episode that `alert` tells of; `None` when it is not one of an engine.
    pub(super) fn of(alert: &Alert, now_ms: u64) -> Option<Self> {
        let id = u64::from_str_radix(&alert.id, 16).ok()?;
        let repeats = alert.repeat.unwrap_or(0);
        // Whoever told it may have had a clock that is ahead of ours.
        let (since_ms, told_ms) = (alert.since_ms, alert.timestamp_ms.min(now_ms));
        let raised = Self { id, kind: alert.kind, since_ms, told_ms, repeats };
        (id_text(id) == *alert.id).then_some(raised)
    }
}

/// An id as alerts have it.
fn id_text(id: u64) -> String {
    format!("{id:016x}")
}

impl<'a> Subject<'a> {
    /// The host as a whole.
    pub(super) const fn host(host: &'a HostName) -> Self {
        Self { host, resource: None, level: None, percentage: None }
    }

    fn alert(&self, state: AlertState, raised: &Raised, now_ms: u64) -> Alert {
        Alert {
            id: id_text(raised.id).into(),
            host: self.host.clone(),
            resource: self.resource.map(Into::into),
            state,
            kind: raised.kind,
            level: self.level,
            percentage: self.percentage,
            repeat: None,
            since_ms: raised.since_ms,
            timestamp_ms: now_ms,
        }
    }
}

/// Begins an episode unless there is one already: so raised and cleared alternate.
pub(super) fn raise(
    place: &mut Episode,
    kind: AlertKind,
    subject: Subject<'_>,
    since_ms: u64,
    now_ms: u64,
    alerts: &mut Vec<Alert>,
) {
    if place.is_some() {
        return;
    }
    // The time is in it, so that no two episodes share one: also not with one that is raised
    // anew by an engine that lost what it knew.
    let word = serde_json::to_vec(&kind).unwrap_or_default();
    let (since, now) = (since_ms.to_be_bytes(), now_ms.to_be_bytes());
    let parts = [
        subject.host.as_str().as_bytes(),
        b"\0",
        subject.resource.unwrap_or_default().as_bytes(),
        b"\0",
        &word,
        &since,
        &now,
    ];
    let id = fingerprint(parts.into_iter().flatten());
    let raised = Raised { id, kind, since_ms, told_ms: now_ms, repeats: 0 };
    alerts.push(subject.alert(AlertState::Raised, &raised, now_ms));
    *place = Some(Box::new(raised));
}

/// Ends the episode, if there is one.
pub(super) fn clear(
    place: &mut Episode,
    subject: Subject<'_>,
    now_ms: u64,
    alerts: &mut Vec<Alert>,
) {
    if let Some(raised) = place.take() {
        alerts.push(subject.alert(AlertState::Cleared, &raised, now_ms));
    }
}

/// Tells of the episode again when it is due.
pub(super) fn remind(
    place: &mut Episode,
    subject: Subject<'_>,
    repeat_ms: Option<u64>,
    now_ms: u64,
    alerts: &mut Vec<Alert>,
) {
    let (Some(raised), Some(repeat_ms)) = (place, repeat_ms) else { return };
    if now_ms.saturating_sub(raised.told_ms) >= repeat_ms {
        raised.told_ms = now_ms;
        raised.repeats += 1;
        let repeat = Some(raised.repeats);
        alerts.push(Alert { repeat, ..subject.alert(AlertState::Raised, raised, now_ms) });
    }
}

/// Our own clock was set back to `now_ms`: nothing was told in the future.
pub(super) fn told_set_back(place: &mut Episode, now_ms: u64) {
    if let Some(raised) = place {
        raised.told_ms = raised.told_ms.min(now_ms);
    }
}

/// Whether something holds, and what was told of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Condition {
    /// Since when it is as it is, by the clock it is judged by.
    since_ms: u64,
    holds: bool,
    /// Whether it changes too often.
    flapping: bool,
    /// When it changed of late, by the same clock; empty while nothing happens.
    #[serde(skip_serializing_if = "<[u64]>::is_empty")]
    changes: Box<[u64]>,
    raised: Episode,
}

/// When a condition is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By the clock that times the condition: the host's own for what it measures, else ours.
    pub(super) at_ms: u64,
    /// By ours.
    pub(super) now_ms: u64,
}

impl Moment {
    /// By our clock alone.
    pub(super) const fn ours(now_ms: u64) -> Self {
        Self { at_ms: now_ms, now_ms }
    }
}

/// How a condition is told, and of whom.
#[derive(Debug, Clone, Copy)]
pub(super) struct Telling<'a> {
    pub(super) kind: AlertKind,
    pub(super) subject: Subject<'a>,
    /// Those of its host: quiet hours, and what is too often.
    pub(super) rules: &'a HostRules,
    pub(super) hold_ms: u64,
    pub(super) clear_hold_ms: u64,
    pub(super) repeat_ms: Option<u64>,
    /// When it began, where that is not when it was noticed.
    pub(super) since_ms: Option<u64>,
}

impl Condition {
    /// Notes whether it holds now, and tells what follows.
    pub(super) fn judge(
        &mut self,
        holds: bool,
        how: &Telling<'_>,
        moment: Moment,
        alerts: &mut Vec<Alert>,
    ) {
        let Moment { at_ms, now_ms } = moment;
        self.note(holds, how.rules.flapping, at_ms);
        let lasted_ms = at_ms.saturating_sub(self.since_ms);
        let Some(raised) = &self.raised else {
            let (kind, since_ms) = if self.flapping && how.kind == AlertKind::Level {
                (AlertKind::Flapping, self.changes.first().copied())
            } else if holds && (self.flapping || lasted_ms >= how.hold_ms) {
                (how.kind, how.since_ms)
            } else {
                return;
            };
            if !how.rules.is_quiet(now_ms) {
                let since_ms = since_ms.unwrap_or(self.since_ms);
                raise(&mut self.raised, kind, how.subject, since_ms, now_ms, alerts);
            }
            return;
        };
        // While it flaps it is told once, whichever kind it began as.
        let is_over = !self.flapping
            && (raised.kind == AlertKind::Flapping
                || (!holds && lasted_ms >= self.over_after_ms(how.clear_hold_ms)));
        if is_over {
            clear(&mut self.raised, how.subject, now_ms, alerts);
        } else if how.repeat_ms.is_some() && !how.rules.is_quiet(now_ms) {
            remind(&mut self.raised, how.subject, how.repeat_ms, now_ms, alerts);
        }
    }

    /// How long it must be over.
    fn over_after_ms(&self, clear_hold_ms: u64) -> u64 {
        match *self.changes {
            [.., began_ms, _] if self.since_ms.saturating_sub(began_ms) < MOMENT_MS => {
                clear_hold_ms.max(MOMENT_MS)
            }
            _ => clear_hold_ms,
        }
    }

    /// Counts changes, and says whether they are too many, until there was none for a while.
    fn note(&mut self, holds: bool, rule: Flapping, at_ms: u64) {
        let changed = self.holds != holds;
        if changed {
            (self.holds, self.since_ms) = (holds, at_ms);
        }
        if !rule.enabled {
            self.flapping = false;
            self.changes = Box::default();
            return;
        }
        if changed {
            let recent = |change: &u64| at_ms.saturating_sub(*change) < rule.window_ms;
            let changes = self.changes.iter().copied().filter(recent).chain([at_ms]);
            let mut changes: Vec<u64> = changes.collect();
            changes.drain(..changes.len().saturating_sub(rule.changes));
            self.flapping |= changes.len() >= rule.changes;
            self.changes = changes.into_boxed_slice();
        }
        let Some(last_ms) = self.changes.last() else { return };
        let calm_ms = at_ms.saturating_sub(*last_ms);
        if calm_ms >= if self.flapping { rule.calm_ms } else { rule.window_ms } {
            self.flapping = false;
            self.changes = Box::default();
        }
    }

    /// Whether it held when it was judged last.
    pub(super) const fn holds(&self) -> bool {
        self.holds
    }

    /// Since when it is as it is.
    pub(super) const fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// What is raised, if anything.
    pub(super) fn raised(&self) -> Option<AlertKind> {
        self.raised.as_ref().map(|raised| raised.kind)
    }

    /// Whether it holds, or anything is left to be told of it.
    pub(super) const fn is_active(&self) -> bool {
        self.holds || self.flapping || self.raised.is_some()
    }

    /// Whether nothing is known of it.
    pub(super) fn is_unknown(&self) -> bool {
        !self.is_active() && self.changes.is_empty()
    }

    /// Nobody wants to know of it any more, or it is forgotten.
    pub(super) fn end(&mut self, subject: Subject<'_>, now_ms: u64, alerts: &mut Vec<Alert>) {
        clear(&mut self.raised, subject, now_ms, alerts);
        *self = Self::default();
    }

    /// The clock that times it was set back: what lasts, lasts from now on.
    pub(super) fn clock_set_back(&mut self, at_ms: u64) {
        for time_ms in self.changes.iter_mut().chain([&mut self.since_ms]) {
            *time_ms = at_ms.min(*time_ms);
        }
    }

    /// Our own clock was set back to `now_ms`, whichever one times the condition.
    pub(super) fn told_set_back(&mut self, now_ms: u64) {
        told_set_back(&mut self.raised, now_ms);
    }

    /// Takes over an episode, unless it has one.
    pub(super) fn adopt(&mut self, raised: Raised) {
        if self.raised.is_none() {
            let told_ms = raised.told_ms;
            let flapping = raised.kind == AlertKind::Flapping;
            let changes = if flapping { Box::from([told_ms]) } else { Box::default() };
            let raised = Some(Box::new(raised));
            *self = Self { since_ms: told_ms, holds: true, flapping, changes, raised };
        }
    }

    /// Room it takes beside itself, in bytes, while nothing is raised.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        self.changes.len() * size_of::<u64>()
    }
}
