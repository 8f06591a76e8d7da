//! What is known of the way to the broker, for health checks and the page.

use serde::Serialize;
use tokio::sync::watch;

use crate::service::now_ms;

/// The state of a link and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Link {
    /// What the link is doing.
    #[serde(flatten)]
    pub state: LinkState,
    /// Since when: milliseconds since the Unix epoch, UTC.
    pub since_ms: u64,
}

/// What a link is doing, from best to worst.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum LinkState {
    /// Connected, declared, running.
    Up,
    /// The first attempt is under way.
    Connecting,
    /// Connected, but the broker accepts nothing for now (a memory or disk alarm).
    Blocked {
        /// The broker's words.
        reason: String,
    },
    /// Broken; attempts go on.
    Down {
        /// What broke it, without any password.
        reason: String,
    },
    /// The broker refused a link that was never up; attempts have ended.
    Refused {
        /// The broker's words.
        reason: String,
    },
    /// Closed by this process.
    Closed,
}

impl LinkState {
    /// Whether messages can flow.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up)
    }
}

impl Link {
    /// `state`, since now.
    #[must_use]
    pub fn since_now(state: LinkState) -> Self {
        Self { state, since_ms: now_ms() }
    }
}

/// The states of several links, and the worst of them on a watch.
#[derive(Debug)]
pub(crate) struct LinkBoard {
    /// A place for each link ever added; empty once the link is no longer wanted.
    states: std::sync::Mutex<Vec<Option<LinkState>>>,
    worst: watch::Sender<Link>,
}

impl LinkBoard {
    pub(crate) fn new() -> Self {
        let worst = watch::Sender::new(Link::since_now(LinkState::Connecting));
        Self { states: std::sync::Mutex::new(Vec::new()), worst }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Link> {
        self.worst.subscribe()
    }

    /// Adds a link and gives its place on the board.
    pub(crate) fn add(&self) -> usize {
        let mut states = lock(&self.states);
        states.push(Some(LinkState::Connecting));
        let place = states.len() - 1;
        self.show(&states);
        place
    }

    pub(crate) fn set(&self, place: usize, state: LinkState) {
        let mut states = lock(&self.states);
        states[place] = Some(state);
        self.show(&states);
    }

    /// The link is no longer wanted.
    pub(crate) fn remove(&self, place: usize) {
        let mut states = lock(&self.states);
        states[place] = None;
        self.show(&states);
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        self.worst.send_replace(Link::since_now(LinkState::Closed));
    }

    fn show(&self, states: &[Option<LinkState>]) {
        let worst = states.iter().flatten().max().cloned().unwrap_or(LinkState::Connecting);
        self.worst.send_if_modified(|shown| {
            let changed = shown.state != worst;
            if changed {
                *shown = Link::since_now(worst);
            }
            changed
        });
    }
}

/// Takes a lock that no holder can poison half-way: every critical section here is panic-free.
pub(crate) fn lock<T>(mutex: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_board_shows_the_worst_link() {
        let board = LinkBoard::new();
        let (a, b) = (board.add(), board.add());
        let shown = board.watch();
        board.set(a, LinkState::Up);
        assert_eq!(shown.borrow().state, LinkState::Connecting);
        board.set(b, LinkState::Up);
        assert_eq!(shown.borrow().state, LinkState::Up);
        board.set(a, LinkState::Down { reason: "gone".into() });
        assert_eq!(shown.borrow().state, LinkState::Down { reason: "gone".into() });
        board.remove(a);
        assert_eq!(shown.borrow().state, LinkState::Up);
    }

    #[test]
    fn a_link_is_shown_flat() {
        let link = Link { state: LinkState::Down { reason: "gone".into() }, since_ms: 7 };
        let json = serde_json::to_string(&link).unwrap();
        assert_eq!(json, r#"{"state":"down","reason":"gone","since_ms":7}"#);
    }
}
