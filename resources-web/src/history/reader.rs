//! Reading history beside the thread that writes it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::database::Database;

/// Most reads at a time. Each takes a thread, and the writer shares its cores with them.
const MAX_READS: usize = 4;

/// How long a read waits for its turn.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// Reads history. Cloning is cheap; all clones share a few connections.
#[derive(Debug, Clone)]
pub struct Reader(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    database: Arc<Database>,
    turns: Arc<Semaphore>,
    idle: Mutex<Vec<Connection>>,
}

/// Why nothing was read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Too many reads were before it.
    #[error("too many reads of history at a time; try again")]
    Busy,
    /// The database did not answer.
    #[error("history could not be read: {0}")]
    Database(#[from] rusqlite::Error),
    /// The read itself broke off.
    #[error("a read of history broke off")]
    BrokeOff,
}

impl Reader {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        let idle = Mutex::new(Vec::with_capacity(MAX_READS));
        Self(Arc::new(Shared { database, turns: Arc::new(Semaphore::new(MAX_READS)), idle }))
    }

    /// What it reads.
    pub(crate) fn database(&self) -> &Database {
        &self.0.database
    }

    /// Runs `work` on a thread where it may block, with a connection that only reads. At most 4
    /// at a time; others wait for their turn, up to 5 s.
    ///
    /// A read sees one state of the database for as long as a statement or transaction of it is
    /// open, and holds the write-ahead log from being written back: keep long ones rare.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn read<T, W>(&self, work: W) -> Result<T, ReadError>
    where
        T: Send + 'static,
        W: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let turn = timeout(TURN_LIMIT, Arc::clone(&self.0.turns).acquire_owned())
            .await
            .map_err(|_| ReadError::Busy)?
            .map_err(|_| ReadError::BrokeOff)?;
        let shared = Arc::clone(&self.0);
        let read = tokio::task::spawn_blocking(move || {
            // Until the read ends, also when nobody waits for it any more.
            let _turn = turn;
            let idle = shared.idle().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => shared.database.open_reader()?,
            };
            let outcome = work(&connection);
            // One that failed, or was left inside a transaction, is not used again.
            if outcome.is_ok() && connection.is_autocommit() {
                shared.idle().push(connection);
            }
            outcome
        });
        Ok(read.await.map_err(|_| ReadError::BrokeOff)??)
    }

    /// Closes the connections nobody reads from.
    pub(super) fn close_idle(&self) {
        self.0.idle().clear();
    }
}

impl Shared {
    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
