//! Deletes what is too old, a little at a time, walking through all tables over and over.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::database::begin_to_write;
use super::tier::{Retention, Tier};

/// Most rows a step deletes.
const MAX_ROWS: u64 = 2_000;

/// Most series, runs or hosts a step looks at.
const MAX_LOOKS: usize = 500;

/// Most resources a step looks at; each may take a look at every host.
const MAX_RESOURCE_LOOKS: usize = 4;

/// Pages a step gives back to the system at most.
const MAX_FREED_PAGES: u32 = 256;

/// Free pages that are kept for new rows, at least.
const KEPT_FREE_PAGES: u64 = 1_024;

/// From the end of one walk to the begin of the next. Rows stay at most so much longer than they
/// are to be kept, besides the time a walk takes.
const REST: Duration = Duration::from_secs(600);

/// A run that sent nothing for so long is forgotten: the stream keeps messages for a day by
/// default, and a tracker its backlog for as long as its buffer lasts.
const RUN_KEPT: Duration = Duration::from_secs(8 * 24 * 3_600);

/// Where the walk is.
#[derive(Debug, Clone, Default)]
pub(super) struct Sweep {
    stage: Stage,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Behind this series of this tier.
    Series(usize, (i64, i64)),
    /// Behind this run.
    Runs(i64),
    /// Behind this host.
    Hosts(i64),
    /// Behind this resource.
    Resources(i64),
    /// Until this time.
    Resting(u64),
}

impl Default for Stage {
    fn default() -> Self {
        Self::Series(0, BEFORE_ALL)
    }
}

/// Comes before every series.
const BEFORE_ALL: (i64, i64) = (i64::MIN, i64::MIN);

/// Rows that others refer to and that were deleted, by their ids.
#[derive(Debug, Default)]
pub(super) struct Gone {
    pub(super) runs: Vec<i64>,
    pub(super) hosts: Vec<i64>,
    pub(super) resources: Vec<i64>,
}

impl Gone {
    pub(super) const fn is_empty(&self) -> bool {
        self.runs.is_empty() && self.hosts.is_empty() && self.resources.is_empty()
    }
}

impl Sweep {
    /// Goes on a little.
    pub(super) fn step(
        &mut self,
        connection: &mut Connection,
        retention: &Retention,
        now_ms: u64,
    ) -> rusqlite::Result<Gone> {
        let mut gone = Gone::default();
        if let Stage::Resting(until_ms) = self.stage
            && now_ms < until_ms
        {
            return Ok(gone);
        }
        let transaction = begin_to_write(connection)?;
        let next = match self.stage {
            Stage::Series(tier, behind) => series(&transaction, tier, behind, retention, now_ms)?,
            Stage::Runs(behind) => runs(&transaction, behind, now_ms, &mut gone.runs)?,
            Stage::Hosts(behind) => hosts(&transaction, behind, &mut gone.hosts)?,
            Stage::Resources(behind) => {
                resources(&transaction, behind, now_ms, &mut gone.resources)?
            }
            Stage::Resting(_) => Stage::default(),
        };
        transaction.commit()?;
        self.stage = next;
        free_pages(connection)?;
        Ok(gone)
    }
}

impl Sweep {
    /// Whether the next walk is still to begin.
    pub(super) const fn rests(&self, now_ms: u64) -> bool {
        matches!(self.stage, Stage::Resting(until_ms) if now_ms < until_ms)
    }

    /// Goes through all series once and deletes the old rows of each, a step at a time. Hosts,
    /// runs and resources stay, so that a batch may wait meanwhile.
    pub(super) fn old_rows(
        &mut self,
        connection: &mut Connection,
        retention: &Retention,
        now_ms: u64,
    ) -> rusqlite::Result<()> {
        let mut stage = Stage::default();
        while let Stage::Series(tier, behind) = stage {
            let transaction = begin_to_write(connection)?;
            stage = series(&transaction, tier, behind, retention, now_ms)?;
            transaction.commit()?;
        }
        Ok(())
    }
}

/// Deletes the old rows of the next few series of a tier.
fn series(
    transaction: &Transaction<'_>,
    tier_index: usize,
    mut behind: (i64, i64),
    retention: &Retention,
    now_ms: u64,
) -> rusqlite::Result<Stage> {
    let Some(tier) = Tier::ALL.get(tier_index).copied() else { return Ok(Stage::Runs(i64::MIN)) };
    let table = tier.table();
    // A series and its oldest bucket, found by the primary key.
    let mut next = transaction.prepare_cached(&format!(
        "SELECT host_id, resource_id, bucket_s FROM {table}
         WHERE (host_id, resource_id) > (?1, ?2)
         ORDER BY host_id, resource_id, bucket_s LIMIT 1"
    ))?;
    let mut delete = transaction.prepare_cached(&format!(
        "DELETE FROM {table} WHERE host_id = ?1 AND resource_id = ?2 AND bucket_s < ?3"
    ))?;
    let keep_from_s = retention.oldest_s(tier, now_ms);
    let mut rows_left = MAX_ROWS;
    for _ in 0..MAX_LOOKS {
        let found: Option<(i64, i64, i64)> =
            next.query_row(behind, |row| row.try_into()).optional()?;
        let Some((host_id, resource_id, oldest_s)) = found else {
            return Ok(Stage::Series(tier_index + 1, BEFORE_ALL));
        };
        let oldest_s = oldest_s.cast_unsigned();
        if oldest_s >= keep_from_s {
            behind = (host_id, resource_id);
            continue;
        }
        // So many buckets there may be from the oldest on, and no more.
        let reach_s = oldest_s + rows_left * tier.width_s();
        let deleted =
            delete.execute((host_id, resource_id, keep_from_s.min(reach_s).cast_signed()))?;
        if reach_s < keep_from_s {
            // The rest of this series is for the next step.
            return Ok(Stage::Series(tier_index, behind));
        }
        behind = (host_id, resource_id);
        rows_left = rows_left.saturating_sub(u64::try_from(deleted).unwrap_or(u64::MAX));
        if rows_left == 0 {
            break;
        }
    }
    Ok(Stage::Series(tier_index, behind))
}

/// Deletes those of the next few runs that sent nothing for long.
fn runs(
    transaction: &Transaction<'_>,
    behind: i64,
    now_ms: u64,
    gone: &mut Vec<i64>,
) -> rusqlite::Result<Stage> {
    let silent_since_ms = now_ms.saturating_sub(RUN_KEPT.as_secs() * 1_000).cast_signed();
    let mut next = transaction
        .prepare_cached("SELECT id, seen_ms FROM run WHERE id > ?1 ORDER BY id LIMIT 1")?;
    let mut delete_ranges = transaction.prepare_cached("DELETE FROM taken WHERE run_id = ?1")?;
    let mut delete = transaction.prepare_cached("DELETE FROM run WHERE id = ?1")?;
    let mut behind = behind;
    let mut rows_left = MAX_ROWS;
    for _ in 0..MAX_LOOKS {
        let found: Option<(i64, i64)> =
            next.query_row([behind], |row| row.try_into()).optional()?;
        let Some((id, seen_ms)) = found else { return Ok(Stage::Hosts(i64::MIN)) };
        behind = id;
        if seen_ms < silent_since_ms {
            let deleted = delete_ranges.execute([id])? + delete.execute([id])?;
            gone.push(id);
            rows_left = rows_left.saturating_sub(u64::try_from(deleted).unwrap_or(u64::MAX));
            if rows_left == 0 {
                break;
            }
        }
    }
    Ok(Stage::Runs(behind))
}

/// Deletes those of the next few hosts of which nothing is left.
fn hosts(
    transaction: &Transaction<'_>,
    behind: i64,
    gone: &mut Vec<i64>,
) -> rusqlite::Result<Stage> {
    let mut next =
        transaction.prepare_cached("SELECT id FROM host WHERE id > ?1 ORDER BY id LIMIT 1")?;
    let mut delete = transaction.prepare_cached(
        "DELETE FROM host WHERE id = ?1
             AND NOT EXISTS (SELECT 1 FROM rollup_1h WHERE host_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM rollup_1m WHERE host_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM rollup_10s WHERE host_id = ?1)
             AND NOT EXISTS (SELECT 1 FROM run WHERE host_id = ?1)",
    )?;
    let mut behind = behind;
    for _ in 0..MAX_LOOKS {
        let found: Option<i64> = next.query_row([behind], |row| row.get(0)).optional()?;
        let Some(id) = found else { return Ok(Stage::Resources(i64::MIN)) };
        behind = id;
        if delete.execute([id])? > 0 {
            gone.push(id);
        }
    }
    Ok(Stage::Hosts(behind))
}

/// Deletes those of the next few resources that no host has any more.
fn resources(
    transaction: &Transaction<'_>,
    behind: i64,
    now_ms: u64,
    gone: &mut Vec<i64>,
) -> rusqlite::Result<Stage> {
    let mut next =
        transaction.prepare_cached("SELECT id FROM resource WHERE id > ?1 ORDER BY id LIMIT 1")?;
    // Host by host, so that each look is one by the primary key.
    let mut delete = transaction.prepare_cached(
        "DELETE FROM resource WHERE id = ?1 AND NOT EXISTS (
             SELECT 1 FROM host WHERE
                 EXISTS (SELECT 1 FROM rollup_1h WHERE host_id = host.id AND resource_id = ?1)
                 OR EXISTS (SELECT 1 FROM rollup_1m WHERE host_id = host.id AND resource_id = ?1)
                 OR EXISTS (SELECT 1 FROM rollup_10s WHERE host_id = host.id AND resource_id = ?1)
         )",
    )?;
    let mut behind = behind;
    for _ in 0..MAX_RESOURCE_LOOKS {
        let found: Option<i64> = next.query_row([behind], |row| row.get(0)).optional()?;
        let Some(id) = found else {
            let rest_ms = u64::try_from(REST.as_millis()).unwrap_or(u64::MAX);
            return Ok(Stage::Resting(now_ms.saturating_add(rest_ms)));
        };
        behind = id;
        if delete.execute([id])? > 0 {
            gone.push(id);
        }
    }
    Ok(Stage::Resources(behind))
}

/// Gives some free pages back to the system, when there are far more than new rows will need.
fn free_pages(connection: &Connection) -> rusqlite::Result<()> {
    let count = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let free = count("freelist_count")?.cast_unsigned();
    if free < KEPT_FREE_PAGES {
        return Ok(());
    }
    let all = count("page_count")?.cast_unsigned();
    if free < KEPT_FREE_PAGES + all / 4 {
        return Ok(());
    }
    // Each row of the answer is a page.
    let mut vacuum =
        connection.prepare(&format!("PRAGMA incremental_vacuum({MAX_FREED_PAGES})"))?;
    let mut pages = vacuum.query([])?;
    while pages.next()?.is_some() {}
    Ok(())
}
