//! What is raised, by the stream of alerts: for an engine that does not know, as it begins anew.

use std::collections::HashMap;
use std::num::NonZeroU16;

use resources_core::bus::{Bus, Past, Source, Start};
use resources_core::contract::{Alert, AlertKind, AlertState, HostName};
use resources_core::service::Failure;
use tokio_util::sync::CancellationToken;

/// Alerts under way from the broker.
const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).expect("not zero");

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
    let mut raised = Raised::default();
    if stop.run_until_cancelled(alerts.ready()).await.is_none() {
        return Ok(None);
    }
    let mut past = Past::begin();
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(None),
            () = past.quiet() => break,
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
        }
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
