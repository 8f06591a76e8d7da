//! Publishing with confirms, many in flight at once.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::sync::Mutex as StdMutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::poll;
use lapin::message::BasicReturnMessage;
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ErrorKind};
use tokio::sync::{Mutex, MutexGuard, Semaphore, watch};
use tokio::task::unconstrained;
use tokio_util::sync::CancellationToken;

use super::connect::ConnectError;
use super::supervisor::{Live, Session as SupervisedSession, supervise};
use super::{REASON_HEADER, Shared};
use crate::bus::link::lock;
use crate::bus::{Delivery, Link, Message, PublishError};
use crate::contract::{Topic, TraceParent};

/// Most messages published and not yet confirmed. Above about 1,000 throughput falls again.
const WINDOW: u32 = 512;

/// A broker that confirms nothing for this long, alive and without an alarm, is taken for
/// broken: a quorum queue without its majority does that.
const CONFIRM_LIMIT: Duration = Duration::from_secs(30);

/// How long the event of an ended connection may take to come.
const EVENT_LIMIT: Duration = Duration::from_secs(1);

/// Persistent: the broker writes it to disk.
const DELIVERY_MODE_PERSISTENT: u8 = 2;

#[derive(Debug, Clone)]
pub(in crate::bus) struct Publisher {
    shared: Arc<Shared>,
    inner: Arc<Inner>,
    link: watch::Receiver<Link>,
}

#[derive(Debug)]
struct Inner {
    /// Whether a refusal is told to the caller instead of breaking the link.
    tells_refusals: bool,
    session: watch::Receiver<Option<Arc<Session>>>,
    /// Passed one at a time and first come first served, so that messages leave in order.
    gate: Mutex<()>,
    window: Semaphore,
    exchange: ShortString,
    rejected: ShortString,
    application: ShortString,
}

/// One channel in confirm mode.
#[derive(Debug)]
struct Session {
    channel: Channel,
    /// Cancelled with the first error: a channel that refused one message confirms none.
    broken: CancellationToken,
    reason: StdMutex<Option<ConnectError>>,
    published: AtomicU64,
    settled: AtomicU64,
    returned: Returned,
}

/// Ids of messages that came back, of those whose confirm is still to come.
#[derive(Debug, Default)]
struct Returned(StdMutex<HashSet<u64>>);

impl Publisher {
    pub(super) fn start(shared: &Arc<Shared>) -> Self {
        Self::start_with(shared, false)
    }

    /// Tells whose message the broker refuses, and goes on with the others.
    pub(super) fn start_apart(shared: &Arc<Shared>) -> Self {
        Self::start_with(shared, true)
    }

    fn start_with(shared: &Arc<Shared>, tells_refusals: bool) -> Self {
        let (sender, session) = watch::channel(None);
        let names = &shared.config.names;
        let inner = Inner {
            session,
            gate: Mutex::new(()),
            window: Semaphore::new(WINDOW as usize),
            tells_refusals,
            exchange: names.exchange().into(),
            rejected: names.rejected().as_str().into(),
            application: shared.config.application.as_str().into(),
        };
        let session = PublishLink { sender, outlives_refusals: tells_refusals };
        let link = supervise(shared, shared.closing.clone(), session);
        Self { shared: Arc::clone(shared), inner: Arc::new(inner), link }
    }

    pub(in crate::bus) fn link(&self) -> watch::Receiver<Link> {
        self.link.clone()
    }

    pub(in crate::bus) async fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let topic = message.topic.as_str();
        let properties = self
            .properties(topic)
            .with_timestamp(message.timestamp_ms / 1000)
            .with_headers(trace_headers(&message.trace));
        self.send(self.inner.exchange.clone(), topic, &message.body, properties).await
    }

    pub(in crate::bus) async fn publish_rejected(
        &self,
        delivery: &Delivery,
        why: &str,
    ) -> Result<(), PublishError> {
        let mut headers = delivery.trace.as_ref().map(trace_headers).unwrap_or_default();
        headers.insert(REASON_HEADER.into(), AMQPValue::LongString(why.into()));
        let mut properties = self.properties(&delivery.topic).with_headers(headers);
        if let Some(timestamp_ms) = delivery.timestamp_ms {
            properties = properties.with_timestamp(timestamp_ms / 1000);
        }
        self.send(self.inner.rejected.clone(), &delivery.topic, &delivery.body, properties).await
    }

    fn properties(&self, topic: &str) -> BasicProperties {
        let kind = topic.rsplit('.').next().unwrap_or(topic);
        BasicProperties::default()
            .with_content_type("application/json".into())
            .with_delivery_mode(DELIVERY_MODE_PERSISTENT)
            .with_type(kind.into())
            .with_app_id(self.inner.application.clone())
    }

    /// Where refusals are told, everything that was in flight at a refusal is sent once more, each
    /// alone: the broker ends the channel, which fails all of them alike, and does not say for
    /// which of them.
    async fn send(
        &self,
        exchange: ShortString,
        topic: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), PublishError> {
        if !self.inner.tells_refusals {
            return match self.attempt(1, exchange, topic, body, properties).await {
                Err(PublishError::Refused(_)) => Err(PublishError::LinkDown),
                outcome => outcome,
            };
        }
        match self.attempt(1, exchange.clone(), topic, body, properties.clone()).await {
            Err(PublishError::Refused(_)) => {
                self.attempt(WINDOW, exchange, topic, body, properties).await
            }
            outcome => outcome,
        }
    }

    /// Sends a message that takes this much of the window.
    async fn attempt(
        &self,
        room: u32,
        exchange: ShortString,
        topic: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), PublishError> {
        // Not cut short by the scheduler's budget: whoever comes first must be queued first.
        let gate = unconstrained(self.inner.gate.lock()).await;
        let _room = self.inner.window.acquire_many(room).await.map_err(|_| PublishError::Closed)?;
        let session = self.session().await?;
        let id = session.published.fetch_add(1, Ordering::Relaxed);
        // Also when the caller gives up: what is abandoned is not waited for.
        let settling = Settling(&session.settled);
        let properties = properties.with_message_id(id.to_string().into());
        let outcome = session.send(gate, id, exchange, topic, body, properties).await;
        drop(settling);
        match outcome {
            Ok(Outcome::Confirmed) => Ok(()),
            Ok(Outcome::NotAccepted) => Err(PublishError::NotAccepted),
            Ok(Outcome::Returned) => match Topic::new(topic) {
                Ok(topic) => Err(PublishError::Unroutable(topic)),
                // Only a rejected message has a key that is no topic, and only without its queue.
                Err(_) => Err(PublishError::NotAccepted),
            },
            Err(error) => {
                session.fail(&error);
                match ConnectError::of(&error) {
                    ConnectError::Refused(reason) => Err(PublishError::Refused(reason)),
                    ConnectError::Unreachable(_) => Err(PublishError::LinkDown),
                }
            }
        }
    }

    /// The session that works now; waits for one while the link is down.
    async fn session(&self) -> Result<Arc<Session>, PublishError> {
        if let Some(session) = self.inner.session.borrow().as_ref()
            && !session.broken.is_cancelled()
        {
            return Ok(Arc::clone(session));
        }
        let mut sessions = self.inner.session.clone();
        let usable = |session: &Option<Arc<Session>>| {
            session.as_ref().is_some_and(|s| !s.broken.is_cancelled())
        };
        tokio::select! {
            () = self.shared.closing.cancelled() => Err(PublishError::Closed),
            found = sessions.wait_for(usable) => match found {
                Ok(session) => session.clone().ok_or(PublishError::Closed),
                Err(_) => Err(PublishError::Closed),
            },
        }
    }
}

/// Counts a message as settled when it goes.
struct Settling<'a>(&'a AtomicU64);

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Confirmed,
    NotAccepted,
    Returned,
}

impl Session {
    async fn send(
        &self,
        gate: MutexGuard<'_, ()>,
        id: u64,
        exchange: ShortString,
        topic: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> lapin::Result<Outcome> {
        // Mandatory: a message nobody is bound for comes back instead of vanishing.
        let options = BasicPublishOptions { mandatory: true, ..Default::default() };
        // At most 255 bytes: a `Topic`, or the key a broker delivered.
        let topic = ShortString::from(topic);
        let mut write =
            pin!(self.channel.basic_publish(exchange, topic, options, body, properties));
        // The first poll queues the frames; waiting for their writing needs no order.
        let written = poll!(&mut write);
        drop(gate);
        let confirm = match written {
            Poll::Ready(confirm) => confirm?,
            Poll::Pending => write.await?,
        };
        Ok(match confirm.await? {
            Confirmation::Nack(carried) => {
                self.returned.outcome_of(id, carried.as_ref().map(id_of));
                Outcome::NotAccepted
            }
            Confirmation::Ack(carried) => self.returned.outcome_of(id, carried.as_ref().map(id_of)),
            Confirmation::NotRequested => Outcome::Confirmed,
        })
    }

    /// Ends it, for this reason. That the channel takes nothing any more is none: what was in
    /// flight and the connection's events are told why.
    fn fail(&self, error: &lapin::Error) {
        if !matches!(error.kind(), ErrorKind::InvalidChannelState(..)) {
            lock(&self.reason).get_or_insert_with(|| ConnectError::of(error));
        }
        self.broken.cancel();
    }
}

impl Returned {
    /// What became of the message `id`, by its confirm and by the id of the returned message
    /// that the confirm carried, if it carried one.
    ///
    /// A confirm of several messages may carry the return of any of them. One that carries
    /// another's says nothing certain of its own message, which then has to be published again.
    fn outcome_of(&self, id: u64, carried: Option<Option<u64>>) -> Outcome {
        let mut returned = lock(&self.0);
        returned.extend(carried.flatten());
        if returned.remove(&id) {
            Outcome::Returned
        } else if carried.is_some() {
            Outcome::NotAccepted
        } else {
            Outcome::Confirmed
        }
    }
}

/// The id that `message` was published with, when it is one of ours.
fn id_of(message: &BasicReturnMessage) -> Option<u64> {
    let id = message.delivery.properties.message_id().as_ref()?;
    id.as_str().parse().ok()
}

fn trace_headers(trace: &TraceParent) -> FieldTable {
    let mut headers = FieldTable::default();
    let name = crate::contract::TRACE_HEADER.into();
    headers.insert(name, AMQPValue::LongString(trace.to_string().into()));
    headers
}

/// Gives the publisher a new session each time the link comes up.
struct PublishLink {
    sender: watch::Sender<Option<Arc<Session>>>,
    /// Whether only the channel is made anew when the broker refuses a message.
    outlives_refusals: bool,
}

impl SupervisedSession for PublishLink {
    fn purpose(&self) -> &'static str {
        "publishing"
    }

    async fn run(&mut self, connection: &Connection, live: &Live<'_>) -> ConnectError {
        let mut is_up = false;
        loop {
            let channel = match confirming_channel(connection).await {
                Ok(channel) => channel,
                Err(error) => return ConnectError::of(&error),
            };
            let session = Arc::new(Session {
                channel,
                broken: CancellationToken::new(),
                reason: StdMutex::new(None),
                published: AtomicU64::new(0),
                settled: AtomicU64::new(0),
                returned: Returned::default(),
            });
            self.sender.send_replace(Some(Arc::clone(&session)));
            if !std::mem::replace(&mut is_up, true) {
                live.up();
            }
            let error = tokio::select! {
                () = session.broken.cancelled() => lock(&session.reason).take(),
                error = watch_confirms(connection, &session, live) => Some(error),
            };
            // A channel that ends for more than a refusal ends the link by an event, too.
            let only_the_channel = matches!(error, None | Some(ConnectError::Refused(_)));
            if !(only_the_channel && self.outlives_refusals) {
                let unknown = || ConnectError::Unreachable("the channel broke".to_owned());
                return error.unwrap_or_else(unknown);
            }
            if !connection.status().connected() {
                // An event that is on its way tells why, and ends this.
                tokio::time::sleep(EVENT_LIMIT).await;
                return ConnectError::Unreachable("the connection ended".to_owned());
            }
        }
    }

    fn outlives_refusals(&self) -> bool {
        self.outlives_refusals
    }

    fn ended(&mut self) {
        if let Some(session) = self.sender.send_replace(None) {
            session.broken.cancel();
        }
    }
}

/// Resolves when the broker has confirmed nothing for too long although something waits.
async fn watch_confirms(
    connection: &Connection,
    session: &Session,
    live: &Live<'_>,
) -> ConnectError {
    let mut settled_before = session.settled.load(Ordering::Relaxed);
    let mut idle_since = tokio::time::Instant::now();
    loop {
        tokio::time::sleep(CONFIRM_LIMIT / 6).await;
        if !connection.status().connected() {
            return ConnectError::Unreachable("the connection ended".to_owned());
        }
        let settled = session.settled.load(Ordering::Relaxed);
        let waiting = session.published.load(Ordering::Relaxed) > settled;
        if !waiting || live.is_blocked() || settled != settled_before {
            (settled_before, idle_since) = (settled, tokio::time::Instant::now());
        } else if idle_since.elapsed() >= CONFIRM_LIMIT {
            return ConnectError::Unreachable(format!("no confirm for {CONFIRM_LIMIT:?}"));
        }
    }
}

async fn confirming_channel(connection: &Connection) -> lapin::Result<Channel> {
    let channel = connection.create_channel().await?;
    channel.confirm_select(ConfirmSelectOptions::default()).await?;
    Ok(channel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_return_belongs_to_the_message_whose_id_it_has_whichever_confirm_carries_it() {
        let returned = Returned::default();
        assert_eq!(returned.outcome_of(1, None), Outcome::Confirmed);
        assert_eq!(returned.outcome_of(2, Some(Some(2))), Outcome::Returned);
        // The return of 5 comes on the confirm of 3, of which nothing is known then.
        assert_eq!(returned.outcome_of(3, Some(Some(5))), Outcome::NotAccepted);
        assert_eq!(returned.outcome_of(4, None), Outcome::Confirmed);
        assert_eq!(returned.outcome_of(5, None), Outcome::Returned);
        // Of a foreign message nothing can be told.
        assert_eq!(returned.outcome_of(6, Some(None)), Outcome::NotAccepted);
        assert!(lock(&returned.0).is_empty(), "nothing is kept for ever");
    }
}
