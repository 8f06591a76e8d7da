//! Alerts that are stored, to the broker: those of one host one after another, and those of
//! several hosts at a time.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use resources_core::bus::{Backoff, Message, PublishError, Publisher};
use resources_core::contract::{HostName, Kind, RoutingKey, Topic};
use resources_core::telemetry::{begin_trace, next_of};
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::checkpoint::Pending;

/// Publishes what comes, as many at a time as the sender lets there be, and says the number of each
/// that is confirmed. Ends when the other side is gone, or the bus is closed.
pub(super) async fn publish(
    publisher: Publisher,
    mut alerts: mpsc::Receiver<Pending>,
    confirmed: mpsc::Sender<i64>,
) {
    let outlet = Outlet { publisher, unheard: AtomicBool::new(false) };
    // Of each host of which one is under way, those behind it.
    let mut lanes: HashMap<Box<str>, VecDeque<Pending>> = HashMap::new();
    let mut under_way = FuturesUnordered::new();
    loop {
        let (host, number) = tokio::select! {
            alert = alerts.recv() => {
                let Some(alert) = alert else { return };
                match lanes.entry(alert.host.clone()) {
                    Entry::Occupied(mut lane) => lane.get_mut().push_back(alert),
                    Entry::Vacant(place) => {
                        place.insert(VecDeque::new());
                        under_way.push(outlet.publish(alert));
                    }
                }
                continue;
            }
            Some(published) = under_way.next() => match published {
                Ok(published) => published,
                Err(Closed) => return,
            },
        };
        match lanes.get_mut(&host).and_then(VecDeque::pop_front) {
            Some(next) => under_way.push(outlet.publish(next)),
            None => drop(lanes.remove(&host)),
        }
        if confirmed.send(number).await.is_err() {
            return;
        }
    }
}

/// The bus was closed: what was not confirmed stays stored.
struct Closed;

struct Outlet {
    publisher: Publisher,
    /// Whether nobody takes alerts at the moment.
    unheard: AtomicBool,
}

impl Outlet {
    /// Publishes `alert` until the broker has it, and gives its host and number.
    async fn publish(&self, alert: Pending) -> Result<(Box<str>, i64), Closed> {
        let Pending { number, host, body, timestamp_ms, trace } = alert;
        let Ok(name) = HostName::new(&host) else { return Ok((host, number)) };
        let message = Message {
            topic: Topic::from(RoutingKey::new(name, Kind::Alert)),
            body: body.into(),
            timestamp_ms,
            trace: trace.map_or_else(begin_trace, next_of),
        };
        let mut backoff = Backoff::default();
        loop {
            match self.publisher.publish_until_confirmed(&message).await {
                Ok(()) => {
                    if self.unheard.swap(false, Ordering::Relaxed) {
                        tracing::info!("alerts are taken again");
                    }
                    return Ok((host, number));
                }
                Err(PublishError::Unroutable(topic)) => {
                    if !self.unheard.swap(true, Ordering::Relaxed) {
                        tracing::warn!(
                            %topic,
                            trace_id = %message.trace.trace_id_text(),
                            "nobody takes alerts: the stream of them was deleted, or this user may \
                             not declare it; they wait until it is there"
                        );
                    }
                    sleep(backoff.next_wait()).await;
                }
                // The others were tried again already.
                Err(_) => return Err(Closed),
            }
        }
    }
}

#[cfg(test)]
mod tests;
