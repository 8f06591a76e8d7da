//! Where the engine is kept: what it knows, its place in the stream, and the alerts that the
//! broker has not confirmed, each batch in one transaction.

use resources_core::bus::Position;
use resources_core::contract::{Alert, HostName, TraceParent};
use rusqlite::{OptionalExtension as _, params};

use super::engine::Engine;
use crate::database::{Database, Format, Location, OpenError, damaged, sqlite_error};

/// The file of the engine, in its header "Robs".
const FORMAT: Format =
    Format { application_id: 0x526f_6273, version: 2, schema: include_str!("schema.sql") };

/// An alert that is stored and not yet confirmed by the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// Counts the alerts, in the order in which they were told.
    pub(super) number: i64,
    pub(super) host: Box<str>,
    pub(super) body: Vec<u8>,
    pub(super) timestamp_ms: u64,
    pub(super) trace: Option<TraceParent>,
}

/// The state, and this process the only one to use it.
#[derive(Debug)]
pub(super) struct Checkpoint {
    database: Database,
    position: Option<Position>,
    is_new: bool,
    /// Alerts that are not confirmed.
    waiting: usize,
}

impl Checkpoint {
    /// Opens the state, or makes it, and gives `engine` back what it knew.
    pub(super) fn open(location: &Location, engine: &mut Engine) -> Result<Self, OpenError> {
        let database = Database::open(location, FORMAT)?;
        let mut checkpoint = Self { database, position: None, is_new: false, waiting: 0 };
        checkpoint.read(location, engine)?;
        Ok(checkpoint)
    }

    fn read(&mut self, location: &Location, engine: &mut Engine) -> Result<(), OpenError> {
        let refused = |source| sqlite_error(location, source);
        self.waiting = self
            .database
            .connection
            .query_row("SELECT count(*) FROM alerts", [], |row| row.get(0))
            .map_err(refused)?;
        let unreadable = |error: serde_json::Error| damaged(location, error.to_string());
        let fleet = self
            .database
            .connection
            .query_row("SELECT offset, fingerprint, state FROM fleet", [], |row| {
                let position: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                Ok((position, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()
            .map_err(refused)?;
        let Some(((offset, fingerprint), state)) = fleet else {
            self.is_new = true;
            return Ok(());
        };
        if let (Some(offset), Some(fingerprint)) = (offset, fingerprint) {
            // Written as the signed number of the same bits, which is all SQLite has.
            self.position = Some(Position {
                offset: offset.cast_unsigned(),
                fingerprint: fingerprint.cast_unsigned(),
            });
        }
        engine.restore_fleet(&state).map_err(unreadable)?;
        let mut hosts =
            self.database.connection.prepare("SELECT name, state FROM hosts").map_err(refused)?;
        let mut rows = hosts.query([]).map_err(refused)?;
        while let Some(row) = rows.next().map_err(refused)? {
            let (name, state): (String, Vec<u8>) =
                (row.get(0).map_err(refused)?, row.get(1).map_err(refused)?);
            let name = HostName::new(&name).map_err(|e| damaged(location, e.to_string()))?;
            engine.restore_host(name, &state).map_err(unreadable)?;
        }
        Ok(())
    }

    /// Whether nothing was stored before.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// Place in the stream up to which everything was judged.
    pub(super) const fn position(&self) -> Option<Position> {
        self.position
    }

    /// Stores what changed, the place in the stream it is of, and the alerts that followed; forgets
    /// those that are confirmed.
    pub(super) fn store(
        &mut self,
        engine: &mut Engine,
        position: Option<Position>,
        alerts: &[(Alert, Option<TraceParent>)],
        confirmed: &[i64],
    ) -> rusqlite::Result<()> {
        // An alert that is judged a second time would get another id.
        self.database.survive_power_cuts(!alerts.is_empty())?;
        let transaction = self.database.connection.transaction()?;
        let mut waiting = self.waiting + alerts.len();
        {
            let mut put =
                transaction.prepare_cached("REPLACE INTO hosts (name, state) VALUES (?1, ?2)")?;
            let mut forget = transaction.prepare_cached("DELETE FROM hosts WHERE name = ?1")?;
            for (name, state) in engine.stored_hosts() {
                match state {
                    Some(state) => put.execute(params![name.as_str(), state])?,
                    None => forget.execute([name.as_str()])?,
                };
            }
            let mut add = transaction.prepare_cached(
                "INSERT INTO alerts (host, body, timestamp_ms, trace, reminds_of)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            let mut replace =
                transaction.prepare_cached("DELETE FROM alerts WHERE reminds_of = ?1")?;
            for (alert, trace) in alerts {
                let body = serde_json::to_vec(alert)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let trace = trace.map(|trace| trace.to_string());
                let host = alert.host.as_str();
                let reminds_of = alert.repeat.is_some().then_some(&*alert.id);
                if let Some(id) = reminds_of {
                    // While the broker takes nothing, only the last one is worth a place.
                    waiting -= replace.execute([id])?;
                }
                add.execute(params![host, body, alert.timestamp_ms, trace, reminds_of])?;
            }
            let mut done = transaction.prepare_cached("DELETE FROM alerts WHERE number = ?1")?;
            for number in confirmed {
                // None, when another took its place while it was under way.
                waiting -= done.execute([number])?;
            }
            let position = position.or(self.position);
            transaction
                .prepare_cached(
                    "REPLACE INTO fleet (id, offset, fingerprint, state) VALUES (1, ?1, ?2, ?3)",
                )?
                .execute(params![
                    position.map(|position| position.offset.cast_signed()),
                    position.map(|position| position.fingerprint.cast_signed()),
                    engine.stored_fleet(),
                ])?;
        }
        transaction.commit()?;
        engine.stored();
        self.waiting = waiting;
        self.position = position.or(self.position);
        Ok(())
    }

    /// Alerts that are stored and not known to be confirmed.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// The first alerts behind the one of this number, at most `most`.
    pub(super) fn pending(&self, after: i64, most: usize) -> rusqlite::Result<Vec<Pending>> {
        let mut first = self.database.connection.prepare_cached(
            "SELECT number, host, body, timestamp_ms, trace FROM alerts WHERE number > ?1
             ORDER BY number LIMIT ?2",
        )?;
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = first.query_map([after, most], |row| {
            let trace: Option<String> = row.get(4)?;
            Ok(Pending {
                number: row.get(0)?,
                host: row.get::<_, String>(1)?.into(),
                body: row.get(2)?,
                timestamp_ms: row.get(3)?,
                trace: trace.and_then(|trace| trace.parse().ok()),
            })
        })?;
        rows.collect()
    }
}

#[cfg(test)]
mod tests;
