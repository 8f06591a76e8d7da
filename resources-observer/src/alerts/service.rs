//! Analyses from the stream to the thread that judges them, and alerts from it to the broker.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::time::Duration;

use futures_util::stream::{self, TryStreamExt as _};
use resources_core::bus::{
    Backoff, Bus, Delivery, Message, PublishError, Publisher, Source, Start,
};
use resources_core::contract::{HostName, Kind, RoutingKey, Topic};
use resources_core::service::{Failure, now_ms, within};
use resources_core::telemetry::{begin_trace, next_of};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::checkpoint::Pending;
use super::rules::Rules;
use super::worker::Worker;
use crate::database::Location;

/// Analyses under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

/// Most messages handed over at a time, so that one wake-up of the thread serves many.
const MAX_CHUNK_MESSAGES: usize = 256;

/// Chunks that wait for the thread. When they are full the stream is not read, and the broker
/// keeps what comes.
const MAX_CHUNKS: usize = 4;

/// Most alerts handed to the publisher at a time; the others wait on disk.
const PAGE_ALERTS: usize = 256;

/// Hosts whose alerts are published at the same time.
const LANES: usize = 64;

/// How often the time is told to the engine.
const TICK: Duration = Duration::from_secs(1);

/// What brings no alert is stored this late at least: an alert waits for whatever is stored before
/// it, so that should be little…
const SHORTEST_BATCH: Duration = Duration::from_millis(100);

/// … and this late at most, also when nothing comes, so that the next start knows how long
/// nobody listened.
const LONGEST_BATCH: Duration = Duration::from_secs(5);

/// A batch stays open for this many times as long as the last one took to be written.
const OPEN_BY_WRITTEN: u32 = 10;

/// How often what was left out is summed up in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// How long the last confirms may take when the service stops.
const LAST_LIMIT: Duration = Duration::from_secs(3);

/// What the thread is told.
enum Event {
    Deliveries(Vec<Delivery>),
    Link(bool),
}

/// Judges and publishes until `stop`.
pub(super) async fn run(
    rules: Rules,
    state: Location,
    bus: Bus,
    publisher: Publisher,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let worker = Worker::open(rules, &state).map_err(Failure::settings)?;
    let start = worker.start();
    tracing::info!(hosts = worker.host_count(), state = %state, "judging hosts, state in {state}");
    let (events, told) = mpsc::channel(MAX_CHUNKS);
    let (pages, to_publish) = mpsc::channel(1);
    let (confirmed, confirms) = mpsc::channel(1);
    let keeper = Keeper {
        worker,
        pages,
        confirms,
        stop: stop.clone(),
        in_hand: false,
        pending: true,
        troubled: false,
    };
    let mut judged = spawn(keeper, told)?;
    let publishing = tokio::spawn(publish(publisher, to_publish, confirmed));
    let (fed, ended_early) = tokio::select! {
        fed = feed(bus, start, events, stop) => (fed, false),
        _ = &mut judged => (Ok(()), true),
    };
    // The feed has let go of the channel: the thread stores what it holds and ends, and with it
    // the publisher.
    if ended_early || judged.await.is_err() {
        return Err(Failure::failed("the thread that judges analyses ended by itself"));
    }
    if !publishing.is_finished() {
        publishing.abort();
    }
    fed
}

/// Reads the stream from `start` on, and hands over what it reads until `stop`.
async fn feed(
    bus: Bus,
    start: Start,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut analyses = bus.subscribe(Source::Analyses(start), PREFETCH);
    let mut link = bus.link();
    link.mark_changed();
    loop {
        let (event, receipt) = tokio::select! {
            () = stop.cancelled() => break,
            Ok(()) = link.changed() => {
                (Event::Link(link.borrow_and_update().state.is_up()), None)
            }
            first = analyses.next() => {
                let Some(first) = first else {
                    return Err(Failure::failed("the bus was closed while analyses were read"));
                };
                let mut receipt = first.receipt;
                let mut chunk = vec![first];
                while chunk.len() < MAX_CHUNK_MESSAGES
                    && let Some(delivery) = analyses.try_next()
                {
                    receipt = delivery.receipt;
                    chunk.push(delivery);
                }
                (Event::Deliveries(chunk), Some(receipt))
            }
        };
        tokio::select! {
            // What was not handed over is read again at the next start.
            () = stop.cancelled() => break,
            sent = events.send(event) => if sent.is_err() { break },
        }
        if let Some(receipt) = receipt {
            // Only asks for more: the place in the stream is kept with the state.
            analyses.acknowledge_through(receipt).await;
        }
    }
    within(LAST_LIMIT, "acknowledging", analyses.flush()).await;
    Ok(())
}

/// Runs `keeper` on a thread of its own; what comes back resolves when it ends.
fn spawn(keeper: Keeper, events: mpsc::Receiver<Event>) -> Result<oneshot::Receiver<()>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(Failure::failed)?;
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("alerts".to_owned())
        .spawn(move || {
            runtime.block_on(keeper.run(events));
            // Nobody may wait any more.
            done.send(()).ok();
        })
        .map_err(Failure::failed)?;
    Ok(ended)
}

/// The service stops while the state cannot be written.
struct GivenUp;

/// The thread: judges, stores, then lets alerts go.
struct Keeper {
    worker: Worker,
    pages: mpsc::Sender<Vec<Pending>>,
    confirms: mpsc::Receiver<i64>,
    stop: CancellationToken,
    /// Whether the publisher has a page.
    in_hand: bool,
    /// Whether there may be alerts to publish.
    pending: bool,
    /// Whether the state cannot be written at the moment.
    troubled: bool,
}

impl Keeper {
    async fn run(mut self, events: mpsc::Receiver<Event>) {
        if self.judge(events).await.is_err() {
            tracing::warn!(
                "stopping while the state cannot be written; what is missing is read from the \
                 stream at the next start"
            );
        }
        self.worker.sum_up();
    }

    async fn judge(&mut self, mut events: mpsc::Receiver<Event>) -> Result<(), GivenUp> {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut summary = interval(SUMMARY_EVERY);
        let (mut stored, mut open) = (Instant::now(), SHORTEST_BATCH);
        loop {
            tokio::select! {
                event = events.recv() => match event {
                    None => break,
                    Some(Event::Link(is_up)) => self.worker.link(is_up, now_ms()),
                    Some(Event::Deliveries(chunk)) => {
                        let now_ms = now_ms();
                        chunk.iter().for_each(|delivery| self.worker.take(delivery, now_ms));
                    }
                },
                Some(number) = self.confirms.recv() => self.confirmed(number).await?,
                _ = ticks.tick() => self.worker.tick(now_ms()),
                _ = summary.tick() => self.worker.sum_up(),
            }
            let due = if self.worker.has_news() { open } else { LONGEST_BATCH };
            if self.worker.has_alerts() || stored.elapsed() >= due {
                let begun = Instant::now();
                self.commit().await?;
                stored = Instant::now();
                open = (begun.elapsed() * OPEN_BY_WRITTEN).clamp(SHORTEST_BATCH, LONGEST_BATCH);
            }
            self.let_go().await?;
        }
        self.commit().await?;
        if self.in_hand
            && let Ok(Some(number)) = timeout(LAST_LIMIT, self.confirms.recv()).await
        {
            self.confirmed(number).await?;
        }
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), GivenUp> {
        self.pending |= self.worker.has_alerts();
        self.persevere(Worker::commit).await
    }

    async fn confirmed(&mut self, number: i64) -> Result<(), GivenUp> {
        self.persevere(|worker| worker.confirmed(number)).await?;
        self.in_hand = false;
        Ok(())
    }

    /// Gives the publisher the next page when it has none.
    async fn let_go(&mut self) -> Result<(), GivenUp> {
        if self.in_hand || !self.pending {
            return Ok(());
        }
        let page = self.persevere(|worker| worker.pending(PAGE_ALERTS)).await?;
        self.pending = !page.is_empty();
        // There is room, as it has none; when it is gone, so is the service in a moment.
        self.in_hand = self.pending && self.pages.try_send(page).is_ok();
        Ok(())
    }

    /// Does `work` again and again until the database lets it be done. Nothing more is judged
    /// until then, so the stream keeps it.
    async fn persevere<T>(
        &mut self,
        mut work: impl FnMut(&mut Worker) -> rusqlite::Result<T>,
    ) -> Result<T, GivenUp> {
        let mut backoff = Backoff::default();
        loop {
            match work(&mut self.worker) {
                Ok(done) => {
                    if std::mem::take(&mut self.troubled) {
                        tracing::info!("the state is written again");
                    }
                    return Ok(done);
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.troubled, true) {
                        tracing::warn!(%error, "the state cannot be written: {error}; alerts wait");
                    }
                }
            }
            if self.stop.is_cancelled() {
                return Err(GivenUp);
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                () = sleep(backoff.next_wait()) => {}
            }
        }
    }
}

/// Publishes page after page, and says when each is confirmed whole.
async fn publish(
    publisher: Publisher,
    mut pages: mpsc::Receiver<Vec<Pending>>,
    confirmed: mpsc::Sender<i64>,
) {
    while let Some(page) = pages.recv().await {
        let Some(last) = page.last().map(|pending| pending.number) else { continue };
        if publish_page(&publisher, page).await.is_err() || confirmed.send(last).await.is_err() {
            return;
        }
    }
}

/// Publishes the alerts of each host one after another, and those of several hosts at a time.
async fn publish_page(publisher: &Publisher, page: Vec<Pending>) -> Result<(), PublishError> {
    let mut lanes: BTreeMap<Box<str>, Vec<Pending>> = BTreeMap::new();
    for pending in page {
        lanes.entry(pending.host.clone()).or_default().push(pending);
    }
    stream::iter(lanes.into_values().map(Ok))
        .try_for_each_concurrent(LANES, |lane| async move {
            for pending in lane {
                publish_one(publisher, pending).await?;
            }
            Ok(())
        })
        .await
}

async fn publish_one(publisher: &Publisher, pending: Pending) -> Result<(), PublishError> {
    let Ok(host) = HostName::new(&pending.host) else { return Ok(()) };
    let message = Message {
        topic: Topic::from(RoutingKey::new(host, Kind::Alert)),
        body: pending.body.into(),
        timestamp_ms: pending.timestamp_ms,
        trace: pending.trace.map_or_else(begin_trace, next_of),
    };
    match publisher.publish_until_confirmed(&message).await {
        Err(PublishError::Unroutable(topic)) => {
            tracing::warn!(
                %topic,
                trace_id = %message.trace.trace_id_text(),
                "nobody takes alerts: the stream of them was deleted, or this user may not \
                 declare it"
            );
            Ok(())
        }
        published => published,
    }
}
