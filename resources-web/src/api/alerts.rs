//! `/api/v1/alerts`: what is wrong and what was, and who knows of it.

use std::collections::HashSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use resources_core::contract::{Acknowledgement, AlertKind, Kind, Rejection};
use resources_core::service::now_ms;
use serde::de::DeserializeOwned;

use super::query::Query;
use super::{NO_STORE, host_name, read_error};
use crate::alerts::{Cleared, Filter, Page, SayError, read_cleared, read_entry, say};
use crate::error::ApiError;
use crate::protocol::{Acknowledged, AlertEntry, AlertList, NewAcknowledgement};
use crate::server::AppState;

pub(super) const PARAMETERS: &[&str] =
    &["state", "host", "resource", "kind", "from", "to", "limit", "before"];

/// Alerts told when no limit is given.
const USUAL_LIMIT: usize = 100;

/// Most alerts told at a time.
const MAX_LIMIT: u64 = 1_000;

/// Most bytes of the body of a request.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024;

pub(super) async fn alerts(
    State(state): State<AppState>,
    RawQuery(sent): RawQuery,
) -> Result<Response, ApiError> {
    let Asked { which, filter, limit, before } =
        Asked::read(&Query::parse(sent.as_deref(), PARAMETERS)?)?;
    // Before any is looked for: what was read by then is among them.
    let status = state.live().alerts(|board| board.status());
    // One more than asked for tells whether there are more.
    let most = limit + 1;
    let mut found: Vec<AlertEntry> = Vec::new();
    if which != Which::Cleared && !matches!(before, Some(Place::Cleared(_))) {
        let after = match &before {
            Some(Place::Active { since_ms, id }) => Some((*since_ms, &**id)),
            _ => None,
        };
        found = state.live().alerts(|board| board.active_after(after, &filter, most));
    }
    if which != Which::Active && found.len() < most {
        let after = match before {
            Some(Place::Cleared(after)) => Some(after),
            _ => None,
        };
        let page = Page { filter, after, limit: most - found.len() };
        found.extend(cleared(&state, page).await?);
    }
    let has_more = found.len() > limit;
    let mut found = once_each(found);
    found.truncate(limit);
    let last = if has_more { found.last() } else { None };
    let next = last.map(|last| Place::of(last).to_string().into());
    Ok((NO_STORE, Json(AlertList { status, alerts: found, next })).into_response())
}

/// Of an alert that is there as active and as ended, because it ended while both were looked for,
/// only the end.
fn once_each(mut found: Vec<AlertEntry>) -> Vec<AlertEntry> {
    let ended = found.iter().filter(|entry| entry.cleared_ms.is_some());
    let ended: HashSet<Box<str>> = ended.map(|entry| entry.id.clone()).collect();
    found.retain(|entry| entry.cleared_ms.is_some() || !ended.contains(&entry.id));
    found
}

/// Alerts that ended: those in the database, and those on their way there.
async fn cleared(state: &AppState, page: Page) -> Result<Vec<AlertEntry>, ApiError> {
    let is_asked_for = |entry: &&AlertEntry| {
        let place = |cleared: &Cleared| (cleared.cleared_ms, cleared.id.clone());
        let own = (entry.cleared_ms.unwrap_or(0), entry.id.clone());
        page.filter.takes(entry) && page.after.as_ref().is_none_or(|after| own < place(after))
    };
    // Looked at before the database: what is written meanwhile is in both, not in neither.
    let mut found: Vec<AlertEntry> = state
        .live()
        .alerts(|board| board.unwritten_cleared().filter(is_asked_for).cloned().collect());
    let limit = page.limit;
    let read = state.alerts().read(move |connection| read_cleared(connection, &page)).await;
    for entry in read.map_err(|error| read_error(&error))? {
        if !found.iter().any(|known| known.id == entry.id) {
            found.push(entry);
        }
    }
    found.sort_by(|a, b| (b.cleared_ms, &b.id).cmp(&(a.cleared_ms, &a.id)));
    found.truncate(limit);
    Ok(found)
}

pub(super) async fn acknowledge(
    State(state): State<AppState>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, ApiError> {
    state.guard().check_origin(&headers)?;
    let NewAcknowledgement { by, note } = read_body(body)?;
    let entry = match state.live().alerts(|board| board.entry(&id).cloned()) {
        Some(entry) => Some(entry),
        None => {
            let asked = id.clone();
            let read = state.alerts().read(move |connection| read_entry(connection, &asked)).await;
            read.map_err(|error| read_error(&error))?
        }
    };
    let entry = entry.ok_or_else(|| ApiError::missing(format!("there is no alert {id:?}")))?;
    let event = Acknowledgement {
        id: entry.id.clone(),
        host: entry.host.clone(),
        by: who(&state, &headers, by)?,
        note,
        timestamp_ms: now_ms(),
    };
    event.validate().map_err(|rejection| refused(&rejection))?;
    let host = event.host.clone();
    say(state.bus(), host, Kind::Acknowledgement, &event, event.timestamp_ms)
        .await
        .map_err(|error| unsaid(&error))?;
    let Acknowledgement { by, note, timestamp_ms, .. } = event;
    let acknowledged = Some(Acknowledged { by, at_ms: timestamp_ms, note });
    Ok((NO_STORE, Json(AlertEntry { acknowledged, ..entry })).into_response())
}

/// Which alerts are asked for, by state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Active,
    Cleared,
    All,
}

#[derive(Debug)]
struct Asked {
    which: Which,
    filter: Filter,
    limit: usize,
    before: Option<Place>,
}

impl Asked {
    fn read(query: &Query) -> Result<Self, ApiError> {
        let which = match query.value("state") {
            None | Some("active") => Which::Active,
            Some("cleared") => Which::Cleared,
            Some("all") => Which::All,
            Some(other) => {
                return Err(ApiError::bad_request(format!(
                    "state must be active, cleared or all, not {other:?}"
                )));
            }
        };
        let filter = Filter {
            host: query.value("host").map(host_name).transpose()?,
            resource: query.value("resource").map(Into::into),
            kind: query.value("kind").map(alert_kind).transpose()?,
            from_ms: query.time("from")?,
            to_ms: query.time("to")?,
        };
        let limit = query.number("limit", 1..=MAX_LIMIT)?;
        let limit = limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(USUAL_LIMIT);
        let before = query.value("before").map(Place::read).transpose()?;
        Ok(Self { which, filter, limit, before })
    }
}

fn alert_kind(word: &str) -> Result<AlertKind, ApiError> {
    serde_json::from_value(word.into()).map_err(|_| {
        ApiError::bad_request(format!(
            "kind must be level, silent, flapping, stopped, restarted, clock or pipeline, not \
             {word:?}"
        ))
    })
}

/// The last alert of a page.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    Active { since_ms: u64, id: Box<str> },
    Cleared(Cleared),
}

impl Place {
    fn of(entry: &AlertEntry) -> Self {
        let id = entry.id.clone();
        match entry.cleared_ms {
            None => Self::Active { since_ms: entry.since_ms, id },
            Some(cleared_ms) => Self::Cleared(Cleared { cleared_ms, id }),
        }
    }

    fn read(text: &str) -> Result<Self, ApiError> {
        let mut parts = text.splitn(3, '.');
        let place = (|| {
            let (state, ms, id) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
            match state {
                "active" => Some(Self::Active { since_ms: ms, id: id.into() }),
                "cleared" => Some(Self::Cleared(Cleared { cleared_ms: ms, id: id.into() })),
                _ => None,
            }
        })();
        place.ok_or_else(|| {
            ApiError::bad_request(format!("before must be `next` of an answer, not {text:?}"))
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Active { since_ms, id } => write!(f, "active.{since_ms}.{id}"),
            Self::Cleared(Cleared { cleared_ms, id }) => write!(f, "cleared.{cleared_ms}.{id}"),
        }
    }
}

/// The body of a request, as JSON.
pub(super) fn read_body<T: DeserializeOwned>(
    body: Result<Bytes, BytesRejection>,
) -> Result<T, ApiError> {
    let body = body.map_err(|rejection| {
        ApiError::new(
            rejection.status(),
            format!("the body of the request cannot be read, or has over {MAX_BODY_BYTES} bytes"),
        )
    })?;
    let unreadable = |reason: &dyn std::fmt::Display| {
        ApiError::bad_request(format!("the body of the request does not parse: {reason}"))
    };
    // An array would be taken for the fields in their order.
    if body.trim_ascii_start().first() != Some(&b'{') {
        return Err(unreadable(&"it is not a JSON object"));
    }
    serde_json::from_slice(&body).map_err(|error| unreadable(&error))
}

/// Who asks: whom the proxy names, where one does, or whom the request names.
pub(super) fn who(
    state: &AppState,
    headers: &HeaderMap,
    by: Option<Box<str>>,
) -> Result<Box<str>, ApiError> {
    match named_by_proxy(state, headers)? {
        Some(name) => Ok(name),
        None => by.ok_or_else(|| ApiError::bad_request("by is missing: say who asks")),
    }
}

/// Whom the proxy names; `None` when none is to.
pub(super) fn named_by_proxy(
    state: &AppState,
    headers: &HeaderMap,
) -> Result<Option<Box<str>>, ApiError> {
    let Some(header) = state.user_header() else { return Ok(None) };
    let mut values = headers.get_all(header).iter();
    let name = values
        .next()
        .filter(|_| values.next().is_none())
        .and_then(|value| std::str::from_utf8(value.as_bytes()).ok());
    name.map(str::trim).filter(|name| !name.is_empty()).map(|name| Some(name.into())).ok_or_else(
        || {
            ApiError::new(
                axum::http::StatusCode::FORBIDDEN,
                format!("the header {header} does not say who is logged in (--user-header)"),
            )
        },
    )
}

/// What was said breaks a rule of the contract.
pub(super) fn refused(rejection: &Rejection) -> ApiError {
    ApiError::bad_request(rejection.to_string())
}

/// What was said did not reach the broker.
pub(super) fn unsaid(error: &SayError) -> ApiError {
    ApiError::unavailable(error.to_string())
}

#[cfg(test)]
mod tests {
    use resources_core::contract::HostName;

    use super::*;

    fn entry(id: &str, cleared_ms: Option<u64>) -> AlertEntry {
        AlertEntry {
            id: id.into(),
            host: HostName::new("web").unwrap(),
            resource: None,
            kind: AlertKind::Silent,
            level: None,
            percentage: None,
            since_ms: 1,
            timestamp_ms: 1,
            cleared_ms,
            repeat: None,
            acknowledged: None,
            silenced_until_ms: None,
        }
    }

    #[test]
    fn what_ended_in_between_is_told_once_and_as_it_is_now() {
        let (active, ended) = (entry("b", None), entry("a", Some(2)));
        let found = vec![entry("a", None), active.clone(), ended.clone()];
        assert_eq!(once_each(found), [active, ended]);
    }
}
