//! The engine with its checkpoint: what the service's thread does, one step at a time.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use resources_core::bus::{Delivery, Position, Start};
use resources_core::contract::{Alert, AlertState, Analysis, TraceParent};
use resources_core::telemetry::{Span, metrics};

use super::checkpoint::{Checkpoint, Pending};
use super::engine::Engine;
use super::rules::Rules;
use crate::database::{Location, OpenError};

/// How far back a first start reads: labels are told once a minute.
const FIRST_LOOK_BACK: Duration = Duration::from_secs(60);

/// What the broker gives as of a time may be from so long before: it counts in seconds, and in
/// pieces of its stream.
const LOOK_BACK_ERROR: Duration = Duration::from_secs(2);

/// Judges deliveries, and stores what follows before anyone hears of it.
#[derive(Debug)]
pub(super) struct Worker {
    engine: Engine,
    checkpoint: Checkpoint,
    /// The last delivery judged and not stored.
    position: Option<Position>,
    /// What followed and is not stored.
    alerts: Vec<(Alert, Option<TraceParent>)>,
    /// Alerts that are confirmed and not forgotten yet.
    confirmed: Vec<i64>,
    told: Vec<Alert>,
    /// Messages that were no analyses.
    refused: u64,
    /// Analyses of hosts that found no room.
    left_out: u64,
    figures: Figures,
}

/// What is counted beside what the bus counts.
#[derive(Debug)]
struct Figures {
    judge: metrics::Histogram,
    store: metrics::Histogram,
    lag: metrics::Histogram,
}

static HOSTS: LazyLock<metrics::Gauge> =
    LazyLock::new(|| metrics::gauge("resources_observer_hosts", "Hosts that are judged"));

static ALERTS: LazyLock<[metrics::Counter; 2]> = LazyLock::new(|| {
    metrics::counters(
        "resources_alerts_total",
        "Alerts stored to be published, reminders among them",
        "state",
        ["raised", "cleared"],
    )
});

static UNPUBLISHED: LazyLock<metrics::Gauge> = LazyLock::new(|| {
    metrics::gauge(
        "resources_observer_unpublished_alerts",
        "Alerts stored that the broker has not yet confirmed",
    )
});

static LEFT_OUT: LazyLock<metrics::Counter> = LazyLock::new(|| {
    metrics::counter(
        "resources_observer_left_out_analyses_total",
        "Analyses that were not judged because there was no room for another host",
    )
});

impl Figures {
    fn new() -> Self {
        let (judge, store) = (metrics::handler("judge"), metrics::handler("store"));
        LazyLock::force(&ALERTS);
        LazyLock::force(&LEFT_OUT);
        Self { judge, store, lag: metrics::lag() }
    }

    fn stored(&self, begun: Instant, alerts: &[(Alert, Option<TraceParent>)], hosts: usize) {
        self.store.observe(begun.elapsed().as_secs_f64());
        HOSTS.set(i64::try_from(hosts).unwrap_or(i64::MAX));
        for (alert, _) in alerts {
            let [raised, cleared] = &*ALERTS;
            match alert.state {
                AlertState::Raised => raised.inc(),
                AlertState::Cleared => cleared.inc(),
            }
        }
    }
}

impl Worker {
    pub(super) fn open(rules: Rules, location: &Location) -> Result<Self, OpenError> {
        let mut engine = Engine::new(rules);
        let checkpoint = Checkpoint::open(location, &mut engine)?;
        let worker = Self {
            engine,
            checkpoint,
            position: None,
            alerts: Vec::new(),
            confirmed: Vec::new(),
            told: Vec::new(),
            refused: 0,
            left_out: 0,
            figures: Figures::new(),
        };
        worker.tell_unpublished();
        Ok(worker)
    }

    /// Whether nothing was known before.
    pub(super) const fn is_new(&self) -> bool {
        self.checkpoint.is_new()
    }

    /// Takes over what is raised.
    pub(super) fn adopt(&mut self, raised: &[Alert], now_ms: u64) {
        raised.iter().for_each(|alert| self.engine.adopt(alert, now_ms));
        if !raised.is_empty() {
            let count = raised.len();
            tracing::info!(count, "{count} alerts are raised by an observer before this one");
        }
    }

    /// Where to read on. Nothing that was taken over is judged by what came before it was told.
    pub(super) fn start(&self, now_ms: u64) -> Start {
        if let Some(position) = self.checkpoint.position() {
            return Start::After(position);
        }
        let adopted_ago = Duration::from_millis(now_ms.saturating_sub(self.engine.adopted_ms()));
        match adopted_ago.saturating_sub(LOOK_BACK_ERROR).min(FIRST_LOOK_BACK) {
            short if short < Duration::from_secs(1) => Start::Next,
            look_back => Start::Ago(look_back),
        }
    }

    /// Hosts judged.
    pub(super) fn host_count(&self) -> usize {
        self.engine.host_count()
    }

    pub(super) fn take(&mut self, delivery: &Delivery, now_ms: u64) {
        let (begun, span) = (Instant::now(), Span::after(delivery.trace));
        match Analysis::decode(&delivery.topic, &delivery.body) {
            Ok(analysis) => {
                let lag = metrics::seconds_between(analysis.timestamp_ms, now_ms);
                self.figures.lag.observe(lag);
                self.engine.observe(&analysis, now_ms, &mut self.told);
                span.end_process(delivery, None);
            }
            // Whoever shows analyses sets it aside.
            Err(rejection) => {
                self.refused += 1;
                span.end_process(delivery, Some(rejection.kind().into()));
            }
        }
        self.figures.judge.observe(begun.elapsed().as_secs_f64());
        self.keep(Some(span.trace()));
        self.position = delivery.position().or(self.position);
    }

    pub(super) fn link(&mut self, is_up: bool, now_ms: u64) {
        self.engine.link(is_up, now_ms);
    }

    pub(super) fn tick(&mut self, now_ms: u64) {
        self.engine.tick(now_ms, &mut self.told);
        self.keep(None);
    }

    fn keep(&mut self, trace: Option<TraceParent>) {
        self.alerts.extend(self.told.drain(..).map(|alert| (alert, trace)));
    }

    /// Whether something is to be told, which must be stored first.
    pub(super) const fn has_alerts(&self) -> bool {
        !self.alerts.is_empty()
    }

    /// Whether anything was judged or confirmed that is not stored.
    pub(super) const fn has_news(&self) -> bool {
        self.position.is_some() || self.has_alerts() || !self.confirmed.is_empty()
    }

    /// Stores everything since the last time; to be called again when it fails.
    pub(super) fn commit(&mut self) -> rusqlite::Result<()> {
        let begun = Instant::now();
        self.checkpoint.store(&mut self.engine, self.position, &self.alerts, &self.confirmed)?;
        self.figures.stored(begun, &self.alerts, self.engine.host_count());
        self.tell_unpublished();
        self.position = None;
        self.alerts.clear();
        self.confirmed.clear();
        let left_out = self.engine.take_left_out();
        LEFT_OUT.inc_by(left_out);
        self.left_out += left_out;
        Ok(())
    }

    /// The first alerts to publish behind the one of this number, at most `most`.
    pub(super) fn pending(&self, after: i64, most: usize) -> rusqlite::Result<Vec<Pending>> {
        self.checkpoint.pending(after, most)
    }

    /// This alert was confirmed.
    pub(super) fn confirmed(&mut self, number: i64) {
        self.confirmed.push(number);
    }

    fn tell_unpublished(&self) {
        UNPUBLISHED.set(i64::try_from(self.checkpoint.waiting()).unwrap_or(i64::MAX));
    }

    /// Says what was left out since the last time.
    pub(super) fn sum_up(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        if refused > 0 {
            tracing::warn!(refused, "{refused} messages were no analyses and were left out");
        }
        let left_out = std::mem::take(&mut self.left_out);
        if left_out > 0 {
            tracing::warn!(left_out, "left out {left_out} analyses: there are too many hosts");
        }
    }
}
