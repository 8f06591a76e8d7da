//! Which samples of a host history has counted.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::{host_id, resource_id, tables};

/// Runs told at most, those seen last; a tracker has a new one at each start.
const MAX_RUNS: usize = 10_000;

/// Ranges told at most of all runs together. There is one more wherever samples are missing.
const MAX_RANGES: usize = 200_000;

/// What history has counted of one host.
#[derive(Debug, Serialize)]
pub(crate) struct Runs {
    pub(crate) host: Box<str>,
    /// Samples in the roll-ups of its CPU; those without run or sequence too.
    pub(crate) counted: u64,
    /// The one seen last first.
    pub(crate) runs: Vec<Run>,
    /// Whether there are more runs or ranges than are told.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) truncated: bool,
}

/// One run of the host's tracker.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) run: Box<str>,
    /// First and last of each range, ascending.
    pub(crate) sequences: Vec<(u64, u64)>,
    /// How many the ranges hold.
    pub(crate) samples: u64,
}

impl Runs {
    /// What is counted of `host`; `None` when history has nothing of it.
    pub(crate) fn of(connection: &Connection, host: &str) -> rusqlite::Result<Option<Self>> {
        // One state of the database for all of it: what is counted and what is taken agree.
        let connection = connection.unchecked_transaction()?;
        let Some(host_id) = host_id(&connection, host)? else { return Ok(None) };
        let counted = match resource_id(&connection, "cpu")? {
            Some(cpu) => connection
                .prepare_cached(tables::COUNTED)?
                .query_row(params![host_id, cpu], |row| row.get(0))?,
            None => 0,
        };
        let named: Vec<(i64, Box<str>)> = connection
            .prepare_cached(tables::RUNS)?
            .query_map(params![host_id, MAX_RUNS + 1], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<Result<_, _>>()?;
        let mut truncated = named.len() > MAX_RUNS;
        let mut room = MAX_RANGES;
        let mut runs = Vec::new();
        for (id, run) in named.into_iter().take(MAX_RUNS) {
            let mut sequences: Vec<(u64, u64)> = connection
                .prepare_cached(tables::TAKEN)?
                .query_map(params![id, room + 1], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<Result<_, _>>()?;
            truncated |= sequences.len() > room;
            sequences.truncate(room);
            room -= sequences.len();
            let samples = sequences.iter().map(|(first, last)| last.saturating_sub(*first) + 1);
            runs.push(Run { run, samples: samples.sum(), sequences });
        }
        Ok(Some(Self { host: host.into(), counted, runs, truncated }))
    }
}
