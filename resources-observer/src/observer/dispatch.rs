//! Events from the queue to the handlers they are for, and their acknowledgements back.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{
    Backoff, Delivery, ListenerName, PublishError, Publisher, Receipt, Subscription,
};
use resources_core::contract::{MAX_BODY_BYTES, Rejection};
use resources_core::service::{RejectionLog, within};
use resources_core::telemetry::metrics::{Counter, counter};
use tokio::time::{Instant, interval, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::ObserverError;
use super::counts::Counts;
use super::event::Event;
use super::handler::{Registered, Verdict, panicked};

/// How often what was set aside is summed up in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(10);

static DROPPED: LazyLock<Counter> = LazyLock::new(|| {
    counter(
        "resources_observer_dropped_events_total",
        "Events that a handler without a name did not end with, and nobody keeps",
    )
});

/// Which event, of those that were taken.
type Ticket = u64;

/// The state between queue and handlers. Everything waiting in it was sent ahead by the broker,
/// which bounds it.
pub(super) struct Dispatcher {
    lanes: Vec<Lane>,
    taken: HashMap<Ticket, Taken>,
    next_ticket: Ticket,
    /// Most events taken at a time.
    room: usize,
    work: FuturesUnordered<BoxFuture<'static, Finished>>,
    /// A receipt of the link the last event came over, and what ends pauses of handlers because
    /// their events come again.
    session: Option<(Receipt, CancellationToken)>,
    publisher: Publisher,
    counts: Arc<Counts>,
    name: Option<ListenerName>,
    rejections: RejectionLog,
}

/// A handler, with the events that wait for it in their order.
struct Lane {
    handler: Registered,
    waiting: VecDeque<(Ticket, Event)>,
    at_work: u16,
}

/// An event that is not acknowledged.
struct Taken {
    delivery: Delivery,
    /// Handlers that have not ended with it.
    open: usize,
    /// The first cause for which it is to be set aside.
    cause: Option<String>,
    /// Whether a handler has let go of it, so that it must come again.
    dropped: bool,
}

enum Finished {
    Handler {
        lane: usize,
        ticket: Ticket,
        verdict: Verdict,
    },
    /// `outcome` is `None` when it is no longer to be set aside, because it comes again.
    SetAside {
        ticket: Ticket,
        outcome: Option<Result<(), PublishError>>,
    },
}

impl Dispatcher {
    pub(super) fn new(
        handlers: Vec<Registered>,
        publisher: Publisher,
        counts: Arc<Counts>,
        name: Option<ListenerName>,
        room: usize,
    ) -> Self {
        LazyLock::force(&DROPPED);
        let rejections =
            if name.is_some() { RejectionLog::default() } else { RejectionLog::of_dropped() };
        let lane = |handler| Lane { handler, waiting: VecDeque::new(), at_work: 0 };
        Self {
            lanes: handlers.into_iter().map(lane).collect(),
            taken: HashMap::new(),
            next_ticket: 0,
            room,
            work: FuturesUnordered::new(),
            session: None,
            publisher,
            counts,
            name,
            rejections,
        }
    }

    /// Takes events until `stop`, then ends what was begun within `grace`.
    pub(super) async fn run(
        mut self,
        mut subscription: Subscription,
        stop: &CancellationToken,
        grace: Duration,
    ) -> Result<(), ObserverError> {
        let mut summary = interval(SUMMARY_EVERY);
        loop {
            tokio::select! {
                // Whoever asks for the end wants no more to be begun.
                biased;
                () = stop.cancelled() => break,
                Some(finished) = self.work.next() => {
                    self.finish(finished, &mut subscription).await;
                }
                delivery = subscription.next(), if self.taken.len() < self.room => {
                    let delivery = delivery.ok_or(ObserverError::Closed)?;
                    self.take(delivery, &mut subscription, stop).await;
                }
                _ = summary.tick() => self.rejections.tell_counts(Instant::now()),
            }
        }
        if self.name.is_some() {
            self.drop_waiting();
        }
        within(grace, "ending the handlers", async {
            while let Some(finished) = self.work.next().await {
                self.finish(finished, &mut subscription).await;
            }
        })
        .await;
        self.rejections.finish();
        Ok(())
    }

    async fn take(
        &mut self,
        delivery: Delivery,
        subscription: &mut Subscription,
        stop: &CancellationToken,
    ) {
        self.counts.received.add_one();
        if delivery.redelivered {
            self.counts.redelivered.add_one();
        }
        self.enter_session(delivery.receipt, stop);
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        let (open, cause) = match self.offer(ticket, &delivery) {
            Ok(handlers) => (handlers, None),
            Err(cause) => (0, Some(cause)),
        };
        self.taken.insert(ticket, Taken { delivery, open, cause, dropped: false });
        if open == 0 {
            self.settle(ticket, subscription).await;
        }
        (0..self.lanes.len()).for_each(|lane| self.begin(lane));
    }

    /// Notices that the link broke since the last event: what the broker sends again need not be
    /// begun, nor tried again, a second time.
    fn enter_session(&mut self, receipt: Receipt, stop: &CancellationToken) {
        if let Some((last, dropped)) = &mut self.session {
            if last.is_of_session_of(&receipt) {
                return;
            }
            // Without a name the queue went with the link, and nothing comes again.
            if self.name.is_none() {
                *last = receipt;
                return;
            }
            dropped.cancel();
            self.drop_waiting();
        }
        self.session = Some((receipt, stop.child_token()));
    }

    /// Has the event wait for each handler it is for; tells how many there are, or why it is for
    /// nobody.
    fn offer(&mut self, ticket: Ticket, delivery: &Delivery) -> Result<usize, String> {
        let bytes = delivery.body.len();
        if bytes > MAX_BODY_BYTES {
            return Err(Rejection::TooLarge { bytes }.to_string());
        }
        let body = serde_json::from_slice(&delivery.body)
            .map_err(|error| format!("the body is not JSON: {error}"))?;
        let event = Event::new(delivery, body, self.publisher.clone());
        let (mut open, mut known) = (0, false);
        for Lane { handler, waiting, .. } in &mut self.lanes {
            if handler.pattern.matches(event.key()) {
                known = true;
                if handler.filter.matches(event.key(), event.body()) {
                    waiting.push_back((ticket, event.clone()));
                    open += 1;
                }
            }
        }
        match (known, &self.name) {
            (false, Some(name)) => Err(format!("no handler of `{name}` is for this key any more")),
            _ => Ok(open),
        }
    }

    /// Gives a handler as many of its events as it works on at the same time.
    fn begin(&mut self, number: usize) {
        let Some((_, dropped)) = &self.session else { return };
        let Some(lane) = self.lanes.get_mut(number) else { return };
        while lane.at_work < lane.handler.concurrency
            && let Some((ticket, event)) = lane.waiting.pop_front()
        {
            lane.at_work += 1;
            let work =
                lane.handler.way.clone().go(event, dropped.clone(), Arc::clone(&self.counts));
            // A task of its own, so that one that does not yield holds up no other.
            let task = AbortOnDropHandle::new(tokio::spawn(work));
            let counts = Arc::clone(&self.counts);
            self.work.push(Box::pin(async move {
                let verdict = task.await.unwrap_or_else(|error| match error.try_into_panic() {
                    Ok(panic) => {
                        counts.panics.add_one();
                        counts.failed_attempts.add_one();
                        Verdict::Rejected(panicked(&*panic))
                    }
                    Err(_) => Verdict::Dropped,
                });
                Finished::Handler { lane: number, ticket, verdict }
            }));
        }
    }

    async fn finish(&mut self, finished: Finished, subscription: &mut Subscription) {
        match finished {
            Finished::Handler { lane, ticket, verdict } => {
                self.lanes[lane].at_work -= 1;
                self.begin(lane);
                self.end(ticket, verdict);
                self.settle(ticket, subscription).await;
            }
            Finished::SetAside { ticket, outcome } => {
                let Some(taken) = self.taken.remove(&ticket) else { return };
                match outcome {
                    Some(Ok(())) => {
                        self.counts.rejected.add_one();
                        subscription.acknowledge_one(taken.delivery.receipt).await;
                    }
                    Some(Err(error)) => tracing::warn!(
                        topic = ?taken.delivery.topic,
                        %error,
                        "an event cannot be set aside: {error}; it comes again with the next link"
                    ),
                    None => {}
                }
            }
        }
    }

    /// Notes that one handler ended with an event.
    fn end(&mut self, ticket: Ticket, verdict: Verdict) {
        let Some(taken) = self.taken.get_mut(&ticket) else { return };
        taken.open -= 1;
        match verdict {
            Verdict::Done => {}
            Verdict::Rejected(cause) => {
                taken.cause.get_or_insert(cause);
            }
            Verdict::Dropped => taken.dropped = true,
        }
    }

    /// Acknowledges an event that every handler has ended with, or sets it aside before; without a
    /// name it is only said that it failed.
    async fn settle(&mut self, ticket: Ticket, subscription: &mut Subscription) {
        let Some(taken) = self.taken.get_mut(&ticket).filter(|taken| taken.open == 0) else {
            return;
        };
        if taken.dropped {
            self.taken.remove(&ticket);
            return;
        }
        let Some((_, dropped)) = &self.session else { return };
        let Some(cause) = taken.cause.take() else {
            subscription.acknowledge_one(taken.delivery.receipt).await;
            self.taken.remove(&ticket);
            return;
        };
        let reason = Rejection::Unhandled(cause);
        self.rejections.note(&mut taken.delivery, &reason, Instant::now());
        // Every listener without a name has a copy of the event; it is nobody's to keep.
        if self.name.is_none() {
            self.counts.rejected.add_one();
            DROPPED.inc();
            subscription.acknowledge_one(taken.delivery.receipt).await;
            self.taken.remove(&ticket);
            return;
        }
        let (publisher, delivery) = (self.publisher.clone(), taken.delivery.clone());
        let dropped = dropped.clone();
        self.work.push(Box::pin(async move {
            let set_aside = set_aside(&publisher, &delivery, &reason);
            Finished::SetAside { ticket, outcome: dropped.run_until_cancelled(set_aside).await }
        }));
    }

    /// Lets go of everything that no handler has begun.
    fn drop_waiting(&mut self) {
        let waiting: Vec<Ticket> = self
            .lanes
            .iter_mut()
            .flat_map(|lane| lane.waiting.drain(..).map(|(ticket, _)| ticket))
            .collect();
        for ticket in waiting {
            self.end(ticket, Verdict::Dropped);
            if self.taken.get(&ticket).is_some_and(|taken| taken.open == 0) {
                self.taken.remove(&ticket);
            }
        }
    }
}

/// Sets `delivery` aside, and tries again while the rejected queue is not there, which the next link
/// of any program of this exchange makes anew, or the broker refuses to put it there.
async fn set_aside(
    publisher: &Publisher,
    delivery: &Delivery,
    reason: &Rejection,
) -> Result<(), PublishError> {
    let mut backoff = Backoff::default();
    let mut is_first = true;
    loop {
        let trouble = match publisher.set_aside(delivery, reason).await {
            Err(PublishError::Unroutable(_)) => "the rejected queue is gone".to_owned(),
            Err(PublishError::Refused(words)) => format!("the broker refuses it ({words})"),
            settled => return settled,
        };
        if std::mem::take(&mut is_first) {
            tracing::error!(
                topic = ?delivery.topic,
                trace_id = delivery.trace.map(|trace| tracing::field::display(trace.trace_id_text())),
                "an event cannot be set aside: {trouble}; trying until it can be"
            );
        }
        sleep(backoff.next_wait()).await;
    }
}
