//! The files of SQLite in which the observer remembers: each one's own, used by one process.

use std::fmt;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// What kind of file it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Format {
    /// Says whose a file is, in its header.
    pub(crate) application_id: u32,
    /// Version of the tables.
    pub(crate) version: u32,
    /// Makes the tables, in place of those of an older version.
    pub(crate) schema: &'static str,
}

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
        "{}: a newer version of this program wrote it (tables {found}, known {known}); start \
         that version, or give another file",
        path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version of its tables.
        found: u32,
        /// Newest version this program knows.
        known: u32,
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

/// A database, and this process the only one to use it.
#[derive(Debug)]
pub(crate) struct Database {
    pub(crate) connection: Connection,
    /// Held for as long as the database is used, and by nobody else.
    _lock: Option<File>,
}

impl Database {
    /// Opens the database, or makes it.
    pub(crate) fn open(location: &Location, format: Format) -> Result<Self, OpenError> {
        let (lock, connection) = match location {
            Location::Memory => (None, Connection::open_in_memory()),
            Location::File(path) => {
                if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty())
                {
                    std::fs::create_dir_all(folder).map_err(|source| io_error(folder, source))?;
                }
                // Before the lock is made beside it: what is not ours is left alone.
                check_header(path, format)?;
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
        prepare(&connection, format).map_err(refused)?;
        Ok(Self { connection, _lock: lock })
    }

    /// Whether what is stored from now on, and all before it, is still there after a power cut. It
    /// costs a wait for the disk for each transaction.
    pub(crate) fn survive_power_cuts(&self, survives: bool) -> rusqlite::Result<()> {
        let how = if survives { "FULL" } else { "NORMAL" };
        self.connection.pragma_update(None, "synchronous", how)
    }
}

/// Makes the tables in a database that has none of this version, and sets how it is written.
fn prepare(connection: &Connection, format: Format) -> rusqlite::Result<()> {
    let Format { application_id, version: known, schema } = format;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version < known {
        // Before there is a log: the header in the file tells from now on whose it is.
        connection.execute_batch(&format!(
            "BEGIN IMMEDIATE;
             {schema}
             PRAGMA application_id = {application_id};
             PRAGMA user_version = {known};
             COMMIT;"
        ))?;
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // A power cut may undo the last batches, each whole; the stream is read again from there.
    // What nobody may work out differently a second time is kept through it, see `survive`.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "wal_autocheckpoint", LOG_PAGES)
}

fn io_error(path: &Path, source: io::Error) -> OpenError {
    OpenError::Io { path: path.to_owned(), source }
}

pub(crate) fn sqlite_error(location: &Location, source: rusqlite::Error) -> OpenError {
    OpenError::Sqlite { place: location.to_string(), source }
}

pub(crate) fn damaged(location: &Location, reason: String) -> OpenError {
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
fn check_header(path: &Path, format: Format) -> Result<(), OpenError> {
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
    if application_id != format.application_id {
        return Err(foreign("it is a database of another program"));
    }
    if found > format.version {
        return Err(OpenError::Newer { path: path.to_owned(), found, known: format.version });
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
