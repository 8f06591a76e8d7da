//! `/metrics`: the figures of this process and, unless they are switched off, of every host.

mod hosts;

use std::sync::LazyLock;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use futures_util::stream::{self, StreamExt as _};
use resources_core::telemetry::metrics::{self, Gauge};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::NO_STORE;
use crate::error::ApiError;
use crate::server::AppState;

/// Scrapes at a time: each holds the figures of every host until they are sent, about 500 bytes
/// a host.
static PLACES: Semaphore = Semaphore::const_new(2);

/// How long a scrape waits for its place.
const PLACE_LIMIT: Duration = Duration::from_secs(5);

static HOSTS: LazyLock<Gauge> =
    LazyLock::new(|| metrics::gauge("resources_web_hosts", "Hosts that are known"));

static SOCKETS: LazyLock<Gauge> =
    LazyLock::new(|| metrics::gauge("resources_web_sockets", "Pages connected by a WebSocket"));

pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let place = timeout(PLACE_LIMIT, PLACES.acquire()).await;
    let Ok(Ok(place)) = place else {
        return Err(ApiError::unavailable("other scrapes are under way; ask again in a moment"));
    };
    let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
    HOSTS.set(count(state.live().host_count()));
    SOCKETS.set(count(state.sockets().len()));
    let own = metrics::render();
    let hosts = if state.tells_hosts() { hosts::read(state.live()).await } else { Vec::new() };
    let pages = std::iter::once(own).chain(hosts::pages(hosts));
    // The place is free once all was sent, or nobody takes it any more.
    let pages = pages.map(move |page| sent(page, &place));
    let body = Body::from_stream(stream::iter(pages).map(Ok::<_, std::convert::Infallible>));
    Ok((NO_STORE, [(CONTENT_TYPE, metrics::CONTENT_TYPE)], body).into_response())
}

fn sent(page: String, _place: &SemaphorePermit<'static>) -> Bytes {
    page.into()
}
