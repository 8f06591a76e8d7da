//! What every host reported, kept in SQLite.
//!
//! A `feed` of its own reads the stream from where history ends and hands what it reads to a
//! thread. There the `recorder` rolls samples up, a batch at a time, leaving out those that came
//! before (`taken`), and writes each batch in one transaction with its place in the stream. So a
//! server that is killed at any instant goes on from there: no gap, and nothing counted twice.
//! `retention` deletes between batches. Others read beside it, through [`Reader`].

mod database;
mod feed;
pub(crate) mod read;
mod reader;
mod recorder;
mod retention;
mod rollup;
mod series;
mod taken;
mod tier;
mod writer;

#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use resources_core::bus::{Bus, Position, Start};
use resources_core::service::Failure;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

pub(crate) use database::{Database, begin_to_write};
pub use database::{Location, OpenError};
pub use reader::{ReadError, Reader};
pub use recorder::{Counts, Limits, Recorder};
pub use tier::{Retention, Tier};

use writer::Writer;

/// Whether history is being kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryState {
    /// It is not kept: `--history off`.
    Off,
    /// What comes is written.
    On,
    /// It cannot be written now. Nothing is lost while the stream keeps what comes.
    Lagging {
        /// Why, in a few words.
        reason: Box<str>,
    },
}

/// What others see of history. Cloning is cheap.
#[derive(Debug, Clone)]
pub struct History {
    state: watch::Receiver<HistoryState>,
    kept: Option<Kept>,
}

#[derive(Debug, Clone)]
struct Kept {
    reader: Reader,
    progress: Arc<Progress>,
}

impl History {
    /// History that is not kept.
    #[must_use]
    pub fn off() -> Self {
        Self { state: watch::channel(HistoryState::Off).1, kept: None }
    }

    /// Whether it is being kept, now and whenever that changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<HistoryState> {
        self.state.clone()
    }

    /// Reads it; `None` when it is off.
    #[must_use]
    pub fn reader(&self) -> Option<&Reader> {
        self.kept.as_ref().map(|kept| &kept.reader)
    }

    /// How long each tier is kept: as long as was asked for, or less in a memory that was full.
    /// `None` when it is off.
    #[must_use]
    pub fn retention(&self) -> Option<Retention> {
        self.kept.as_ref().map(|kept| kept.progress.lock().retention)
    }

    /// The last message of the stream that is in it.
    #[must_use]
    pub fn position(&self) -> Option<Position> {
        self.kept.as_ref().and_then(|kept| kept.progress.lock().position)
    }

    /// How far it is behind, in milliseconds: the age of the newest sample in it while others
    /// wait to be written, else 0. `None` when it is off, or when nothing was written since the
    /// start.
    #[must_use]
    pub fn behind_ms(&self, now_ms: u64) -> Option<u64> {
        let progress = *self.kept.as_ref()?.progress.lock();
        match progress {
            Written { waits: false, .. } => Some(0),
            Written { newest_ms, .. } => newest_ms.map(|newest| now_ms.saturating_sub(newest)),
        }
    }
}

/// How far writing has come; shared by the thread that writes and those who ask.
#[derive(Debug, Default)]
struct Progress(Mutex<Written>);

#[derive(Debug, Default, Clone, Copy)]
struct Written {
    position: Option<Position>,
    newest_ms: Option<u64>,
    /// Whether something was taken in that is not written.
    waits: bool,
    retention: Retention,
}

impl Progress {
    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waits(&self, waits: bool) {
        self.lock().waits = waits;
    }

    fn committed(&self, position: Option<Position>, newest_ms: Option<u64>) {
        let mut written = self.lock();
        *written = Written {
            position: position.or(written.position),
            newest_ms: newest_ms.max(written.newest_ms),
            waits: false,
            retention: written.retention,
        };
    }

    fn keeps(&self, retention: Retention) {
        self.lock().retention = retention;
    }
}

/// A history that is open and yet to be written.
#[derive(Debug)]
pub(crate) struct Recording {
    recorder: Recorder,
    state: watch::Sender<HistoryState>,
    progress: Arc<Progress>,
    reader: Reader,
}

impl Recording {
    /// Opens the database, or makes it.
    pub(crate) fn open(location: &Location, limits: Limits) -> Result<(Self, History), OpenError> {
        let recorder = Recorder::open(location, limits)?;
        let (state, watched) = watch::channel(HistoryState::On);
        let progress = Arc::new(Progress::default());
        progress.committed(recorder.position(), None);
        progress.keeps(limits.retention);
        let reader = Reader::new(Arc::clone(recorder.database()));
        let kept = Kept { reader: reader.clone(), progress: Arc::clone(&progress) };
        let history = History { state: watched, kept: Some(kept) };
        Ok((Self { recorder, state, progress, reader }, history))
    }

    /// Writes what the stream holds behind the stored place, and what comes, until `stop`.
    ///
    /// # Errors
    /// When the bus is closed before that, or the thread ends by itself.
    pub(crate) async fn run(self, bus: Bus, stop: CancellationToken) -> Result<(), Failure> {
        let Self { recorder, state, progress, reader } = self;
        let start = recorder.position().map_or(Start::First, Start::After);
        let writer = Writer::new(recorder, state, progress, stop.clone());
        let (chunks, handed_over) = mpsc::channel(feed::MAX_CHUNKS);
        let mut ended = spawn(move |runtime| runtime.block_on(writer.run(handed_over)))?;
        let feed = feed::run(bus, start, chunks, stop);
        let (fed, ended_early) = tokio::select! {
            fed = feed => (fed, false),
            _ = &mut ended => (Ok(()), true),
        };
        // So that the last connection is one that may clean up behind itself.
        reader.close_idle();
        // The feed has let go of the channel: the thread writes what it holds and ends.
        if ended_early || ended.await.is_err() {
            return Err(Failure::failed("the thread that writes history ended by itself"));
        }
        fed
    }
}

/// Runs `work` on a thread of its own, with a runtime that it can wait in. What comes back
/// resolves when it ends.
fn spawn(
    work: impl FnOnce(tokio::runtime::Runtime) + Send + 'static,
) -> Result<oneshot::Receiver<()>, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(Failure::failed)?;
    let (done, ended) = oneshot::channel();
    std::thread::Builder::new()
        .name("history".to_owned())
        .spawn(move || {
            work(runtime);
            // Nobody may wait any more.
            done.send(()).ok();
        })
        .map_err(Failure::failed)?;
    Ok(ended)
}
