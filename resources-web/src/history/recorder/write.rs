//! A batch into the tables.

use std::collections::HashMap;

use resources_core::bus::Position;
use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::host::Host;
use crate::history::rollup::{Buckets, MAX_TOTAL};
use crate::history::taken::changes;
use crate::history::tier::{Retention, Tier};

/// What the database holds when it is opened: the place in the stream, and the number of hosts.
pub(super) fn stored(connection: &Connection) -> rusqlite::Result<(Option<Position>, usize)> {
    let position = connection
        .query_row("SELECT stream_offset, fingerprint FROM position", [], |row| {
            let (offset, fingerprint): (i64, i64) = row.try_into()?;
            let (offset, fingerprint) = (offset.cast_unsigned(), fingerprint.cast_unsigned());
            Ok(Position { offset, fingerprint })
        })
        .optional()?;
    let hosts: i64 = connection.query_row("SELECT count(*) FROM host", [], |row| row.get(0))?;
    Ok((position, usize::try_from(hosts).unwrap_or(usize::MAX)))
}

/// Gives each host, series and run of the batch its row. Each by itself, not in the transaction
/// of the batch: what has a row and nothing else means nothing, so an id may be kept in memory
/// whatever becomes of the batch.
///
/// `query_one` runs each statement to its end, which is when it is committed: an id whose row
/// found no room is not kept.
pub(super) fn give_ids(
    connection: &Connection,
    hosts: &mut HashMap<Box<str>, Host>,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let mut host_id = Named::new(connection, "host")?;
    let mut resource_id = Named::new(connection, "resource")?;
    let mut make_run = connection.prepare_cached(
        "INSERT INTO run (host_id, name, seen_ms) VALUES (?1, ?2, ?3)
         ON CONFLICT (host_id, name) DO UPDATE SET seen_ms = excluded.seen_ms
         RETURNING id",
    )?;
    for (name, host) in hosts.iter_mut().filter(|(_, host)| host.in_batch) {
        let id = match host.id {
            Some(id) => id,
            None => *host.id.insert(host_id.of(name)?),
        };
        for (name, run) in host.runs.iter_mut().filter(|(_, run)| run.id.is_none()) {
            let parameters = (id, name, now_ms.cast_signed());
            run.id = Some(make_run.query_one(parameters, |row| row.get(0))?);
        }
        for (name, series) in host.series.iter_mut().filter(|(_, series)| series.id.is_none()) {
            series.id = Some(resource_id.of(name)?);
        }
    }
    Ok(())
}

/// A table that gives names ids.
struct Named<'a> {
    find: rusqlite::CachedStatement<'a>,
    make: rusqlite::CachedStatement<'a>,
}

impl<'a> Named<'a> {
    fn new(connection: &'a Connection, table: &str) -> rusqlite::Result<Self> {
        let find = format!("SELECT id FROM {table} WHERE name = ?1");
        let make = format!("INSERT INTO {table} (name) VALUES (?1) RETURNING id");
        Ok(Self {
            find: connection.prepare_cached(&find)?,
            make: connection.prepare_cached(&make)?,
        })
    }

    fn of(&mut self, name: &str) -> rusqlite::Result<i64> {
        match self.find.query_row([name], |row| row.get(0)).optional()? {
            Some(id) => Ok(id),
            None => self.make.query_one([name], |row| row.get(0)),
        }
    }
}

/// Merges the buckets of the batch into those of the tables, in the order of the tables.
pub(super) fn rollups(
    transaction: &Transaction<'_>,
    hosts: &HashMap<Box<str>, Host>,
    retention: &Retention,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let mut all: Vec<(i64, i64, &Buckets)> = hosts
        .values()
        .filter(|host| host.in_batch)
        .flat_map(|host| host.series.values().map(|series| (host.id, series)))
        .filter(|(_, series)| !series.buckets.is_empty())
        // Each has its ids: they were given before.
        .filter_map(|(host_id, series)| Some((host_id?, series.id?, &series.buckets)))
        .collect();
    all.sort_unstable_by_key(|(host_id, resource_id, _)| (*host_id, *resource_id));
    for tier in Tier::ALL {
        let oldest_s = retention.oldest_s(tier, now_ms);
        let mut merge = transaction.prepare_cached(&merge_statement(tier))?;
        for (host_id, resource_id, buckets) in &all {
            for (bucket_s, rollup) in
                buckets.of_tier(tier).filter(|(start_s, _)| *start_s >= oldest_s)
            {
                merge.execute((
                    host_id,
                    resource_id,
                    bucket_s.cast_signed(),
                    rollup.minimum,
                    rollup.maximum,
                    rollup.total,
                    rollup.samples,
                ))?;
            }
        }
    }
    Ok(())
}

/// Puts a bucket, or merges it into the one that is there. As [`Rollup::merge`] does.
///
/// [`Rollup::merge`]: crate::history::rollup::Rollup::merge
fn merge_statement(tier: Tier) -> String {
    format!(
        "INSERT INTO {table}
             (host_id, resource_id, bucket_s, minimum, maximum, total, samples)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (host_id, resource_id, bucket_s) DO UPDATE SET
             minimum = min(minimum, excluded.minimum),
             maximum = max(maximum, excluded.maximum),
             total = max(min(total + excluded.total, {MAX_TOTAL}), -{MAX_TOTAL}),
             samples = samples + excluded.samples",
        table = tier.table()
    )
}

/// Writes which sequences were taken in.
pub(super) fn runs(
    transaction: &Transaction<'_>,
    hosts: &HashMap<Box<str>, Host>,
    now_ms: u64,
) -> rusqlite::Result<()> {
    let mut seen = transaction.prepare_cached("UPDATE run SET seen_ms = ?2 WHERE id = ?1")?;
    let mut delete =
        transaction.prepare_cached("DELETE FROM taken WHERE run_id = ?1 AND first = ?2")?;
    let mut put = transaction.prepare_cached(
        "INSERT INTO taken (run_id, first, last) VALUES (?1, ?2, ?3)
         ON CONFLICT (run_id, first) DO UPDATE SET last = excluded.last",
    )?;
    let in_batch = hosts.values().filter(|host| host.in_batch);
    for run in in_batch.flat_map(|host| host.runs.values()).filter(|run| run.in_batch) {
        // It has its id: it was given before.
        let Some(id) = run.id else { continue };
        seen.execute((id, now_ms.cast_signed()))?;
        let (gone, changed) = changes(&run.stored, &run.taken);
        for first in gone {
            delete.execute((id, first.cast_signed()))?;
        }
        for range in changed {
            put.execute((id, range.first.cast_signed(), range.last.cast_signed()))?;
        }
    }
    Ok(())
}

/// Writes the place in the stream.
pub(super) fn position(transaction: &Transaction<'_>, position: Position) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO position (only, stream_offset, fingerprint) VALUES (1, ?1, ?2)
             ON CONFLICT (only) DO UPDATE
                 SET stream_offset = excluded.stream_offset, fingerprint = excluded.fingerprint",
        )?
        .execute((position.offset.cast_signed(), position.fingerprint.cast_signed()))?;
    Ok(())
}
