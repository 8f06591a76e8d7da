//! `/api/v1/silences`: of what nobody is to be told for a while.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use resources_core::contract::{Kind, Silence};
use resources_core::service::now_ms;

use super::NO_STORE;
use super::alerts::{named_by_proxy, read_body, refused, unsaid, who};
use super::query::Query;
use crate::alerts::say;
use crate::error::ApiError;
use crate::protocol::{NewSilence, Silences};
use crate::server::AppState;

pub(super) const END_PARAMETERS: &[&str] = &["by"];

pub(super) async fn silences(
    State(state): State<AppState>,
    RawQuery(sent): RawQuery,
) -> Result<Response, ApiError> {
    Query::parse(sent.as_deref(), &[])?;
    let running = state.live().alerts(|board| {
        board.tick(now_ms());
        board.running_silences()
    });
    let silences = running.into_iter().map(Into::into).collect();
    Ok((NO_STORE, Json(Silences { silences })).into_response())
}

pub(super) async fn begin(
    State(state): State<AppState>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    state.guard().check_origin(&headers)?;
    let NewSilence { host, resource, kind, for_ms, by, reason } = read_body(body)?;
    if !(1..=Silence::MAX_LENGTH_MS).contains(&for_ms) {
        return Err(ApiError::bad_request(format!(
            "for_ms must be from 1 to {} (30 days), not {for_ms}",
            Silence::MAX_LENGTH_MS
        )));
    }
    let by = who(&state, &headers, by)?;
    if !state.live().alerts(|board| board.takes_silences()) {
        return Err(ApiError::unavailable("there are as many silences as there may be"));
    }
    let now_ms = now_ms();
    let silence = Silence {
        id: format!("{:016x}", fastrand::u64(..)).into(),
        host,
        resource,
        kind,
        from_ms: now_ms,
        until_ms: now_ms + for_ms,
        by,
        reason,
        timestamp_ms: now_ms,
    };
    let silence = told(&state, silence).await?;
    Ok((StatusCode::CREATED, NO_STORE, Json(silence)).into_response())
}

pub(super) async fn end(
    State(state): State<AppState>,
    Path(id): Path<String>,
    RawQuery(sent): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    state.guard().check_origin(&headers)?;
    let query = Query::parse(sent.as_deref(), END_PARAMETERS)?;
    let running = state.live().alerts(|board| board.running_silence(&id));
    let missing = || ApiError::missing(format!("there is no silence {id:?} that holds now"));
    let silence = running.ok_or_else(missing)?;
    let by = match named_by_proxy(&state, &headers)? {
        Some(name) => name,
        None => query.value("by").map_or_else(|| silence.by.clone(), Into::into),
    };
    let now_ms = now_ms();
    let until_ms = now_ms.clamp(silence.from_ms, silence.until_ms);
    let silence = told(&state, Silence { until_ms, by, timestamp_ms: now_ms, ..silence }).await?;
    Ok((NO_STORE, Json(silence)).into_response())
}

/// Publishes `silence`, and gives it as pages know it.
async fn told(state: &AppState, silence: Silence) -> Result<crate::protocol::Silence, ApiError> {
    silence.validate().map_err(|rejection| refused(&rejection))?;
    say(state.bus(), silence.host.clone(), Kind::Silence, &silence, silence.timestamp_ms)
        .await
        .map_err(|error| unsaid(&error))?;
    Ok(silence.into())
}
