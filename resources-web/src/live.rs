//! What every browser is told: a snapshot when it connects, then the changes as they happen.
//!
//! One task turns changes into batches and puts each, serialised once, into a bounded journal;
//! every browser reads the journal at its own pace. One that falls behind the journal's end is
//! not waited for: it is given a new snapshot, made at most once a second for all of them. So
//! neither a slow browser nor a thousand that connect at once hold up the others.

mod journal;
mod message;
mod session;
mod socket;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use resources_core::bus::Link;
use resources_core::contract::Analysis;
use resources_core::service::now_ms;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use crate::fleet::{AllHosts, Applied, ChangedHosts, Fleet, HostsWithPoints, RecentSamples};
use crate::history::HistoryState;
use journal::Journal;
pub(crate) use journal::Next;
pub(crate) use message::HistoryStatus;
use message::ServerMessage;
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
    journal: Journal,
    snapshot: Option<Snapshot>,
}

/// All that is known, and where in the journal it goes on.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) text: Utf8Bytes,
    pub(crate) cursor: u64,
    made_at: Instant,
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
    /// Nothing known yet but the state of the link and of history.
    pub(crate) fn new(max_hosts: usize, link: Link, history: HistoryStatus) -> Self {
        let state = State {
            fleet: Fleet::new(max_hosts),
            link,
            history,
            journal: Journal::default(),
            snapshot: None,
        };
        Self {
            state: Mutex::new(state),
            changed: Notify::new(),
            end: watch::Sender::new(0),
            recent_whole_since_ms: AtomicU64::new(now_ms()),
        }
    }

    /// Takes in one analysis, received at `received_ms`.
    pub(crate) fn apply(&self, analysis: Analysis, received_ms: u64) -> Applied {
        let applied = self.state().fleet.apply(analysis, received_ms);
        self.ring_for(applied)
    }

    /// Takes in one analysis that another process received at `received_ms`: it may be known,
    /// and is not late.
    pub(crate) fn apply_again(&self, analysis: Analysis, received_ms: u64) -> Applied {
        let applied = self.state().fleet.apply_again(analysis, received_ms);
        self.ring_for(applied)
    }

    fn ring_for(&self, applied: Applied) -> Applied {
        if matches!(applied, Applied::Newest | Applied::Late) {
            self.changed.notify_one();
        }
        applied
    }

    /// Tells every browser what changed since the last call.
    fn push_changes(&self, server_time_ms: u64) {
        let mut state = self.state();
        if !state.fleet.has_changes() {
            return;
        }
        let hosts = ChangedHosts(&state.fleet);
        let batch = ServerMessage::Changes { server_time_ms, hosts }.to_text();
        state.fleet.clear_changes();
        self.push(state, batch);
    }

    /// Tells every browser the state of the link, if it is another.
    fn set_link(&self, link: Link, server_time_ms: u64) {
        let mut state = self.state();
        if state.link == link {
            return;
        }
        let message = ServerMessage::Link { server_time_ms, link: &link }.to_text();
        state.link = link;
        self.push(state, message);
    }

    /// Tells every browser how history does, if that is another.
    fn set_history(&self, history: HistoryStatus, server_time_ms: u64) {
        let mut state = self.state();
        if state.history == history {
            return;
        }
        let message = ServerMessage::History { server_time_ms, history: &history }.to_text();
        state.history = history;
        self.push(state, message);
    }

    fn push(&self, mut state: MutexGuard<'_, State>, message: Utf8Bytes) {
        let end = state.journal.push(message);
        if state.snapshot.as_ref().is_some_and(Snapshot::is_old) {
            state.snapshot = None;
        }
        drop(state);
        self.end.send_replace(end);
    }

    /// Drops hosts of which nothing came since `before_ms`, and has every browser start over.
    fn forget_unseen_since(&self, before_ms: u64) {
        let mut state = self.state();
        let forgotten = state.fleet.forget_unseen_since(before_ms);
        if forgotten == 0 {
            return;
        }
        state.snapshot = None;
        let end = state.journal.skip();
        let left = state.fleet.len();
        drop(state);
        self.end.send_replace(end);
        tracing::info!(forgotten, hosts = left, "forgot {forgotten} hosts that sent nothing");
    }

    /// All that is known now, or was a moment ago.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let mut state = self.state();
        if let Some(recent) = &state.snapshot
            && !recent.is_old()
            && !matches!(state.journal.next(recent.cursor), Next::Lost)
        {
            return recent.clone();
        }
        let message = ServerMessage::Snapshot {
            protocol: message::PROTOCOL,
            server_version: env!("CARGO_PKG_VERSION"),
            server_time_ms: now_ms(),
            link: &state.link,
            history: &state.history,
            hosts: HostsWithPoints(&state.fleet),
        };
        let snapshot = Snapshot {
            text: message.to_text(),
            cursor: state.journal.end(),
            made_at: Instant::now(),
        };
        state.snapshot = Some(snapshot.clone());
        snapshot
    }

    /// The message at `cursor` in the journal.
    pub(crate) fn next(&self, cursor: u64) -> Next {
        self.state().journal.next(cursor)
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
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.changed.notified(), if due.is_none() => {
                    let now = Instant::now();
                    due = pushed_at
                        .map(|at| at + pace.push_interval)
                        .filter(|due| *due > now);
                    if due.is_none() {
                        self.push_changes(now_ms());
                        pushed_at = Some(now);
                    }
                }
                () = sleep_until(due), if due.is_some() => {
                    due = None;
                    self.push_changes(now_ms());
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
                _ = forget.tick() => {
                    self.forget_unseen_since(now_ms().saturating_sub(forget_after_ms));
                }
            }
        }
    }
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

impl Snapshot {
    fn is_old(&self) -> bool {
        self.made_at.elapsed() > SNAPSHOT_MAX_AGE
    }
}

#[cfg(test)]
mod tests;
