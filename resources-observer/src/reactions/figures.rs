//! What is counted of each reaction.

use std::sync::LazyLock;

use resources_core::telemetry::metrics::{
    Counter, Counters, Gauge, Gauges, counter, counters_by, gauges_by,
};

/// Silences that are not heeded.
pub(super) static SILENCES_LEFT_OUT: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "resources_silences_left_out_total",
        "Silences that are not heeded, as there are too many others",
    )
});

/// The figures of one reaction.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    /// Notifications that somebody took.
    pub(super) told: Counter,
    /// Tries beyond the first.
    pub(super) retries: Counter,
    /// Notifications that nobody took.
    pub(super) given_up: Counter,
    /// Alerts that were counted and not listed.
    pub(super) truncated: Counter,
    /// Alerts that are yet to be told.
    pub(super) waiting: Gauge,
}

struct Families {
    told: Counters,
    retries: Counters,
    given_up: Counters,
    truncated: Counters,
    waiting: Gauges,
}

const LABEL: &str = "reaction";

static FAMILIES: LazyLock<Families> = LazyLock::new(|| Families {
    told: counters_by("resources_reaction_told_total", "Notifications that somebody took", LABEL),
    retries: counters_by(
        "resources_reaction_retries_total",
        "Tries to tell a notification beyond the first",
        LABEL,
    ),
    given_up: counters_by(
        "resources_reaction_given_up_total",
        "Notifications that nobody took, set aside in the rejected queue",
        LABEL,
    ),
    truncated: counters_by(
        "resources_reaction_truncated_alerts_total",
        "Alerts that notifications counted and did not list",
        LABEL,
    ),
    waiting: gauges_by(
        "resources_reaction_waiting_alerts",
        "Alerts that are yet to be told",
        LABEL,
    ),
});

impl Figures {
    pub(super) fn of(reaction: &str) -> Self {
        let Families { told, retries, given_up, truncated, waiting } = &*FAMILIES;
        let label = &[reaction];
        Self {
            told: told.with_label_values(label),
            retries: retries.with_label_values(label),
            given_up: given_up.with_label_values(label),
            truncated: truncated.with_label_values(label),
            waiting: waiting.with_label_values(label),
        }
    }
}
