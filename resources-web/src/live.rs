//! What every browser is told: a snapshot when it connects, then the changes as they happen.
//!
//! One task turns changes into batches and puts each, serialised once, into a bounded journal;
//! every browser reads the journal at its own pace. One that falls more than a moment behind is
//! not waited for: it is given a new snapshot, made at most once a second for all of them. So
//! neither a slow browser nor a thousand that connect at once hold up the others. What a browser
//! alone asks for, by what it looks at, its own session makes.

mod alerts;
mod journal;
mod looking;
mod message;
mod resume;
mod session;
mod socket;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use bytes::Bytes;
use resources_core::bus::Link;
use resources_core::contract::{Analysis, HostName};
use resources_core::service::now_ms;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::alerts::Board;
use crate::fleet::{AllHosts, Applied, Fleet, Known, Receipt, RecentSamples};
use crate::history::HistoryState;
use crate::protocol::{HistoryStatus, Message, PROTOCOL, Pipeline, Resumed, Series, Snapshot};
use journal::Journal;
pub(crate) use journal::Next;
use message::{ServerMessage, text};
pub(crate) use resume::Resume;
#[cfg(test)]
pub(crate) use socket::PARAMETERS;
pub(crate) use socket::socket;

/// A snapshot this old is not given to another browser. Half the least time between two for one
/// browser, so that a browser that fell behind always gets a newer one.
const SNAPSHOT_MAX_AGE: Duration = Duration::from_millis(500);

/// How often hosts are looked through for those to forget.
const FORGET_EVERY: Duration = Duration::from_secs(60);

/// The fleet, and what was told of it.
#[derive(Debug)]
pub(crate) struct Live {
    state: Mutex<State>,
    /// Names this run of the server to those who resume.
    session: Box<str>,
    /// Least time between two batches; zero for none.
    push_interval: Duration,
    /// Rung when the fleet has changes to tell.
    changed: Notify,
    /// The end of the journal, for browsers that have read all of it.
    end: watch::Sender<u64>,
    /// Since when the recent samples of every host have no hole, in milliseconds.
    recent_whole_since_ms: AtomicU64,
}

#[derive(Debug)]
struct State {
    fleet: Fleet,
    link: Link,
    history: HistoryStatus,
    pipeline: Pipeline,
    alerts: Board,
    journal: Journal,
    snapshot: Option<(Begin, Instant)>,
}

impl State {
    /// Adds a message to the journal, and gives its new end.
    fn push(&mut self, message: &ServerMessage<'_>) -> u64 {
        let end = self.journal.push(text(message));
        if self.snapshot.as_ref().is_some_and(|(_, made_at)| is_old(*made_at)) {
            self.snapshot = None;
        }
        end
    }
}

/// The first message to a browser, and where in the journal it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Begin {
    pub(crate) text: Utf8Bytes,
    /// All alerts, behind a snapshot.
    pub(crate) alerts: Option<Utf8Bytes>,
    pub(crate) cursor: u64,
}

/// When changes are told, and hosts forgotten.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Least time between two batches; zero for none.
    pub(crate) push_interval: Duration,
    /// Age of the last sample from which a host is forgotten.
    pub(crate) forget_after: Duration,
}

impl Live {
    /// Nothing known yet but the state of the link, of history and of the pipeline.
    pub(crate) fn new(
        max_hosts: usize,
        push_interval: Duration,
        link: Link,
        history: HistoryStatus,
        pipeline: Pipeline,
    ) -> Self {
        let state = State {
            fleet: Fleet::new(max_hosts),
            link,
            history,
            pipeline,
            alerts: Board::default(),
            journal: Journal::default(),
            snapshot: None,
        };
        Self {
            state: Mutex::new(state),
            session: format!("{:016x}", fastrand::u64(..)).into(),
            push_interval,
            changed: Notify::new(),
            end: watch::Sender::new(0),
            recent_whole_since_ms: AtomicU64::new(now_ms()),
        }
    }

    /// Takes in one analysis and the body it was read from.
    pub(crate) fn apply(&self, analysis: Analysis, body: Bytes, receipt: Receipt) -> Applied {
        let applied = self.state().fleet.apply(analysis, body, receipt);
        self.ring_for(applied)
    }

    /// Takes in one analysis that another process received: it may be known, and is not late.
    pub(crate) fn apply_again(&self, analysis: Analysis, body: Bytes, receipt: Receipt) -> Applied {
        let applied = self.state().fleet.apply_again(analysis, body, receipt);
        self.ring_for(applied)
    }

    fn ring_for(&self, applied: Applied) -> Applied {
        if matches!(applied, Applied::Newest | Applied::Late { is_to_tell: true }) {
            self.changed.notify_one();
        }
        applied
    }

    /// Tells every browser all that changed since the last call.
    fn push_news(&self, server_time_ms: u64) {
        self.push_changes(server_time_ms);
        self.push_alerts(server_time_ms);
    }

    /// Tells every browser what changed of hosts since the last call.
    fn push_changes(&self, server_time_ms: u64) {
        let mut state = self.state();
        if !state.fleet.has_changes() {
            return;
        }
        let number = state.journal.next_number();
        let changes = state.fleet.take_changes(number, server_time_ms);
        self.push(state, &Message::Changes(changes));
    }

    /// Tells every browser the state of the link, if it is another.
    fn set_link(&self, link: Link, server_time_ms: u64) {
        let mut state = self.state();
        if state.link == link {
            return;
        }
        state.link = link.clone();
        let number = state.journal.next_number();
        self.push(state, &Message::Link { number, server_time_ms, link });
    }

    /// Tells every browser how history does, if that is another.
    fn set_history(&self, history: HistoryStatus, server_time_ms: u64) {
        let mut state = self.state();
        if state.history == history {
            return;
        }
        state.history = history.clone();
        let number = state.journal.next_number();
        self.push(state, &Message::History { number, server_time_ms, history });
    }

    /// Tells every browser what the way from tracker to dashboard does, if that is another.
    fn set_pipeline(&self, pipeline: Pipeline, server_time_ms: u64) {
        let mut state = self.state();
        if state.pipeline == pipeline {
            return;
        }
        state.pipeline = pipeline;
        let number = state.journal.next_number();
        self.push(state, &Message::Pipeline { number, server_time_ms, pipeline });
    }

    fn push(&self, mut state: MutexGuard<'_, State>, message: &ServerMessage<'_>) {
        // Under the lock: a snapshot made meanwhile would hold what the journal does not.
        let end = state.push(message);
        drop(state);
        self.tell_end(end);
    }

    /// Has those read on who wait for the end of the journal, which is there now, or further.
    fn tell_end(&self, end: u64) {
        self.end.send_if_modified(|known| {
            let is_new = *known < end;
            *known = end.max(*known);
            is_new
        });
    }

    /// Drops hosts of which nothing came since `before_ms`.
    fn forget_unseen_since(&self, before_ms: u64) {
        let mut state = self.state();
        let forgotten = state.fleet.forget_unseen_since(before_ms);
        let left = state.fleet.len();
        drop(state);
        if forgotten > 0 {
            self.changed.notify_one();
            tracing::info!(forgotten, hosts = left, "forgot {forgotten} hosts that sent nothing");
        }
    }

    /// All that was told until now, or a moment ago.
    pub(crate) fn snapshot(&self) -> Begin {
        let mut state = self.state();
        if let Some((recent, made_at)) = &state.snapshot
            && !is_old(*made_at)
            && !matches!(state.journal.next(recent.cursor), Next::Lost)
        {
            return recent.clone();
        }
        let server_time_ms = now_ms();
        // An alert that this browser is told, and that ends before the others were, would be
        // ended for nobody.
        state.push_alerts(server_time_ms);
        let (hosts, rows) = state.fleet.told(server_time_ms);
        let snapshot = ServerMessage::Snapshot(Snapshot {
            protocol: PROTOCOL,
            session: self.session.clone(),
            number: state.journal.end(),
            server_version: env!("CARGO_PKG_VERSION").into(),
            server_time_ms,
            push_interval_ms: u64::try_from(self.push_interval.as_millis()).unwrap_or(u64::MAX),
            link: state.link.clone(),
            history: state.history.clone(),
            pipeline: state.pipeline,
            hosts,
            rows,
        });
        let alerts = Some(alerts::all(&state.alerts));
        let begin = Begin { text: text(&snapshot), alerts, cursor: state.journal.end() };
        state.snapshot = Some((begin.clone(), Instant::now()));
        drop(state);
        self.tell_end(begin.cursor);
        begin
    }

    /// How a browser goes on that was away; `None` when the journal does not reach back so far,
    /// or is another server's.
    pub(crate) fn resume(&self, from: &Resume) -> Option<Begin> {
        let state = self.state();
        let cursor = from.number;
        if from.session != self.session
            || cursor > state.journal.end()
            || state.journal.next(cursor) == Next::Lost
        {
            return None;
        }
        let resumed = ServerMessage::Resumed(Resumed {
            protocol: PROTOCOL,
            session: self.session.clone(),
            number: cursor,
            server_time_ms: now_ms(),
            link: state.link.clone(),
            history: state.history.clone(),
            pipeline: state.pipeline,
        });
        Some(Begin { text: text(&resumed), alerts: None, cursor })
    }

    /// The last points told of those hosts of `indices` that a page knows at `cursor`, which are
    /// taken out of it.
    fn take_series(&self, indices: &mut Vec<u32>, cursor: u64) -> Vec<(u32, Series)> {
        self.state().fleet.take_series(indices, cursor)
    }

    /// What there is to know of a host besides revision `seen`; `None` when it is not known.
    fn known(&self, host: &str, seen: Option<u64>) -> Option<Option<Known>> {
        self.state().fleet.known(host, seen)
    }

    /// The message at `cursor` in the journal, however old.
    #[cfg(test)]
    fn next(&self, cursor: u64) -> Next {
        self.state().journal.next(cursor)
    }

    /// The message at `cursor` in the journal; one told before `since` counts as lost.
    pub(crate) fn next_since(&self, cursor: u64, since: Option<Instant>) -> Next {
        self.state().journal.next_since(cursor, since)
    }

    /// Follows the end of the journal.
    pub(crate) fn end(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }

    /// Every host, sorted by name, as the body of an answer.
    pub(crate) fn hosts_json(&self) -> serde_json::Result<Vec<u8>> {
        #[derive(serde::Serialize)]
        struct Hosts<'a> {
            server_time_ms: u64,
            hosts: AllHosts<'a>,
        }
        let state = self.state();
        let hosts = AllHosts(&state.fleet);
        serde_json::to_vec(&Hosts { server_time_ms: now_ms(), hosts })
    }

    /// The newest analyses of at most `most` hosts, those behind `after` in order of their names,
    /// as they came and when.
    pub(crate) fn latest_after(
        &self,
        after: Option<&HostName>,
        most: usize,
    ) -> Vec<(HostName, Bytes, u64)> {
        self.state().fleet.latest_after(after).take(most).collect()
    }

    /// What is kept in memory of a host from one instant to before another; `None` when it is
    /// not known.
    pub(crate) fn recent(&self, host: &str, from_ms: u64, to_ms: u64) -> Option<RecentSamples> {
        self.state().fleet.recent(host, from_ms, to_ms)
    }

    /// Takes note that no sample since `since_ms` is missing among the recent ones.
    pub(crate) fn recent_is_whole_since(&self, since_ms: u64) {
        self.recent_whole_since_ms.store(since_ms, Ordering::Relaxed);
    }

    /// Since when no sample is missing among the recent ones.
    pub(crate) fn recent_whole_since_ms(&self) -> u64 {
        self.recent_whole_since_ms.load(Ordering::Relaxed)
    }

    /// How many hosts are known.
    pub(crate) fn host_count(&self) -> usize {
        self.state().fleet.len()
    }

    // No holder panics half-way through a change.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the browsers what changes, at `pace`, until `stop`.
    pub(crate) async fn tell(
        self: Arc<Self>,
        pace: Pace,
        mut link: watch::Receiver<Link>,
        mut history: watch::Receiver<HistoryState>,
        mut pipeline: watch::Receiver<Pipeline>,
        stop: CancellationToken,
    ) {
        let forget_after_ms = u64::try_from(pace.forget_after.as_millis()).unwrap_or(u64::MAX);
        let mut forget = tokio::time::interval(FORGET_EVERY);
        forget.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut pushed_at: Option<Instant> = None;
        // Set while a batch waits for its time.
        let mut due: Option<Instant> = None;
        // It may have changed before anyone followed it.
        link.mark_changed();
        history.mark_changed();
        pipeline.mark_changed();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified(), if due.is_none() => {
                    let now = Instant::now();
                    due = pushed_at
                        .map(|at| at + pace.push_interval)
                        .filter(|due| *due > now);
                    if due.is_none() {
                        self.push_news(now_ms());
                        pushed_at = Some(now);
                    }
                }
                () = until(due) => {
                    due = None;
                    self.push_news(now_ms());
                    pushed_at = Some(Instant::now());
                }
                Ok(()) = link.changed() => {
                    let link = link.borrow_and_update().clone();
                    self.set_link(link, now_ms());
                }
                Ok(()) = history.changed() => {
                    let history = HistoryStatus::from(&*history.borrow_and_update());
                    self.set_history(history, now_ms());
                }
                Ok(()) = pipeline.changed() => {
                    let pipeline = *pipeline.borrow_and_update();
                    self.set_pipeline(pipeline, now_ms());
                }
                _ = forget.tick() => {
                    self.forget_unseen_since(now_ms().saturating_sub(forget_after_ms));
                }
            }
        }
    }
}

/// Waits until then; without a time for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

fn is_old(made_at: Instant) -> bool {
    made_at.elapsed() > SNAPSHOT_MAX_AGE
}

#[cfg(test)]
mod tests;
