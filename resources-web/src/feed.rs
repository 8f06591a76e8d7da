//! Analyses from the broker into the fleet.

mod replay;

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{Bus, Delivery, LinkState, PublishError, Publisher, Source, Start};
use resources_core::contract::{Analysis, Rejection};
use resources_core::service::{Failure, RejectionLog, now_ms, within};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::fleet::{Applied, RECENT_MS, Receipt};
use crate::live::Live;
use crate::pipeline::Arrivals;
use replay::Replay;

/// How far back to begin. Hosts with a longer interval come with the replay: a stream that is
/// written a few messages at a time is read back slowly, some thousand messages a second.
const BEGIN_AGO: Duration = Duration::from_secs(2);

/// A link that was down for longer than this begins anew instead of reading on, so that what is
/// now does not wait for what was.
const LONG_AWAY: Duration = Duration::from_secs(10);

/// How long after the first analysis what was published before the start may take to come, in
/// milliseconds.
const CATCH_UP_MS: u64 = 10_000;

/// How old an analysis may be that is of now, in milliseconds.
const PRESENT_MS: u64 = 1_000;

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
    let mut analyses = bus.subscribe(Source::Analyses(Start::Ago(BEGIN_AGO)), PREFETCH);
    let mut replay = Replay::new(&bus);
    let mut link = bus.link();
    let mut down_since: Option<Instant> = None;
    let mut feed = Feed {
        live,
        arrivals,
        begin_offset: None,
        catches_up_until_ms: 0,
        rejections: RejectionLog::default(),
        refused: 0,
        left_in_stream: 0,
    };
    let mut aside = Aside { bus: bus.clone(), publisher: None };
    let mut setting_aside = FuturesUnordered::new();
    let mut summary = tokio::time::interval(SUMMARY_EVERY);
    summary.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = summary.tick() => feed.sum_up(),
            Ok(()) = link.changed() => {
                let state = link.borrow_and_update().state.clone();
                match state {
                    // What was missed comes behind what is now, as at the start.
                    LinkState::Up if was_away(down_since.take()) => {
                        analyses = bus.subscribe(Source::Analyses(Start::Ago(BEGIN_AGO)), PREFETCH);
                        replay = Replay::new(&bus);
                        feed.begin_offset = None;
                        feed.live.recent_is_whole_since(now_ms());
                    }
                    LinkState::Down { .. } => {
                        down_since.get_or_insert_with(Instant::now);
                    }
                    _ => {}
                }
            }
            Some(outcome) = setting_aside.next() => feed.set_aside(outcome),
            delivery = analyses.next() => {
                let Some(delivery) = delivery else {
                    return Err(Failure::failed("the bus was closed while analyses were read"));
                };
                let receipt = delivery.receipt;
                match feed.take(&delivery) {
                    Ok(age_ms) if age_ms < PRESENT_MS => replay.begin(),
                    Ok(_) => {}
                    Err(rejection) => {
                        feed.rejections.note(&delivery, &rejection, Instant::now());
                        if setting_aside.len() < MAX_SETTING_ASIDE {
                            setting_aside.push(aside.set(delivery, rejection));
                        } else {
                            feed.left_in_stream += 1;
                        }
                    }
                }
                // Over a stream this only asks for more: a message that a crash keeps from being
                // set aside comes again with the next replay.
                analyses.acknowledge_through(receipt).await;
                tokio::task::consume_budget().await;
            }
            earlier = replay.next() => {
                if replay.goes_on(&earlier, feed.begin_offset).await {
                    feed.take_again(&earlier);
                } else if replay.reached_live() {
                    feed.live.recent_is_whole_since(0);
                }
                // A long replay must not keep the browsers waiting.
                tokio::task::consume_budget().await;
            }
        }
    }
    let all_set_aside = async {
        while let Some(outcome) = setting_aside.next().await {
            feed.set_aside(outcome);
        }
    };
    within(LAST_LIMIT, "setting messages aside", all_set_aside).await;
    within(LAST_LIMIT, "acknowledging", analyses.flush()).await;
    feed.sum_up();
    feed.rejections.finish();
    Ok(())
}

/// Whether the link was down for too long to read on.
fn was_away(down_since: Option<Instant>) -> bool {
    down_since.is_some_and(|since| since.elapsed() > LONG_AWAY)
}

struct Feed {
    live: Arc<Live>,
    arrivals: Arc<Arrivals>,
    /// Place in the stream of the first analysis that was read live.
    begin_offset: Option<u64>,
    /// Until when what comes may be from before the start.
    catches_up_until_ms: u64,
    rejections: RejectionLog,
    /// Analyses of hosts that found no room since the last summary.
    refused: u64,
    /// Messages that were not set aside since the last summary, because too many were waiting.
    left_in_stream: u64,
}

impl Feed {
    /// Takes what is new, and tells how long ago it was sampled, in milliseconds.
    fn take(&mut self, delivery: &Delivery) -> Result<u64, Rejection> {
        let now_ms = now_ms();
        if self.begin_offset.is_none() {
            self.begin_offset = delivery.position().map(|position| position.offset);
            self.catches_up_until_ms = now_ms + CATCH_UP_MS;
        }
        let analysis = Analysis::decode(&delivery.topic, &delivery.body)?;
        self.arrivals.note(analysis.interval_ms);
        let received_ms = if now_ms < self.catches_up_until_ms {
            received_before(&analysis, now_ms)
        } else {
            now_ms
        };
        let age_ms = now_ms.saturating_sub(analysis.timestamp_ms);
        let receipt = Receipt { received_ms, read_ms: Some(now_ms) };
        let applied = self.live.apply(analysis, delivery.body.clone(), receipt);
        self.note(applied, delivery);
        Ok(age_ms)
    }

    /// Takes what was there before the start, and may be known already.
    fn take_again(&mut self, delivery: &Delivery) {
        // What does not follow the contract was set aside when it came, or stays in the stream.
        if let Ok(analysis) = Analysis::decode(&delivery.topic, &delivery.body) {
            let receipt =
                Receipt { received_ms: received_before(&analysis, now_ms()), read_ms: None };
            let applied = self.live.apply_again(analysis, delivery.body.clone(), receipt);
            self.note(applied, delivery);
        }
    }

    fn note(&mut self, applied: Applied, delivery: &Delivery) {
        if applied == Applied::Refused {
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

    fn set_aside(&self, outcome: Result<(), PublishError>) {
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
        let refused = std::mem::take(&mut self.refused);
        if refused > 1 {
            tracing::warn!(refused, "left out {refused} analyses of hosts that found no room");
        }
    }
}

/// When another process may have received an analysis that is read again: a host that has been
/// silent since must not look alive. Not longer ago than is read again: its clock may be far off.
fn received_before(analysis: &Analysis, now_ms: u64) -> u64 {
    analysis.timestamp_ms.clamp(now_ms.saturating_sub(RECENT_MS), now_ms)
}

/// Sets messages aside over a link that is made when the first of them comes.
struct Aside {
    bus: Bus,
    publisher: Option<Publisher>,
}

impl Aside {
    fn set(
        &mut self,
        delivery: Delivery,
        rejection: Rejection,
    ) -> impl Future<Output = Result<(), PublishError>> + use<> {
        let publisher = self.publisher.get_or_insert_with(|| self.bus.publisher()).clone();
        async move { publisher.set_aside(&delivery, &rejection).await }
    }
}
