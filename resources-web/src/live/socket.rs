//! `/ws`: who gets a WebSocket, and with which limits.

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

use super::{Resume, session};
use crate::api::Query;
use crate::error::ApiError;
use crate::protocol::MAX_LOOK_BYTES;
use crate::server::AppState;

/// What may be asked for with the address.
pub(crate) const PARAMETERS: &[&str] = &["resume"];

/// One message a write: it is in memory once, and waiting for it is waiting for the browser.
const WRITE_BUFFER_BYTES: usize = 0;

/// All of it is cleared each time a session looks whether its browser said anything, so it is no
/// larger than what browsers mostly say; what is longer is read in pieces.
const READ_BUFFER_BYTES: usize = 512;

pub(crate) async fn socket(
    State(state): State<AppState>,
    headers: HeaderMap,
    RawQuery(sent): RawQuery,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Response> {
    state.guard().check_origin(&headers).map_err(ApiError::into_response)?;
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::new(rejection.status(), format!("a WebSocket is expected: {rejection}"))
            .into_response()
    })?;
    let resume = resume(sent.as_deref()).map_err(ApiError::into_response)?;
    let Ok(place) = Arc::clone(state.socket_places()).try_acquire_owned() else {
        let sentence = "there are as many connections as there may be (--max-connections)";
        let refusal = ApiError::new(StatusCode::SERVICE_UNAVAILABLE, sentence);
        return Err(([("retry-after", "10")], refusal).into_response());
    };
    // Held until the session is over, so that stopping waits for it.
    let tracked = state.sockets().token();
    let live = Arc::clone(state.live());
    let stop = state.closing().clone();
    Ok(upgrade
        .max_message_size(MAX_LOOK_BYTES)
        .max_frame_size(MAX_LOOK_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .on_upgrade(async move |socket| {
            let end = session::run(socket, live, resume, stop).await;
            tracing::debug!(?end, "a browser's connection ended");
            drop((place, tracked));
        }))
}

fn resume(sent: Option<&str>) -> Result<Option<Resume>, ApiError> {
    let query = Query::parse(sent, PARAMETERS)?;
    query.value("resume").map(str::parse).transpose().map_err(ApiError::bad_request)
}
