//! `/metrics`: the figures of this process and, unless they are switched off, of every host.

mod hosts;

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use resources_core::service::now_ms;
use resources_core::telemetry::metrics::{self, Gauge};
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::timeout;

use super::NO_STORE;
use crate::error::ApiError;
use crate::server::AppState;

/// Scrapes at a time: each holds the figures of every host until they are sent, about 500 bytes
/// a host.
static PLACES: Semaphore = Semaphore::const_new(2);

/// How long a scrape waits for its place.
const PLACE_LIMIT: Duration = Duration::from_secs(5);

/// How long sending a scrape may take.
const SEND_LIMIT: Duration = Duration::from_secs(10);

static HOSTS: LazyLock<Gauge> =
    LazyLock::new(|| metrics::gauge("resources_web_hosts", "Hosts that are known"));

static SOCKETS: LazyLock<Gauge> =
    LazyLock::new(|| metrics::gauge("resources_web_sockets", "Pages connected by a WebSocket"));

static UNWRITTEN_ALERTS: LazyLock<Gauge> = LazyLock::new(|| {
    metrics::gauge(
        "resources_web_unwritten_alerts",
        "Alerts that are known and not in the database yet",
    )
});

static BEHIND: LazyLock<metrics::Seconds> = LazyLock::new(|| {
    metrics::seconds(
        "resources_history_behind_seconds",
        "Age of the newest sample in history while others wait to be written, else 0",
    )
});

pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let place = timeout(PLACE_LIMIT, PLACES.acquire()).await;
    let Ok(Ok(place)) = place else {
        return Err(ApiError::unavailable("other scrapes are under way; ask again in a moment"));
    };
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    HOSTS.set(count(state.live().host_count()));
    SOCKETS.set(count(state.sockets().len()));
    UNWRITTEN_ALERTS.set(count(state.live().alerts(|board| board.unwritten_count())));
    let now_ms = now_ms();
    let behind_ms = state.history().behind_ms(now_ms).unwrap_or_default();
    BEHIND.set(metrics::seconds_between(now_ms.saturating_sub(behind_ms), now_ms));
    let own = metrics::render();
    let hosts = if state.tells_hosts() { hosts::read(state.live()).await } else { Vec::new() };
    let pages = std::iter::once(own).chain(hosts::pages(hosts));
    let body = sent(pages, place);
    Ok((NO_STORE, [(CONTENT_TYPE, metrics::CONTENT_TYPE)], body).into_response())
}

/// A body of `pages`. The place is free once all was sent, or nobody takes it any more, or that
/// takes too long; a body that broke off then ends with an error, so that nobody takes it for
/// whole.
fn sent(
    pages: impl Iterator<Item = String> + Send + 'static,
    place: SemaphorePermit<'static>,
) -> Body {
    // None behind the last page.
    let (sender, receiver) = mpsc::channel::<Option<String>>(1);
    tokio::spawn(async move {
        let send = async {
            for page in pages.map(Some).chain([None]) {
                if sender.send(page).await.is_err() {
                    return;
                }
            }
        };
        // With what is left of them.
        if timeout(SEND_LIMIT, send).await.is_err() {
            tracing::debug!("a scrape was not taken in time");
        }
        drop(place);
    });
    Body::from_stream(stream::try_unfold(receiver, async |mut receiver| {
        match receiver.recv().await {
            Some(Some(page)) => Ok(Some((Bytes::from(page), receiver))),
            Some(None) => Ok(None),
            None => Err(std::io::Error::from(std::io::ErrorKind::TimedOut)),
        }
    }))
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;

    async fn sending(places: &'static Semaphore) -> Body {
        let place = places.acquire().await.unwrap();
        sent(["a\n", "b\n", "c\n", "d\n"].map(String::from).into_iter(), place)
    }

    #[tokio::test(start_paused = true)]
    async fn who_does_not_take_its_scrape_holds_a_place_for_a_while_only() {
        static PLACES: Semaphore = Semaphore::const_new(1);
        let begun = tokio::time::Instant::now();
        let slow = sending(&PLACES).await;
        // It has to wait for the slow one.
        let next = sending(&PLACES).await;
        assert_eq!(begun.elapsed().as_secs(), SEND_LIMIT.as_secs());
        assert_eq!(to_bytes(next, 100).await.unwrap(), "a\nb\nc\nd\n");
        assert!(to_bytes(slow, 100).await.is_err(), "it is not whole");
        assert_eq!(PLACES.acquire().await.map(drop).ok(), Some(()));
        assert_eq!(begun.elapsed().as_secs(), SEND_LIMIT.as_secs());
    }
}
