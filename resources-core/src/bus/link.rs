//! What is known of the way to the broker, for health checks and the page.

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::service::now_ms;

/// The state of a link and since when it holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Link {
    /// What the link is doing.
    #[serde(flatten)]
    pub state: LinkState,
    /// Since when: milliseconds since the Unix epoch, UTC.
    pub since_ms: u64,
}

/// What a link is doing, from best to worst.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[serde(tag = "state", rename_all = "lowercase")]
pub enum LinkState {
    /// Connected, declared, running.
    Up,
    /// The first attempt is under way. Of a bus only until all its links were up: a link that is
    /// made later counts from when it is up or fails.
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
    /// The broker refused a link that was never up, of a bus that never was; attempts have ended.
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

/// The states of several links, each on a watch of its own, and the worst of them on another.
#[derive(Debug)]
pub(crate) struct LinkBoard {
    /// A place for each link ever added; empty once the link is no longer wanted.
    links: std::sync::Mutex<Vec<Option<watch::Sender<Link>>>>,
    worst: watch::Sender<Link>,
    /// Whether all links were ever up at a time. A link added since does not count until it is
    /// up or fails.
    was_up: AtomicBool,
}

impl LinkBoard {
    pub(crate) fn new() -> Self {
        let worst = watch::Sender::new(Link::since_now(LinkState::Connecting));
        Self { links: std::sync::Mutex::new(Vec::new()), worst, was_up: AtomicBool::new(false) }
    }

    /// A board for links that are tried again however they fail, as those of a bus that was up.
    pub(crate) fn apart() -> Self {
        Self { was_up: AtomicBool::new(true), ..Self::new() }
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Link> {
        self.worst.subscribe()
    }

    /// Adds a link and gives its place on the board.
    pub(crate) fn add(&self) -> usize {
        let mut links = lock(&self.links);
        links.push(Some(watch::Sender::new(Link::since_now(LinkState::Connecting))));
        let place = links.len() - 1;
        self.show(&links);
        place
    }

    /// Follows one link.
    pub(crate) fn watch_one(&self, place: usize) -> watch::Receiver<Link> {
        let links = lock(&self.links);
        links.get(place).and_then(Option::as_ref).unwrap_or(&self.worst).subscribe()
    }

    pub(crate) fn set(&self, place: usize, state: LinkState) {
        let links = lock(&self.links);
        if let Some(link) = &links[place] {
            change(link, state);
        }
        self.show(&links);
    }

    /// The link is no longer wanted.
    pub(crate) fn remove(&self, place: usize) {
        let mut links = lock(&self.links);
        if let Some(link) = links[place].take() {
            change(&link, LinkState::Closed);
        }
        self.show(&links);
    }

    /// Nothing more will come.
    pub(crate) fn close(&self) {
        for link in lock(&self.links).iter().flatten().chain([&self.worst]) {
            change(link, LinkState::Closed);
        }
    }

    /// Whether all links were ever up at a time.
    pub(crate) fn was_up(&self) -> bool {
        self.was_up.load(Ordering::Relaxed)
    }

    fn show(&self, links: &[Option<watch::Sender<Link>>]) {
        let was_up = self.was_up();
        let states = links.iter().flatten().map(|link| link.borrow().state.clone());
        let worst = states.filter(|state| !was_up || *state != LinkState::Connecting).max();
        match worst {
            Some(worst) => {
                self.was_up.fetch_or(worst.is_up(), Ordering::Relaxed);
                change(&self.worst, worst);
            }
            None if was_up => {}
            None => change(&self.worst, LinkState::Connecting),
        }
    }
}

/// Shows another state; the same one is no news.
fn change(link: &watch::Sender<Link>, state: LinkState) {
    link.send_if_modified(|shown| {
        let changed = shown.state != state;
        if changed {
            *shown = Link::since_now(state);
        }
        changed
    });
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
        assert_eq!(board.watch_one(b).borrow().state, LinkState::Up);
        let one = board.watch_one(a);
        assert_eq!(one.borrow().state, shown.borrow().state);
        board.remove(a);
        assert_eq!(shown.borrow().state, LinkState::Up);
        assert_eq!(one.borrow().state, LinkState::Closed);
        board.close();
        assert_eq!(board.watch_one(b).borrow().state, LinkState::Closed);
        assert_eq!(shown.borrow().state, LinkState::Closed);
    }

    #[test]
    fn a_link_added_to_those_that_are_up_shows_once_it_fails() {
        let board = LinkBoard::new();
        let a = board.add();
        assert!(!board.was_up());
        board.set(a, LinkState::Up);
        assert!(board.was_up());
        let shown = board.watch();
        let b = board.add();
        assert_eq!(shown.borrow().state, LinkState::Up);
        board.remove(a);
        assert_eq!(shown.borrow().state, LinkState::Up, "as it was, until more is known");
        assert_eq!(board.watch_one(b).borrow().state, LinkState::Connecting);
        board.set(b, LinkState::Down { reason: "gone".into() });
        assert_eq!(shown.borrow().state, LinkState::Down { reason: "gone".into() });
        board.set(b, LinkState::Up);
        assert_eq!(shown.borrow().state, LinkState::Up);
    }

    #[test]
    fn a_link_is_shown_flat() {
        let link = Link { state: LinkState::Down { reason: "gone".into() }, since_ms: 7 };
        let json = serde_json::to_string(&link).unwrap();
        assert_eq!(json, r#"{"state":"down","reason":"gone","since_ms":7}"#);
    }
}
