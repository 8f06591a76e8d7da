//! The transport inside one process: the same topics, queues and acknowledgements as over
//! RabbitMQ, without a broker. For `resources up` on one machine, and for tests.
//!
//! Nothing is kept across a restart, and the bounds are those of a process, not of a broker.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::{Notify, watch};

use super::link::{Link, LinkBoard, LinkState, lock};
use super::pattern::Pattern;
use super::topology::ListenerName;
use super::{Delivery, Message, Place, Position, PublishError, Receipt, Source, Start, place_of};
use crate::contract::{Kind, TraceParent};
use crate::service::now_ms;

/// Most each place holds, in bytes of bodies; then the oldest go.
const MAX_BYTES: usize = 16 << 20;

/// The broker: every place messages are kept in.
#[derive(Debug)]
pub(super) struct Broker {
    places: Mutex<Places>,
    /// Rung when anything was published, given back or closed.
    news: Notify,
    links: LinkBoard,
    link: usize,
}

#[derive(Debug, Default)]
struct Places {
    measures: Shelf,
    analyses: Shelf,
    alerts: Shelf,
    rejected: Shelf,
    /// Queues that listeners with one name share.
    named: BTreeMap<ListenerName, (Vec<Pattern>, Shelf)>,
    /// Queues of subscriptions to patterns, by subscription.
    patterns: BTreeMap<u64, (Vec<Pattern>, Shelf)>,
    next_subscription: u64,
    closed: bool,
}

/// Messages in order, each with its offset; bounded by bytes, the oldest go first.
#[derive(Debug, Default)]
struct Shelf {
    messages: VecDeque<Stored>,
    bytes: usize,
    next_offset: u64,
}

#[derive(Debug, Clone)]
struct Stored {
    offset: u64,
    topic: Box<str>,
    body: Bytes,
    timestamp_ms: Option<u64>,
    published_ms: u64,
    trace: Option<TraceParent>,
    redelivered: bool,
    rejection: Option<Box<str>>,
}

impl Shelf {
    /// Adds `stored` at the end and gives what had to go to make room.
    fn push(&mut self, mut stored: Stored) -> Vec<Stored> {
        stored.offset = self.next_offset;
        self.next_offset += 1;
        self.bytes += stored.body.len();
        self.messages.push_back(stored);
        let mut gone = Vec::new();
        while self.bytes > MAX_BYTES {
            gone.extend(self.take());
        }
        gone
    }

    fn take(&mut self) -> Option<Stored> {
        let stored = self.messages.pop_front()?;
        self.bytes -= stored.body.len();
        Some(stored)
    }

    /// Puts back what was delivered and never acknowledged, to where it was taken from.
    fn give_back(&mut self, unacknowledged: impl DoubleEndedIterator<Item = Stored>) {
        for stored in unacknowledged.rev() {
            self.bytes += stored.body.len();
            self.messages.push_front(Stored { redelivered: true, ..stored });
        }
    }

    /// The message at `offset`, or the oldest after it.
    fn at(&self, offset: u64) -> Option<&Stored> {
        let first = self.messages.front()?.offset;
        let index = usize::try_from(offset.saturating_sub(first)).ok()?;
        self.messages.get(index)
    }
}

impl Places {
    fn shelf(&mut self, place: Place) -> &mut Shelf {
        match place {
            Place::Measures => &mut self.measures,
            Place::Analyses => &mut self.analyses,
            Place::Alerts => &mut self.alerts,
            Place::Rejected => &mut self.rejected,
        }
    }
}

impl Broker {
    pub(super) fn new() -> Arc<Self> {
        let links = LinkBoard::new();
        let link = links.add();
        links.set(link, LinkState::Up);
        Arc::new(Self { places: Mutex::default(), news: Notify::new(), links, link })
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.links.watch()
    }

    pub(super) fn close(&self) {
        lock(&self.places).closed = true;
        self.links.set(self.link, LinkState::Closed);
        self.news.notify_waiters();
    }

    pub(super) fn publish(&self, message: &Message) -> Result<(), PublishError> {
        let stored = Stored {
            offset: 0,
            topic: message.topic.as_str().into(),
            body: message.body.clone(),
            timestamp_ms: Some(message.timestamp_ms),
            published_ms: now_ms(),
            trace: Some(message.trace),
            redelivered: false,
            rejection: None,
        };
        let mut places = lock(&self.places);
        if places.closed {
            return Err(PublishError::Closed);
        }
        let (mut routed, mut overflowing) = (false, Vec::new());
        for kind in Kind::ALL {
            let place = place_of(kind);
            if super::pattern::matches(kind.pattern(), &stored.topic) {
                routed = true;
                let gone = places.shelf(place).push(stored.clone());
                if place == Place::Measures {
                    overflowing.extend(gone);
                }
            }
        }
        for (patterns, shelf) in places.named.values_mut() {
            if patterns.iter().any(|pattern| pattern.matches(&stored.topic)) {
                routed = true;
                overflowing.extend(shelf.push(stored.clone()));
            }
        }
        for stored in overflowing {
            let rejection = Some("its queue was full".into());
            places.rejected.push(Stored { rejection, ..stored });
        }
        for (patterns, shelf) in places.patterns.values_mut() {
            if patterns.iter().any(|pattern| pattern.matches(&stored.topic)) {
                routed = true;
                shelf.push(stored.clone());
            }
        }
        drop(places);
        if !routed {
            return Err(PublishError::Unroutable(message.topic.clone()));
        }
        self.news.notify_waiters();
        Ok(())
    }

    pub(super) fn publish_rejected(
        &self,
        delivery: &Delivery,
        reason: &str,
    ) -> Result<(), PublishError> {
        let mut places = lock(&self.places);
        if places.closed {
            return Err(PublishError::Closed);
        }
        places.rejected.push(Stored {
            offset: 0,
            topic: delivery.topic.clone(),
            body: delivery.body.clone(),
            timestamp_ms: delivery.timestamp_ms,
            published_ms: now_ms(),
            trace: delivery.trace,
            redelivered: false,
            rejection: Some(reason.into()),
        });
        drop(places);
        self.news.notify_waiters();
        Ok(())
    }

    pub(super) fn subscribe(
        broker: &Arc<Self>,
        source: Source,
        prefetch: NonZeroU16,
    ) -> Subscription {
        let mut places = lock(&broker.places);
        let from = match source {
            Source::Measures => From::Queue(Place::Measures),
            Source::Rejected => From::Queue(Place::Rejected),
            Source::Analyses(start) | Source::Alerts(start) => {
                let place = match source {
                    Source::Alerts(_) => Place::Alerts,
                    _ => Place::Analyses,
                };
                let stream = places.shelf(place);
                let next = stream.next_offset;
                let offset = match start {
                    Start::Next => next,
                    Start::First => 0,
                    // One of another process's stream is not here; nor is one that had to go.
                    Start::After(last) => match stream.at(last.offset) {
                        Some(stored) if Position::of(stored.offset, &stored.body) == last => {
                            stored.offset + 1
                        }
                        _ => 0,
                    },
                    Start::Ago(ago) => {
                        let ago_ms = u64::try_from(ago.as_millis()).unwrap_or(u64::MAX);
                        let since_ms = now_ms().saturating_sub(ago_ms);
                        let young = |stored: &&Stored| stored.published_ms >= since_ms;
                        stream.messages.iter().find(young).map_or(next, |stored| stored.offset)
                    }
                };
                From::Stream(place, offset)
            }
            Source::Named { name, patterns } => {
                let (bound, _) = places.named.entry(name.clone()).or_default();
                for pattern in patterns {
                    if !bound.contains(&pattern) {
                        bound.push(pattern);
                    }
                }
                From::Named(name)
            }
            Source::Patterns(patterns) => {
                let id = places.next_subscription;
                places.next_subscription += 1;
                places.patterns.insert(id, (patterns, Shelf::default()));
                From::Patterns(id)
            }
        };
        drop(places);
        Subscription {
            broker: Arc::clone(broker),
            from,
            prefetch: usize::from(prefetch.get()),
            unacknowledged: VecDeque::new(),
            next_tag: 1,
        }
    }
}

/// Where a subscription takes from.
#[derive(Debug)]
enum From {
    /// A queue shared with other subscriptions.
    Queue(Place),
    /// A stream, at this offset next.
    Stream(Place, u64),
    /// A queue shared with the other listeners of this name.
    Named(ListenerName),
    /// A queue of its own.
    Patterns(u64),
}

#[derive(Debug)]
pub(super) struct Subscription {
    broker: Arc<Broker>,
    from: From,
    prefetch: usize,
    unacknowledged: VecDeque<(u64, Stored)>,
    next_tag: u64,
}

impl Subscription {
    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.broker.link()
    }

    pub(super) async fn next(&mut self) -> Option<Delivery> {
        let broker = Arc::clone(&self.broker);
        loop {
            let news = broker.news.notified();
            tokio::pin!(news);
            // Listening before looking: what is published in between rings.
            news.as_mut().enable();
            if let Some(delivery) = self.try_next() {
                return Some(delivery);
            }
            if lock(&broker.places).closed {
                return None;
            }
            news.await;
        }
    }

    pub(super) fn try_next(&mut self) -> Option<Delivery> {
        if self.unacknowledged.len() >= self.prefetch {
            return None;
        }
        let mut places = lock(&self.broker.places);
        let stored = match &mut self.from {
            From::Queue(place) => places.shelf(*place).take()?,
            From::Named(name) => places.named.get_mut(name)?.1.take()?,
            From::Patterns(id) => places.patterns.get_mut(id)?.1.take()?,
            From::Stream(place, offset) => {
                let stored = places.shelf(*place).at(*offset)?.clone();
                *offset = stored.offset + 1;
                stored
            }
        };
        drop(places);
        let tag = self.next_tag;
        self.next_tag += 1;
        self.unacknowledged.push_back((tag, stored.clone()));
        Some(Delivery {
            topic: stored.topic,
            body: stored.body,
            timestamp_ms: stored.timestamp_ms,
            trace: stored.trace,
            redelivered: stored.redelivered,
            offset: matches!(self.from, From::Stream(..)).then_some(stored.offset),
            rejection: stored.rejection,
            receipt: Receipt { session: 0, tag },
        })
    }

    pub(super) fn acknowledge_one(&mut self, receipt: Receipt) -> bool {
        let place = self.unacknowledged.iter().position(|(tag, _)| *tag == receipt.tag);
        place.and_then(|place| self.unacknowledged.remove(place)).is_some()
    }

    pub(super) fn acknowledge_through(&mut self, receipt: Receipt) {
        while self.unacknowledged.front().is_some_and(|(tag, _)| *tag <= receipt.tag) {
            self.unacknowledged.pop_front();
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let unacknowledged = self.unacknowledged.drain(..).map(|(_, stored)| stored);
        let mut places = lock(&self.broker.places);
        match &self.from {
            From::Queue(place) => places.shelf(*place).give_back(unacknowledged),
            From::Named(name) => {
                if let Some((_, shelf)) = places.named.get_mut(name) {
                    shelf.give_back(unacknowledged);
                }
            }
            From::Stream(..) => {}
            From::Patterns(id) => {
                places.patterns.remove(id);
            }
        }
        drop(places);
        self.broker.news.notify_waiters();
    }
}
