//! Alerts from the stream to the board, and from there to the database.

use std::num::NonZeroU16;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use resources_core::bus::{Backoff, Bus, Delivery, Past, Position, Source, Start};
use resources_core::service::{Failure, now_ms, within};
use resources_core::telemetry::metrics;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Event;
use super::board::Board;
use super::store::Store;
use crate::aside::Aside;
use crate::history::{History, OpenError, Reader};
use crate::live::Live;
use crate::protocol::AlertsStatus;

/// Messages under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

/// Most messages taken at a time; what they bring is written together.
const MAX_CHUNK_MESSAGES: usize = 256;

/// Most alerts that wait to be written. Above it the stream is not read, and keeps what comes.
const MAX_UNWRITTEN: usize = 10_000;

/// How often what is too old is deleted.
const TIDY_EVERY: Duration = Duration::from_secs(600);

/// How often what was left out is summed up in the log.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// Longest wait for the next silence to begin or end: clocks may be set.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// How long the last acknowledgements may take.
const LAST_LIMIT: Duration = Duration::from_secs(2);

static LEFT_OUT: LazyLock<metrics::Counter> = LazyLock::new(|| {
    metrics::counter(
        "resources_web_left_out_alerts_total",
        "Alerts and silences left out because there were as many as there may be",
    )
});

static SHOW: LazyLock<metrics::Histogram> = LazyLock::new(|| metrics::handler("show_alerts"));

static LAG: LazyLock<metrics::Histogram> = LazyLock::new(metrics::alert_lag);

/// Alerts that are known from before, and are yet to be followed.
#[derive(Debug)]
pub(crate) struct Keeping {
    store: Store,
    position: Option<Position>,
}

impl Keeping {
    /// Opens the database, and gives `board` what it holds.
    pub(crate) fn open(history: &History, board: &mut Board) -> Result<(Self, Reader), OpenError> {
        let (store, reader) = Store::open(history)?;
        let position = store
            .restore(board, now_ms())
            .map_err(|source| reader.database().sqlite_error(source))?;
        if position.is_none() {
            board.catch_up();
        }
        Ok((Self { store, position }, reader))
    }
}

/// Reads the stream from the stored place on until `stop`.
///
/// # Errors
/// When the bus is closed before that.
pub(crate) async fn run(
    keeping: Keeping,
    bus: Bus,
    live: Arc<Live>,
    stop: CancellationToken,
) -> Result<(), Failure> {
    let Keeping { store, position } = keeping;
    let start = position.map_or(Start::First, Start::After);
    let mut alerts = bus.subscribe(Source::Alerts(start), PREFETCH);
    let mut past = None;
    if position.is_none() {
        // Nothing is known from before, so nothing else is to be done until then.
        if stop.run_until_cancelled(alerts.ready()).await.is_none() {
            return Ok(());
        }
        past = Some(Past::begin());
    }
    LazyLock::force(&LEFT_OUT);
    let mut was_full = false;
    let mut writer = Writer::new(store, Arc::clone(&live));
    let mut aside = Aside::new(&bus);
    let mut tidy = interval(TIDY_EVERY);
    tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut summary = interval(SUMMARY_EVERY);
    loop {
        let has_room = live.alerts(|board| board.unwritten().len()) < MAX_UNWRITTEN;
        if was_full == has_room {
            was_full = !has_room;
            tell_full(was_full);
        }
        writer.tell_status(was_full);
        let next_change = live.alerts(|board| board.next_change_ms());
        tokio::select! {
            () = stop.cancelled() => break,
            first = alerts.next(), if has_room => {
                let Some(first) = first else {
                    return Err(Failure::failed("the bus was closed while alerts were read"));
                };
                let mut chunk = vec![first];
                while chunk.len() < MAX_CHUNK_MESSAGES
                    && let Some(delivery) = alerts.try_next()
                {
                    chunk.push(delivery);
                }
                let receipt = take(&live, &chunk, past.is_some(), &mut aside);
                if past.as_mut().is_some_and(|past| past.is_over_with(&chunk)) {
                    past = None;
                    live.change_alerts(Board::has_caught_up);
                }
                writer.position = chunk.last().and_then(Delivery::position).or(writer.position);
                writer.waits = true;
                if let Some(receipt) = receipt {
                    // Only asks for more: the place in the stream is kept in the database.
                    alerts.acknowledge_through(receipt).await;
                }
            }
            () = quiet(past.as_ref()), if past.is_some() => {
                past = None;
                live.change_alerts(Board::has_caught_up);
            }
            () = until(next_change), if next_change.is_some() => {
                live.change_alerts(|board| board.tick(now_ms()));
            }
            () = sleep_until(writer.next_try), if writer.waits => {}
            _ = tidy.tick() => writer.tidy().await?,
            _ = summary.tick() => {
                aside.sum_up();
                tell_left_out(&live);
            }
            () = aside.go_on() => {}
        }
        writer.write_when_due().await?;
    }
    if writer.waits {
        writer.write().await?;
    }
    aside.finish().await;
    within(LAST_LIMIT, "acknowledging", alerts.flush()).await;
    Ok(())
}

/// Takes in a chunk; gives the receipt of its last message.
fn take(
    live: &Live,
    chunk: &[Delivery],
    is_past: bool,
    aside: &mut Aside,
) -> Option<resources_core::bus::Receipt> {
    let (begun, now_ms) = (Instant::now(), now_ms());
    let mut events = Vec::with_capacity(chunk.len());
    for delivery in chunk {
        match Event::decode(delivery) {
            Ok(event) => {
                if !is_past && matches!(event, Event::Alert(_)) {
                    LAG.observe(metrics::seconds_between(event.timestamp_ms(), now_ms));
                }
                events.push(event);
            }
            // It was set aside when it came; and it would be again at every start.
            Err(_) if is_past => aside.pass_over(),
            Err(rejection) => aside.set(delivery, rejection),
        }
    }
    live.change_alerts(|board| events.into_iter().for_each(|event| board.apply(event, now_ms)));
    SHOW.observe(begun.elapsed().as_secs_f64());
    chunk.last().map(|last| last.receipt)
}

/// Resolves when no message has come for a while.
async fn quiet(past: Option<&Past>) {
    match past {
        Some(past) => past.quiet().await,
        None => std::future::pending().await,
    }
}

fn tell_full(is_full: bool) {
    if is_full {
        tracing::warn!(
            "{MAX_UNWRITTEN} alerts wait to be written, so no more are read until some are; the \
             stream keeps what comes, and pages do not show it"
        );
    } else {
        tracing::info!("alerts are read again");
    }
}

fn tell_left_out(live: &Live) {
    let left_out = live.alerts(Board::take_left_out);
    LEFT_OUT.inc_by(left_out);
    if left_out > 0 {
        tracing::warn!(
            count = left_out,
            "left out {left_out} alerts or silences: there are as many as there may be"
        );
    }
}

/// Resolves at `at_ms` of the wall clock, or a little earlier when that is long.
async fn until(at_ms: Option<u64>) {
    let Some(at_ms) = at_ms else { return std::future::pending().await };
    let left = Duration::from_millis(at_ms.saturating_sub(now_ms()));
    sleep(left.min(LONGEST_WAIT)).await;
}

/// Writes what the board has for the database.
struct Writer {
    live: Arc<Live>,
    /// `None` only while it is being written.
    store: Option<Store>,
    /// The last message of the stream that the board has.
    position: Option<Position>,
    /// Whether something is to be written.
    waits: bool,
    next_try: Instant,
    backoff: Backoff,
    /// Why it could not be written last time; `None` since it could.
    trouble: Option<Box<str>>,
    /// Whether that is more than a wait for another writer.
    is_troubled: bool,
}

impl Writer {
    fn new(store: Store, live: Arc<Live>) -> Self {
        Self {
            live,
            store: Some(store),
            position: None,
            waits: false,
            next_try: Instant::now(),
            backoff: Backoff::default(),
            trouble: None,
            is_troubled: false,
        }
    }

    /// Has pages told whether they are shown all there is; `is_full` when no more are read.
    fn tell_status(&self, is_full: bool) {
        let status = match &self.trouble {
            Some(reason) if is_full => {
                let after_ms = self.live.alerts(|board| board.newest_ms());
                AlertsStatus::Halted { reason: reason.clone(), after_ms }
            }
            Some(reason) if self.is_troubled => AlertsStatus::Lagging { reason: reason.clone() },
            _ => AlertsStatus::On,
        };
        self.live.change_alerts(|board| board.set_status(status));
    }

    async fn write_when_due(&mut self) -> Result<(), Failure> {
        if self.waits && Instant::now() >= self.next_try {
            self.write().await?;
        }
        Ok(())
    }

    /// Writes all there is; when that cannot be done, it is tried again later, and until then
    /// pages are told all the same.
    async fn write(&mut self) -> Result<(), Failure> {
        let (unwritten, position) =
            (self.live.alerts(|board| board.unwritten().clone()), self.position);
        match self.with_store(move |store| store.write(&unwritten, position)).await? {
            Ok(()) => {
                // Nobody but this task changes what is to be written.
                self.live.alerts(Board::written);
                self.waits = false;
                self.backoff = Backoff::default();
                self.trouble = None;
                if std::mem::take(&mut self.is_troubled) {
                    tracing::info!("alerts are written again");
                }
            }
            Err(error) => {
                self.next_try = Instant::now() + self.backoff.next_wait();
                // History writes to the same file, a large batch for longer than is waited for.
                self.trouble = Some(error.to_string().into());
                let is_busy = error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy);
                if !is_busy && !std::mem::replace(&mut self.is_troubled, true) {
                    tracing::warn!(
                        %error,
                        "alerts cannot be written: {error}; they are shown, and the stream keeps \
                         them"
                    );
                }
            }
        }
        Ok(())
    }

    async fn tidy(&mut self) -> Result<(), Failure> {
        if let Err(error) = self.with_store(|store| store.tidy(now_ms())).await? {
            tracing::debug!(%error, "old alerts could not be deleted");
        }
        Ok(())
    }

    /// Does `work` where it may block.
    async fn with_store<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> Result<T, Failure> {
        let gone = || Failure::failed("writing alerts broke off");
        let mut store = self.store.take().ok_or_else(gone)?;
        let worked = tokio::task::spawn_blocking(move || {
            let done = work(&mut store);
            (store, done)
        });
        let (store, done) = worked.await.map_err(|_| gone())?;
        self.store = Some(store);
        Ok(done)
    }
}
