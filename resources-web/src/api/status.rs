//! `/api/v1/history`: how history does.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use resources_core::service::now_ms;
use serde::Serialize;

use super::query::Query;
use super::{NO_STORE, read_error};
use crate::error::ApiError;
use crate::history::read::Overview;
use crate::protocol::HistoryStatus;
use crate::server::AppState;

#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    status: HistoryStatus,
    position: Option<u64>,
    hosts: u64,
    database_bytes: u64,
    behind_ms: Option<u64>,
}

pub(super) async fn status(
    State(state): State<AppState>,
    RawQuery(sent): RawQuery,
) -> Result<Response, ApiError> {
    Query::parse(sent.as_deref(), &[])?;
    let history = state.history();
    let overview = match history.reader() {
        Some(reader) => reader.read(Overview::read).await.map_err(|error| read_error(&error))?,
        None => Overview::default(),
    };
    let Overview { position, hosts, database_bytes } = overview;
    let status = HistoryStatus::from(&*history.state().borrow());
    let behind_ms = history.behind_ms(now_ms());
    let answer = Answer { status, position, hosts, database_bytes, behind_ms };
    Ok((NO_STORE, Json(answer)).into_response())
}
