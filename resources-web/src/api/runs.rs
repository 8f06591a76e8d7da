//! `/api/v1/hosts/{host}/runs`: which samples history has counted.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};

use super::query::Query;
use super::{Asked, NO_STORE, read_error, reader, unknown_host};
use crate::error::ApiError;
use crate::history::read::Runs;
use crate::server::AppState;

pub(super) async fn runs(
    State(state): State<AppState>,
    Asked(host): Asked,
    RawQuery(sent): RawQuery,
) -> Result<Response, ApiError> {
    let reader = reader(state.history())?;
    Query::parse(sent.as_deref(), &[])?;
    let asked = host.clone();
    let found = reader.read(move |connection| Runs::of(connection, asked.as_str()));
    let runs = found.await.map_err(|error| read_error(&error))?;
    let runs = runs.ok_or_else(|| unknown_host(host.as_str()))?;
    Ok((NO_STORE, Json(runs)).into_response())
}
