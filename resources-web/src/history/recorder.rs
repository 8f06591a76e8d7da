//! Takes analyses in, a batch at a time, and writes each batch in one transaction.

mod host;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use resources_core::bus::Position;
use resources_core::contract::Analysis;
use rusqlite::Connection;

use super::database::{Database, Location, OpenError, begin_to_write};
use super::retention::Sweep;
use super::series::each_series;
use super::tier::Retention;
use host::Host;

/// A sample may be this far ahead of our clock, in milliseconds; further ahead its clock is wrong.
const MAX_AHEAD_MS: u64 = 24 * 3_600 * 1_000;

/// Longest name of a series, in bytes.
const MAX_SERIES_NAME_BYTES: usize = 1_024;

/// Buckets after which a batch is full, at about 100 bytes each.
const MAX_BUCKETS: usize = 250_000;

/// Messages after which a batch is full. They are not held; a server that is killed reads at
/// most so many again.
const MAX_MESSAGES: u64 = 100_000;

/// Ranges of sequences held of all runs together, at about 50 bytes each. Above it a batch is
/// full, and then they are forgotten: the database has them.
const MAX_RANGES: usize = 250_000;

/// Bounds of what history keeps.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How long.
    pub retention: Retention,
    /// Of how many hosts.
    pub max_hosts: usize,
}

/// Writes history. What is taken in is in the database once [`commit`](Self::commit) returned;
/// a recorder dropped before that leaves no trace of the batch, nor of its place in the stream.
///
/// Memory is bounded: by the hosts and their at most 256 series each, a batch by its buckets,
/// runs by their ranges.
#[derive(Debug)]
pub struct Recorder {
    connection: Connection,
    /// Behind the connection, which is closed first.
    database: Arc<Database>,
    limits: Limits,
    hosts: HashMap<Box<str>, Host>,
    /// Hosts in the database, and those that will be with the next batch.
    host_count: usize,
    /// Ranges held of all runs, and the runs themselves.
    range_count: usize,
    batch: Batch,
    position: Option<Position>,
    /// Time of the newest sample since the start, by its host's clock.
    newest_ms: Option<u64>,
    sweep: Sweep,
    counts: Counts,
    /// Scratch space for names of series.
    name: String,
}

/// What was taken in since the last commit, besides what the hosts hold of it.
#[derive(Debug, Default)]
struct Batch {
    messages: u64,
    buckets: usize,
    /// Offset and body of the last message.
    last: Option<(u64, Bytes)>,
    /// Time of the newest sample, by its host's clock.
    newest_ms: Option<u64>,
}

/// What was seen and not rolled up.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Samples that came before.
    pub duplicates: u64,
    /// Samples more than a day ahead of our clock, or older than anything that is kept.
    pub impossible_times: u64,
    /// Analyses of hosts that found no room.
    pub hosts_left_out: u64,
    /// Samples that were missing in runs with too many gaps, and count as taken from now on.
    pub closed_gaps: u64,
    /// Values of series that found no room with their host.
    pub series_left_out: u64,
}

impl Recorder {
    /// Opens the database, or makes it.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(location: &Location, limits: Limits) -> Result<Self, OpenError> {
        let (database, connection) = Database::open(location)?;
        let stored = write::stored(&connection);
        let (position, host_count) = stored.map_err(|source| database.sqlite_error(source))?;
        Ok(Self {
            connection,
            database: Arc::new(database),
            limits,
            hosts: HashMap::new(),
            host_count,
            range_count: 0,
            batch: Batch::default(),
            position,
            newest_ms: None,
            sweep: Sweep::default(),
            counts: Counts::default(),
            name: String::new(),
        })
    }

    pub(super) const fn database(&self) -> &Arc<Database> {
        &self.database
    }

    /// Whether what it writes goes with this process.
    pub(super) fn is_in_memory(&self) -> bool {
        self.database.is_in_memory()
    }

    /// The last message of the stream that is in the database.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// What was seen and not rolled up since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// Whether anything waits to be committed.
    #[must_use]
    pub const fn has_batch(&self) -> bool {
        self.batch.messages > 0
    }

    /// Whether the batch is to be committed before more is taken in.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.has_batch()
            && (self.batch.messages >= MAX_MESSAGES
                || self.batch.buckets >= MAX_BUCKETS
                || self.range_count >= MAX_RANGES)
    }

    /// Time of the newest sample in the batch, by its host's clock and at most ours, in
    /// milliseconds.
    #[must_use]
    pub const fn newest_ms(&self) -> Option<u64> {
        self.batch.newest_ms
    }

    /// Takes in one message with its routing key, body and place in the stream. One that does
    /// not follow the contract is passed over: the live feed sets it aside.
    ///
    /// # Errors
    /// When the database cannot be read; nothing was taken in then, and the message may be
    /// given again.
    pub fn take(
        &mut self,
        topic: &str,
        body: &Bytes,
        offset: Option<u64>,
        now_ms: u64,
    ) -> rusqlite::Result<()> {
        if let Ok(analysis) = Analysis::decode(topic, body) {
            self.take_analysis(&analysis, now_ms)?;
        }
        self.batch.messages += 1;
        if let Some(offset) = offset {
            self.batch.last = Some((offset, body.clone()));
        }
        Ok(())
    }

    /// The time by which old rows go: our clock's, unless that is far ahead of every sample.
    /// Then it is wrong, and would have all of history deleted. `None` before the first sample.
    fn kept_by_ms(&self, now_ms: u64) -> Option<u64> {
        Some(now_ms.min(self.newest_ms?.saturating_add(MAX_AHEAD_MS)))
    }

    /// Whether a sample of this time can be kept.
    fn is_possible(&mut self, timestamp_ms: u64, now_ms: u64) -> bool {
        if timestamp_ms > now_ms + MAX_AHEAD_MS {
            return false;
        }
        self.newest_ms = self.newest_ms.max(Some(timestamp_ms));
        let by_ms = self.kept_by_ms(now_ms).unwrap_or(now_ms);
        timestamp_ms / 1_000 >= self.limits.retention.oldest_of_all_s(by_ms)
    }

    fn take_analysis(&mut self, analysis: &Analysis, now_ms: u64) -> rusqlite::Result<()> {
        // Before it counts as taken: with the clocks set right it may come again.
        if !self.is_possible(analysis.timestamp_ms, now_ms) {
            self.counts.impossible_times += 1;
            return Ok(());
        }
        let name = analysis.host.as_str();
        if !self.hosts.contains_key(name) {
            let known = Host::load(&self.connection, name, now_ms)?;
            if known.is_none() {
                if self.host_count >= self.limits.max_hosts {
                    self.counts.hosts_left_out += 1;
                    return Ok(());
                }
                self.host_count += 1;
            }
            self.hosts.insert(name.into(), known.unwrap_or_default());
        }
        let Some(host) = self.hosts.get_mut(name) else { return Ok(()) };
        if let (Some(run), Some(sequence)) = (&analysis.run, analysis.sequence) {
            let (closed, ranges_more) = host.take_sequence(&self.connection, run, sequence)?;
            self.range_count = self.range_count.saturating_add_signed(ranges_more);
            let Some(closed) = closed else {
                self.counts.duplicates += 1;
                return Ok(());
            };
            self.counts.closed_gaps += closed;
        }
        let time_s = analysis.timestamp_ms / 1_000;
        self.batch.newest_ms = self.batch.newest_ms.max(Some(analysis.timestamp_ms.min(now_ms)));
        host.begin_sample();
        each_series(analysis, &mut self.name, |series, value| {
            if series.len() > MAX_SERIES_NAME_BYTES {
                self.counts.series_left_out += 1;
                return;
            }
            match host.add(series, time_s, value, now_ms) {
                Some(began_bucket) => self.batch.buckets += usize::from(began_bucket),
                None => self.counts.series_left_out += 1,
            }
        });
        Ok(())
    }

    /// Writes what was taken in, in one transaction with its place in the stream.
    ///
    /// # Errors
    /// When the database cannot be written; nothing of the batch is in it then, and the call may
    /// be made again.
    pub fn commit(&mut self, now_ms: u64) -> rusqlite::Result<()> {
        if !self.has_batch() {
            return Ok(());
        }
        write::give_ids(&self.connection, &mut self.hosts, now_ms)?;
        let last = self.batch.last.as_ref();
        let position = last.map(|(offset, body)| Position::of(*offset, body));
        let by_ms = self.kept_by_ms(now_ms).unwrap_or(now_ms);
        let transaction = begin_to_write(&mut self.connection)?;
        write::rollups(&transaction, &self.hosts, &self.limits.retention, by_ms)?;
        write::runs(&transaction, &self.hosts, now_ms)?;
        if let Some(position) = position {
            write::position(&transaction, position)?;
        }
        transaction.commit()?;

        self.position = position.or(self.position);
        self.batch = Batch::default();
        self.hosts.values_mut().for_each(Host::committed);
        if self.range_count >= MAX_RANGES {
            self.hosts.values_mut().for_each(Host::forget_runs);
            self.range_count = 0;
        }
        Ok(())
    }

    /// Whether nothing is to be deleted for a while.
    pub(super) fn is_tidy(&self, now_ms: u64) -> bool {
        self.kept_by_ms(now_ms).is_none_or(|by_ms| self.sweep.rests(by_ms))
    }

    /// How long what it writes is kept.
    pub(super) const fn retention(&self) -> Retention {
        self.limits.retention
    }

    /// Deletes a little of what is too old, also while a batch waits. A database in memory that
    /// is full keeps a fifth less from now on.
    ///
    /// # Errors
    /// When not even that finds room.
    pub(super) fn make_room(&mut self, now_ms: u64) -> rusqlite::Result<()> {
        if self.is_in_memory() {
            self.limits.retention = self.limits.retention.shortened();
        }
        let Some(by_ms) = self.kept_by_ms(now_ms) else { return Ok(()) };
        self.sweep.old_rows(&mut self.connection, &self.limits.retention, by_ms)
    }

    /// Deletes a little of what is too old to be kept. To be called now and then, between
    /// batches: while one waits, or before the first sample, nothing is done.
    ///
    /// # Errors
    /// When the database cannot be written; the call may be made again.
    pub fn tidy(&mut self, now_ms: u64) -> rusqlite::Result<()> {
        let by_ms = self.kept_by_ms(now_ms).filter(|_| !self.has_batch());
        let Some(by_ms) = by_ms else { return Ok(()) };
        let gone = self.sweep.step(&mut self.connection, &self.limits.retention, by_ms)?;
        if gone.is_empty() {
            return Ok(());
        }
        self.host_count = self.host_count.saturating_sub(gone.hosts.len());
        self.hosts.retain(|_, host| !host.id().is_some_and(|id| gone.hosts.contains(&id)));
        for host in self.hosts.values_mut() {
            host.forget(&gone);
        }
        self.range_count = self.hosts.values().map(Host::range_count).sum();
        Ok(())
    }

    /// The connection it writes with, for tests that take its room away.
    #[cfg(test)]
    pub(super) const fn connection(&self) -> &Connection {
        &self.connection
    }
}
