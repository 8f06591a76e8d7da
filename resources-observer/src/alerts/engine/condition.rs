//! A condition that is raised after it held for a while and cleared after it was over for one.

use resources_core::bus::fingerprint;
use resources_core::contract::{Alert, AlertKind, AlertState, HostName, Level};
use serde::{Deserialize, Serialize};

/// What is raised, if anything: boxed, as mostly nothing is.
pub(super) type Episode = Option<Box<Raised>>;

/// An episode that was raised and is not cleared yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Raised {
    id: u64,
    pub(super) kind: AlertKind,
    since_ms: u64,
    /// When it was told last.
    told_ms: u64,
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

impl<'a> Subject<'a> {
    /// The host as a whole.
    pub(super) const fn host(host: &'a HostName) -> Self {
        Self { host, resource: None, level: None, percentage: None }
    }

    fn alert(&self, state: AlertState, raised: &Raised, now_ms: u64) -> Alert {
        Alert {
            id: format!("{:016x}", raised.id).into(),
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

/// Whether something holds, and since when.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Holding {
    pub(super) holds: bool,
    pub(super) since_ms: u64,
}

impl Holding {
    /// Notes whether it holds at `at_ms`; whether that is a change.
    pub(super) const fn note(&mut self, holds: bool, at_ms: u64) -> bool {
        let changed = self.holds != holds;
        if changed {
            *self = Self { holds, since_ms: at_ms };
        }
        changed
    }

    /// Whether it has been as it is for `hold_ms`.
    pub(super) const fn lasted(&self, hold_ms: u64, at_ms: u64) -> bool {
        at_ms.saturating_sub(self.since_ms) >= hold_ms
    }
}
