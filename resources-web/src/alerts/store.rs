//! Alerts in the database: written beside history, read by whoever asks.

use std::sync::Arc;

use resources_core::bus::Position;
use resources_core::contract::{HostName, Silence};
use rusqlite::types::{FromSqlError, Type};
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, named_params, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::board::{Board, Filter, MAX_AHEAD_MS, Unwritten};
use crate::history::{Database, History, Location, OpenError, Reader, begin_to_write};
use crate::protocol::{Acknowledged, AlertEntry};

/// How long an alert that ended is kept: a year.
const KEPT_MS: u64 = 365 * 24 * 60 * 60 * 1_000;

/// Alerts that ended and are kept at most.
const MOST_CLEARED: u32 = 100_000;

/// The same in memory.
const MOST_CLEARED_IN_MEMORY: u32 = 10_000;

/// How long a silence is kept that is over.
const SILENCE_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// Alerts that ended and whose ids are remembered at the start.
const ENDED_READ: u32 = 10_000;

const COLUMNS: &str = "id, host, resource, kind, level, percentage, since_ms, timestamp_ms, \
                       cleared_ms, repeats, acknowledged_by, acknowledged_ms, acknowledged_note";

/// The connection that writes alerts.
#[derive(Debug)]
pub(super) struct Store {
    connection: Connection,
    most_cleared: u32,
}

/// Where a page of alerts that ended begins: behind the one that ended then, with this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cleared {
    pub(crate) cleared_ms: u64,
    pub(crate) id: Box<str>,
}

/// A page of alerts that ended.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    pub(crate) filter: Filter,
    pub(crate) after: Option<Cleared>,
    pub(crate) limit: usize,
}

impl Store {
    /// In the file of `history`; in a memory of its own when that has none, as there a place to
    /// wait for costs nothing.
    pub(super) fn open(history: &History) -> Result<(Self, Reader), OpenError> {
        let shared = history.reader().filter(|reader| !reader.database().is_in_memory());
        if let Some(reader) = shared {
            let database = reader.database();
            let connection =
                database.open_writer().map_err(|source| database.sqlite_error(source))?;
            return Ok((Self { connection, most_cleared: MOST_CLEARED }, reader.clone()));
        }
        let (database, connection) = Database::open(&Location::Memory)?;
        let store = Self { connection, most_cleared: MOST_CLEARED_IN_MEMORY };
        Ok((store, Reader::new(Arc::new(database))))
    }

    /// Gives `board` what was written, and the place in the stream.
    pub(super) fn restore(
        &self,
        board: &mut Board,
        now_ms: u64,
    ) -> rusqlite::Result<Option<Position>> {
        let connection = &self.connection;
        let active = connection
            .prepare(&format!("SELECT {COLUMNS} FROM alert WHERE cleared_ms IS NULL"))?
            .query_map([], entry)?
            .collect::<Result<_, _>>()?;
        let mut ended: Vec<Box<str>> = connection
            .prepare(
                "SELECT id FROM alert WHERE cleared_ms IS NOT NULL
                 ORDER BY cleared_ms DESC, id DESC LIMIT ?1",
            )?
            .query_map([ENDED_READ], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        ended.reverse();
        let silences = connection
            .prepare(
                "SELECT id, host, resource, kind, from_ms, until_ms, asked_by, reason,
                        timestamp_ms FROM silence",
            )?
            .query_map([], silence)?
            .collect::<Result<_, _>>()?;
        board.restore(active, ended, silences, now_ms);
        let position = connection.query_row(
            "SELECT stream_offset, fingerprint FROM alert_position",
            [],
            |row| {
                let (offset, fingerprint): (i64, i64) = row.try_into()?;
                let (offset, fingerprint) = (offset.cast_unsigned(), fingerprint.cast_unsigned());
                Ok(Position { offset, fingerprint })
            },
        );
        position.optional()
    }

    /// Writes what is new, with the place in the stream it comes from, all or nothing.
    pub(super) fn write(
        &mut self,
        unwritten: &Unwritten,
        position: Option<Position>,
    ) -> rusqlite::Result<()> {
        let transaction = begin_to_write(&mut self.connection)?;
        for entry in unwritten.entries.values() {
            write_entry(&transaction, entry)?;
        }
        for (id, (host, acknowledged)) in &unwritten.acknowledged {
            let Acknowledged { by, at_ms, note } = acknowledged;
            transaction
                .prepare_cached(
                    "UPDATE alert SET acknowledged_by = ?3, acknowledged_ms = ?4,
                         acknowledged_note = ?5
                     WHERE id = ?1 AND host = ?2
                         AND (acknowledged_ms IS NULL OR acknowledged_ms < ?4)",
                )?
                .execute(params![id, host.as_str(), by, integer(*at_ms), note])?;
        }
        for silence in unwritten.silences.values() {
            write_silence(&transaction, silence)?;
        }
        if let Some(position) = position {
            transaction
                .prepare_cached(
                    "INSERT INTO alert_position (only, stream_offset, fingerprint)
                     VALUES (1, ?1, ?2)
                     ON CONFLICT (only) DO UPDATE SET
                         stream_offset = excluded.stream_offset,
                         fingerprint = excluded.fingerprint",
                )?
                .execute((position.offset.cast_signed(), position.fingerprint.cast_signed()))?;
        }
        transaction.commit()
    }

    /// Deletes what is too old, or too much.
    pub(super) fn tidy(&mut self, now_ms: u64) -> rusqlite::Result<()> {
        let transaction = begin_to_write(&mut self.connection)?;
        let newest_ms: Option<u64> = transaction.query_row(
            "SELECT max(newest_ms) FROM (
                 SELECT max(timestamp_ms) AS newest_ms FROM alert
                 UNION ALL SELECT max(timestamp_ms) FROM silence)",
            [],
            |row| row.get(0),
        )?;
        let newest_ms = newest_ms.unwrap_or(0).saturating_add(MAX_AHEAD_MS);
        let now_ms = now_ms.min(newest_ms);
        let oldest_ms = integer(now_ms.saturating_sub(KEPT_MS));
        transaction.execute("DELETE FROM alert WHERE cleared_ms < ?1", [oldest_ms])?;
        transaction.execute(
            "DELETE FROM alert WHERE id IN (
                 SELECT id FROM alert WHERE cleared_ms IS NOT NULL
                 ORDER BY cleared_ms DESC, id DESC LIMIT -1 OFFSET ?1)",
            [self.most_cleared],
        )?;
        let over_ms = integer(now_ms.saturating_sub(SILENCE_KEPT_MS));
        transaction.execute("DELETE FROM silence WHERE until_ms < ?1", [over_ms])?;
        transaction.commit()
    }
}

fn write_entry(transaction: &Transaction<'_>, entry: &AlertEntry) -> rusqlite::Result<()> {
    let acknowledged = entry.acknowledged.as_ref();
    // What ended stays as it is, whatever comes again.
    transaction
        .prepare_cached(&format!(
            "INSERT INTO alert ({COLUMNS})
             VALUES (:id, :host, :resource, :kind, :level, :percentage, :since_ms, :timestamp_ms,
                     :cleared_ms, :repeats, :by, :at_ms, :note)
             ON CONFLICT (id) DO UPDATE SET
                 level = excluded.level, percentage = excluded.percentage,
                 timestamp_ms = excluded.timestamp_ms, cleared_ms = excluded.cleared_ms,
                 repeats = excluded.repeats, acknowledged_by = excluded.acknowledged_by,
                 acknowledged_ms = excluded.acknowledged_ms,
                 acknowledged_note = excluded.acknowledged_note
             WHERE alert.cleared_ms IS NULL"
        ))?
        .execute(named_params! {
            ":id": entry.id,
            ":host": entry.host.as_str(),
            ":resource": entry.resource,
            ":kind": word(&entry.kind),
            ":level": entry.level.as_ref().and_then(word),
            ":percentage": entry.percentage,
            ":since_ms": integer(entry.since_ms),
            ":timestamp_ms": integer(entry.timestamp_ms),
            ":cleared_ms": entry.cleared_ms.map(integer),
            ":repeats": entry.repeat.map(integer),
            ":by": acknowledged.map(|acknowledged| &acknowledged.by),
            ":at_ms": acknowledged.map(|acknowledged| integer(acknowledged.at_ms)),
            ":note": acknowledged.and_then(|acknowledged| acknowledged.note.as_ref()),
        })?;
    Ok(())
}

fn write_silence(transaction: &Transaction<'_>, silence: &Silence) -> rusqlite::Result<()> {
    transaction
        .prepare_cached(
            "INSERT INTO silence (id, host, resource, kind, from_ms, until_ms, asked_by, reason,
                                  timestamp_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
             ON CONFLICT (id) DO UPDATE SET until_ms = min(until_ms, excluded.until_ms)",
        )?
        .execute(params![
            silence.id,
            silence.host.as_str(),
            silence.resource,
            silence.kind.as_ref().and_then(word),
            integer(silence.from_ms),
            integer(silence.until_ms),
            silence.by,
            silence.reason,
            integer(silence.timestamp_ms),
        ])?;
    Ok(())
}

/// Alerts that ended, those that ended last first.
pub(crate) fn read_cleared(
    connection: &Connection,
    page: &Page,
) -> rusqlite::Result<Vec<AlertEntry>> {
    let Page { filter, after, limit } = page;
    // The database takes the way by its index when the host is a condition of its own.
    let of_host = if filter.host.is_some() { "host = :host" } else { ":host IS NULL" };
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM alert
             WHERE {of_host} AND cleared_ms >= :from_ms
                 AND (cleared_ms, id) < (:after_ms, :after_id)
                 AND (:resource IS NULL OR resource = :resource)
                 AND (:kind IS NULL OR kind = :kind)
                 AND since_ms < :to_ms
             ORDER BY cleared_ms DESC, id DESC LIMIT :limit"
        ))?
        .query_map(
            named_params! {
                ":host": filter.host.as_ref().map(HostName::as_str),
                ":resource": filter.resource,
                ":kind": filter.kind.as_ref().and_then(word),
                ":from_ms": integer(filter.from_ms.unwrap_or(0)),
                ":to_ms": filter.to_ms.map_or(i64::MAX, integer),
                ":after_ms": after.as_ref().map_or(i64::MAX, |after| integer(after.cleared_ms)),
                ":after_id": after.as_ref().map_or("", |after| &after.id),
                ":limit": i64::try_from(*limit).unwrap_or(i64::MAX),
            },
            entry,
        )?
        .collect()
}

/// One episode.
pub(crate) fn read_entry(
    connection: &Connection,
    id: &str,
) -> rusqlite::Result<Option<AlertEntry>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM alert WHERE id = ?1"))?
        .query_row([id], entry)
        .optional()
}

fn entry(row: &Row<'_>) -> rusqlite::Result<AlertEntry> {
    let by: Option<Box<str>> = row.get(10)?;
    let at_ms: Option<u64> = row.get(11)?;
    let note = row.get(12)?;
    Ok(AlertEntry {
        id: row.get(0)?,
        host: host(row, 1)?,
        resource: row.get(2)?,
        kind: of_word(row, 3)?.ok_or(FromSqlError::InvalidType)?,
        level: of_word(row, 4)?,
        percentage: row.get(5)?,
        since_ms: row.get(6)?,
        timestamp_ms: row.get(7)?,
        cleared_ms: row.get(8)?,
        repeat: row.get(9)?,
        acknowledged: by.zip(at_ms).map(|(by, at_ms)| Acknowledged { by, at_ms, note }),
        silenced_until_ms: None,
    })
}

fn silence(row: &Row<'_>) -> rusqlite::Result<Silence> {
    Ok(Silence {
        id: row.get(0)?,
        host: host(row, 1)?,
        resource: row.get(2)?,
        kind: of_word(row, 3)?,
        from_ms: row.get(4)?,
        until_ms: row.get(5)?,
        by: row.get(6)?,
        reason: row.get(7)?,
        timestamp_ms: row.get(8)?,
    })
}

fn host(row: &Row<'_>, column: usize) -> rusqlite::Result<HostName> {
    let name: Box<str> = row.get(column)?;
    HostName::new(&name).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

/// Times are below 2^53.
fn integer(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The word that JSON has for it.
fn word<T: Serialize>(value: &T) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Some(word),
        _ => None,
    }
}

fn of_word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    let word: Option<String> = row.get(column)?;
    word.map(|word| serde_json::from_value(word.into())).transpose().map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error))
    })
}

#[cfg(test)]
mod tests {
    use resources_core::contract::AlertKind;

    use super::*;

    fn ended(id: &str, cleared_ms: u64) -> AlertEntry {
        AlertEntry {
            id: id.into(),
            host: HostName::new("web").unwrap(),
            resource: None,
            kind: AlertKind::Silent,
            level: None,
            percentage: None,
            since_ms: cleared_ms - 1,
            timestamp_ms: cleared_ms,
            cleared_ms: Some(cleared_ms),
            repeat: None,
            acknowledged: None,
            silenced_until_ms: None,
        }
    }

    fn write(store: &mut Store, entry: AlertEntry) {
        let mut unwritten = Unwritten::default();
        unwritten.entries.insert(entry.id.clone(), entry);
        store.write(&unwritten, None).unwrap();
    }

    #[test]
    fn what_is_a_year_old_goes_but_not_because_the_clock_is_wrong() {
        let (mut store, _reader) = Store::open(&History::off()).unwrap();
        let now_ms = resources_core::service::now_ms();
        let ids = |store: &Store| -> Vec<Box<str>> {
            let page = Page { filter: Filter::default(), after: None, limit: 10 };
            let found = read_cleared(&store.connection, &page).unwrap();
            found.into_iter().map(|entry| entry.id).collect()
        };
        store.tidy(now_ms).unwrap();
        write(&mut store, ended("old", now_ms));
        let later_ms = now_ms + 2 * KEPT_MS;
        store.tidy(later_ms).unwrap();
        assert_eq!(ids(&store), ["old".into()], "two years within a moment");
        write(&mut store, ended("new", later_ms));
        store.tidy(later_ms).unwrap();
        assert_eq!(ids(&store), ["new".into()]);
    }
}
