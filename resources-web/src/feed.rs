//! Analyses from the broker into the fleet.

mod replay;

use std::num::NonZeroU16;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Source, Start, Subscription};
use resources_core::contract::{Analysis, Rejection};
use resources_core::service::{Failure, now_ms, within};
use resources_core::telemetry::{Span, metrics};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::aside::Aside;
use crate::fleet::{Applied, RECENT_MS, Receipt};
use crate::live::Live;
use crate::pipeline::Arrivals;
use replay::Replay;

/// How far back to begin. Hosts with a longer interval come with the replay: a stream that is
/// written a few messages at a time is read back slowly, some thousand messages a second.
const BEGIN_AGO: Duration = Duration::from_secs(2);

/// When the first analysis after a break of the link was published, or the last one before it
/// read, longer ago than this, in milliseconds, what was missed would hide what is now. Then the
/// live view begins anew instead of reading on.
const AWAY_MS: u64 = 2_000;

/// How long after the first analysis of a session what was published before it may take to come,
/// in milliseconds.
const CATCH_UP_MS: u64 = 10_000;

/// Analyses under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(500).expect("not zero");

/// How long the last acknowledgements may take.
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// How often what went wrong repeatedly is summed up in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// Takes analyses in until `stop`.
///
/// # Errors
/// When the bus is closed before that.
pub(crate) async fn run(
    bus: Bus,
    live: Arc<Live>,
    arrivals: Arc<Arrivals>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut analyses = subscribe(&bus);
    if stop.run_until_cancelled(analyses.ready()).await.is_none() {
        return Ok(());
    }
    let mut replay = Replay::of_the_last_minutes(&bus);
    let mut feed = Feed {
        live,
        arrivals,
        begin_offset: None,
        last: None,
        catches_up_until_ms: 0,
        refused: 0,
        figures: Figures::new(),
    };
    let mut aside = Aside::new(&bus);
    let mut summary = tokio::time::interval(SUMMARY_EVERY);
    summary.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // What is now comes before what was.
            biased;
            () = stop.cancelled() => break,
            _ = summary.tick() => {
                aside.sum_up();
                feed.sum_up();
            }
            () = aside.go_on() => {}
            delivery = analyses.next() => {
                let Some(delivery) = delivery else {
                    return Err(Failure::failed("the bus was closed while analyses were read"));
                };
                if feed.was_away(&delivery, now_ms()) {
                    // It comes again, with all that was missed, behind what is now.
                    analyses = subscribe(&bus);
                    feed.begin_anew(&mut replay);
                    continue;
                }
                let receipt = delivery.receipt;
                match feed.take(&delivery) {
                    Ok(age_ms) => replay.live_is_at(age_ms),
                    Err(rejection) => aside.set(&delivery, rejection),
                }
                feed.last = Some((delivery, now_ms()));
                // Over a stream this only asks for more.
                analyses.acknowledge_through(receipt).await;
                tokio::task::consume_budget().await;
            }
            earlier = replay.next() => {
                if !replay.goes_on(&earlier, feed.begin_offset).await {
                    feed.live.recent_is_whole_since(0);
                } else if let Err(rejection) = feed.take_again(&earlier, replay.since_ms()) {
                    if replay.was_missed(&earlier) {
                        aside.set(&earlier, rejection);
                    } else {
                        aside.pass_over();
                    }
                }
                // A long replay must not keep the browsers waiting.
                tokio::task::consume_budget().await;
            }
        }
    }
    aside.finish().await;
    within(LAST_LIMIT, "acknowledging", analyses.flush()).await;
    feed.sum_up();
    Ok(())
}

/// What comes now.
fn subscribe(bus: &Bus) -> Subscription {
    bus.subscribe(Source::Analyses(Start::Ago(BEGIN_AGO)), PREFETCH)
}

struct Feed {
    live: Arc<Live>,
    arrivals: Arc<Arrivals>,
    /// Place in the stream of the first analysis that was read live.
    begin_offset: Option<u64>,
    /// The last analysis that was read live, and when.
    last: Option<(Delivery, u64)>,
    /// Until when what comes may be from before the start, or from while the link was broken.
    catches_up_until_ms: u64,
    /// Analyses of hosts that found no room since the last summary.
    refused: u64,
    figures: Figures,
}

/// What is counted beside what the bus counts.
struct Figures {
    show: metrics::Histogram,
    lag: metrics::Histogram,
    refused: metrics::Counter,
}

static REFUSED: LazyLock<metrics::Counter> = LazyLock::new(|| {
    metrics::counter(
        "resources_web_refused_analyses_total",
        "Analyses left out because there was no room for another host",
    )
});

impl Figures {
    fn new() -> Self {
        Self { show: metrics::handler("show"), lag: metrics::lag(), refused: REFUSED.clone() }
    }
}

impl Feed {
    /// Whether `delivery` is the first after a break of the link, and too much was missed to
    /// read on. The time is told by our clock, as that of a machine that slept goes on, and by the
    /// sender's: a machine that wakes up first reads what had arrived before.
    fn was_away(&self, delivery: &Delivery, now_ms: u64) -> bool {
        self.last.as_ref().is_some_and(|(last, read_ms)| {
            let sent_ms = delivery.timestamp_ms.unwrap_or(now_ms);
            let missed_ms = now_ms.abs_diff(*read_ms).max(now_ms.saturating_sub(sent_ms));
            !delivery.receipt.is_of_session_of(&last.receipt) && missed_ms > AWAY_MS
        })
    }

    /// Reads live from now on, and has `replay` read what came since the last one that was.
    fn begin_anew(&mut self, replay: &mut Replay) {
        if let Some((last, read_ms)) = self.last.take() {
            replay.of_an_absence(last.position(), read_ms);
        }
        self.begin_offset = None;
        self.live.recent_is_whole_since(now_ms());
    }

    /// Takes what is new, and tells how long ago it was sampled, in milliseconds.
    fn take(&mut self, delivery: &Delivery) -> Result<u64, Rejection> {
        let (begun, span) = (Instant::now(), Span::after(delivery.trace));
        let taken = self.take_analysis(delivery);
        span.end_process(delivery, taken.as_ref().err().map(|rejection| rejection.kind().into()));
        self.figures.show.observe(begun.elapsed().as_secs_f64());
        taken
    }

    fn take_analysis(&mut self, delivery: &Delivery) -> Result<u64, Rejection> {
        let now_ms = now_ms();
        if self.begin_offset.is_none() {
            self.begin_offset = delivery.offset;
        }
        let is_first = |last: &Delivery| !delivery.receipt.is_of_session_of(&last.receipt);
        if self.last.as_ref().is_none_or(|(last, _)| is_first(last)) {
            self.catches_up_until_ms = now_ms + CATCH_UP_MS;
        }
        let analysis = Analysis::decode(&delivery.topic, &delivery.body)?;
        self.arrivals.note(analysis.interval_ms);
        let received_ms = if now_ms < self.catches_up_until_ms {
            received_before(&analysis, now_ms.saturating_sub(RECENT_MS), now_ms)
        } else {
            now_ms
        };
        let age_ms = now_ms.saturating_sub(analysis.timestamp_ms);
        self.figures.lag.observe(metrics::seconds_between(analysis.timestamp_ms, now_ms));
        let receipt = Receipt { received_ms, read_ms: Some(now_ms) };
        let applied = self.live.apply(analysis, delivery.body.clone(), receipt);
        self.note(applied, delivery);
        Ok(age_ms)
    }

    /// Takes what was there before, received at `since_ms` at the earliest; it may be known.
    fn take_again(&mut self, delivery: &Delivery, since_ms: u64) -> Result<(), Rejection> {
        let analysis = Analysis::decode(&delivery.topic, &delivery.body)?;
        let received_ms = received_before(&analysis, since_ms, now_ms());
        let receipt = Receipt { received_ms, read_ms: None };
        let applied = self.live.apply_again(analysis, delivery.body.clone(), receipt);
        self.note(applied, delivery);
        Ok(())
    }

    fn note(&mut self, applied: Applied, delivery: &Delivery) {
        if applied == Applied::Refused {
            self.figures.refused.inc();
            if self.refused == 0 {
                let hosts = self.live.host_count();
                tracing::warn!(
                    hosts,
                    routing_key = ?delivery.topic,
                    "no room for another host: there are {hosts} already (--max-hosts)"
                );
            }
            self.refused += 1;
        }
    }

    fn sum_up(&mut self) {
        let refused = std::mem::take(&mut self.refused);
        if refused > 1 {
            tracing::warn!(refused, "left out {refused} analyses of hosts that found no room");
        }
    }
}

/// When an analysis that is read late may have been received: a host that has been silent since
/// must not look alive. Not before `since_ms`, as its clock may be far off.
fn received_before(analysis: &Analysis, since_ms: u64, now_ms: u64) -> u64 {
    analysis.timestamp_ms.clamp(since_ms.min(now_ms), now_ms)
}
