//! How much history holds.

use rusqlite::Connection;

/// Figures of the database as a whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Overview {
    /// Offset in the stream of the last analysis that is in; `None` before the first.
    pub(crate) position: Option<u64>,
    /// Hosts it has something of.
    pub(crate) hosts: u64,
    /// Size of the database, in bytes, without its log.
    pub(crate) database_bytes: u64,
}

impl Overview {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let number = |sql: &str| connection.query_row(sql, [], |row| row.get(0));
        let pages: u64 = number("SELECT page_count FROM pragma_page_count")?;
        let page_bytes: u64 = number("SELECT page_size FROM pragma_page_size")?;
        Ok(Self {
            position: connection.query_row(
                "SELECT MAX(stream_offset) FROM position",
                [],
                |row| row.get(0),
            )?,
            hosts: number("SELECT COUNT(*) FROM host")?,
            database_bytes: pages * page_bytes,
        })
    }
}
