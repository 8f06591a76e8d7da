//! The thread that writes history.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use resources_core::bus::{Backoff, Delivery};
use resources_core::service::now_ms;
use resources_core::telemetry::metrics::{self, Counter, Histogram};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::feed::WAITING;
use super::recorder::{Counts, Recorder};
use super::{HistoryState, Progress};

/// How long a batch stays open at least; what one costs is shared by all its samples.
const SHORTEST_BATCH: Duration = Duration::from_secs(1);

/// How long a batch stays open at most.
const LONGEST_BATCH: Duration = Duration::from_secs(30);

/// A batch stays open for this many times as long as the last one took to be written, so that
/// writing leaves time for everything else, and a large fleet's pages are written less often.
const OPEN_BY_WRITTEN: u32 = 10;

/// How often a little of what is too old is deleted.
const TIDY_EVERY: Duration = Duration::from_secs(2);

/// What share of the time may go into deleting, as a divisor: several times as many rows go as
/// come, whatever the size of the fleet.
const TIDY_SHARE: u32 = 10;

/// How long deleting may take at a time.
const LONGEST_TIDY: Duration = Duration::from_secs(2);

/// How often what was left out is summed up in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// Waits between tries to write begin here…
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// … and end here: disks are seldom made room on within seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// How long writing a batch takes.
static WRITE: LazyLock<Histogram> = LazyLock::new(|| metrics::handler("write_history"));

/// Samples that are not in history, by why.
static LEFT_OUT: LazyLock<[Counter; 3]> = LazyLock::new(|| {
    metrics::counters(
        "resources_history_left_out_samples_total",
        "Samples that history left out, by why; counted once a minute",
        "cause",
        ["impossible_time", "no_room_for_host", "closed_gap"],
    )
});

/// Takes what the feed hands over and writes it.
pub(super) struct Writer {
    recorder: Recorder,
    state: watch::Sender<HistoryState>,
    progress: Arc<Progress>,
    stop: CancellationToken,
    /// How long the last batch took to be written.
    written_in: Duration,
    tidied: Instant,
    #[cfg(test)]
    pub(super) before_each_try: Option<BeforeEachTry>,
}

/// Lets a test change the database before each try to write to it.
#[cfg(test)]
pub(super) type BeforeEachTry = Box<dyn FnMut(&mut Recorder) + Send>;

/// The server stops while the database cannot be written.
struct GivenUp;

impl Writer {
    pub(super) fn new(
        recorder: Recorder,
        state: watch::Sender<HistoryState>,
        progress: Arc<Progress>,
        stop: CancellationToken,
    ) -> Self {
        LazyLock::force(&LEFT_OUT);
        WAITING.set(0);
        Self {
            recorder,
            state,
            progress,
            stop,
            written_in: Duration::ZERO,
            tidied: Instant::now(),
            #[cfg(test)]
            before_each_try: None,
        }
    }

    /// Writes until `chunks` ends, then what is left at once. Blocks: it is a thread's work, and
    /// asynchronous only where it waits.
    pub(super) async fn run(mut self, mut chunks: mpsc::Receiver<Vec<Delivery>>) {
        if self.take_all(&mut chunks).await.is_err() {
            tracing::warn!(
                "stopping while history cannot be written; what is missing is read from the \
                 stream at the next start"
            );
        }
        self.sum_up();
    }

    async fn take_all(
        &mut self,
        chunks: &mut mpsc::Receiver<Vec<Delivery>>,
    ) -> Result<(), GivenUp> {
        let mut tidy = interval(TIDY_EVERY);
        tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut summary = interval(SUMMARY_EVERY);
        let mut due = Instant::now();
        loop {
            tokio::select! {
                chunk = chunks.recv() => {
                    let Some(chunk) = chunk else { break };
                    WAITING.sub(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
                    if !self.recorder.has_batch() {
                        let open = self.written_in * OPEN_BY_WRITTEN;
                        due = Instant::now() + open.clamp(SHORTEST_BATCH, LONGEST_BATCH);
                    }
                    self.take(&chunk).await?;
                }
                () = sleep_until(due), if self.recorder.has_batch() => self.commit().await?,
                _ = tidy.tick() => self.tidy(),
                _ = summary.tick() => self.sum_up(),
            }
        }
        self.commit().await
    }

    async fn take(&mut self, chunk: &[Delivery]) -> Result<(), GivenUp> {
        self.progress.waits(true);
        for delivery in chunk {
            let Delivery { topic, body, offset, .. } = delivery;
            self.persevere(|recorder| recorder.take(topic, body, *offset, now_ms())).await?;
            if self.recorder.is_full() {
                self.commit().await?;
                self.progress.waits(true);
            }
        }
        self.progress.waits(self.recorder.has_batch());
        Ok(())
    }

    async fn commit(&mut self) -> Result<(), GivenUp> {
        let newest_ms = self.recorder.newest_ms();
        let mut begun = Instant::now();
        self.persevere(|recorder| {
            begun = Instant::now();
            recorder.commit(now_ms())
        })
        .await?;
        self.written_in = begun.elapsed();
        WRITE.observe(self.written_in.as_secs_f64());
        self.progress.committed(self.recorder.position(), newest_ms);
        self.tidy();
        Ok(())
    }

    /// Does `work` again and again until the database lets it be done, telling that history
    /// lags meanwhile. Nothing more is taken in until then, so the stream keeps it.
    async fn persevere(
        &mut self,
        mut work: impl FnMut(&mut Recorder) -> rusqlite::Result<()>,
    ) -> Result<(), GivenUp> {
        let mut backoff = Backoff::new(FIRST_WAIT, LONGEST_WAIT).unwrap_or_default();
        loop {
            #[cfg(test)]
            if let Some(before_each_try) = &mut self.before_each_try {
                before_each_try(&mut self.recorder);
            }
            match work(&mut self.recorder) {
                Ok(()) => {
                    self.tell(HistoryState::On);
                    return Ok(());
                }
                Err(error) => {
                    self.tell(HistoryState::Lagging { reason: self.reason(&error).into() });
                    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
                        self.make_room();
                    }
                    if self.stop.is_cancelled() {
                        return Err(GivenUp);
                    }
                    tokio::select! {
                        () = self.stop.cancelled() => {}
                        () = sleep(backoff.next_wait()) => {}
                    }
                }
            }
        }
    }

    /// Deletes old rows although a batch waits. That needs a little room of its own, which a
    /// full disk may not have; then nothing is deleted.
    fn make_room(&mut self) {
        if let Err(error) = self.recorder.make_room(now_ms()) {
            tracing::debug!(%error, "no room could be made");
        }
        self.progress.keeps(self.recorder.retention());
    }

    fn tell(&self, now: HistoryState) {
        let news = self.state.send_if_modified(|state| {
            let changed = *state != now;
            if changed {
                state.clone_from(&now);
            }
            changed
        });
        match now {
            HistoryState::Lagging { reason } if news => tracing::warn!(
                reason = %reason,
                "history cannot be written and lags: {reason}; the live view goes on"
            ),
            HistoryState::On if news => tracing::info!("history is written again"),
            _ => {}
        }
    }

    /// Deletes a little of what is too old, for a share of the time since the last call, as it
    /// cannot be done while a batch is open.
    ///
    /// A failure is of no matter: the same is tried again later, and writing tells of it.
    fn tidy(&mut self) {
        if self.recorder.has_batch() {
            return;
        }
        let begun = Instant::now();
        let since = begun.duration_since(self.tidied);
        if since < TIDY_EVERY {
            return;
        }
        let share = (since / TIDY_SHARE).min(LONGEST_TIDY);
        self.tidied = begun;
        while !self.recorder.is_tidy(now_ms()) {
            if let Err(error) = self.recorder.tidy(now_ms()) {
                tracing::debug!(%error, "old history could not be deleted");
                return;
            }
            if begun.elapsed() >= share {
                return;
            }
        }
    }

    fn sum_up(&mut self) {
        let Counts { duplicates, impossible_times, hosts_left_out, closed_gaps, series_left_out } =
            self.recorder.take_counts();
        for (counter, count) in LEFT_OUT.iter().zip([impossible_times, hosts_left_out, closed_gaps])
        {
            counter.inc_by(count);
        }
        if duplicates > 0 {
            tracing::debug!(duplicates, "{duplicates} samples came again and count once");
        }
        if impossible_times > 0 {
            tracing::warn!(
                samples = impossible_times,
                "{impossible_times} samples are not in history: by this machine's clock \
                 they are more than a day ahead, or older than anything that is kept; one of the \
                 clocks may be wrong"
            );
        }
        if hosts_left_out > 0 {
            tracing::warn!(
                samples = hosts_left_out,
                "{hosts_left_out} samples are not in history: there is no room for more hosts \
                 (--max-hosts)"
            );
        }
        if closed_gaps > 0 {
            tracing::warn!(
                samples = closed_gaps,
                "{closed_gaps} samples are not in history and will not be if they still come: \
                 their runs have more than 1,024 gaps"
            );
        }
        if series_left_out > 0 {
            tracing::warn!(
                values = series_left_out,
                "{series_left_out} values are not in history: their hosts have more than 256 \
                 series"
            );
        }
    }

    fn reason(&self, error: &rusqlite::Error) -> String {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) if self.recorder.is_in_memory() => {
                "its share of the memory is full; give --history a file".to_owned()
            }
            Some(rusqlite::ErrorCode::DiskFull) => "there is no room to write it".to_owned(),
            Some(rusqlite::ErrorCode::DatabaseBusy) => {
                "another program holds the database".to_owned()
            }
            _ => error.to_string(),
        }
    }
}
