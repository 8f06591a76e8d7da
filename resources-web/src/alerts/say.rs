//! What people say to alerts, as events over the bus.

use std::time::Duration;

use resources_core::bus::{Bus, Message, PublishError};
use resources_core::contract::{HostName, Kind, RoutingKey, Topic, TraceParent};
use serde::Serialize;
use tokio::time::timeout;

/// How long the broker may take to confirm.
const CONFIRM_LIMIT: Duration = Duration::from_secs(5);

/// Why an event was not published, as far as is known.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SayError {
    /// The broker is away, or said no.
    #[error(
        "the broker did not confirm within 5 s, so it may not have it; try again when the link is \
         up, and see that this server's login may write to the exchange"
    )]
    Unconfirmed,
    /// The stream of alerts is not there.
    #[error("the broker keeps no alerts: the stream of them was deleted; restart the server")]
    NobodyTakes,
    /// The server stops.
    #[error("the server stops; ask the next one")]
    Stopping,
}

/// Publishes `event` about `host`, and waits until the broker has it.
///
/// # Errors
/// See [`SayError`].
pub(crate) async fn say<T: Serialize>(
    bus: &Bus,
    host: HostName,
    kind: Kind,
    event: &T,
    timestamp_ms: u64,
) -> Result<(), SayError> {
    let topic = Topic::from(RoutingKey::new(host, kind));
    let message = Message::json(topic, event, timestamp_ms, TraceParent::begin())
        .map_err(|_| SayError::Unconfirmed)?;
    // Until it is confirmed: an event that comes twice counts once.
    match timeout(CONFIRM_LIMIT, bus.publisher().publish_until_confirmed(&message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(PublishError::Unroutable(_))) => Err(SayError::NobodyTakes),
        Ok(Err(PublishError::Closed)) => Err(SayError::Stopping),
        Ok(Err(_)) | Err(_) => Err(SayError::Unconfirmed),
    }
}
