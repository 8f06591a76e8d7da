//! The loop around every connection: connect, declare, run; on an error back off and begin
//! anew, until the bus closes.
//!
//! lapin's own recovery is not used: after it gives up the connection neither ends nor works,
//! confirms hang through the outage, and old delivery tags can acknowledge new messages.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use lapin::{Connection, Event};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::connect::{ConnectError, connect, reason};
use super::declare::declare;
use crate::bus::link::lock;
use crate::bus::settings::{AmqpUrl, BrokerUrl};
use crate::bus::{Backoff, Link, LinkState};
use crate::telemetry::metrics;

/// A session that lived this long was healthy: the next wait is a short one again.
const HEALTHY: Duration = Duration::from_secs(10);

/// Longest wait while the broker refuses us: somebody has to change something first.
const LONGEST_WAIT_REFUSED: Duration = Duration::from_secs(30);

/// Bound on the polite goodbye.
const GOODBYE_LIMIT: Duration = Duration::from_secs(2);

/// What a link does with a connection.
pub(super) trait Session: Send + 'static {
    /// Tells this link from others in logs and in the broker's list of connections.
    fn purpose(&self) -> &'static str;

    /// Works over the connection until it breaks, and says why. Calls [`Live::up`] once
    /// messages can flow. Dropped when the bus closes or the connection reports an error.
    fn run(
        &mut self,
        connection: &Connection,
        live: &Live<'_>,
    ) -> impl Future<Output = ConnectError> + Send;

    /// Whether it goes on over the same connection when the broker refuses what it does.
    fn outlives_refusals(&self) -> bool {
        false
    }

    /// The session is over: nothing sent over it will be confirmed or acknowledged any more.
    fn ended(&mut self);
}

/// A link as its session sees it.
pub(super) struct Live<'a> {
    link: &'a Supervisor,
}

impl Live<'_> {
    /// Whether the broker has an alarm, so that no confirm is to be expected.
    pub(super) fn is_blocked(&self) -> bool {
        self.link.blocked.load(Ordering::Relaxed)
    }

    /// Messages can flow.
    pub(super) fn up(&self) {
        self.link.was_up.store(true, Ordering::Relaxed);
        if self.link.came_up.swap(true, Ordering::Relaxed) {
            metrics::bus().reconnected(self.link.purpose);
        }
        *lock(&self.link.up_at) = Some(Instant::now());
        self.link.show(LinkState::Up);
        tracing::info!(broker = %self.link.url, "{} link to {} is up", self.link.purpose, self.link.url);
    }
}

struct Supervisor {
    shared: Arc<Shared>,
    /// Cancelled when the bus closes or nobody wants this link any more.
    closing: CancellationToken,
    url: AmqpUrl,
    /// This link's place on the board.
    place: usize,
    purpose: &'static str,
    /// Whether the broker has an alarm and accepts nothing on this connection.
    blocked: AtomicBool,
    /// When messages could flow over the session of now.
    up_at: Mutex<Option<Instant>>,
    /// Whether messages could ever flow, over this link or, before it was made, over all others:
    /// a refusal after that passes, as somebody's mistake does, or a bound on connections.
    was_up: AtomicBool,
    /// Whether messages could ever flow over this link.
    came_up: AtomicBool,
    /// Whether it is counted as one over which messages can flow.
    counts_as_up: AtomicBool,
}

/// Starts the task that keeps a session going until `closing`, and gives the state of its link.
pub(super) fn supervise<S: Session>(
    shared: &Arc<Shared>,
    closing: CancellationToken,
    session: S,
) -> watch::Receiver<Link> {
    let was_up = AtomicBool::new(shared.board.was_up());
    let place = shared.board.add();
    let link = shared.board.watch_one(place);
    let BrokerUrl::Amqp(url) = shared.config.url.clone() else {
        // `Bus::open` sends only AMQP URLs here.
        return link;
    };
    let purpose = session.purpose();
    let blocked = AtomicBool::new(false);
    let supervisor = Supervisor {
        shared: Arc::clone(shared),
        closing,
        url,
        place,
        purpose,
        blocked,
        up_at: Mutex::new(None),
        was_up,
        came_up: AtomicBool::new(false),
        counts_as_up: AtomicBool::new(false),
    };
    metrics::bus().link_wanted(purpose);
    shared.links.spawn(supervisor.run(session));
    link
}

impl Supervisor {
    async fn run<S: Session>(self, mut session: S) {
        let mut backoff = Backoff::default();
        let mut last_reason = String::new();
        loop {
            let Some(error) = self.once(&mut session).await else { break };
            // Connecting to a silent broker takes long, too; that is not health.
            if lock(&self.up_at).take().is_some_and(|up_at| up_at.elapsed() >= HEALTHY) {
                backoff.reset();
                last_reason.clear();
            }
            let (reason, refused) = match error {
                ConnectError::Unreachable(reason) => (reason, false),
                ConnectError::Refused(reason) => (reason, true),
            };
            let purpose = self.purpose;
            if reason == last_reason {
                tracing::debug!(broker = %self.url, reason, "{purpose} link still down: {reason}");
            } else {
                tracing::warn!(
                    broker = %self.url,
                    reason,
                    "{purpose} link to {} is down: {reason}; trying again until it is back",
                    self.url
                );
                last_reason.clone_from(&reason);
            }
            if refused && !self.was_up.load(Ordering::Relaxed) {
                self.show(LinkState::Refused { reason });
                self.closing.cancelled().await;
                break;
            }
            self.show(LinkState::Down { reason });
            let mut wait = backoff.next_wait();
            if refused {
                wait = (wait * 10).min(LONGEST_WAIT_REFUSED);
            }
            tokio::select! {
                () = self.closing.cancelled() => break,
                () = tokio::time::sleep(wait) => {}
            }
        }
        session.ended();
        self.count(false);
        metrics::bus().link_let_go(self.purpose);
        if !self.shared.closing.is_cancelled() {
            self.shared.board.remove(self.place);
        }
    }

    fn count(&self, is_up: bool) {
        if self.counts_as_up.swap(is_up, Ordering::Relaxed) != is_up {
            metrics::bus().link_changed(self.purpose, is_up);
        }
    }

    fn show(&self, state: LinkState) {
        self.count(state.is_up());
        if !self.closing.is_cancelled() {
            self.shared.board.set(self.place, state);
        }
    }

    /// One connection from beginning to end; `None` when the bus closes.
    async fn once<S: Session>(&self, session: &mut S) -> Option<ConnectError> {
        let closing = &self.closing;
        let config = &self.shared.config;
        let connecting = async {
            let connection = connect(config, &self.url, self.purpose).await?;
            declare(&connection, &config.names).await.map(|()| connection)
        };
        let connection = tokio::select! {
            () = closing.cancelled() => return None,
            connected = connecting => match connected {
                Ok(connection) => connection,
                Err(error) => return Some(error),
            },
        };
        self.blocked.store(false, Ordering::Relaxed);
        let live = Live { link: self };
        let outlives_refusals = session.outlives_refusals();
        let error = tokio::select! {
            biased;
            () = closing.cancelled() => None,
            error = self.watch_events(&connection, outlives_refusals) => Some(error),
            error = session.run(&connection, &live) => Some(error),
        };
        session.ended();
        self.say_goodbye(&connection).await;
        error
    }

    /// Shows alarms of the broker while the connection lives, and resolves when it breaks.
    async fn watch_events(&self, connection: &Connection, outlives_refusals: bool) -> ConnectError {
        let mut events = Box::pin(connection.events_listener());
        while let Some(event) = events.next().await {
            match event {
                Event::ConnectionBlocked(reason) => {
                    self.blocked.store(true, Ordering::Relaxed);
                    tracing::warn!(reason, "the broker accepts nothing for now: {reason}");
                    self.show(LinkState::Blocked { reason });
                }
                Event::ConnectionUnblocked => {
                    self.blocked.store(false, Ordering::Relaxed);
                    tracing::info!("the broker accepts messages again");
                    self.show(LinkState::Up);
                }
                Event::Error(error) => {
                    let error = ConnectError::of(&error);
                    let is_refusal = matches!(error, ConnectError::Refused(_));
                    // Then it was a channel that ended, and its session knows.
                    if !(is_refusal && outlives_refusals && connection.status().connected()) {
                        return error;
                    }
                }
                _ => {}
            }
        }
        ConnectError::Unreachable("the connection ended".to_owned())
    }

    /// Closes a connection that may be broken or stopped by an alarm, within a bound.
    async fn say_goodbye(&self, connection: &Connection) {
        let close = connection.close(200, "OK".into());
        match tokio::time::timeout(GOODBYE_LIMIT, close).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::debug!(reason = reason(&error), "the connection was closed before");
            }
            Err(_) => tracing::debug!("the broker did not answer the close"),
        }
    }
}
