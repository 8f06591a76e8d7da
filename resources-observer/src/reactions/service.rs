//! Alerts from the stream to the thread that decides, and notifications from it to whom they are
//! for.

use std::num::NonZeroU16;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Source, Start};
use resources_core::service::{Failure, now_ms, within};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::courier::{Courier, Settled};
use super::desk::Desk;
use super::figures::Figures;
use super::outbox::{Formed, MAX_PARALLEL};
use super::sender::FAILED;
use super::{Mode, Reactions};
use crate::database::Location;
use crate::keeping::{GivenUp, Keeping};

/// Alerts under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

/// Most messages handed over at a time, so that one transaction serves many.
const MAX_CHUNK_MESSAGES: usize = 256;

/// Chunks that wait for the thread. When they are full the stream is not read, and the broker
/// keeps what comes.
const MAX_CHUNKS: usize = 4;

/// Most events taken before what follows from them is stored.
const MAX_EVENTS: usize = 16;

/// Longest sleep: the clock of the machine may be set meanwhile, and the thread has to show that it
/// is alive.
const LONGEST_SLEEP: Duration = Duration::from_secs(5);

/// How long the last acknowledgements may take when the service stops.
const LAST_LIMIT: Duration = Duration::from_secs(3);

/// What the thread is told.
pub(super) enum Event {
    Deliveries(Vec<Delivery>),
    Settled(Settled),
}

/// Reacts until `stop`.
pub(super) async fn run(
    reactions: Reactions,
    mode: Mode,
    state: &Location,
    bus: Bus,
    stop: CancellationToken,
) -> Result<(), Failure> {
    LazyLock::force(&FAILED);
    let config = reactions.0;
    let location = beside(state);
    let desk = Desk::open(Arc::clone(&config), &location, now_ms()).map_err(Failure::settings)?;
    let start = desk.start();
    let names: Vec<&str> = config.reactions.iter().map(|reaction| &*reaction.name).collect();
    tracing::info!(
        reactions = names.join(", "),
        routes = config.routes.len(),
        state = %location,
        "reacting to alerts with {} reactions, state in {location}",
        names.len(),
    );
    let (events, told) = mpsc::channel(MAX_CHUNKS);
    let mut couriers = JoinSet::new();
    let mut hands = Vec::new();
    for (place, reaction) in config.reactions.iter().enumerate() {
        // Room for all that may be under way, also from before the file was changed, so that
        // handing over never waits.
        let (hand, to_tell) = mpsc::channel(MAX_PARALLEL);
        hands.push(hand);
        let courier = Courier {
            config: Arc::clone(&config),
            place,
            mode,
            publisher: bus.publisher_apart(),
            settled: events.clone(),
            figures: Figures::of(&reaction.name),
            stop: stop.clone(),
        };
        couriers.spawn(courier.run(to_tell));
    }
    let keeping = Keeping::new("reactions", stop.clone());
    let keeper = Keeper { desk, hands, stop: stop.clone(), keeping };
    let mut decided = spawn(keeper, told)?;
    let (fed, ended) = tokio::select! {
        fed = feed(bus, start, events, stop.clone()) => (fed, None),
        ended = &mut decided => (Ok(()), Some(ended)),
        failure = lost(&mut couriers, &stop) => (Err(failure), None),
    };
    stop.cancel();
    // The couriers finish what they are at, a while at most, and let go of the channel; then the
    // thread stores what it holds and ends.
    while couriers.join_next().await.is_some() {}
    let ended = match ended {
        Some(ended) => ended,
        None => decided.await,
    };
    if ended.is_err() {
        return Err(Failure::failed("the thread that reacts to alerts ended by itself"));
    }
    fed
}

/// Resolves when a courier ends though nobody stops it: what its reaction is to tell would wait for
/// ever. A new process tells it.
async fn lost(couriers: &mut JoinSet<()>, stop: &CancellationToken) -> Failure {
    let ended = couriers.join_next().await;
    match ended.filter(|_| !stop.is_cancelled()) {
        Some(Err(error)) => {
            Failure::failed(format_args!("what tells a reaction ended by itself: {error}"))
        }
        Some(Ok(())) => Failure::failed("what tells a reaction ended by itself"),
        // There is no reaction, or they all stop.
        None => std::future::pending().await,
    }
}

/// The file beside the engine's.
fn beside(state: &Location) -> Location {
    match state {
        Location::Memory => Location::Memory,
        Location::File(path) => {
            let mut name = path.as_os_str().to_owned();
            name.push(".reactions");
            Location::File(name.into())
        }
    }
}

/// Reads the stream from `start` on, and hands over what it reads until `stop`.
async fn feed(
    bus: Bus,
    start: Start,
    events: mpsc::Sender<Event>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let mut alerts = bus.subscribe(Source::Alerts(start), PREFETCH);
    loop {
        let first = tokio::select! {
            () = stop.cancelled() => break,
            first = alerts.next() => first,
        };
        let Some(first) = first else {
            return Err(Failure::failed("the bus was closed while alerts were read"));
        };
        let mut receipt = first.receipt;
        let mut chunk = vec![first];
        while chunk.len() < MAX_CHUNK_MESSAGES
            && let Some(delivery) = alerts.try_next()
        {
            receipt = delivery.receipt;
            chunk.push(delivery);
        }
        tokio::select! {
            // What was not handed over is read again at the next start.
            () = stop.cancelled() => break,
            sent = events.send(Event::Deliveries(chunk)) => if sent.is_err() { break },
        }
        // Only asks for more: the place in the stream is kept with the state.
        alerts.acknowledge_through(receipt).await;
    }
    within(LAST_LIMIT, "acknowledging", alerts.flush()).await;
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
        .name("reactions".to_owned())
        .spawn(move || {
            runtime.block_on(keeper.run(events));
            // Nobody may wait any more.
            done.send(()).ok();
        })
        .map_err(Failure::failed)?;
    Ok(ended)
}

/// The thread: decides, stores, then hands over.
struct Keeper {
    desk: Desk,
    /// One for each reaction.
    hands: Vec<mpsc::Sender<Formed>>,
    stop: CancellationToken,
    keeping: Keeping,
}

impl Keeper {
    async fn run(mut self, events: mpsc::Receiver<Event>) {
        // Whoever gives up has said so.
        self.decide(events).await.ok();
        self.desk.sum_up();
    }

    async fn decide(&mut self, mut events: mpsc::Receiver<Event>) -> Result<(), GivenUp> {
        // What was under way when the last run ended goes first.
        self.hand_over();
        loop {
            // Nothing is done any more because it is time to when the service stops.
            let due_ms = self.desk.due_ms().filter(|_| !self.stop.is_cancelled());
            let wait_ms = due_ms.map(|due_ms| due_ms.saturating_sub(now_ms()));
            let wait = wait_ms.map_or(LONGEST_SLEEP, Duration::from_millis).min(LONGEST_SLEEP);
            tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.take(event),
                    None => break,
                },
                () = sleep(wait) => {}
            }
            self.keeping.alive();
            for _ in 0..MAX_EVENTS {
                let Ok(event) = events.try_recv() else { break };
                self.take(event);
            }
            if !self.stop.is_cancelled() {
                self.desk.tick(now_ms());
            }
            self.commit().await?;
            self.hand_over();
            self.desk.sum_up();
        }
        self.commit().await
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Deliveries(chunk) => {
                let now_ms = now_ms();
                chunk.iter().for_each(|delivery| self.desk.take(delivery, now_ms));
            }
            Event::Settled(Settled { reaction, id }) => self.desk.settled(reaction, &id),
        }
    }

    fn hand_over(&mut self) {
        for (reaction, formed) in self.desk.take_formed() {
            // There is room for all that may be under way; when the courier is gone, the
            // service stops, and what it was to tell is told at the next start.
            self.hands[reaction].try_send(formed).ok();
        }
    }

    /// Stores; nothing is told until it is.
    async fn commit(&mut self) -> Result<(), GivenUp> {
        self.keeping.persevere(|| self.desk.commit()).await
    }
}

#[cfg(test)]
mod tests {
    use resources_core::test_support::in_time;

    use super::*;

    #[tokio::test]
    async fn a_courier_that_is_lost_is_a_failure() {
        let mut couriers = JoinSet::new();
        let (runs, stops) = (CancellationToken::new(), CancellationToken::new());
        stops.cancel();
        let none = async |couriers: &mut JoinSet<()>, stop| {
            let all_had_their_turn = async {
                for _ in 0..16 {
                    tokio::task::yield_now().await;
                }
            };
            tokio::select! {
                _ = lost(couriers, stop) => panic!("there is none to be lost"),
                () = all_had_their_turn => {}
            }
        };
        none(&mut couriers, &runs).await;
        couriers.spawn(std::future::ready(()));
        none(&mut couriers, &stops).await;
        couriers.spawn(std::future::pending());
        couriers.spawn(async { panic!("as a library may") });
        let failure = in_time("it is noticed", lost(&mut couriers, &runs)).await;
        assert!(failure.to_string().contains("ended by itself"), "{failure}");
        couriers.shutdown().await;
    }
}
