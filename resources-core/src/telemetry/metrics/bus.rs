//! How messages travel: what the bus counts, for every program.

use std::sync::LazyLock;

use prometheus::{HistogramOpts, IntCounterVec, IntGaugeVec, Opts};

use super::{Counter, Gauge, Histogram, counters, gauge, registered};
use crate::bus::PublishError;

/// Last words of routing keys told apart; any other counts as the last one.
const KINDS: [&str; 6] = ["measure", "analysis", "alert", "acknowledgement", "silence", "other"];

/// Why a try to publish failed; see [`PublishError::cause`].
const CAUSES: [&str; 5] = ["link_down", "unroutable", "not_accepted", "closed", "refused"];

/// Bounds of the wait for a confirm, in seconds.
const CONFIRM_BUCKETS: [f64; 14] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0];

static BUS: LazyLock<BusMetrics> = LazyLock::new(BusMetrics::new);

/// What the bus counts.
pub(crate) fn bus() -> &'static BusMetrics {
    &BUS
}

#[derive(Debug)]
pub(crate) struct BusMetrics {
    received: [Counter; KINDS.len()],
    redelivered: [Counter; KINDS.len()],
    published: [Counter; KINDS.len()],
    rejected: [Counter; KINDS.len()],
    failures: [Counter; CAUSES.len()],
    confirm: Histogram,
    pending: Gauge,
    links: IntGaugeVec,
    links_up: IntGaugeVec,
    reconnects: IntCounterVec,
}

impl BusMetrics {
    fn new() -> Self {
        let by_kind = |name, help| counters(name, help, "kind", KINDS);
        let confirm = HistogramOpts::new(
            "resources_publish_confirm_seconds",
            "Time from handing a message to the bus until the broker confirmed it",
        );
        let link = &["link"];
        Self {
            received: by_kind("resources_messages_received_total", "Messages received"),
            redelivered: by_kind(
                "resources_messages_redelivered_total",
                "Messages received that may have been delivered before",
            ),
            published: by_kind(
                "resources_messages_published_total",
                "Messages published and confirmed by the broker",
            ),
            rejected: by_kind(
                "resources_messages_rejected_total",
                "Messages set aside in the rejected queue",
            ),
            failures: counters(
                "resources_publish_failures_total",
                "Attempts to publish that failed, by why",
                "cause",
                CAUSES,
            ),
            confirm: registered(Histogram::with_opts(confirm.buckets(CONFIRM_BUCKETS.to_vec()))),
            pending: gauge(
                "resources_publish_pending_messages",
                "Messages handed to the bus that the broker has not yet confirmed",
            ),
            links: registered(IntGaugeVec::new(
                Opts::new("resources_links", "Links to the broker that are wanted"),
                link,
            )),
            links_up: registered(IntGaugeVec::new(
                Opts::new("resources_links_up", "Links to the broker over which messages can flow"),
                link,
            )),
            reconnects: registered(IntCounterVec::new(
                Opts::new("resources_reconnects_total", "Times a link to the broker came up again"),
                link,
            )),
        }
    }

    /// A message was received.
    pub(crate) fn received(&self, topic: &str, redelivered: bool) {
        let kind = kind_of(topic);
        self.received[kind].inc();
        if redelivered {
            self.redelivered[kind].inc();
        }
    }

    /// An attempt to publish a message ended.
    pub(crate) fn published(&self, topic: &str, seconds: f64, outcome: &Result<(), PublishError>) {
        match outcome {
            Ok(()) => {
                self.published[kind_of(topic)].inc();
                self.confirm.observe(seconds);
            }
            Err(error) => self.failed(error),
        }
    }

    /// An attempt to set a message aside ended.
    pub(crate) fn set_aside(&self, topic: &str, outcome: &Result<(), PublishError>) {
        match outcome {
            Ok(()) => self.rejected[kind_of(topic)].inc(),
            Err(error) => self.failed(error),
        }
    }

    fn failed(&self, error: &PublishError) {
        let cause = CAUSES.iter().position(|cause| *cause == error.cause());
        if let Some(counter) = cause.and_then(|cause| self.failures.get(cause)) {
            counter.inc();
        }
    }

    /// A message was handed to the bus; it counts until the value is dropped.
    pub(crate) fn pending(&self) -> Pending<'_> {
        self.pending.inc();
        Pending(&self.pending)
    }

    /// A link is wanted.
    pub(crate) fn link_wanted(&self, purpose: &str) {
        self.links.with_label_values(&[purpose]).inc();
        // So that both show as 0 before it was ever up.
        self.links_up.with_label_values(&[purpose]).add(0);
        self.reconnects.with_label_values(&[purpose]).inc_by(0);
    }

    /// A link is no longer wanted.
    pub(crate) fn link_let_go(&self, purpose: &str) {
        self.links.with_label_values(&[purpose]).dec();
    }

    /// Whether messages can flow over a link has changed.
    pub(crate) fn link_changed(&self, purpose: &str, is_up: bool) {
        self.links_up.with_label_values(&[purpose]).add(if is_up { 1 } else { -1 });
    }

    /// A link came up that was up before.
    pub(crate) fn reconnected(&self, purpose: &str) {
        self.reconnects.with_label_values(&[purpose]).inc();
    }
}

/// A message that waits for its confirm.
pub(crate) struct Pending<'a>(&'a Gauge);

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}

fn kind_of(topic: &str) -> usize {
    let word = topic.rsplit('.').next().unwrap_or(topic);
    KINDS.iter().position(|kind| *kind == word).unwrap_or(KINDS.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_key_is_its_kind() {
        for (topic, kind) in [
            ("web.eu.measure", "measure"),
            ("a.silence", "silence"),
            ("terminator", "other"),
            ("", "other"),
        ] {
            assert_eq!(KINDS[kind_of(topic)], kind);
        }
    }
}
