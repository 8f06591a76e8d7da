//! Measures in, analyses out, acknowledgements: in order, many in flight at a time.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesOrdered;
use resources_core::bus::{
    Bus, Delivery, Message, PublishError, Publisher, Receipt, Source, Subscription,
};
use resources_core::contract::{Kind, ReceivedMeasure, Rejection, RoutingKey, Topic};
use resources_core::service::{self, Failure, RejectionLog, now_ms};
use resources_core::telemetry::{Span, metrics};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::classify::classify;
use crate::config::Settings;
use crate::thresholds::ThresholdRules;

/// How often what was counted is looked at.
const TICK: Duration = Duration::from_secs(10);

/// Ticks between two lines about the counts.
const TICKS_A_LINE: u64 = 6;

/// How long a stopping analyzer waits for the last confirms. With the time the bus takes to
/// close this stays within `service::GRACE`.
const FINISH_LIMIT: Duration = Duration::from_secs(4);

/// Most measures analysed before their analyses are published, about 0.2 ms of work.
const MAX_BURST: usize = 64;

/// Takes measures until `stop` or the end of the bus.
pub(crate) async fn run(
    settings: Settings,
    bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let publisher = bus.publisher();
    let mut measures = bus.subscribe(Source::Measures, settings.prefetch);
    let window = usize::from(settings.window.get());
    let mut counts = Counts::default();
    let mut rejections = RejectionLog::default();
    let figures = Figures::new();
    // In the order of their receipts, so that one receipt can stand for all before it.
    let mut in_flight = FuturesOrdered::new();

    let mut burst = Vec::with_capacity(MAX_BURST);
    let mut stopped = pin!(stop.cancelled());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut ticked = 0;

    let ended = loop {
        // What is confirmed goes first: it makes room, and its acknowledgements leave together.
        tokio::select! {
            biased;
            () = &mut stopped => break Ok(()),
            Some(settled) = in_flight.next(), if !in_flight.is_empty() => {
                if let Err(error) = settle(settled, &mut measures, &mut counts).await {
                    break Err(error);
                }
            }
            _ = ticks.tick() => {
                rejections.tell_counts(Instant::now());
                ticked += 1;
                if ticked % TICKS_A_LINE == 0 {
                    counts.tell(in_flight.len());
                }
            }
            delivery = measures.next(), if in_flight.len() < window => {
                let Some(delivery) = delivery else { break Ok(()) };
                // All that is here is analysed before any of it is published: messages that
                // leave together cost the link's thread one wake-up and one write.
                let room = (window - in_flight.len()).min(MAX_BURST);
                let mut next = Some(delivery);
                let mut begun = Instant::now();
                while let Some(delivery) = next {
                    let receipt = delivery.receipt;
                    let work = work(delivery, &settings.rules, &mut rejections, &figures);
                    burst.push((work, receipt));
                    begun = figures.worked_since(begun);
                    next = if burst.len() < room { measures.try_next() } else { None };
                }
                for (work, receipt) in burst.drain(..) {
                    // Boxed, as the set moves its futures about and these are large.
                    in_flight.push_back(Box::pin(forward(&publisher, work, receipt)));
                }
                // Inside one process nothing here ever waits; others want the thread, too.
                tokio::task::coop::consume_budget().await;
            }
        }
    };

    let outcome = match ended {
        Ok(()) => {
            // Bounded, as a link that is down may stay so; what is left comes again.
            let rest = async {
                // What is confirmed by now, should the wait for the rest end at its limit.
                measures.flush().await;
                while let Some(settled) = in_flight.next().await {
                    if settle(settled, &mut measures, &mut counts).await.is_err() {
                        break;
                    }
                }
                measures.flush().await;
            };
            service::within(FINISH_LIMIT, "waiting for the last confirms", rest).await;
            Ok(())
        }
        Err(PublishError::Closed) => Ok(()),
        Err(error) => {
            measures.flush().await;
            Err(Failure::failed(format_args!(
                "cannot pass a measure on: {error}; start again to declare what is missing"
            )))
        }
    };
    rejections.finish();
    let Counts { analysed, set_aside } = counts;
    tracing::info!(
        analysed,
        set_aside,
        "ended: {analysed} measures analysed, {set_aside} set aside"
    );
    outcome
}

/// What follows from one delivery.
enum Work {
    Publish(Message),
    /// Boxed: seldom, and larger than all else.
    SetAside(Box<(Delivery, Rejection)>),
}

/// Decides what follows from one delivery.
fn work(
    mut delivery: Delivery,
    rules: &ThresholdRules,
    rejections: &mut RejectionLog,
    figures: &Figures,
) -> Work {
    let span = Span::after(delivery.trace);
    match analyse(&delivery, rules, &span, figures) {
        Ok(message) => {
            span.end_process(&delivery, None);
            Work::Publish(message)
        }
        Err(rejection) => {
            span.end_process(&delivery, Some(rejection.kind().into()));
            delivery.trace = Some(span.trace());
            rejections.note(&mut delivery, &rejection, Instant::now());
            Work::SetAside(Box::new((delivery, rejection)))
        }
    }
}

/// One delivery that is done with, and how.
struct Settled {
    receipt: Receipt,
    was_set_aside: bool,
    outcome: Result<(), PublishError>,
}

/// Waits until the broker has what follows from one delivery.
async fn forward(publisher: &Publisher, work: Work, receipt: Receipt) -> Settled {
    let (was_set_aside, outcome) = match work {
        Work::Publish(message) => (false, publisher.publish_until_confirmed(&message).await),
        Work::SetAside(bad) => (true, publisher.set_aside(&bad.0, &bad.1).await),
    };
    Settled { receipt, was_set_aside, outcome }
}

/// Acknowledges what the broker has taken over.
async fn settle(
    settled: Settled,
    measures: &mut Subscription,
    counts: &mut Counts,
) -> Result<(), PublishError> {
    settled.outcome?;
    measures.acknowledge_through(settled.receipt).await;
    if settled.was_set_aside {
        counts.set_aside += 1;
    } else {
        counts.analysed += 1;
    }
    Ok(())
}

/// Decodes, classifies and encodes one measure.
fn analyse(
    delivery: &Delivery,
    rules: &ThresholdRules,
    span: &Span,
    figures: &Figures,
) -> Result<Message, Rejection> {
    let now_ms = now_ms();
    let received = ReceivedMeasure::decode(&delivery.topic, &delivery.body, now_ms)?;
    let measure = received.measure();
    figures.lag.observe(metrics::seconds_between(measure.timestamp_ms, now_ms));
    let body = received.analysis(&classify(measure, rules))?;
    Ok(Message {
        topic: Topic::from(RoutingKey::new(measure.host.clone(), Kind::Analysis)),
        body: Bytes::from(body),
        timestamp_ms: measure.timestamp_ms,
        trace: span.next(),
    })
}

/// What an analyzer counts beside what the bus counts.
struct Figures {
    work: metrics::Histogram,
    lag: metrics::Histogram,
}

impl Figures {
    fn new() -> Self {
        Self { work: metrics::handler("analyse"), lag: metrics::lag() }
    }

    /// Counts the work on one measure that began at `begun`, and gives when it ended.
    fn worked_since(&self, begun: Instant) -> Instant {
        let now = Instant::now();
        self.work.observe(now.duration_since(begun).as_secs_f64());
        now
    }
}

#[derive(Debug, Default)]
struct Counts {
    analysed: u64,
    set_aside: u64,
}

impl Counts {
    fn tell(&self, in_flight: usize) {
        let Self { analysed, set_aside } = *self;
        tracing::debug!(
            analysed,
            set_aside,
            in_flight,
            "{analysed} measures analysed, {set_aside} set aside since the start"
        );
    }
}
