//! Where reactions are kept: the place in the stream of alerts, what is known of them and what is
//! yet to be told, each batch in one transaction.

use resources_core::bus::Position;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::outbox::Outbox;
use super::router::Router;
use crate::database::{Database, Format, Location, OpenError, damaged, sqlite_error};

/// The file of the reactions, in its header "Rrea".
const FORMAT: Format =
    Format { application_id: 0x5272_6561, version: 1, schema: include_str!("schema.sql") };

/// What was kept.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) router: Router,
    pub(super) outboxes: Vec<(Box<str>, Outbox)>,
    pub(super) position: Option<Position>,
}

/// The file, and this process the only one to use it.
#[derive(Debug)]
pub(super) struct Store {
    database: Database,
    position: Option<Position>,
}

impl Store {
    /// Opens the file, or makes it, and reads what was kept. Without any, alerts are told from
    /// `now_ms` on.
    pub(super) fn open(location: &Location, now_ms: u64) -> Result<(Self, Kept), OpenError> {
        let store = Self { database: Database::open(location, FORMAT)?, position: None };
        let connection = &store.database.connection;
        // It changes only with alerts, and those who were told must not be told otherwise.
        let durable = store.database.survive_power_cuts(true);
        durable.map_err(|source| sqlite_error(location, source))?;
        let refused = |error| match error {
            ReadError::Sqlite(source) => sqlite_error(location, source),
            ReadError::Json(error) => damaged(location, error.to_string()),
        };
        let kept = read(connection, now_ms).map_err(refused)?;
        Ok((Self { position: kept.position, ..store }, kept))
    }

    /// Stores what changed, and the place in the stream that it is of.
    pub(super) fn store<'a>(
        &mut self,
        router: &mut Router,
        outboxes: impl Iterator<Item = (&'a str, &'a Outbox)>,
        position: Option<Position>,
    ) -> rusqlite::Result<()> {
        let position = position.or(self.position);
        let transaction = self.database.connection.transaction()?;
        {
            let changes = router.changes();
            for id in &changes.episodes {
                put(&transaction, Table::Episodes, id, router.episode(id))?;
            }
            for id in &changes.silences {
                put(&transaction, Table::Silences, id, router.known_silence(id))?;
            }
            for id in &changes.cleared {
                transaction
                    .prepare_cached("INSERT INTO cleared (id) VALUES (?1)")?
                    .execute([id])?;
            }
            if !changes.cleared.is_empty() {
                transaction
                    .prepare_cached(
                        "DELETE FROM cleared WHERE number <= (SELECT max(number) FROM cleared) - ?1",
                    )?
                    .execute([i64::try_from(Router::most_cleared()).unwrap_or(i64::MAX)])?;
            }
            for (reaction, outbox) in outboxes {
                put(&transaction, Table::Outboxes, reaction, Some(outbox))?;
            }
            transaction
                .prepare_cached(
                    "REPLACE INTO place (id, offset, fingerprint, since_ms) VALUES (1, ?1, ?2, ?3)",
                )?
                .execute(params![
                    position.map(|position| position.offset.cast_signed()),
                    position.map(|position| position.fingerprint.cast_signed()),
                    router.since_ms(),
                ])?;
        }
        transaction.commit()?;
        router.stored();
        self.position = position;
        Ok(())
    }

    /// Forgets the outbox of a reaction that is no more.
    pub(super) fn drop_outbox(&self, reaction: &str) -> rusqlite::Result<()> {
        let connection = &self.database.connection;
        connection.execute("DELETE FROM outboxes WHERE reaction = ?1", [reaction]).map(drop)
    }
}

/// Why what was kept cannot be read.
enum ReadError {
    Sqlite(rusqlite::Error),
    Json(serde_json::Error),
}

impl From<rusqlite::Error> for ReadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<serde_json::Error> for ReadError {
    fn from(error: serde_json::Error) -> Self {
        Self::Json(error)
    }
}

fn read(connection: &Connection, now_ms: u64) -> Result<Kept, ReadError> {
    let place = connection
        .query_row("SELECT offset, fingerprint, since_ms FROM place", [], |row| {
            let position: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok((position, row.get::<_, u64>(2)?))
        })
        .optional()?;
    let Some(((offset, fingerprint), since_ms)) = place else {
        return Ok(Kept { router: Router::new(now_ms), outboxes: Vec::new(), position: None });
    };
    // Written as the signed number of the same bits, which is all SQLite has.
    let position = offset.zip(fingerprint).map(|(offset, fingerprint)| Position {
        offset: offset.cast_unsigned(),
        fingerprint: fingerprint.cast_unsigned(),
    });
    let mut router = Router::new(since_ms);
    each(connection, "SELECT id, state FROM episodes", |_, episode| {
        router.restore_episode(episode);
    })?;
    each(connection, "SELECT id, state FROM silences", |_, silence| {
        router.restore_silence(silence);
    })?;
    let mut cleared = connection.prepare("SELECT id FROM cleared ORDER BY number")?;
    let mut rows = cleared.query([])?;
    while let Some(row) = rows.next()? {
        router.restore_cleared(&row.get::<_, String>(0)?);
    }
    let mut outboxes = Vec::new();
    each(connection, "SELECT reaction, state FROM outboxes", |reaction, outbox| {
        outboxes.push((reaction.into(), outbox));
    })?;
    Ok(Kept { router, outboxes, position })
}

fn each<T: DeserializeOwned>(
    connection: &Connection,
    query: &str,
    mut take: impl FnMut(String, T),
) -> Result<(), ReadError> {
    let mut statement = connection.prepare(query)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        take(row.get(0)?, serde_json::from_slice(&row.get::<_, Vec<u8>>(1)?)?);
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Table {
    Episodes,
    Silences,
    Outboxes,
}

/// Writes a row, or deletes it when there is nothing to write.
fn put<T: Serialize>(
    connection: &Connection,
    table: Table,
    key: &str,
    state: Option<&T>,
) -> rusqlite::Result<()> {
    let (write, delete) = match table {
        Table::Episodes => {
            ("REPLACE INTO episodes VALUES (?1, ?2)", "DELETE FROM episodes WHERE id = ?1")
        }
        Table::Silences => {
            ("REPLACE INTO silences VALUES (?1, ?2)", "DELETE FROM silences WHERE id = ?1")
        }
        Table::Outboxes => {
            ("REPLACE INTO outboxes VALUES (?1, ?2)", "DELETE FROM outboxes WHERE reaction = ?1")
        }
    };
    match state {
        Some(state) => {
            let state = serde_json::to_vec(state)
                .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
            connection.prepare_cached(write)?.execute(params![key, state])?;
        }
        None => drop(connection.prepare_cached(delete)?.execute([key])?),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_survives_a_power_cut() {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::File(folder.path().join("reactions.sqlite"));
        let (store, _) = Store::open(&location, 0).unwrap();
        let connection = &store.database.connection;
        let full: i64 =
            connection.pragma_query_value(None, "synchronous", |row| row.get(0)).unwrap();
        assert_eq!(full, 2);
    }
}
