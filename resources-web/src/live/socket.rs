//! `/ws`: who gets a WebSocket, and with which limits.

use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use std::sync::Arc;

use super::session;
use crate::error::ApiError;
use crate::server::AppState;

/// A browser has nothing to say.
const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// One message a write: it is in memory once, and waiting for it is waiting for the browser.
const WRITE_BUFFER_BYTES: usize = 0;

pub(crate) async fn socket(
    State(state): State<AppState>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Response> {
    state.guard().check_origin(&headers).map_err(ApiError::into_response)?;
    let upgrade = upgrade.map_err(|rejection| {
        ApiError::new(rejection.status(), format!("a WebSocket is expected: {rejection}"))
            .into_response()
    })?;
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
        .max_message_size(MAX_MESSAGE_BYTES)
        .max_frame_size(MAX_MESSAGE_BYTES)
        .read_buffer_size(MAX_MESSAGE_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .on_upgrade(async move |socket| {
            let end = session::run(socket, live, stop).await;
            tracing::debug!(?end, "a browser's connection ended");
            drop((place, tracked));
        }))
}
