//! What an observer counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counts of one observer since it was made.
#[derive(Debug, Default)]
pub struct Counts {
    pub(super) received: Counter,
    pub(super) redelivered: Counter,
    pub(super) handled: Counter,
    pub(super) failed_attempts: Counter,
    pub(super) panics: Counter,
    pub(super) rejected: Counter,
}

/// [`Counts`] at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// Events that came, also those that none of the filters takes. Without a name an event comes
    /// to each handler whose pattern it matches.
    pub received: u64,
    /// Of those, events that may have come before.
    pub redelivered: u64,
    /// Times a handler succeeded.
    pub handled: u64,
    /// Times a handler was called and failed, panics included.
    pub failed_attempts: u64,
    /// Times a handler panicked.
    pub panics: u64,
    /// Events that were set aside; without a name, dropped.
    pub rejected: u64,
}

#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add_one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Counts {
    /// The counts now.
    #[must_use]
    pub fn figures(&self) -> Figures {
        Figures {
            received: self.received.get(),
            redelivered: self.redelivered.get(),
            handled: self.handled.get(),
            failed_attempts: self.failed_attempts.get(),
            panics: self.panics.get(),
            rejected: self.rejected.get(),
        }
    }
}
