//! One browser, from its snapshot to its end.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseCode, CloseFrame, Message, Utf8Bytes, close_code};
use futures_util::{Sink, SinkExt as _, Stream, StreamExt as _};
use resources_core::service::now_ms;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::looking::Looking;
use super::message::{ServerMessage, text};
use super::{Live, Next, Resume, until};
use crate::protocol::Look;

/// Quiet after which a heartbeat is sent.
const HEARTBEAT_AFTER: Duration = Duration::from_secs(5);

/// How often the browser is pinged.
const PING_EVERY: Duration = Duration::from_secs(20);

/// Pings in a row without any answer after which the browser counts as gone.
const UNANSWERED_PINGS: u32 = 2;

/// How long one message may take to leave; a browser this slow is better off connecting anew.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// Least time between two snapshots to one browser.
const RESYNC_EVERY: Duration = Duration::from_secs(1);

/// How far a browser may be behind before it skips to a new snapshot: one that read on in order
/// would show the past as the present.
const MAX_BEHIND: Duration = Duration::from_secs(2);

/// How long a browser that resumes may read what it missed, however old.
const RESUME_PATIENCE: Duration = Duration::from_secs(5);

/// How long a browser that has not read all there is waits for what it looks at.
const ANSWER_AFTER: Duration = Duration::from_secs(1);

/// Least time between two looks that are taken; of those said meanwhile the last one counts. What
/// is newly looked at is up to 41,216 points, copied while nothing else can touch the fleet.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Longest reason a close may hold.
const MAX_REASON_BYTES: usize = 123;

/// How long the browser may take to answer the close.
const CLOSE_LIMIT: Duration = Duration::from_secs(2);

/// Why a session ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The server stops.
    Stopped,
    /// The browser closed.
    Closed,
    /// The connection broke.
    Broken,
    /// What the browser sent could not be read: too large, no WebSocket, or cut off.
    Unreadable,
    /// What the browser said is not of the protocol.
    Misspoken {
        /// Why.
        reason: String,
    },
    /// The browser answers no ping.
    Silent,
    /// A message could not be sent in time.
    TooSlow,
}

impl End {
    /// What to tell the browser, when it can still be told.
    fn farewell(&self) -> Option<(CloseCode, Utf8Bytes)> {
        let (code, reason) = match self {
            Self::Stopped => (close_code::AWAY, "the server stops"),
            Self::Unreadable => (close_code::POLICY, "only messages of up to 16 KiB are read"),
            Self::Misspoken { reason } => {
                let end = reason.floor_char_boundary(MAX_REASON_BYTES);
                (close_code::POLICY, &reason[..end])
            }
            Self::Silent => (close_code::POLICY, "no answer to pings"),
            Self::Closed | Self::Broken | Self::TooSlow => return None,
        };
        Some((code, reason.into()))
    }
}

/// Tells one browser everything, from where it wants to `resume` if that can be, until either
/// side ends it.
pub(super) async fn run<S, E>(
    mut socket: S,
    live: Arc<Live>,
    resume: Option<Resume>,
    stop: CancellationToken,
) -> End
where
    S: Stream<Item = Result<Message, E>> + Sink<Message, Error = E> + Unpin,
{
    let end = Session::new(&mut socket, live, stop).tell(resume).await;
    // The rest may not arrive any more; nothing depends on it.
    let _in_time = timeout(CLOSE_LIMIT, async {
        if let Some((code, reason)) = end.farewell()
            && socket.send(Message::Close(Some(CloseFrame { code, reason }))).await.is_err()
        {
            return;
        }
        if !matches!(end, End::Broken | End::TooSlow) {
            // Reading on sends the answer to a close, and waits for the one to ours.
            while let Some(Ok(_)) = socket.next().await {}
        }
    })
    .await;
    end
}

struct Session<'a, S> {
    socket: &'a mut S,
    live: Arc<Live>,
    stop: CancellationToken,
    /// How many messages of the journal the browser has.
    cursor: u64,
    looking: Looking,
    /// What it said last that it looks at, until that is taken.
    said: Option<Look>,
    /// From when on a look may be taken.
    look_at: Instant,
    answered_at: Instant,
    end: watch::Receiver<u64>,
    told_at: Instant,
    synced_at: Instant,
    /// Until when it may read what is old, because it could not have read it before.
    patient_until: Instant,
    unanswered_pings: u32,
}

impl<'a, S, E> Session<'a, S>
where
    S: Stream<Item = Result<Message, E>> + Sink<Message, Error = E> + Unpin,
{
    fn new(socket: &'a mut S, live: Arc<Live>, stop: CancellationToken) -> Self {
        let end = live.end();
        let now = Instant::now();
        Self {
            socket,
            live,
            stop,
            cursor: 0,
            looking: Looking::default(),
            said: None,
            look_at: now,
            answered_at: now,
            end,
            told_at: now,
            synced_at: now,
            patient_until: now,
            unanswered_pings: 0,
        }
    }

    async fn tell(mut self, resume: Option<Resume>) -> End {
        match self.converse(resume).await {
            Ok(never) => match never {},
            Err(end) => end,
        }
    }

    async fn converse(&mut self, resume: Option<Resume>) -> Result<std::convert::Infallible, End> {
        match resume.and_then(|from| self.live.resume(&from)) {
            Some(begin) => {
                self.cursor = begin.cursor;
                self.patient_until = Instant::now() + RESUME_PATIENCE;
                self.text(begin.text).await?;
            }
            None => self.sync().await?,
        }
        // Made once: a timer or a waiter for each message would cost more than the message.
        let stop = self.stop.clone();
        let mut stopped = pin!(stop.cancelled());
        let mut ping = interval_at(Instant::now() + PING_EVERY, PING_EVERY);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut quiet = pin!(sleep_until(self.told_at + HEARTBEAT_AFTER));
        loop {
            self.take_look();
            if self.is_abreast() || self.answered_at.elapsed() >= ANSWER_AFTER {
                self.answer().await?;
            }
            let place = Place {
                live: &self.live,
                cursor: self.cursor,
                patient_until: self.patient_until,
                resync_at: self.synced_at + RESYNC_EVERY,
            };
            // In no fixed order, so that neither a flood of messages nor one of changes keeps
            // the other waiting.
            tokio::select! {
                () = &mut stopped => return Err(End::Stopped),
                frame = self.socket.next() => self.heard(frame)?,
                _ = ping.tick() => self.ping().await?,
                () = until(self.said.as_ref().map(|_| self.look_at)) => {}
                () = &mut quiet => {
                    // What was told since the timer was set put the heartbeat off.
                    if self.told_at.elapsed() >= HEARTBEAT_AFTER {
                        let heartbeat = ServerMessage::Heartbeat { server_time_ms: now_ms() };
                        self.text(text(&heartbeat)).await?;
                    }
                    quiet.as_mut().reset(self.told_at + HEARTBEAT_AFTER);
                }
                next = place.next(&mut self.end) => match next {
                    Some(text) => {
                        self.text(text).await?;
                        self.cursor += 1;
                    }
                    None => self.sync().await?,
                },
            }
        }
    }

    /// Whether the browser has all there is.
    fn is_abreast(&self) -> bool {
        self.cursor >= *self.end.borrow()
    }

    /// Sends all that is known.
    async fn sync(&mut self) -> Result<(), End> {
        let began_at = Instant::now();
        let snapshot = self.live.snapshot();
        self.cursor = snapshot.cursor;
        self.looking.start_over();
        self.text(snapshot.text).await?;
        if let Some(alerts) = snapshot.alerts {
            self.text(alerts).await?;
        }
        self.synced_at = Instant::now();
        // What came while a large snapshot left is read as long as that took, or a slow
        // connection would be sent nothing but snapshots.
        self.patient_until = self.synced_at + began_at.elapsed();
        self.answer().await
    }

    /// Sends what the browser alone wants.
    async fn answer(&mut self) -> Result<(), End> {
        if self.looking.is_due(self.cursor) {
            self.answered_at = Instant::now();
            for answer in self.looking.answers(&self.live, self.cursor, now_ms()) {
                self.text(answer).await?;
            }
        }
        Ok(())
    }

    fn heard(&mut self, frame: Option<Result<Message, E>>) -> Result<(), End> {
        match frame {
            None => Err(End::Broken),
            Some(Err(_)) => Err(End::Unreadable),
            Some(Ok(Message::Close(_))) => Err(End::Closed),
            Some(Ok(message)) => {
                self.unanswered_pings = 0;
                match message {
                    Message::Text(said) => self.look(&said),
                    Message::Binary(_) => {
                        Err(End::Misspoken { reason: "only text is read".to_owned() })
                    }
                    _ => Ok(()),
                }
            }
        }
    }

    fn look(&mut self, said: &str) -> Result<(), End> {
        let look = Look::read(said).map_err(|bad| End::Misspoken { reason: bad.to_string() })?;
        self.said = Some(look);
        Ok(())
    }

    /// Takes what was said last, when the one before was taken long enough ago.
    fn take_look(&mut self) {
        if self.said.is_some()
            && Instant::now() >= self.look_at
            && let Some(look) = self.said.take()
        {
            self.looking.look(look);
            self.look_at = Instant::now() + LOOK_EVERY;
        }
    }

    async fn ping(&mut self) -> Result<(), End> {
        if self.unanswered_pings >= UNANSWERED_PINGS {
            return Err(End::Silent);
        }
        self.unanswered_pings += 1;
        self.send(Message::Ping(axum::body::Bytes::new())).await
    }

    async fn text(&mut self, text: Utf8Bytes) -> Result<(), End> {
        self.send(Message::Text(text)).await?;
        self.told_at = Instant::now();
        Ok(())
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        tokio::select! {
            // First, as there is nearly always room, and then nothing is waited for.
            biased;
            sent = self.socket.send(message) => sent.map_err(|_| End::Broken),
            () = too_long(&self.stop) => Err(End::TooSlow),
        }
    }
}

/// Over when a message has had all the time there is for it.
async fn too_long(stop: &CancellationToken) {
    let stopped = async {
        stop.cancelled().await;
        // Half a message cannot be followed by a close; let it leave if it can.
        sleep(CLOSE_LIMIT).await;
    };
    tokio::select! {
        () = sleep(SEND_LIMIT) => {}
        () = stopped => {}
    }
}

/// Where in the journal a browser is.
struct Place<'a> {
    live: &'a Live,
    cursor: u64,
    patient_until: Instant,
    resync_at: Instant,
}

impl Place<'_> {
    /// Waits for the next message; `None` when it is to be told everything instead.
    async fn next(&self, end: &mut watch::Receiver<u64>) -> Option<Utf8Bytes> {
        loop {
            match self.live.next_since(self.cursor, self.oldest_to_tell()) {
                Next::Message(text) => return Some(text),
                Next::Lost => {
                    sleep_until(self.resync_at).await;
                    return None;
                }
                Next::NotYet => {
                    // Fails only without a sender, and the session holds it.
                    if end.changed().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            }
        }
    }

    /// What was told before is not worth telling any more; `None` while everything is.
    fn oldest_to_tell(&self) -> Option<Instant> {
        let now = Instant::now();
        (now >= self.patient_until).then(|| now.checked_sub(MAX_BEHIND)).flatten()
    }
}

#[cfg(test)]
mod tests;
