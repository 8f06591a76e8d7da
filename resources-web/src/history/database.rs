//! The file that history lives in: how it is opened, and what is refused before it is touched.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

/// Says whose a file is, in its header: "Rsrc".
const APPLICATION_ID: u32 = 0x5273_7263;

/// Version of the tables: 1 had those of `schema.sql` only, 2 has those of alerts as well.
const VERSION: u32 = 2;

const SCHEMA: &str = include_str!("schema.sql");

/// What version 2 adds.
const ALERTS_SCHEMA: &str = include_str!("../alerts/schema.sql");

/// How long one connection waits for another to let go of the database.
const BUSY_TIMEOUT: Duration = Duration::from_secs(1);

/// Pages of the writer's cache, in KiB. A batch is written in the order of the tables, so each
/// page is needed once.
const WRITER_CACHE_KIB: i64 = 16 * 1024;

/// Pages of a reader's cache, in KiB.
const READER_CACHE_KIB: i64 = 2 * 1024;

/// Size of a page, in bytes. A batch of a large fleet adds a row to every series, and so writes a
/// page of each: small ones keep the disk from writing far more than was added.
const PAGE_BYTES: i64 = 1_024;

/// The write-ahead log is written back when it is this large, in bytes, and cut to it. A page
/// that several batches changed is then written back once.
const LOG_BYTES: i64 = 64 << 20;

/// Most a database in memory may take, in bytes; then history lags until old rows have gone.
const MEMORY_BYTES: i64 = 512 << 20;

/// Files up to this many bytes are checked whole before they are used: in less than a second.
const CHECKED_WHOLE_BYTES: u64 = 64 << 20;

/// Where history is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In this file; it and its folder are made when they are not there.
    File(PathBuf),
    /// In the memory of this process, up to 512 MiB, for as long as it runs.
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

/// Why a database cannot be used. It was not changed.
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
    /// Another server writes to it.
    #[error("{}: another server is writing history there; give each one a file of its own", .0.display())]
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
        "{}: the database is damaged ({reason}); bring back a copy, or move it away to begin \
         with what the stream still holds",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite found.
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

/// A database that is there and whole, and this process the only one to write to it.
#[derive(Debug)]
pub(crate) struct Database {
    address: Address,
    /// Held for as long as the database is used, and by nobody else.
    _lock: Option<File>,
}

/// How connections find the database.
#[derive(Debug, Clone)]
enum Address {
    File(PathBuf),
    /// A name that only this process knows.
    Memory(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Memory(_) => f.write_str("memory"),
        }
    }
}

impl Database {
    /// Makes the database when it is not there, and gives the connection that writes to it.
    pub(crate) fn open(location: &Location) -> Result<(Self, Connection), OpenError> {
        let database = match location {
            Location::Memory => {
                static NEXT: AtomicU32 = AtomicU32::new(0);
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                let name = format!("file:/resources-{}-{number}?vfs=memdb", std::process::id());
                Self { address: Address::Memory(name), _lock: None }
            }
            Location::File(path) => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
                {
                    std::fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
                }
                // Before the lock is made beside it: what is not ours is left alone.
                let is_there = check_header(path)?;
                let lock = lock(path)?;
                if is_there {
                    check_contents(path)
                        .map_err(|reason| OpenError::Damaged { path: path.clone(), reason })?;
                }
                Self { address: Address::File(path.clone()), _lock: Some(lock) }
            }
        };
        let connection = database.open_writer().map_err(|source| database.sqlite_error(source))?;
        Ok((database, connection))
    }

    /// A connection that writes; one for history, and one for alerts.
    pub(crate) fn open_writer(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(OpenFlags::SQLITE_OPEN_CREATE)?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE_KIB)?;
        make(&connection)?;
        match self.address {
            Address::File(_) => {
                connection.pragma_update(None, "journal_mode", "WAL")?;
                connection.pragma_update(None, "journal_size_limit", LOG_BYTES)?;
                connection.pragma_update(None, "wal_autocheckpoint", LOG_BYTES / PAGE_BYTES)?;
                // A power cut may undo the last batches, each whole: its rows, the samples it
                // took in and its place in the stream. The stream is then read again from there.
                connection.pragma_update(None, "synchronous", "NORMAL")?;
            }
            Address::Memory(_) => {
                connection.pragma_update(None, "max_page_count", MEMORY_BYTES / PAGE_BYTES)?;
                connection.pragma_update(None, "journal_mode", "MEMORY")?;
            }
        }
        Ok(connection)
    }

    /// A connection that only reads; any number of them, beside the one that writes.
    pub(super) fn open_reader(&self) -> rusqlite::Result<Connection> {
        let connection = self.connect(OpenFlags::empty())?;
        connection.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
        connection.pragma_update(None, "query_only", true)?;
        Ok(connection)
    }

    fn connect(&self, more: OpenFlags) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let connection = match &self.address {
            Address::File(path) => Connection::open_with_flags(path, flags)?,
            Address::Memory(name) => {
                Connection::open_with_flags(name, flags | OpenFlags::SQLITE_OPEN_URI)?
            }
        };
        connection.busy_timeout(BUSY_TIMEOUT)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    pub(crate) const fn is_in_memory(&self) -> bool {
        matches!(self.address, Address::Memory(_))
    }

    pub(crate) fn sqlite_error(&self, source: rusqlite::Error) -> OpenError {
        OpenError::Sqlite { place: self.address.to_string(), source }
    }
}

/// Makes the tables that are not there: all of them in a database that is empty.
fn make(connection: &Connection) -> rusqlite::Result<()> {
    let version = version(connection)?;
    if version == 1 {
        return connection.execute_batch(&format!(
            "BEGIN IMMEDIATE; {ALERTS_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;"
        ));
    }
    if version != 0 {
        return Ok(());
    }
    connection.pragma_update(None, "page_size", PAGE_BYTES)?;
    // Pages that retention frees can be given back to the system, a few at a time.
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch(&format!(
        "BEGIN IMMEDIATE;
         {SCHEMA}
         {ALERTS_SCHEMA}
         PRAGMA application_id = {APPLICATION_ID};
         PRAGMA user_version = {VERSION};
         COMMIT;"
    ))
}

fn version(connection: &Connection) -> rusqlite::Result<u32> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

/// Beside the database and not in it: SQLite loses its own locks when the file they are on is
/// opened and closed once more.
fn lock(path: &Path) -> Result<File, OpenError> {
    let path_of_lock = beside(path, ".lock");
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

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Refuses a file that is not ours, without changing it; tells whether it holds anything yet.
fn check_header(path: &Path) -> Result<bool, OpenError> {
    const MAGIC: &[u8] = b"SQLite format 3\0";
    const HEADER_BYTES: usize = 100;

    let foreign = |what| OpenError::Foreign { path: path.to_owned(), what };
    let damaged =
        |reason: &str| OpenError::Damaged { path: path.to_owned(), reason: reason.to_owned() };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(io_error(path, error)),
    };
    let metadata = file.metadata().map_err(|error| io_error(path, error))?;
    if !metadata.is_file() {
        return Err(foreign("it is not a file"));
    }
    let mut header = Vec::with_capacity(HEADER_BYTES);
    file.take(HEADER_BYTES as u64)
        .read_to_end(&mut header)
        .map_err(|error| io_error(path, error))?;
    if header.is_empty() {
        return Ok(false);
    }
    if !header.starts_with(MAGIC) {
        return Err(foreign("it is not a database"));
    }
    if header.len() < HEADER_BYTES {
        return Err(damaged("its header is cut off"));
    }
    // Offsets as in https://www.sqlite.org/fileformat.html#the_database_header
    let number = |at: usize| {
        u32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (version, application_id) = (number(60), number(68));
    if application_id != APPLICATION_ID {
        return Err(foreign("it is a database of another program"));
    }
    if version > VERSION {
        return Err(OpenError::Newer { path: path.to_owned(), found: version });
    }
    Ok(true)
}

/// Reads a little of every table, or the whole of a small file, without changing it; says what
/// is wrong with it.
fn check_contents(path: &Path) -> Result<(), String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    let connection = open_unchanged(path).map_err(|error| error.to_string())?;
    find_damage(&connection, bytes)
        .unwrap_or_else(|error| Some(error.to_string()))
        .map_or(Ok(()), Err)
}

fn find_damage(connection: &Connection, bytes: u64) -> rusqlite::Result<Option<String>> {
    let model = Connection::open_in_memory()?;
    model.execute_batch(SCHEMA)?;
    if version(connection)? > 1 {
        model.execute_batch(ALERTS_SCHEMA)?;
    }
    let found = columns(connection)?;
    if found != columns(&model)? {
        return Ok(Some("its tables are not those of this version".to_owned()));
    }
    for (table, _) in found {
        let some_row = format!("SELECT count(*) FROM (SELECT * FROM {table} LIMIT 1)");
        connection.query_row(&some_row, [], |_| Ok(()))?;
    }
    if bytes > CHECKED_WHOLE_BYTES {
        return Ok(None);
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    Ok((verdict != "ok").then(|| verdict.replace('\n', " ")))
}

/// Every column, with its table.
fn columns(connection: &Connection) -> rusqlite::Result<Vec<(String, String)>> {
    let mut all = connection.prepare(
        "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c
         WHERE t.type = 'table' ORDER BY t.name, c.cid",
    )?;
    all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Opens the file such that it stays as it is.
fn open_unchanged(path: &Path) -> rusqlite::Result<Connection> {
    let log = beside(path, "-wal");
    let has_log = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    if has_log {
        // What a server that was killed had not written back yet belongs to the database, so it
        // is read too; and left where it is.
        let connection = Connection::open_with_flags(
            path,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        connection.pragma_update(None, "query_only", true)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        return Ok(connection);
    }
    // Nobody writes to it now, and there is nothing to bring back: no file need be made beside.
    let uri = url::Url::from_file_path(std::path::absolute(path).unwrap_or(path.to_owned()))
        .map_err(|()| rusqlite::Error::InvalidPath(path.to_owned()))?;
    Connection::open_with_flags(
        format!("{uri}?immutable=1"),
        OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NO_MUTEX
            | OpenFlags::SQLITE_OPEN_URI,
    )
}

/// Begins to write, once nobody else does. A transaction that begins by reading could not go on to
/// write when another did so since.
pub(crate) fn begin_to_write(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}
