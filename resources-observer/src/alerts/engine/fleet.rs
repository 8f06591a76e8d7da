//! What is known of all hosts together, and of the way from them to here.

use serde::{Deserialize, Serialize};

use super::condition::Episode;

/// A pause between two looks at the time that is longer than this was no pause: this program was
/// away, and what could not be heard meanwhile says nothing.
const ABSENT_MS: u64 = 10_000;

/// Over how long the usual delay of samples is looked at, in milliseconds.
const DELAY_WINDOW_MS: u64 = 10_000;

/// The state of the fleet, as it is stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Fleet {
    /// When the time was told last.
    pub(super) ticked_ms: u64,
    /// When anything was heard last, from whomever.
    pub(super) heard_ms: u64,
    /// When the newest sample heard was taken, by our clock: what happened later is not known,
    /// whoever is not heard of.
    pub(super) known_until_ms: u64,
    /// Since when hosts can be heard: a host is silent only for as long as somebody listens.
    pub(super) listening_since_ms: u64,
    /// Since when the link to the broker is not up.
    pub(super) link_down_ms: Option<u64>,
    pub(super) pipeline: Episode,
    /// Whether that was told: a rule may say that nobody wants to know.
    pub(super) is_pipeline_told: bool,
    /// When the newest of what was taken over from an engine before this one was told.
    pub(super) adopted_ms: u64,
    /// Hosts that should be heard of; counted when nothing was heard for a moment.
    #[serde(skip)]
    pub(super) live: usize,
    delays: Delays,
}

/// The shortest delay of the samples that came of late.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Delays {
    window: u64,
    now_ms: Option<u64>,
    before_ms: Option<u64>,
}

impl Fleet {
    /// Whether a host that is not heard of can be blamed for it.
    pub(super) const fn is_listening(&self) -> bool {
        self.link_down_ms.is_none() && self.pipeline.is_none()
    }

    /// Notes the time, and since when this program was away if it was.
    pub(super) fn note_time(&mut self, now_ms: u64) -> Option<u64> {
        let before_ms = std::mem::replace(&mut self.ticked_ms, now_ms);
        if now_ms.saturating_sub(before_ms) <= ABSENT_MS {
            return None;
        }
        self.listening_since_ms = now_ms;
        (before_ms > 0).then_some(before_ms)
    }

    /// The clock was set back to `now_ms`.
    pub(super) fn set_back(&mut self, now_ms: u64) {
        let Self { ticked_ms, heard_ms, known_until_ms, listening_since_ms, .. } = self;
        for time_ms in [ticked_ms, heard_ms, known_until_ms, listening_since_ms] {
            *time_ms = now_ms.min(*time_ms);
        }
        self.link_down_ms = self.link_down_ms.map(|since_ms| since_ms.min(now_ms));
    }

    /// The delay that samples have anyway, from the shortest of late: all of them come late when
    /// an analyzer was away.
    pub(super) fn usual_delay(&mut self, delay_ms: u64, now_ms: u64) -> u64 {
        let delays = &mut self.delays;
        let window = now_ms / DELAY_WINDOW_MS;
        if window != delays.window {
            delays.before_ms = delays.now_ms.take().filter(|_| window == delays.window + 1);
            delays.window = window;
        }
        let now_shortest = delays.now_ms.map_or(delay_ms, |shortest| shortest.min(delay_ms));
        delays.now_ms = Some(now_shortest);
        delays.before_ms.map_or(now_shortest, |before| before.min(now_shortest))
    }
}
