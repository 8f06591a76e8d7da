//! The recorder over real databases.

mod broker;
mod files;
mod lagging;
mod retention;
mod samples;

use std::path::{Path, PathBuf};

use bytes::Bytes;
use resources_core::service::now_ms;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Limits, Location, Recorder, Retention, Tier};

const LIMITS: Limits = Limits { retention: DEFAULT_RETENTION, max_hosts: 100 };

const DEFAULT_RETENTION: Retention = Retention {
    ten_seconds: std::time::Duration::from_secs(24 * 3_600),
    minute: std::time::Duration::from_secs(14 * 24 * 3_600),
    hour: std::time::Duration::from_secs(730 * 24 * 3_600),
};

/// A folder for a database, which goes with it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("history.sqlite")
    }

    fn location(&self) -> Location {
        Location::File(self.file())
    }

    fn recorder(&self) -> Recorder {
        Recorder::open(&self.location(), LIMITS).unwrap()
    }

    /// A connection beside that of the recorder.
    fn beside(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

/// An analysis as it arrives.
#[derive(Debug, Clone)]
struct Sample {
    host: &'static str,
    run: Option<(&'static str, u64)>,
    timestamp_ms: u64,
    cpu: f64,
    /// More fields of the body, as JSON; begins with a comma.
    more: String,
}

impl Sample {
    fn of(host: &'static str, sequence: u64, timestamp_ms: u64) -> Self {
        Self { host, run: Some(("run-1", sequence)), timestamp_ms, cpu: 1.0, more: String::new() }
    }

    fn topic(&self) -> String {
        format!("{}.analysis", self.host)
    }

    fn body(&self) -> Bytes {
        let Self { host, timestamp_ms, cpu, more, .. } = self;
        let run = match self.run {
            Some((run, sequence)) => format!(r#","run":"{run}","sequence":{sequence}"#),
            None => String::new(),
        };
        format!(
            r#"{{"host":"{host}","timestamp_ms":{timestamp_ms},"cpu_percentage":{cpu},
            "cpu_result":"LOW","level":"LOW"{run}{more}}}"#
        )
        .into()
    }
}

impl Recorder {
    fn take_sample(&mut self, sample: &Sample, offset: u64) {
        self.take(&sample.topic(), &sample.body(), Some(offset), now_ms()).unwrap();
    }
}

/// A row of a roll-up: start, minimum, maximum, total, samples.
type Row = (u64, i64, i64, i64, i64);

fn rows(connection: &Connection, tier: Tier, host: &str, resource: &str) -> Vec<Row> {
    let sql = format!(
        "SELECT bucket_s, minimum, maximum, total, samples FROM {}
         WHERE host_id = (SELECT id FROM host WHERE name = ?1)
           AND resource_id = (SELECT id FROM resource WHERE name = ?2)
         ORDER BY bucket_s",
        tier.table()
    );
    let mut statement = connection.prepare(&sql).unwrap();
    let rows = statement.query_map((host, resource), |row| {
        let bucket_s: i64 = row.get(0)?;
        Ok((bucket_s.cast_unsigned(), row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
    });
    rows.unwrap().map(Result::unwrap).collect()
}

/// How many samples of a host each tier counts.
fn counted(connection: &Connection, host: &str) -> [i64; 3] {
    Tier::ALL.map(|tier| rows(connection, tier, host, "cpu").iter().map(|row| row.4).sum())
}

fn ranges(connection: &Connection, host: &str) -> Vec<(String, i64, i64)> {
    let mut statement = connection
        .prepare(
            "SELECT run.name, first, last FROM taken JOIN run ON run.id = run_id
             JOIN host ON host.id = host_id WHERE host.name = ?1 ORDER BY run.name, first",
        )
        .unwrap();
    let rows = statement.query_map([host], |row| row.try_into()).unwrap();
    rows.map(Result::unwrap).collect()
}

fn number(connection: &Connection, sql: &str) -> i64 {
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn bytes_of(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

/// Now, at the start of an hour, so that what follows is in the buckets it seems to be in.
fn this_hour_ms() -> u64 {
    now_ms() / 3_600_000 * 3_600_000
}
