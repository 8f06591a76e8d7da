//! `/api/v1/hosts/{host}/history`: one host over time, in columns.

use axum::Json;
use axum::extract::{RawQuery, State};
use axum::response::{IntoResponse as _, Response};
use resources_core::contract::HostName;
use resources_core::service::now_ms;
use serde::{Serialize, Serializer};

use super::query::Query;
use super::{Asked, NO_STORE, read_error, reader, unknown_host};
use crate::error::ApiError;
use crate::fleet::{self, RECENT_MS, RecentSamples};
use crate::history::read::{self, Cell, Grid, Plan, Range, Recent, Series, Source};
use crate::history::{Reader, Tier};
use crate::server::AppState;

pub(super) const PARAMETERS: &[&str] = &["from", "to", "points", "resource"];

/// Columns at most.
const MAX_POINTS: u64 = 10_000;

const DEFAULT_POINTS: u64 = 1_000;

/// Columns at most, those of all resources together: a few megabytes of text.
pub(crate) const MAX_FIGURES: usize = 100_000;

const DEFAULT_RANGE_MS: u64 = 3_600_000;

const DEFAULT_RESOURCES: [&str; 3] = ["cpu", "memory", "swap"];

/// What is asked, checked.
struct Question {
    range: Range,
    points: usize,
    resources: Vec<Box<str>>,
}

impl Question {
    fn read(sent: Option<&str>, now_ms: u64) -> Result<Self, ApiError> {
        let query = Query::parse(sent, PARAMETERS)?;
        let range = query.range(now_ms, |to_ms| to_ms.saturating_sub(DEFAULT_RANGE_MS))?;
        let points = query.number("points", 1..=MAX_POINTS)?.unwrap_or(DEFAULT_POINTS);
        let points = usize::try_from(points).unwrap_or(usize::MAX);
        let mut resources = query.names("resource")?;
        if resources.is_empty() {
            resources = DEFAULT_RESOURCES.map(Into::into).into();
        }
        if points.saturating_mul(resources.len()) > MAX_FIGURES {
            return Err(ApiError::bad_request(format!(
                "points times resources may be at most {MAX_FIGURES}; ask for fewer points or in \
                 several requests"
            )));
        }
        Ok(Self { range, points, resources })
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    host: &'a str,
    from_ms: u64,
    to_ms: u64,
    step_ms: u64,
    tier: &'static str,
    timestamps_ms: Starts,
    series: Vec<Series>,
}

/// Start of each column.
struct Starts(Grid);

impl Serialize for Starts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.starts_ms())
    }
}

pub(super) async fn history(
    State(state): State<AppState>,
    Asked(host): Asked,
    RawQuery(sent): RawQuery,
) -> Result<Response, ApiError> {
    let reader = reader(state.history())?;
    let now_ms = now_ms();
    let Question { range, points, resources } = Question::read(sent.as_deref(), now_ms)?;
    let recent = state.live().recent(host.as_str(), 0, 0);
    let whole_since_ms = state.live().recent_whole_since_ms();
    let at_full_resolution = recent
        .as_ref()
        .and_then(|recent| at_full_resolution(recent, &resources, whole_since_ms, now_ms));
    let retention = state.history().retention().unwrap_or_default();
    let plan = Plan::new(range, points, &retention, at_full_resolution, now_ms);
    let grid = plan.grid;
    let stored = match plan.source {
        Source::Raw => None,
        Source::Tier(tier) => {
            let stored = stored(reader, tier, host.clone(), resources.clone(), grid).await?;
            if stored.is_none() && recent.is_none() {
                return Err(unknown_host(host.as_str()));
            }
            stored
        }
    };
    let mut series = stored.unwrap_or_else(|| {
        resources.iter().map(|resource| Series::empty(resource, grid.columns)).collect()
    });
    // What is not in the database yet is in memory: the newest columns have no gap.
    if let Some(recent) = state.live().recent(host.as_str(), grid.start_ms, grid.end_ms()) {
        complete(&mut series, &recent, grid);
    }
    let Range { from_ms, to_ms } = range;
    let answer = Answer {
        host: host.as_str(),
        from_ms,
        to_ms,
        step_ms: grid.step_ms,
        tier: plan.source.name(),
        timestamps_ms: Starts(grid),
        series,
    };
    Ok((NO_STORE, Json(answer)).into_response())
}

/// What memory can answer of all `resources`, when the tracker says how far apart samples are.
fn at_full_resolution(
    recent: &RecentSamples,
    resources: &[Box<str>],
    whole_since_ms: u64,
    now_ms: u64,
) -> Option<Recent> {
    let has_all = resources.iter().all(|resource| fleet::is_kept(resource));
    let interval_ms = recent.interval_ms.filter(|_| has_all)?;
    let since_ms = recent.since_ms.max(whole_since_ms).max(now_ms.saturating_sub(RECENT_MS));
    Some(Recent { since_ms, interval_ms })
}

/// What the database holds; `None` when it has nothing of the host.
async fn stored(
    reader: &Reader,
    tier: Tier,
    host: HostName,
    resources: Vec<Box<str>>,
    grid: Grid,
) -> Result<Option<Vec<Series>>, ApiError> {
    let found = reader.read(move |connection| match read::host_id(connection, host.as_str())? {
        Some(host_id) => read::series(connection, tier, host_id, &resources, grid).map(Some),
        None => Ok(None),
    });
    found.await.map_err(|error| read_error(&error))
}

/// Completes what was stored with what is in memory.
fn complete(series: &mut [Series], recent: &RecentSamples, grid: Grid) {
    let mut cells = vec![Cell::default(); grid.columns];
    for one in series.iter_mut().filter(|one| fleet::is_kept(&one.resource)) {
        cells.fill(Cell::default());
        for sample in &recent.samples {
            if let Some(value) = sample.hundredths(&one.resource)
                && let Some(column) = grid.column(sample.timestamp_ms)
            {
                cells[column].merge(Cell::one(value));
            }
        }
        one.complete_with(&cells);
    }
}
