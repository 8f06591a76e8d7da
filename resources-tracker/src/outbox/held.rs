//! Samples held in memory and on disk, and the count of those that were not kept.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use resources_core::bus::Message;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::ring::{At, Removed, Ring, Room};
use super::{OutboxCounts, Sample};
use crate::spool::{Left, Spool};

/// How long a sample may wait for its confirm, with the link up, before it goes to disk. With
/// confirms in time a tracker writes nothing.
const UNCONFIRMED_LIMIT: Duration = Duration::from_secs(2);

/// How long a disk that cannot be read is left alone.
const READ_AGAIN: Duration = Duration::from_secs(5);

/// Holds samples until each is confirmed or, for want of room, dropped.
#[derive(Debug)]
pub(super) struct Held {
    ring: Ring<Sample>,
    spool: Option<Spool>,
    /// Samples in memory that are to go to disk, with the time they came, oldest first. Empty
    /// without a spool.
    unwritten: BTreeMap<u64, Instant>,
    /// Something is being forced to the disk.
    syncing: Option<JoinHandle<io::Result<()>>>,
    /// A sample could not be read back, and none could since.
    unreadable: bool,
    /// Nothing is read from disk before this moment.
    read_again_at: Option<Instant>,
    counts: Counts,
}

#[derive(Debug, Default)]
struct Counts {
    confirmed: u64,
    dropped: u64,
    /// Of those dropped, how many no sample tells of.
    untold: u64,
    /// Dropped since samples were last confirmed.
    lately: u64,
}

impl Held {
    pub(super) fn new(capacity: usize, spool: Option<(Spool, Left)>) -> Self {
        let mut held = Self {
            ring: Ring::new(capacity),
            spool: None,
            unwritten: BTreeMap::new(),
            syncing: None,
            unreadable: false,
            read_again_at: None,
            counts: Counts::default(),
        };
        if let Some((spool, left)) = spool {
            held.spool = Some(spool);
            for sample in left.samples {
                held.ring.restore(sample.place, sample.dropped);
            }
            held.count_dropped(left.dropped, left.told);
        }
        held
    }

    pub(super) fn counts(&self) -> OutboxCounts {
        let Counts { confirmed, dropped, .. } = self.counts;
        OutboxCounts { confirmed, held: self.ring.len() as u64, dropped }
    }

    pub(super) const fn untold(&self) -> u64 {
        self.counts.untold
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ring.len() == 0
    }

    /// Takes a sample. When memory is full the oldest there is from now on only on disk, or, if
    /// that does not take it, dropped.
    pub(super) fn push(&mut self, sample: Sample, now: Instant) {
        self.counts.untold = self.counts.untold.saturating_sub(sample.dropped);
        self.make_room(now);
        let told = sample.dropped;
        let id = self.ring.push(sample, told);
        if self.spool.is_some() {
            self.unwritten.insert(id, now);
        }
    }

    fn make_room(&mut self, now: Instant) {
        let Room::Needs { id, on_disk } = self.ring.room() else { return };
        // To write it may cost an older segment, but never this sample.
        if on_disk || self.write(id, now) {
            self.ring.leave_memory(id);
        } else if let Some(removed) = self.remove(id) {
            self.dropped(removed);
        }
    }

    /// The newest sample, and those to come, go before all others.
    pub(super) fn newest_is_live(&mut self) {
        self.ring.newest_is_live();
    }

    /// Sends the next live sample on its way; `None` when none waits that can be had now.
    pub(super) fn begin_live(&mut self, now: Instant) -> Option<(u64, Message)> {
        loop {
            let id = self.ring.next_live().filter(|id| self.can_be_had(*id, now))?;
            if let Some(message) = self.begin(id, now) {
                return Some((id, message));
            }
        }
    }

    /// Sends the next sample of the backlog on its way; `None` when none waits that can be had
    /// now.
    pub(super) fn begin_backlog(&mut self, now: Instant) -> Option<(u64, Message)> {
        loop {
            let id = self.next_backlog(now)?;
            if let Some(message) = self.begin(id, now) {
                return Some((id, message));
            }
        }
    }

    pub(super) fn has_backlog(&self, now: Instant) -> bool {
        self.next_backlog(now).is_some()
    }

    fn next_backlog(&self, now: Instant) -> Option<u64> {
        self.ring.next_backlog().filter(|id| self.can_be_had(*id, now))
    }

    /// Whether sample `id` is in memory, or on a disk that is not left alone for now.
    fn can_be_had(&self, id: u64, now: Instant) -> bool {
        self.read_again_at.is_none_or(|at| at <= now)
            || matches!(self.ring.at(id), Some(At::Memory(_)))
    }

    /// The message of sample `id`, now on its way; `None` when it cannot be read back: then it
    /// waits for the disk, or is dropped when it is there no longer.
    fn begin(&mut self, id: u64, now: Instant) -> Option<Message> {
        let place = match self.ring.begin(id)? {
            At::Memory(sample) => return Some(sample.message.clone()),
            At::Disk(place) => place,
        };
        let error = match self.spool.as_mut()?.read(place) {
            Ok(sample) => {
                self.unreadable = false;
                return Some(sample.message);
            }
            Err(error) => error,
        };
        let gone = is_gone(&error);
        if !std::mem::replace(&mut self.unreadable, true) {
            let fate = if gone { "they are dropped" } else { "trying again" };
            tracing::warn!(%error, "samples on disk cannot be read back: {error}; {fate}");
        }
        if gone {
            let removed = self.remove(id)?;
            self.dropped(removed);
        } else {
            self.ring.release(id);
            self.read_again_at = Some(now + READ_AGAIN);
        }
        None
    }

    /// The broker has sample `id`.
    pub(super) fn confirm(&mut self, id: u64) {
        if self.remove(id).is_none() {
            return;
        }
        self.counts.confirmed += 1;
        self.say_dropped();
    }

    /// Sample `id` did not arrive and waits again.
    pub(super) fn release(&mut self, id: u64) {
        self.ring.release(id);
    }

    fn remove(&mut self, id: u64) -> Option<Removed> {
        let removed = self.ring.remove(id)?;
        self.unwritten.remove(&id);
        if let (Some(spool), Some(place)) = (&mut self.spool, removed.place) {
            spool.release(place);
        }
        Some(removed)
    }

    /// Counts a sample as dropped, with the samples that nobody now will hear of through it.
    fn dropped(&mut self, removed: Removed) {
        self.count_dropped(1, removed.told);
    }

    fn count_dropped(&mut self, dropped: u64, told: u64) {
        if dropped == 0 {
            return;
        }
        if self.counts.lately == 0 {
            let capacity = self.ring.capacity();
            let on_disk = self.spool.as_ref().map(Spool::limit_bytes);
            tracing::warn!(
                capacity,
                on_disk,
                "buffer full; dropping the oldest samples until the broker takes them"
            );
        }
        self.counts.dropped += dropped;
        self.counts.lately += dropped;
        self.counts.untold += dropped + told;
    }

    /// Ends a time of dropping with its count.
    pub(super) fn say_dropped(&mut self) {
        match std::mem::take(&mut self.counts.lately) {
            0 => {}
            dropped => {
                tracing::info!(dropped, "{dropped} samples were dropped while the buffer was full");
            }
        }
    }

    /// Puts on disk what is to go there by `now`.
    pub(super) fn write_due(&mut self, now: Instant, link_is_up: bool) {
        while let Some((&id, &since)) = self.unwritten.first_key_value() {
            let due = !link_is_up || since + UNCONFIRMED_LIMIT <= now;
            if !due || !self.settle_on_disk(id, now) {
                break;
            }
        }
        if let (None, Some(spool)) = (&self.syncing, &mut self.spool)
            && spool.sync_at(now).is_some_and(|at| at <= now)
        {
            let sync = spool.begin_sync(now);
            self.syncing = Some(tokio::task::spawn_blocking(|| sync.run()));
        }
    }

    /// When there is something to do next: to write, to force to the disk, or to read again.
    pub(super) fn wake_at(&self, now: Instant) -> Option<Instant> {
        let spool = self.spool.as_ref()?;
        let write_at = self.unwritten.first_key_value().map(|(_, &since)| {
            let due = since + UNCONFIRMED_LIMIT;
            spool.retry_at().map_or(due, |retry_at| retry_at.max(due))
        });
        let sync_at = if self.syncing.is_none() { spool.sync_at(now) } else { None };
        let read_at = self.read_again_at.filter(|at| *at > now);
        write_at.into_iter().chain(sync_at).chain(read_at).min()
    }

    /// Puts sample `id` on disk, or finds that it can never go there; `false` when it is to be
    /// tried again.
    fn settle_on_disk(&mut self, id: u64, now: Instant) -> bool {
        let written = self.write(id, now);
        let later = self.spool.as_ref().is_some_and(|spool| spool.retry_at().is_some());
        if !later {
            self.unwritten.remove(&id);
        }
        written || !later
    }

    /// Puts sample `id` on disk; `false` when the disk does not take it now.
    fn write(&mut self, id: u64, now: Instant) -> bool {
        let (Some(spool), Some(At::Memory(sample))) = (&mut self.spool, self.ring.at(id)) else {
            return false;
        };
        let place = spool.append(sample, now);
        let dropped_segments = spool.take_dropped_segments();
        for segment in dropped_segments {
            for removed in self.ring.forget_segment(segment) {
                self.dropped(removed);
            }
        }
        if let Some(place) = place {
            self.ring.place(id, place);
            self.unwritten.remove(&id);
        }
        place.is_some()
    }

    /// Resolves when something has been forced to the disk; never when nothing is under way.
    pub(super) async fn synced(&mut self) {
        let Some(syncing) = &mut self.syncing else { return std::future::pending().await };
        let outcome = syncing.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        self.syncing = None;
        if let Some(spool) = &mut self.spool {
            spool.end_sync(outcome, Instant::now());
        }
    }

    /// Puts on disk whatever is in memory only, and forces it there; gives how many samples the
    /// next start will find.
    pub(super) fn put_away(&mut self) -> usize {
        let now = Instant::now();
        if let Some(spool) = &mut self.spool {
            // There is no later.
            spool.try_again(now);
        }
        while let Some((&id, _)) = self.unwritten.first_key_value() {
            if !self.settle_on_disk(id, now) {
                break;
            }
        }
        let Some(spool) = &mut self.spool else { return 0 };
        let outcome = spool.begin_sync(now).run();
        spool.end_sync(outcome, now);
        self.ring.on_disk()
    }

    #[cfg(test)]
    pub(super) fn unwritten(&self) -> usize {
        self.unwritten.len()
    }

    /// Where samples are kept on disk.
    pub(super) fn spool(&self) -> Option<&Spool> {
        self.spool.as_ref()
    }
}

/// Whether what was to be read is not there, or no longer what it was; anything else may pass.
fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, NotFound, UnexpectedEof};
    matches!(error.kind(), NotFound | UnexpectedEof | InvalidData)
}
