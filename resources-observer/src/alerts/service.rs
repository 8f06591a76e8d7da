//! Analyses from the stream to the thread that judges them, and alerts from it to the broker.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Source, Start};
use resources_core::service::{Failure, now_ms, within};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use super::checkpoint::Pending;
use super::outlet;
use super::raised;
use super::rules::Rules;
use super::worker::Worker;
use crate::database::Location;
use crate::keeping::{GivenUp, Keeping};

/// Analyses under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

/// Most messages handed over at a time, so that one wake-up of the thread serves many.
const MAX_CHUNK_MESSAGES: usize = 256;

/// Chunks that wait for the thread. When they are full the stream is not read, and the broker
/// keeps what comes.
const MAX_CHUNKS: usize = 4;

/// Most alerts handed over and not confirmed; the others wait on disk.
const MAX_IN_HAND: usize = 256;

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
    alerts_bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut worker = Worker::open(rules, &state).map_err(Failure::settings)?;
    if worker.is_new() {
        // Stored with the first batch; whoever ends before then reads it again.
        let Some(raised) = raised::read(&alerts_bus, &stop).await? else { return Ok(()) };
        worker.adopt(&raised, now_ms());
    }
    let start = worker.start(now_ms());
    tracing::info!(hosts = worker.host_count(), state = %state, "judging hosts, state in {state}");
    let (events, told) = mpsc::channel(MAX_CHUNKS);
    // Room for all that may be in hand, so that neither side ever waits for the other.
    let (outgoing, to_publish) = mpsc::channel(MAX_IN_HAND);
    let (confirmed, confirms) = mpsc::channel(MAX_IN_HAND);
    let keeper = Keeper {
        worker,
        outgoing,
        confirms,
        keeping: Keeping::new("alerts", stop.clone()),
        in_hand: 0,
        last_number: 0,
        pending: true,
    };
    let mut judged = spawn(keeper, told)?;
    let mut publishing =
        tokio::spawn(outlet::publish(alerts_bus.publisher(), to_publish, confirmed));
    let (fed, ended) = tokio::select! {
        fed = feed(bus, start, events, stop.clone()) => (fed, None),
        ended = &mut judged => (Ok(()), Some(ended)),
        failure = lost(&mut publishing) => (Err(failure), None),
    };
    // Whoever stops is not held up by a state that cannot be written.
    stop.cancel();
    // The feed has let go of the channel: the thread stores what it holds and ends, and with it
    // the publisher.
    let ended = match ended {
        Some(ended) => ended,
        None => judged.await,
    };
    publishing.abort();
    if ended.is_err() {
        return Err(Failure::failed("the thread that judges analyses ended by itself"));
    }
    fed
}

/// Resolves when alerts have no way out any more: those that are stored would wait for ever. A new
/// process publishes them.
async fn lost(publishing: &mut JoinHandle<()>) -> Failure {
    match publishing.await {
        Err(error) => {
            Failure::failed(format_args!("what publishes alerts ended by itself: {error}"))
        }
        // The bus was closed or the thread ended, which others notice.
        Ok(()) => std::future::pending().await,
    }
}

/// Reads the stream from `start` on, and hands over what it reads until `stop`.
async fn feed(
    bus: Bus,
    start: Start,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut analyses = bus.subscribe(Source::Analyses(start), PREFETCH);
    // Not that of the whole bus: what others do over it says nothing about whether hosts can be
    // heard.
    let mut link = analyses.link();
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

/// The thread: judges, stores, then lets alerts go.
struct Keeper {
    worker: Worker,
    outgoing: mpsc::Sender<Pending>,
    confirms: mpsc::Receiver<i64>,
    keeping: Keeping,
    /// Alerts handed over and not confirmed.
    in_hand: usize,
    /// The alert that was handed over last.
    last_number: i64,
    /// Whether there may be alerts behind it.
    pending: bool,
}

impl Keeper {
    async fn run(mut self, events: mpsc::Receiver<Event>) {
        // Whoever gives up has said so.
        self.judge(events).await.ok();
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
                Some(number) = self.confirms.recv() => self.confirmed(number),
                _ = ticks.tick() => self.worker.tick(now_ms()),
                _ = summary.tick() => self.worker.sum_up(),
            }
            self.keeping.alive();
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
        self.let_go().await?;
        let last = async {
            while self.in_hand > 0
                && let Some(number) = self.confirms.recv().await
            {
                self.confirmed(number);
            }
        };
        // Those whose confirm does not come are published again at the next start.
        timeout(LAST_LIMIT, last).await.ok();
        self.commit().await
    }

    async fn commit(&mut self) -> Result<(), GivenUp> {
        self.pending |= self.worker.has_alerts();
        self.keeping.persevere(|| self.worker.commit()).await
    }

    /// It is forgotten with the next that is stored: whoever is killed before then publishes it
    /// once more, which readers know to drop.
    fn confirmed(&mut self, number: i64) {
        self.worker.confirmed(number);
        self.in_hand -= 1;
    }

    /// Hands over alerts that are stored, as many as there is room for.
    async fn let_go(&mut self) -> Result<(), GivenUp> {
        let room = MAX_IN_HAND - self.in_hand;
        if !self.pending || room == 0 {
            return Ok(());
        }
        let last_number = self.last_number;
        let page = self.keeping.persevere(|| self.worker.pending(last_number, room)).await?;
        self.pending = page.len() == room;
        for alert in page {
            self.last_number = alert.number;
            // There is room; when the other side is gone, so is the service in a moment.
            self.in_hand += usize::from(self.outgoing.try_send(alert).is_ok());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use resources_core::test_support::in_time;

    use super::*;

    #[tokio::test]
    async fn alerts_that_have_no_way_out_any_more_are_a_failure() {
        let mut publishing = tokio::spawn(async { panic!("as a library may") });
        let failure = in_time("it is noticed", lost(&mut publishing)).await;
        assert!(failure.to_string().contains("ended by itself"), "{failure}");
    }
}
