//! Every address but the page's. Each answers what docs/api.md and docs/openapi.json say.

mod alerts;
mod export;
mod history;
mod hosts;
mod metrics;
mod query;
mod readiness;
mod runs;
mod silences;
mod status;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path};
use axum::http::HeaderName;
use axum::http::header::CACHE_CONTROL;
use axum::http::request::Parts;
use axum::routing::{MethodRouter, delete, get, post};
use resources_core::contract::HostName;

use crate::error::ApiError;
use crate::history::{History, ReadError, Reader};
use crate::live;
use crate::server::AppState;

#[cfg(test)]
pub(crate) use history::MAX_FIGURES;
#[cfg(test)]
pub(crate) use query::MAX_NAMES;
pub(crate) use query::Query;

/// What is true now may not be true when it is asked again.
const NO_STORE: [(HeaderName, &str); 1] = [(CACHE_CONTROL, "no-store")];

/// Every address, with what serves it.
fn routes() -> [(&'static str, MethodRouter<AppState>); 13] {
    [
        ("/ws", get(live::socket)),
        ("/healthz", get(readiness::healthz)),
        ("/readyz", get(readiness::readyz)),
        ("/metrics", get(metrics::metrics)),
        ("/api/v1/hosts", get(hosts::hosts)),
        ("/api/v1/hosts/{host}/history", get(history::history)),
        ("/api/v1/hosts/{host}/runs", get(runs::runs)),
        ("/api/v1/export", get(export::export)),
        ("/api/v1/history", get(status::status)),
        ("/api/v1/alerts", get(alerts::alerts)),
        ("/api/v1/alerts/{id}/acknowledgement", small(post(alerts::acknowledge))),
        ("/api/v1/silences", small(get(silences::silences).post(silences::begin))),
        ("/api/v1/silences/{id}", small(delete(silences::end))),
    ]
}

/// Takes bodies that are small.
fn small(serve: MethodRouter<AppState>) -> MethodRouter<AppState> {
    serve.layer(DefaultBodyLimit::max(alerts::MAX_BODY_BYTES))
}

/// Serves what a service manager or a container asks for, wherever the rest is.
pub(crate) fn health_router() -> Router<AppState> {
    Router::new()
        .route("/healthz", get(readiness::healthz))
        .route("/readyz", get(readiness::readyz))
}

/// Serves every address.
pub(crate) fn router() -> Router<AppState> {
    routes().into_iter().fold(Router::new(), |router, (path, serve)| router.route(path, serve))
}

/// What is kept can be read.
fn reader(history: &History) -> Result<&Reader, ApiError> {
    let off = || ApiError::unavailable("history is off; start the server with --history");
    history.reader().ok_or_else(off)
}

/// The host named in an address.
struct Asked(HostName);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|rejection| ApiError::bad_request(rejection.to_string()))?;
        host_name(&name).map(Self)
    }
}

fn host_name(name: &str) -> Result<HostName, ApiError> {
    HostName::new(name).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// What to answer when history could not be read.
fn read_error(error: &ReadError) -> ApiError {
    match error {
        ReadError::Busy => ApiError::unavailable(error.to_string()),
        ReadError::Database(_) | ReadError::BrokeOff => {
            tracing::error!(%error, "a question to history was not answered");
            ApiError::internal()
        }
    }
}

/// Nothing is known of a host.
fn unknown_host(host: &str) -> ApiError {
    ApiError::missing(format!("history has no host {host}"))
}

#[cfg(test)]
mod tests;
