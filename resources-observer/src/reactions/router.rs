//! What is known of alerts, silences and acknowledgements, and so what is to be told: purely,
//! events and the time in, alerts to tell out.

mod slot;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use resources_core::contract::{Acknowledgement, Alert, AlertState, Silence, TraceParent};
use serde::{Deserialize, Serialize};

use self::slot::Slot;

/// Most episodes that are remembered. Of what is raised beyond, each message is told as it comes.
const MAX_EPISODES: usize = 200_000;

/// Episodes that were cleared and are remembered, some 6 MB, so that a message that comes twice is
/// told once. Twice comes what was under way when a link broke, some hundred alerts; and after a
/// power cut every end whose confirm was not on the disk yet: of 40,000 hosts that just came back.
const MAX_CLEARED: usize = 65_536;

/// Most silences that are remembered.
pub(super) const MAX_SILENCES: usize = 10_000;

/// Longest that an alert is under way to here. When the clock was set back, what was made this
/// long before that is noticed is told, too.
const CLOCK_SLACK_MS: u64 = 60_000;

/// Who was told of an episode and hears its end, with how long that may wait for others.
pub(super) type Listeners = BTreeMap<Box<str>, u64>;

/// What is to be told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Told {
    pub(super) alert: Alert,
    /// How its episode began, when that is known.
    pub(super) raised: Option<Alert>,
    /// Of an end: who was told of the episode.
    pub(super) listeners: Listeners,
    pub(super) trace: Option<TraceParent>,
}

/// One episode that is raised, or whose end is yet to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Episode {
    raised: Alert,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trace: Option<Box<str>>,
    told: Telling,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    listeners: Listeners,
    #[serde(default)]
    acknowledged: bool,
    /// How often it was reminded of.
    #[serde(default)]
    repeat: u64,
    /// Its end, while a silence holds that back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cleared: Option<Alert>,
}

/// Whether an episode was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Telling {
    /// It began before anyone was to be told.
    Before,
    /// A silence holds it back.
    Held,
    Told,
}

/// A silence, for as long as a message about it may come late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownSilence {
    silence: Silence,
    /// The latest end that anyone named.
    forget_ms: u64,
    /// Whether its end was acted on.
    over: bool,
}

/// Decides what is told.
#[derive(Debug, Default)]
pub(super) struct Router {
    /// What was made before is only remembered.
    since_ms: u64,
    episodes: HashMap<Box<str>, Episode>,
    /// The episode that is raised in each slot.
    slots: HashMap<Slot, Box<str>>,
    cleared: VecDeque<Arc<str>>,
    cleared_known: HashSet<Arc<str>>,
    silences: BTreeMap<Box<str>, KnownSilence>,
    /// Silences for which there was no room.
    silences_left_out: u64,
    changes: Changes,
}

/// What is to be stored.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) episodes: BTreeSet<Box<str>>,
    pub(super) silences: BTreeSet<Box<str>>,
    pub(super) cleared: Vec<Box<str>>,
}

impl Router {
    /// Tells what is made from `since_ms` on.
    pub(super) fn new(since_ms: u64) -> Self {
        Self { since_ms, ..Self::default() }
    }

    pub(super) const fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// A clock that was set back must not make everything look older than the first start;
    /// whether it did.
    pub(super) fn follow_clock(&mut self, now_ms: u64) -> bool {
        let was_set_back = now_ms < self.since_ms;
        if was_set_back {
            self.since_ms = now_ms.saturating_sub(CLOCK_SLACK_MS);
        }
        was_set_back
    }

    /// Takes an alert, and adds what is to be told of it to `told`.
    pub(super) fn alert(
        &mut self,
        alert: Alert,
        trace: Option<TraceParent>,
        now_ms: u64,
        told: &mut Vec<Told>,
    ) {
        self.follow_clock(now_ms);
        match (alert.state, alert.repeat) {
            (AlertState::Cleared, _) => self.end(alert, trace, now_ms, told),
            (AlertState::Raised, repeat) => {
                if self.cleared_known.contains(&*alert.id) {
                    return;
                }
                match (self.episodes.contains_key(&alert.id), repeat) {
                    (false, _) => self.begin(alert, trace, now_ms, told),
                    (true, None) => {}
                    (true, Some(repeat)) => self.remind(alert, repeat, trace, now_ms, told),
                }
            }
        }
    }

    fn begin(
        &mut self,
        alert: Alert,
        trace: Option<TraceParent>,
        now_ms: u64,
        told: &mut Vec<Told>,
    ) {
        self.supersede(&alert, trace, now_ms, told);
        let telling = if alert.timestamp_ms < self.since_ms {
            Telling::Before
        } else if self.is_silenced(&alert, now_ms) {
            Telling::Held
        } else {
            let listeners = Listeners::new();
            told.push(Told { alert: alert.clone(), raised: None, listeners, trace });
            Telling::Told
        };
        if self.episodes.len() >= MAX_EPISODES {
            return;
        }
        let episode = Episode {
            trace: trace.map(|trace| trace.to_string().into()),
            told: telling,
            listeners: Listeners::new(),
            acknowledged: false,
            repeat: alert.repeat.unwrap_or(0),
            cleared: None,
            raised: alert,
        };
        self.put(episode);
    }

    /// Ends what `alert` takes the place of. The observer never raises twice in a slot, so the
    /// older episode is of a state that was lost, and nobody else will ever end it.
    fn supersede(
        &mut self,
        alert: &Alert,
        trace: Option<TraceParent>,
        now_ms: u64,
        told: &mut Vec<Told>,
    ) {
        let Some(older) = self.slots.get(&Slot::of(alert)).and_then(|id| self.episodes.get(id))
        else {
            return;
        };
        let end = Alert {
            state: AlertState::Cleared,
            repeat: None,
            timestamp_ms: alert.timestamp_ms,
            ..older.raised.clone()
        };
        self.end(end, trace, now_ms, told);
    }

    fn remind(
        &mut self,
        alert: Alert,
        repeat: u64,
        trace: Option<TraceParent>,
        now_ms: u64,
        told: &mut Vec<Told>,
    ) {
        let silenced = self.is_silenced(&alert, now_ms);
        let Some(episode) = self.episodes.get_mut(&alert.id) else { return };
        if repeat <= episode.repeat {
            return;
        }
        episode.repeat = repeat;
        let is_old = alert.timestamp_ms < self.since_ms;
        if !(silenced || is_old || episode.acknowledged) {
            episode.told = Telling::Told;
            told.push(Told {
                raised: Some(episode.raised.clone()),
                listeners: Listeners::new(),
                trace,
                alert: alert.clone(),
            });
        }
        self.changes.episodes.insert(alert.id);
    }

    fn end(&mut self, alert: Alert, trace: Option<TraceParent>, now_ms: u64, told: &mut Vec<Told>) {
        if self.cleared_known.contains(&*alert.id) {
            return;
        }
        self.note_cleared(alert.id.clone());
        self.leave_slot(&alert.id);
        let silenced = self.is_silenced(&alert, now_ms);
        match self.episodes.get_mut(&alert.id) {
            Some(episode) if episode.told == Telling::Told && silenced => {
                episode.cleared = Some(alert.clone());
                self.changes.episodes.insert(alert.id);
            }
            Some(episode) => {
                if episode.told == Telling::Told {
                    let raised = Some(episode.raised.clone());
                    let listeners = std::mem::take(&mut episode.listeners);
                    told.push(Told { raised, listeners, trace, alert: alert.clone() });
                }
                self.remove(&alert.id);
            }
            // What began while there was no room for it was told.
            None if alert.since_ms >= self.since_ms && !silenced => {
                let listeners = Listeners::new();
                told.push(Told { raised: None, listeners, trace, alert });
            }
            None => {}
        }
    }

    /// These reactions were told of an episode, and hear its end.
    pub(super) fn note_told(&mut self, id: &str, listeners: Listeners) {
        if let Some(episode) = self.episodes.get_mut(id) {
            let known = episode.listeners.len();
            episode.listeners.extend(listeners);
            if episode.listeners.len() > known {
                self.changes.episodes.insert(id.into());
            }
        }
    }

    /// Somebody knows of an episode: it is not reminded of any more. Of another host nobody can
    /// know it.
    pub(super) fn acknowledge(&mut self, acknowledgement: &Acknowledgement) {
        if let Some(episode) = self.episodes.get_mut(&acknowledgement.id)
            && episode.raised.host == acknowledgement.host
            && !std::mem::replace(&mut episode.acknowledged, true)
        {
            self.changes.episodes.insert(acknowledgement.id.clone());
        }
    }

    /// Somebody wants quiet, or ends it: of a silence that is known only the end changes, and only
    /// for its own host.
    pub(super) fn silence(&mut self, silence: Silence, now_ms: u64) {
        let id = silence.id.clone();
        if let Some(known) = self.silences.get_mut(&id) {
            if known.silence.host != silence.host {
                return;
            }
            known.forget_ms = known.forget_ms.max(silence.until_ms);
            known.silence.until_ms = known.silence.until_ms.min(silence.until_ms);
        } else {
            if silence.until_ms <= now_ms {
                return;
            }
            if self.silences.len() >= MAX_SILENCES {
                self.silences_left_out += 1;
                return;
            }
            let forget_ms = silence.until_ms;
            self.silences.insert(id.clone(), KnownSilence { silence, forget_ms, over: false });
        }
        self.changes.silences.insert(id);
    }

    /// Does what time alone brings about: tells what silences held back.
    pub(super) fn tick(&mut self, now_ms: u64, told: &mut Vec<Told>) {
        self.follow_clock(now_ms);
        let mut ended = Vec::new();
        for (id, known) in &mut self.silences {
            if known.silence.until_ms <= now_ms && !known.over {
                known.over = true;
                ended.push(known.silence.clone());
                self.changes.silences.insert(id.clone());
            }
        }
        let silences = &mut self.silences;
        let changed = &mut self.changes.silences;
        silences.retain(|id, known| {
            let kept = !known.over || now_ms < known.forget_ms;
            if !kept {
                changed.insert(id.clone());
            }
            kept
        });
        if !ended.is_empty() {
            self.tell_held(&ended, now_ms, told);
        }
    }

    fn tell_held(&mut self, ended: &[Silence], now_ms: u64, told: &mut Vec<Told>) {
        let covered = |alert: &Alert| {
            let (resource, kind) = (alert.resource.as_deref(), alert.kind);
            ended.iter().any(|silence| silence.covers(&alert.host, resource, kind))
        };
        let mut held: Vec<Episode> = self
            .episodes
            .values()
            .filter(|episode| episode.told == Telling::Held || episode.cleared.is_some())
            .filter(|episode| covered(&episode.raised))
            .filter(|episode| !self.is_silenced(&episode.raised, now_ms))
            .cloned()
            .collect();
        // The table has no order, and the same input gives the same output.
        held.sort_by(|one, other| {
            let key = |episode: &Episode| (episode.raised.since_ms, episode.raised.id.clone());
            key(one).cmp(&key(other))
        });
        for mut episode in held {
            let trace = episode.trace.as_deref().and_then(|trace| trace.parse().ok());
            if let Some(cleared) = episode.cleared.take() {
                self.remove(&cleared.id);
                let (raised, listeners) = (Some(episode.raised), episode.listeners);
                told.push(Told { alert: cleared, raised, listeners, trace });
            } else {
                let (alert, listeners) = (episode.raised.clone(), Listeners::new());
                told.push(Told { alert, raised: None, listeners, trace });
                episode.told = Telling::Told;
                self.put(episode);
            }
        }
    }

    /// When time alone will bring something about.
    pub(super) fn due_ms(&self) -> Option<u64> {
        let due = |known: &KnownSilence| {
            if known.over { known.forget_ms } else { known.silence.until_ms }
        };
        self.silences.values().map(due).min()
    }

    fn is_silenced(&self, alert: &Alert, now_ms: u64) -> bool {
        let (resource, kind) = (alert.resource.as_deref(), alert.kind);
        self.silences.values().any(|known| {
            // What is over stays over, also when the clock is set back.
            !known.over
                && known.silence.runs_at(now_ms)
                && known.silence.covers(&alert.host, resource, kind)
        })
    }

    fn put(&mut self, episode: Episode) {
        self.changes.episodes.insert(episode.raised.id.clone());
        self.restore_episode(episode);
    }

    fn remove(&mut self, id: &str) {
        self.changes.episodes.insert(id.into());
        self.episodes.remove(id);
    }

    fn leave_slot(&mut self, id: &str) {
        let Some(episode) = self.episodes.get(id) else { return };
        let slot = Slot::of(&episode.raised);
        if self.slots.get(&slot).is_some_and(|holder| **holder == *id) {
            self.slots.remove(&slot);
        }
    }

    fn note_cleared(&mut self, id: Box<str>) {
        self.remember_cleared(&id);
        self.changes.cleared.push(id);
    }

    fn remember_cleared(&mut self, id: &str) {
        let id = Arc::<str>::from(id);
        self.cleared_known.insert(Arc::clone(&id));
        self.cleared.push_back(id);
        if self.cleared.len() > MAX_CLEARED
            && let Some(oldest) = self.cleared.pop_front()
        {
            self.cleared_known.remove(&oldest);
        }
    }

    /// How many cleared episodes are remembered at most.
    pub(super) const fn most_cleared() -> usize {
        MAX_CLEARED
    }

    /// How many silences there was no room for since the last time.
    pub(super) fn take_silences_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.silences_left_out)
    }

    /// What changed since it was stored.
    pub(super) const fn changes(&self) -> &Changes {
        &self.changes
    }

    /// What changed is stored.
    pub(super) fn stored(&mut self) {
        self.changes = Changes::default();
    }

    pub(super) fn episode(&self, id: &str) -> Option<&Episode> {
        self.episodes.get(id)
    }

    pub(super) fn known_silence(&self, id: &str) -> Option<&KnownSilence> {
        self.silences.get(id)
    }

    /// Takes back what was stored.
    pub(super) fn restore_episode(&mut self, episode: Episode) {
        if episode.cleared.is_none() {
            self.slots.insert(Slot::of(&episode.raised), episode.raised.id.clone());
        }
        self.episodes.insert(episode.raised.id.clone(), episode);
    }

    /// Takes back what was stored.
    pub(super) fn restore_silence(&mut self, known: KnownSilence) {
        self.silences.insert(known.silence.id.clone(), known);
    }

    /// Takes back what was stored, in the order in which it was cleared.
    pub(super) fn restore_cleared(&mut self, id: &str) {
        self.remember_cleared(id);
    }
}

#[cfg(test)]
mod tests;
