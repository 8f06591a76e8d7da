//! Analyses from the broker into the fleet.

mod replay;

use std::num::NonZeroU16;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{Bus, Delivery, PublishError, Publisher, Source, Start, Subscription};
use resources_core::contract::{Analysis, Rejection};
use resources_core::service::{Failure, RejectionLog, now_ms, within};
use resources_core::telemetry::{Span, metrics};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

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

/// Messages being set aside at a time. Above it they are only counted: a broker that accepts
/// nothing must not keep the dashboard from showing what it still delivers, and the stream
/// keeps them anyway.
const MAX_SETTING_ASIDE: usize = 256;

/// How long each of the last steps may take; both together are well within the grace period.
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
        rejections: RejectionLog::default(),
        refused: 0,
        left_in_stream: 0,
        passed_over: 0,
        figures: Figures::new(),
    };
    let mut aside = Aside { bus: bus.clone(), publisher: None, under_way: FuturesUnordered::new() };
    let mut summary = tokio::time::interval(SUMMARY_EVERY);
    summary.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            // What is now comes before what was.
            biased;
            () = stop.cancelled() => break,
            _ = summary.tick() => feed.sum_up(),
            Some(outcome) = aside.under_way.next() => feed.was_set_aside(outcome),
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
                    Err(rejection) => feed.set_aside(&delivery, rejection, &mut aside),
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
                        feed.set_aside(&earlier, rejection, &mut aside);
                    } else {
                        feed.passed_over += 1;
                    }
                }
                // A long replay must not keep the browsers waiting.
                tokio::task::consume_budget().await;
            }
        }
    }
    let all_set_aside = async {
        while let Some(outcome) = aside.under_way.next().await {
            feed.was_set_aside(outcome);
        }
    };
    within(LAST_LIMIT, "setting messages aside", all_set_aside).await;
    within(LAST_LIMIT, "acknowledging", analyses.flush()).await;
    feed.sum_up();
    feed.rejections.finish();
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
    rejections: RejectionLog,
    /// Analyses of hosts that found no room since the last summary.
    refused: u64,
    /// Messages that were not set aside since the last summary, because too many were waiting.
    left_in_stream: u64,
    /// Messages from before the start that do not follow the contract, since the last summary.
    passed_over: u64,
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
        span.end_process(delivery, taken.as_ref().err().map(Rejection::kind));
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

    /// Has a message set aside that does not follow the contract.
    fn set_aside(&mut self, delivery: &Delivery, rejection: Rejection, aside: &mut Aside) {
        self.rejections.note(delivery, &rejection, Instant::now());
        if aside.under_way.len() < MAX_SETTING_ASIDE {
            aside.set(delivery.clone(), rejection);
        } else {
            self.left_in_stream += 1;
        }
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

    fn was_set_aside(&self, outcome: Result<(), PublishError>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, "a message could not be set aside; the stream keeps it");
        }
    }

    fn sum_up(&mut self) {
        self.rejections.tell_counts(Instant::now());
        let left = std::mem::take(&mut self.left_in_stream);
        if left > 0 {
            tracing::warn!(
                count = left,
                "{left} messages were not set aside, because the broker was slow to take those \
                 before them; the stream keeps them"
            );
        }
        let passed_over = std::mem::take(&mut self.passed_over);
        if passed_over > 0 {
            tracing::warn!(
                count = passed_over,
                "{passed_over} messages from the minutes before the start do not follow the \
                 contract; they were set aside when they came, or are in the stream only"
            );
        }
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

/// Sets messages aside over a link that is made when the first of them comes.
struct Aside {
    bus: Bus,
    publisher: Option<Publisher>,
    under_way: FuturesUnordered<BoxFuture<'static, Result<(), PublishError>>>,
}

impl Aside {
    fn set(&mut self, delivery: Delivery, rejection: Rejection) {
        let publisher = self.publisher.get_or_insert_with(|| self.bus.publisher()).clone();
        let set = async move { publisher.set_aside(&delivery, &rejection).await };
        self.under_way.push(Box::pin(set));
    }
}
