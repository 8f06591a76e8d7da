//! `/api/v1/hosts`: every host known now.

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use super::NO_STORE;
use crate::error::ApiError;
use crate::server::AppState;

pub(super) async fn hosts(State(state): State<AppState>) -> Result<Response, ApiError> {
    let body = state.live().hosts_json().map_err(|error| {
        tracing::error!(%error, "the list of hosts could not be written");
        ApiError::internal()
    })?;
    Ok((NO_STORE, [(CONTENT_TYPE, "application/json")], body).into_response())
}
