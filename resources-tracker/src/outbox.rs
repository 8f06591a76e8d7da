//! What is sampled and not yet confirmed by the broker.
//!
//! Samples wait in a bounded ring, and with a spool also on disk; a window of them is published
//! at a time, and only while the link is up. After an outage what is sampled now goes before the
//! backlog, which follows at a pace of its own. The sampler never waits: it only puts samples in.

mod held;
mod pace;
mod ring;
mod shown;

use std::num::NonZeroU32;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use resources_core::bus::{Backoff, Bus, Link, LinkState, Message, PublishError, Publisher};
use tokio::sync::watch;
use tokio::time::Instant;

use self::held::Held;
use self::pace::Pace;
use self::shown::Shown;
use crate::spool::{Spool, SpoolError, SpoolSettings};

/// What holding a sample takes beside its body, about, in bytes.
pub(crate) const HEAD_BYTES: u64 = 250;

/// How long a stopping tracker tries to publish what it holds while the link is up. With the
/// time the bus takes to close this stays within `service::GRACE`.
const FINISH_LIMIT: Duration = Duration::from_secs(6);

/// The same while the link is down: it may be about to come back, but mostly is not.
const FINISH_LIMIT_WITHOUT_LINK: Duration = Duration::from_secs(2);

/// How much an outbox holds and how fast it lets go of it.
#[derive(Debug, Clone)]
pub struct OutboxSettings {
    /// Most samples held in memory, at least 1; then the oldest are dropped, or, with a spool,
    /// only on disk.
    pub capacity: usize,
    /// Samples of the backlog published a second, at most. Live samples, which are those put in
    /// since the link came up (or the broker took samples again) and the newest one at that
    /// moment, go first and are not counted.
    pub replay_rate: NonZeroU32,
    /// Most samples published and not yet confirmed, at least 2; half of it at most for the
    /// backlog. Should be well below `capacity`, or a full outbox drops samples in flight.
    pub window: usize,
    /// Where samples are kept on disk as well; `None` is nowhere.
    pub spool: Option<SpoolSettings>,
}

impl OutboxSettings {
    /// Samples of the backlog published a second, unless set.
    pub const REPLAY_RATE: NonZeroU32 = NonZeroU32::new(10).unwrap();

    /// Most samples in flight, unless set: plenty for one machine.
    pub const WINDOW: usize = 64;

    /// Settings for `capacity` samples in memory, everything else as it is unless set.
    #[must_use]
    pub const fn new(capacity: usize) -> Self {
        let (replay_rate, window) = (Self::REPLAY_RATE, Self::WINDOW);
        Self { capacity, replay_rate, window, spool: None }
    }
}

/// A message to publish, and what it tells of others.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The message.
    pub message: Message,
    /// Samples dropped before it that its body tells of. Should it be dropped itself, they are
    /// told of again.
    pub dropped: u64,
}

impl From<Message> for Sample {
    /// A sample that tells of no other.
    fn from(message: Message) -> Self {
        Self { message, dropped: 0 }
    }
}

/// What became of the samples put into an outbox, or found by it on disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Samples the broker confirmed.
    pub confirmed: u64,
    /// Samples that wait, in memory or on disk, or are in flight.
    pub held: u64,
    /// Samples dropped because there was no more room. The broker may have those that were in
    /// flight.
    pub dropped: u64,
}

/// How one attempt to publish ended.
#[derive(Debug)]
struct Outcome {
    id: u64,
    backlog: bool,
    result: Result<(), PublishError>,
}

type Attempt = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// Why measures are not taken although the link is up; each is logged when it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    Unroutable,
    NotAccepted,
}

/// The bus was closed: nothing can be published any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the link to the broker was closed from within")]
pub struct BusClosed;

/// Publishes samples until each is confirmed.
///
/// It has no task of its own: samples leave while [`drive`](Self::drive) is polled. Samples of
/// several hosts may share one; those of each host leave in the order they were put in, except
/// that after an outage the backlog follows behind what is live.
///
/// ```no_run
/// # use resources_core::bus::{Bus, Message};
/// # use resources_tracker::{Outbox, OutboxSettings, SpoolError};
/// # async fn next_message() -> Option<Message> { None }
/// # async fn example(bus: Bus) -> Result<(), SpoolError> {
/// let mut outbox = Outbox::open(&bus, OutboxSettings::new(3600))?;
/// loop {
///     tokio::select! {
///         message = next_message() => match message {
///             Some(message) => outbox.push(message),
///             None => break,
///         },
///         _closed = outbox.drive() => break,
///     }
/// }
/// let counts = outbox.finish().await;
/// println!("{} confirmed, {} not, {} dropped", counts.confirmed, counts.held, counts.dropped);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Outbox {
    held: Held,
    publisher: Publisher,
    link: watch::Receiver<Link>,
    /// When the link that is up came up; `None` while it is not.
    up_since_ms: Option<u64>,
    in_flight: FuturesUnordered<Attempt>,
    window: usize,
    /// How many in flight left as backlog.
    backlog_in_flight: usize,
    /// `None` while stopping: then everything leaves as fast as it can.
    pace: Option<Pace>,
    backoff: Backoff,
    refusal: Option<Refusal>,
    /// Nothing is published before this moment.
    pause: Option<Instant>,
    shown: Shown,
}

impl Outbox {
    /// An outbox over `bus`, with what an earlier one left in the spool.
    ///
    /// # Errors
    /// When the folder of the spool cannot be used; never without one.
    pub fn open(bus: &Bus, settings: OutboxSettings) -> Result<Self, SpoolError> {
        let spool = settings.spool.as_ref().map(Spool::open).transpose()?;
        // Its own link: a reader beside it that broke must not stop it.
        let publisher = bus.publisher();
        let link = publisher.link();
        Ok(Self {
            held: Held::new(settings.capacity, spool),
            publisher,
            link,
            up_since_ms: None,
            in_flight: FuturesUnordered::new(),
            window: settings.window.max(2),
            backlog_in_flight: 0,
            pace: Some(Pace::new(settings.replay_rate)),
            backoff: Backoff::default(),
            refusal: None,
            pause: None,
            shown: Shown::new(settings.capacity),
        })
    }

    /// Takes a sample. When there is no more room the oldest is dropped.
    pub fn push(&mut self, sample: impl Into<Sample>) {
        let Sample { mut message, dropped } = sample.into();
        // What grew while it was written has room to spare, which an hour of samples would keep.
        message.body = message.body.to_vec().into();
        self.held.push(Sample { message, dropped }, Instant::now());
        self.shown.show(&self.held.counts());
    }

    /// Samples dropped that none put in so far tells of, of whatever host: the number for the next
    /// one, in [`Measure::dropped`](resources_core::contract::Measure::dropped) and in
    /// [`Sample::dropped`].
    #[must_use]
    pub const fn untold_dropped(&self) -> u64 {
        self.held.untold()
    }

    /// What became of the samples so far.
    #[must_use]
    pub fn counts(&self) -> OutboxCounts {
        self.held.counts()
    }

    /// Publishes what is held and what is put in, until the bus is closed. Safe to drop and
    /// call again.
    pub async fn drive(&mut self) -> BusClosed {
        loop {
            if let Err(closed) = self.step().await {
                return closed;
            }
        }
    }

    /// Publishes what is held, at its pace, until nothing is. Safe to drop and call again.
    ///
    /// # Errors
    /// When the bus is closed before.
    pub async fn drained(&mut self) -> Result<(), BusClosed> {
        while !self.held.is_empty() {
            self.step().await?;
        }
        Ok(())
    }

    /// Publishes what is held without a pace, for at most 6 s (2 s while the link is down), puts
    /// the rest on disk when there is a spool, and says how many samples were not sent.
    pub async fn finish(mut self) -> OutboxCounts {
        let limit = if self.link_is_up() { FINISH_LIMIT } else { FINISH_LIMIT_WITHOUT_LINK };
        self.pace = None;
        let emptied = async {
            while !self.held.is_empty() {
                if self.step().await.is_err() {
                    return;
                }
            }
        };
        // In time or not, what matters is what is left.
        drop(tokio::time::timeout(limit, emptied).await);
        self.held.say_dropped();
        let on_disk = self.held.put_away();
        let counts = self.counts();
        match (counts.held, self.held.spool()) {
            (0, _) => tracing::info!("every sample was confirmed by the broker"),
            (unsent, None) => tracing::warn!(
                unsent,
                "{unsent} samples were not confirmed by the broker before the tracker stopped"
            ),
            (unsent, Some(spool)) => tracing::warn!(
                unsent,
                on_disk,
                "{unsent} samples were not confirmed by the broker before the tracker stopped; \
                 {on_disk} of them are in {} for its next start",
                spool.folder().display()
            ),
        }
        counts
    }

    /// Starts what may be published and waits until something happens.
    async fn step(&mut self) -> Result<(), BusClosed> {
        self.look_at_link()?;
        let now = Instant::now();
        self.pause.take_if(|until| *until <= now);
        self.publish_due(now);
        self.held.write_due(now, self.up_since_ms.is_some());
        self.shown.show(&self.held.counts());
        let wake_at = self.wake_at(now);
        tokio::select! {
            Some(outcome) = self.in_flight.next() => self.settle(outcome),
            changed = self.link.changed() => changed.map_err(|_| BusClosed),
            () = self.held.synced() => Ok(()),
            () = tokio::time::sleep_until(wake_at.unwrap_or(now)), if wake_at.is_some() => Ok(()),
        }
    }

    /// When there is something to do although nothing happens.
    fn wake_at(&self, now: Instant) -> Option<Instant> {
        let paced = || self.pace.as_ref().and_then(Pace::next_at);
        let publish_at = match self.pause {
            Some(until) => Some(until),
            None if self.has_room_for_backlog() && self.held.has_backlog(now) => paced(),
            None => None,
        };
        publish_at.into_iter().chain(self.held.wake_at(now)).min()
    }

    fn link_is_up(&self) -> bool {
        self.link.borrow().state.is_up()
    }

    fn look_at_link(&mut self) -> Result<(), BusClosed> {
        let link = self.link.borrow_and_update();
        if link.state == LinkState::Closed {
            return Err(BusClosed);
        }
        let up_since_ms = link.state.is_up().then_some(link.since_ms);
        if up_since_ms != self.up_since_ms {
            self.up_since_ms = up_since_ms;
            if up_since_ms.is_some() {
                self.held.newest_is_live();
                self.backoff.reset();
                self.pause = None;
            }
        }
        Ok(())
    }

    /// The one place that decides what leaves, and when: what is live as the window allows, then
    /// the backlog as its pace and its part of the window allow, each in order.
    fn publish_due(&mut self, now: Instant) {
        if self.up_since_ms.is_none() || self.pause.is_some() {
            return;
        }
        while self.in_flight.len() < self.window {
            let Some((id, message)) = self.held.begin_live(now) else { break };
            self.publish(id, message, false);
        }
        while self.has_room_for_backlog() && self.pace.as_ref().is_none_or(|pace| pace.allows(now))
        {
            let Some((id, message)) = self.held.begin_backlog(now) else { break };
            self.publish(id, message, true);
            if let Some(pace) = &mut self.pace {
                pace.pass(now);
            }
        }
    }

    /// Whether the backlog may send one more: it leaves half of the window to what is live.
    fn has_room_for_backlog(&self) -> bool {
        self.up_since_ms.is_some()
            && self.in_flight.len() < self.window
            && (self.pace.is_none() || self.backlog_in_flight < self.window / 2)
    }

    fn publish(&mut self, id: u64, message: Message, backlog: bool) {
        let publisher = self.publisher.clone();
        self.backlog_in_flight += usize::from(backlog);
        self.in_flight.push(Box::pin(async move {
            Outcome { id, backlog, result: publisher.publish(&message).await }
        }));
    }

    fn settle(&mut self, outcome: Outcome) -> Result<(), BusClosed> {
        let Outcome { id, backlog, result } = outcome;
        self.backlog_in_flight -= usize::from(backlog);
        let Err(error) = result else {
            self.held.confirm(id);
            self.backoff.reset();
            if self.refusal.take().is_some() {
                tracing::info!("the broker takes measures again");
                // What waited meanwhile is backlog, as after an outage.
                self.held.newest_is_live();
            }
            return Ok(());
        };
        self.held.release(id);
        match error {
            PublishError::Closed => return Err(BusClosed),
            PublishError::LinkDown => {}
            PublishError::Unroutable(_) => self.refused(Refusal::Unroutable),
            // NotAccepted, and whatever else waiting may mend.
            _ => self.refused(Refusal::NotAccepted),
        }
        Ok(())
    }

    fn refused(&mut self, refusal: Refusal) {
        if self.pause.is_none() {
            self.pause = Some(Instant::now() + self.backoff.next_wait());
        }
        if self.refusal.replace(refusal) == Some(refusal) {
            return;
        }
        match refusal {
            Refusal::Unroutable => tracing::warn!(
                "no queue takes measures, so nobody would receive them; start an analyzer, which \
                 declares it. Samples are kept until then"
            ),
            Refusal::NotAccepted => tracing::warn!(
                "the broker does not accept measures: a queue is full or lacks its majority. \
                 Samples are kept until it does"
            ),
        }
    }
}

#[cfg(test)]
mod tests;
