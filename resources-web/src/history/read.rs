//! Questions to the database. Each takes a connection and reads by primary key alone, a bounded
//! number of rows at a time, so that no answer keeps the writer's log from being folded back.

mod columns;
mod export;
mod overview;
mod plan;
mod runs;
mod tables;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::tier::Tier;

pub(crate) use columns::{Cell, Series, from_hundredths};
pub(crate) use export::{Exporter, Hosts, Row, Wanted};
pub(crate) use overview::Overview;
pub(crate) use plan::{Grid, Plan, Range, Recent, Source, tier_name};
pub(crate) use runs::Runs;

/// The id of a host; `None` when history has nothing of it.
pub(crate) fn host_id(connection: &Connection, host: &str) -> rusqlite::Result<Option<i64>> {
    connection.prepare_cached(tables::HOST_ID)?.query_row([host], |row| row.get(0)).optional()
}

/// The id of a resource; `None` when no host ever had it.
pub(crate) fn resource_id(
    connection: &Connection,
    resource: &str,
) -> rusqlite::Result<Option<i64>> {
    let mut statement = connection.prepare_cached(tables::RESOURCE_ID)?;
    statement.query_row([resource], |row| row.get(0)).optional()
}

/// What a tier holds of one host, one series for each of `resources`, merged into the columns
/// of `grid`.
pub(crate) fn series(
    connection: &Connection,
    tier: Tier,
    host_id: i64,
    resources: &[Box<str>],
    grid: Grid,
) -> rusqlite::Result<Vec<Series>> {
    let mut statement = connection.prepare_cached(&tables::range(tier))?;
    let mut all = Vec::with_capacity(resources.len());
    for resource in resources {
        let mut series = Series::empty(resource, grid.columns);
        if let Some(resource_id) = resource_id(connection, resource)? {
            let (from_s, to_s) = (seconds(grid.start_ms), seconds(grid.end_ms()));
            let mut rows = statement.query(params![host_id, resource_id, from_s, to_s])?;
            while let Some(row) = rows.next()? {
                let bucket_s: u64 = row.get(0)?;
                if let Some(column) = grid.column(bucket_s.saturating_mul(1000)) {
                    series.cells[column].merge(cell(row)?);
                }
            }
        }
        all.push(series);
    }
    Ok(all)
}

/// Whole seconds of milliseconds, as the database counts them.
fn seconds(ms: u64) -> i64 {
    i64::try_from(ms / 1000).unwrap_or(i64::MAX)
}

/// The figures of a row whose columns are bucket, minimum, maximum, total and samples.
#[expect(clippy::cast_precision_loss, reason = "only the average is made of the total")]
fn cell(row: &rusqlite::Row<'_>) -> rusqlite::Result<Cell> {
    Ok(Cell {
        minimum: row.get(1)?,
        maximum: row.get(2)?,
        total: row.get::<_, i64>(3)? as f64,
        samples: row.get(4)?,
    })
}

#[cfg(test)]
mod tests;
