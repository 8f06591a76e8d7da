//! What metrics show of an outbox; of several in one process, their sum.

use std::sync::LazyLock;

use resources_core::telemetry::metrics::{self, Counter, Gauge};

use super::OutboxCounts;

static FIGURES: LazyLock<Figures> = LazyLock::new(|| Figures {
    held: metrics::gauge(
        "resources_outbox_samples",
        "Samples that wait in memory or on disk, or are in flight",
    ),
    room: metrics::gauge(
        "resources_outbox_capacity_samples",
        "Samples there is room for in memory while the broker is away",
    ),
    dropped: metrics::counter(
        "resources_outbox_dropped_samples_total",
        "Samples dropped because there was no more room",
    ),
});

struct Figures {
    held: Gauge,
    room: Gauge,
    dropped: Counter,
}

/// What was shown of one outbox last.
#[derive(Debug)]
pub(super) struct Shown {
    room: i64,
    held: i64,
    dropped: u64,
}

impl Shown {
    /// Shows an empty outbox with room for `capacity` samples.
    pub(super) fn new(capacity: usize) -> Self {
        let room = i64::try_from(capacity).unwrap_or(i64::MAX);
        FIGURES.room.add(room);
        Self { room, held: 0, dropped: 0 }
    }

    /// Shows what became of the samples so far.
    pub(super) fn show(&mut self, counts: &OutboxCounts) {
        let held = i64::try_from(counts.held).unwrap_or(i64::MAX);
        FIGURES.held.add(held - std::mem::replace(&mut self.held, held));
        FIGURES
            .dropped
            .inc_by(counts.dropped - std::mem::replace(&mut self.dropped, counts.dropped));
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        FIGURES.held.sub(self.held);
        FIGURES.room.sub(self.room);
    }
}
