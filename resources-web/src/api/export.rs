//! `/api/v1/export`: rows of a tier as text, for as long as the client takes them.

mod format;

use std::io;

use axum::body::{Body, Bytes};
use axum::extract::{RawQuery, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;

use super::query::Query;
use super::{NO_STORE, host_name, read_error, reader, unknown_host};
use crate::error::ApiError;
use crate::history::read::{self, Exporter, Hosts, Range, Wanted, tier_name};
use crate::history::{Reader, Tier};
use crate::server::AppState;
use format::Format;

pub(super) const PARAMETERS: &[&str] = &["host", "resource", "from", "to", "tier", "format"];

/// Rows read and sent at a time: about 100 KB of text, read in a few milliseconds.
const PAGE_ROWS: usize = 2_000;

pub(super) async fn export(
    State(state): State<AppState>,
    RawQuery(sent): RawQuery,
) -> Result<Response, ApiError> {
    let reader = reader(state.history())?;
    let query = Query::parse(sent.as_deref(), PARAMETERS)?;
    let tier = query.tier()?.unwrap_or(Tier::Minute);
    let format = Format::asked(query.value("format"))?;
    let range = query.range(Range::ALL.to_ms, |_| Range::ALL.from_ms)?;
    let hosts = hosts(reader, query.names("host")?).await?;
    let wanted = Wanted { tier, range, hosts, resources: query.names("resource")? };
    let file =
        format!("attachment; filename=\"resources-{}.{}\"", tier_name(tier), format.ending());
    let headers = [(CONTENT_TYPE, format.content_type().to_owned()), (CONTENT_DISPOSITION, file)];
    Ok((NO_STORE, headers, Body::from_stream(pages(reader.clone(), wanted, format)))
        .into_response())
}

/// The hosts of these names; every one when there is none.
async fn hosts(reader: &Reader, names: Vec<Box<str>>) -> Result<Hosts, ApiError> {
    if names.is_empty() {
        return Ok(Hosts::After(0));
    }
    for name in &names {
        host_name(name)?;
    }
    let found = reader.read(move |connection| {
        let mut found = Vec::with_capacity(names.len());
        for name in names {
            match read::host_id(connection, &name)? {
                Some(id) => found.push((id, name)),
                None => return Ok(Err(name)),
            }
        }
        Ok(Ok(found))
    });
    match found.await.map_err(|error| read_error(&error))? {
        Ok(found) => Ok(Hosts::These(found.into_iter())),
        Err(unknown) => Err(unknown_host(&unknown)),
    }
}

/// The text, a page at a time. A page is read when the client has taken the one before it: one
/// that is slow holds neither a connection to the database nor a thread, and when it goes away
/// nothing more is read.
fn pages(
    reader: Reader,
    wanted: Wanted,
    format: Format,
) -> impl stream::Stream<Item = io::Result<Bytes>> {
    let begin = Some((reader, Exporter::new(wanted), Vec::from(format.head())));
    stream::try_unfold(begin, move |step| async move {
        let Some((reader, mut exporter, text)) = step else { return Ok(None) };
        let page = reader.read(move |connection| {
            let mut rows = format.writer(text);
            let mut written = Ok(());
            exporter.page(connection, PAGE_ROWS, |row| {
                if written.is_ok() {
                    written = rows.write(&row);
                }
            })?;
            Ok(written.and_then(|()| rows.into_text()).map(|text| (exporter, text)))
        });
        let page = page.await.map_err(io::Error::other).flatten();
        let (exporter, text) = page.inspect_err(|error| {
            tracing::error!(%error, "an export was cut off");
        })?;
        let rest = (!exporter.is_done()).then(|| (reader, exporter, Vec::new()));
        Ok(Some((Bytes::from(text), rest)))
    })
}
