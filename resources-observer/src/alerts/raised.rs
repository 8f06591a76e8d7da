//! What is raised, by the stream of alerts: for an engine that does not know, as it begins anew.

use std::collections::HashMap;
use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::{Bus, Link, LinkState, Past, Source, Start, Subscription};
use resources_core::contract::{Alert, AlertKind, AlertState, HostName};
use resources_core::service::Failure;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Alerts under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

/// Nothing more for so long, and all there was is read. A stream that holds nothing is done with
/// sooner.
const PAUSE: Duration = Duration::from_secs(3);

/// Most episodes taken over; further ones are left as they are.
const MAX_RAISED: usize = 200_000;

/// Reads the stream of alerts as far as it goes by now, and gives what is raised; `None` when
/// `stop` came first.
///
/// A message of now does not end it, as one from just before a restart may have others behind it.
pub(super) async fn read(
    bus: &Bus,
    stop: &CancellationToken,
) -> Result<Option<Vec<Alert>>, Failure> {
    let mut alerts = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    let link = alerts.link();
    read_past(&mut alerts, link, stop).await
}

/// Reads `alerts`, which come over `link`.
async fn read_past(
    alerts: &mut Subscription,
    mut link: watch::Receiver<Link>,
    stop: &CancellationToken,
) -> Result<Option<Vec<Alert>>, Failure> {
    let mut raised = Raised::default();
    // Up once the stream is being read.
    let ready = link.wait_for(|link| link.state.is_up() || link.state == LinkState::Closed);
    if stop.run_until_cancelled(ready).await.is_none() {
        return Ok(None);
    }
    let mut past = Past::begin().with_pauses(PAUSE);
    loop {
        let is_up = link.borrow_and_update().state.is_up();
        tokio::select! {
            // What is here already counts before the time does.
            biased;
            () = stop.cancelled() => return Ok(None),
            delivery = alerts.next() => {
                let closed = || Failure::failed("the bus was closed while alerts were read");
                let delivery = delivery.ok_or_else(closed)?;
                // What is no alert is set aside by whoever shows them.
                if let Ok(alert) = Alert::decode(&delivery.topic, &delivery.body) {
                    raised.take(alert);
                }
                alerts.acknowledge_through(delivery.receipt).await;
                if !past.goes_on() {
                    break;
                }
            }
            // While the link is down nothing says that this was all; then it has its time again.
            Ok(()) = link.changed() => {
                past = Past::begin().with_pauses(PAUSE);
                past.goes_on();
            }
            () = past.quiet(), if is_up => break,
        }
    }
    if past.is_too_long() {
        tracing::warn!(
            "alerts still came from their stream after 30 s; what is raised by those behind is not \
             known"
        );
    }
    alerts.flush().await;
    Ok(Some(raised.0.into_values().collect()))
}

/// What is raised, by host, resource and [`AlertKind::slot`].
#[derive(Debug, Default)]
struct Raised(HashMap<(HostName, Option<Box<str>>, AlertKind), Alert>);

impl Raised {
    fn take(&mut self, alert: Alert) {
        let slot = (alert.host.clone(), alert.resource.clone(), alert.kind.slot());
        match alert.state {
            AlertState::Raised => {
                if self.0.len() < MAX_RAISED || self.0.contains_key(&slot) {
                    self.0.insert(slot, alert);
                }
            }
            AlertState::Cleared => {
                if self.0.get(&slot).is_some_and(|raised| raised.id == alert.id) {
                    self.0.remove(&slot);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use resources_core::bus::{BusConfig, Message};
    use resources_core::contract::{Topic, TraceParent};
    use tokio::time::sleep;

    use super::*;

    async fn raise(bus: &Bus, id: &str) {
        let body = serde_json::json!({
            "id": id, "host": id, "kind": "silent", "state": "raised", "since_ms": 1,
            "timestamp_ms": 1,
        });
        let topic = Topic::new(&format!("{id}.alert")).unwrap();
        let message = Message::json(topic, &body, 1, TraceParent::begin()).unwrap();
        bus.publisher().publish_until_confirmed(&message).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn neither_a_pause_nor_a_link_that_breaks_is_the_end() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut alerts = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
        let (link, seen) = watch::channel(Link::since_now(LinkState::Connecting));
        let stop = CancellationToken::new();
        raise(&bus, "first").await;
        let others = async {
            sleep(PAUSE * 100).await;
            link.send_replace(Link::since_now(LinkState::Up));
            sleep(PAUSE / 2).await;
            raise(&bus, "second").await;
            sleep(PAUSE / 2).await;
            link.send_replace(Link::since_now(LinkState::Connecting));
            sleep(PAUSE * 100).await;
            link.send_replace(Link::since_now(LinkState::Up));
            sleep(PAUSE / 2).await;
            raise(&bus, "third").await;
        };
        let (read, ()) = tokio::join!(read_past(&mut alerts, seen, &stop), others);
        let mut ids: Vec<_> = read.unwrap().unwrap().into_iter().map(|alert| alert.id).collect();
        ids.sort_unstable();
        assert_eq!(ids, ["first", "second", "third"].map(Into::into));
        bus.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_holds_nothing_is_soon_done_with() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let begun = tokio::time::Instant::now();
        assert_eq!(read(&bus, &CancellationToken::new()).await.unwrap(), Some(Vec::new()));
        assert!(begun.elapsed() < PAUSE);
        bus.close().await;
    }
}
