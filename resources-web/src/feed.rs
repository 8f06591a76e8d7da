//! Analyses from the broker into the fleet.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{Bus, Delivery, PublishError, Publisher, Source, Start};
use resources_core::contract::{Analysis, Rejection};
use resources_core::service::{Failure, RejectionLog, now_ms, within};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::fleet::{Applied, RECENT_MS};
use crate::live::Live;

/// How far back to begin, so that a dashboard that was started anew shows the fleet at once and
/// has the last minutes of every host at full resolution.
const REPLAY: Duration = Duration::from_millis(RECENT_MS);

/// How long after the first analysis the replay may take, in milliseconds.
const REPLAY_TAKES_MS: u64 = 15_000;

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
pub(crate) async fn run(bus: Bus, live: Arc<Live>, stop: CancellationToken) -> Result<(), Failure> {
    let mut analyses = bus.subscribe(Source::Analyses(Start::Ago(REPLAY)), PREFETCH);
    let mut feed = Feed {
        live,
        replayed_until_ms: None,
        rejections: RejectionLog::default(),
        refused: 0,
        left_in_stream: 0,
    };
    let mut aside = Aside { bus, publisher: None };
    let mut setting_aside = FuturesUnordered::new();
    let mut summary = tokio::time::interval(SUMMARY_EVERY);
    summary.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            _ = summary.tick() => feed.sum_up(),
            Some(outcome) = setting_aside.next() => feed.set_aside(outcome),
            delivery = analyses.next() => {
                let Some(delivery) = delivery else {
                    return Err(Failure::failed("the bus was closed while analyses were read"));
                };
                let receipt = delivery.receipt;
                // What is to be kept for longer than the fleet keeps it is written here, with
                // the delivery's place in the stream, before it is acknowledged.
                if let Err(rejection) = feed.take(&delivery) {
                    feed.rejections.note(&delivery, &rejection, Instant::now());
                    if setting_aside.len() < MAX_SETTING_ASIDE {
                        setting_aside.push(aside.set(delivery, rejection));
                    } else {
                        feed.left_in_stream += 1;
                    }
                }
                // Over a stream this only asks for more: a message that a crash keeps from being
                // set aside comes again with the next replay.
                analyses.acknowledge_through(receipt).await;
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

struct Feed {
    live: Arc<Live>,
    /// Until when what comes may be from before the start; `None` before the first.
    replayed_until_ms: Option<u64>,
    rejections: RejectionLog,
    /// Analyses of hosts that found no room since the last summary.
    refused: u64,
    /// Messages that were not set aside since the last summary, because too many were waiting.
    left_in_stream: u64,
}

impl Feed {
    fn take(&mut self, delivery: &Delivery) -> Result<(), Rejection> {
        let analysis = Analysis::decode(&delivery.topic, &delivery.body)?;
        let now_ms = now_ms();
        // What is read again was received by another process before: a host that has been silent
        // since must not look alive. Nor older than the replay: its clock may be far off.
        let replayed = now_ms < *self.replayed_until_ms.get_or_insert(now_ms + REPLAY_TAKES_MS);
        let earliest_ms = now_ms.saturating_sub(RECENT_MS);
        let received_ms =
            if replayed { analysis.timestamp_ms.clamp(earliest_ms, now_ms) } else { now_ms };
        if self.live.apply(analysis, received_ms) == Applied::Refused {
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
        Ok(())
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
