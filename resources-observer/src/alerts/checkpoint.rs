//! Where the engine is kept: what it knows, its place in the stream, and the alerts that the
//! broker has not confirmed, each batch in one transaction.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use resources_core::bus::Position;
use resources_core::contract::{Alert, HostName, TraceParent};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use super::engine::Engine;

/// Says whose a file is, in its header: "Robs".
const APPLICATION_ID: u32 = 0x526f_6273;

/// Version of the tables in `schema.sql`.
const VERSION: u32 = 1;

const SCHEMA: &str = include_str!("schema.sql");

const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// The write-ahead log is written back when it has this many pages.
const LOG_PAGES: i64 = 4_000;

/// Files up to this many bytes are checked whole before they are used.
const CHECKED_WHOLE_BYTES: u64 = 64 << 20;

/// Where the state of the observer is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this file; it and its folder are made when they are not there.
    File(PathBuf),
    /// In the memory of this process: after a restart it begins anew.
    Memory,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory => f.write_str("memory"),
        }
    }
}

/// Why a state cannot be used. It was not changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder or the file cannot be made, read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another observer uses it.
    #[error("{}: another observer uses it; give each one a file of its own", .0.display())]
    InUse(PathBuf),
    /// It holds something else.
    #[error("{}: {what}; give another file, or move this one away", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What it seems to be.
        what: &'static str,
    },
    /// It is of a later version of this program.
    #[error(
        "{}: a newer version of this program wrote it (tables {found}, known {VERSION}); start \
         that version, or give another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of its tables.
        found: u32,
    },
    /// What it holds cannot be read.
    #[error(
        "{place}: the state is damaged ({reason}); bring back a copy, or move it away to begin \
         anew"
    )]
    Damaged {
        /// The file, or that it is in memory.
        place: String,
        /// What was found.
        reason: String,
    },
    /// SQLite refused for another reason.
    #[error("{place}: {source}")]
    Sqlite {
        /// The file, or that it is in memory.
        place: String,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

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
    connection: Connection,
    position: Option<Position>,
    /// Held for as long as the state is used, and by nobody else.
    _lock: Option<File>,
}

impl Checkpoint {
    /// Opens the state, or makes it, and gives `engine` back what it knew.
    pub(super) fn open(location: &Location, engine: &mut Engine) -> Result<Self, OpenError> {
        let (lock, connection) = match location {
            Location::Memory => (None, Connection::open_in_memory()),
            Location::File(path) => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
                {
                    std::fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
                }
                // Before the lock is made beside it: what is not ours is left alone.
                check_header(path)?;
                let lock = lock(path)?;
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
                    | OpenFlags::SQLITE_OPEN_NO_MUTEX
                    | OpenFlags::SQLITE_OPEN_CREATE;
                (Some(lock), Connection::open_with_flags(path, flags))
            }
        };
        let refused = |source| sqlite_error(location, source);
        let connection = connection.map_err(refused)?;
        if let Location::File(path) = location {
            check_contents(&connection, path).map_err(|reason| damaged(location, reason))?;
        }
        prepare(&connection).map_err(refused)?;
        let mut checkpoint = Self { connection, position: None, _lock: lock };
        checkpoint.read(location, engine)?;
        Ok(checkpoint)
    }

    fn read(&mut self, location: &Location, engine: &mut Engine) -> Result<(), OpenError> {
        let refused = |source| sqlite_error(location, source);
        let unreadable = |error: serde_json::Error| damaged(location, error.to_string());
        let fleet = self
            .connection
            .query_row("SELECT offset, fingerprint, state FROM fleet", [], |row| {
                let position: (Option<i64>, Option<i64>) = (row.get(0)?, row.get(1)?);
                Ok((position, row.get::<_, Vec<u8>>(2)?))
            })
            .optional()
            .map_err(refused)?;
        let Some(((offset, fingerprint), state)) = fleet else { return Ok(()) };
        if let (Some(offset), Some(fingerprint)) = (offset, fingerprint) {
            // Written as the signed number of the same bits, which is all SQLite has.
            self.position = Some(Position {
                offset: offset.cast_unsigned(),
                fingerprint: fingerprint.cast_unsigned(),
            });
        }
        engine.restore_fleet(&state).map_err(unreadable)?;
        let mut hosts =
            self.connection.prepare("SELECT name, state FROM hosts").map_err(refused)?;
        let mut rows = hosts.query([]).map_err(refused)?;
        while let Some(row) = rows.next().map_err(refused)? {
            let (name, state): (String, Vec<u8>) =
                (row.get(0).map_err(refused)?, row.get(1).map_err(refused)?);
            let name = HostName::new(&name).map_err(|e| damaged(location, e.to_string()))?;
            engine.restore_host(name, &state).map_err(unreadable)?;
        }
        Ok(())
    }

    /// Place in the stream up to which everything was judged.
    pub(super) const fn position(&self) -> Option<Position> {
        self.position
    }

    /// Stores what changed, the place in the stream it is of, and the alerts that followed.
    pub(super) fn store(
        &mut self,
        engine: &mut Engine,
        position: Option<Position>,
        alerts: &[(Alert, Option<TraceParent>)],
    ) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
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
                "INSERT INTO alerts (host, body, timestamp_ms, trace) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (alert, trace) in alerts {
                let body = serde_json::to_vec(alert)
                    .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
                let trace = trace.map(|trace| trace.to_string());
                add.execute(params![alert.host.as_str(), body, alert.timestamp_ms, trace])?;
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
        self.position = position.or(self.position);
        Ok(())
    }

    /// The first alerts that are not confirmed, at most `most`.
    pub(super) fn pending(&self, most: usize) -> rusqlite::Result<Vec<Pending>> {
        let mut first = self.connection.prepare_cached(
            "SELECT number, host, body, timestamp_ms, trace FROM alerts ORDER BY number LIMIT ?1",
        )?;
        let rows = first.query_map([i64::try_from(most).unwrap_or(i64::MAX)], |row| {
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

    /// All alerts up to this one are confirmed.
    pub(super) fn confirmed(&self, number: i64) -> rusqlite::Result<()> {
        let mut done = self.connection.prepare_cached("DELETE FROM alerts WHERE number <= ?1")?;
        done.execute([number]).map(drop)
    }
}

/// Makes the tables in a database that is empty, and sets how it is written.
fn prepare(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version == 0 {
        // Before there is a log: the header in the file tells from now on whose it is.
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             {SCHEMA}
             PRAGMA application_id = {APPLICATION_ID};
             PRAGMA user_version = {VERSION};
             COMMIT;"
        ))?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may undo the last batches, each whole; the stream is read again from there.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

fn sqlite_error(location: &Location, source: rusqlite::Error) -> OpenError {
    OpenError::Sqlite { place: location.to_string(), source }
}

fn damaged(location: &Location, reason: String) -> OpenError {
    OpenError::Damaged { place: location.to_string(), reason }
}

/// Beside the database and not in it: SQLite loses its own locks when the file they are on is
/// opened and closed once more.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let path_of_lock = PathBuf::from(name);
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path_of_lock)
        .map_err(|source| io_error(&path_of_lock, source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error(&path_of_lock, source)),
    }
}

/// Refuses a file that is not ours, without changing it.
fn check_header(path: &Path) -> Result<(), OpenError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    const HEADER_BYTES: usize = 100;

    let foreign = |what| OpenError::Foreign { path: path.to_owned(), what };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error(path, error)),
    };
    if !file.metadata().map_err(|error| io_error(path, error))?.is_file() {
        return Err(foreign("it is not a file"));
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64)
        .read_to_end(&mut header)
        .map_err(|error| io_error(path, error))?;
    if header.is_empty() {
        return Ok(());
    }
    if !header.starts_with(MAGIC) || header.len() < HEADER_BYTES {
        return Err(foreign("it is not a database"));
    }
    // Offsets as in https://www.sqlite.org/fileformat.html#the_database_header
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (found, application_id) = (number(60), number(68));
    if application_id != APPLICATION_ID {
        return Err(foreign("it is a database of another program"));
    }
    if found > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found });
    }
    Ok(())
}

/// Checks the whole of a file that is not very large.
fn check_contents(connection: &Connection, path: &Path) -> Result<(), String> {
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if bytes == 0 || bytes > CHECKED_WHOLE_BYTES {
        return Ok(());
    }
    let verdict: rusqlite::Result<String> =
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => Ok(()),
        Ok(verdict) => Err(verdict.replace('\n', " ")),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
