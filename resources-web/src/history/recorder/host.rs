//! What is held of one host between batches.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _};

use crate::history::retention::Gone;
use crate::history::rollup::Buckets;
use crate::history::taken::{Range, Taken};

/// Most series kept of a host at a time.
const MAX_SERIES: usize = 256;

/// A series that was silent for this long makes room for another, in milliseconds.
const SERIES_SILENT_MS: u64 = 24 * 3_600 * 1_000;

/// A host: its series with the buckets of the batch, and the runs that were heard of.
#[derive(Debug, Default)]
pub(super) struct Host {
    /// In the database; `None` until it is there.
    pub(super) id: Option<i64>,
    /// Whether the batch has a sample of it.
    pub(super) in_batch: bool,
    pub(super) series: HashMap<Box<str>, Series>,
    pub(super) runs: HashMap<Box<str>, Run>,
    /// Counts samples, to tell a series that one sample names twice.
    sample: u64,
}

#[derive(Debug, Default)]
pub(super) struct Series {
    /// In the table `resource`; `None` until it is there.
    pub(super) id: Option<i64>,
    pub(super) buckets: Buckets,
    /// The last sample that had it.
    sample: u64,
    seen_ms: u64,
}

#[derive(Debug, Default)]
pub(super) struct Run {
    pub(super) id: Option<i64>,
    pub(super) in_batch: bool,
    /// As in the database.
    pub(super) stored: Taken,
    /// With the batch.
    pub(super) taken: Taken,
}

impl Host {
    /// The host as the database knows it.
    pub(super) fn load(
        connection: &Connection,
        name: &str,
        now_ms: u64,
    ) -> rusqlite::Result<Option<Self>> {
        let id: Option<i64> = connection
            .prepare_cached("SELECT id FROM host WHERE name = ?1")?
            .query_row([name], |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(None) };
        // One look-up for each series, not one for each row.
        let mut known = connection.prepare_cached(
            "WITH RECURSIVE known (id) AS (
                 SELECT min(resource_id) FROM rollup_1h WHERE host_id = ?1
                 UNION ALL
                 SELECT (SELECT min(resource_id) FROM rollup_1h
                         WHERE host_id = ?1 AND resource_id > known.id)
                 FROM known WHERE known.id IS NOT NULL
             )
             SELECT name, id FROM known JOIN resource USING (id) LIMIT ?2",
        )?;
        let most = i64::try_from(MAX_SERIES).unwrap_or(i64::MAX);
        let series = known.query_map((id, most), |row| {
            let series = Series { id: Some(row.get(1)?), seen_ms: now_ms, ..Series::default() };
            Ok((row.get::<_, String>(0)?.into(), series))
        })?;
        Ok(Some(Self {
            id: Some(id),
            series: series.collect::<Result<_, _>>()?,
            ..Self::default()
        }))
    }

    pub(super) const fn id(&self) -> Option<i64> {
        self.id
    }

    /// Takes in a sequence of a run; tells what [`Taken::insert`] does, and how many more ranges
    /// are held than before.
    pub(super) fn take_sequence(
        &mut self,
        connection: &Connection,
        name: &str,
        sequence: u64,
    ) -> rusqlite::Result<(Option<u64>, isize)> {
        let mut more = 0;
        if !self.runs.contains_key(name) {
            let run = match self.id {
                Some(host_id) => Run::load(connection, host_id, name)?,
                None => Run::default(),
            };
            more += run.size().cast_signed();
            self.runs.insert(name.into(), run);
        }
        self.in_batch = true;
        let Some(run) = self.runs.get_mut(name) else { return Ok((Some(0), more)) };
        run.in_batch = true;
        let before = run.size();
        let closed = run.taken.insert(sequence);
        Ok((closed, more + run.size().cast_signed() - before.cast_signed()))
    }

    /// What is added from now on is of another sample.
    pub(super) fn begin_sample(&mut self) {
        self.in_batch = true;
        self.sample += 1;
    }

    /// Adds a value of a series, unless the sample had one of it; tells whether it began a
    /// bucket, or nothing when the host has too many series.
    pub(super) fn add(&mut self, name: &str, time_s: u64, value: f64, now_ms: u64) -> Option<bool> {
        if !self.series.contains_key(name) {
            if self.series.len() >= MAX_SERIES && !self.make_room(now_ms) {
                return None;
            }
            self.series.insert(name.into(), Series::default());
        }
        let series = self.series.get_mut(name)?;
        series.seen_ms = now_ms;
        let again = std::mem::replace(&mut series.sample, self.sample) == self.sample;
        Some(!again && series.buckets.add(time_s, value))
    }

    /// Lets go of the series that was silent the longest, if that is long.
    fn make_room(&mut self, now_ms: u64) -> bool {
        let silent = |series: &Series| {
            series.buckets.is_empty() && now_ms.saturating_sub(series.seen_ms) > SERIES_SILENT_MS
        };
        let oldest = self
            .series
            .iter()
            .filter(|(_, series)| silent(series))
            .min_by_key(|(_, series)| series.seen_ms)
            .map(|(name, _)| name.clone());
        oldest.is_some_and(|name| self.series.remove(&name).is_some())
    }

    /// What the batch had of it is in the database.
    pub(super) fn committed(&mut self) {
        if !std::mem::take(&mut self.in_batch) {
            return;
        }
        self.series.values_mut().for_each(|series| series.buckets.clear());
        for run in self.runs.values_mut().filter(|run| run.in_batch) {
            run.in_batch = false;
            run.stored.clone_from(&run.taken);
        }
    }

    /// Holds no run any more. Not to be called while a batch waits.
    pub(super) fn forget_runs(&mut self) {
        self.runs = HashMap::new();
    }

    /// Forgets what is no longer in the database. Not to be called while a batch waits.
    pub(super) fn forget(&mut self, gone: &Gone) {
        let stays = |id: Option<i64>, gone: &[i64]| !id.is_some_and(|id| gone.contains(&id));
        self.runs.retain(|_, run| stays(run.id, &gone.runs));
        self.series.retain(|_, series| stays(series.id, &gone.resources));
    }

    /// What its runs count for in the bound of all.
    pub(super) fn range_count(&self) -> usize {
        self.runs.values().map(Run::size).sum()
    }
}

impl Run {
    fn load(connection: &Connection, host_id: i64, name: &str) -> rusqlite::Result<Self> {
        let id: Option<i64> = connection
            .prepare_cached("SELECT id FROM run WHERE host_id = ?1 AND name = ?2")?
            .query_row((host_id, name), |row| row.get(0))
            .optional()?;
        let Some(id) = id else { return Ok(Self::default()) };
        let mut rows = connection
            .prepare_cached("SELECT first, last FROM taken WHERE run_id = ?1 ORDER BY first")?;
        let ranges = rows.query_map([id], |row| {
            let (first, last): (i64, i64) = row.try_into()?;
            Ok(Range { first: first.cast_unsigned(), last: last.cast_unsigned() })
        })?;
        let stored = Taken::from_ranges(ranges.collect::<Result<_, _>>()?);
        Ok(Self { id: Some(id), in_batch: false, taken: stored.clone(), stored })
    }

    /// What it counts for in the bound of all: its ranges, and itself.
    fn size(&self) -> usize {
        self.taken.ranges().len() + 1
    }
}
