//! A database of history that a test has filled.

use std::path::PathBuf;

use resources_core::service::now_ms;
use resources_web::history::{Limits, Location, Recorder, Retention};
use rusqlite::Connection;
use tempfile::TempDir;

/// Seconds of a day.
const DAY_S: u64 = 86_400;

/// A database in a folder of its own.
pub(crate) struct Archive {
    folder: TempDir,
}

impl Archive {
    /// One with hosts `web-1` (id 1) and `web-2` (id 2), resources `cpu` (id 1) and
    /// `disk:/a,b` (id 2), and nothing about them.
    pub(crate) fn new() -> Self {
        let archive = Self { folder: tempfile::tempdir().unwrap() };
        let limits = Limits { retention: Retention::default(), max_hosts: 100 };
        drop(Recorder::open(&Location::File(archive.file()), limits).unwrap());
        archive.execute(
            "INSERT INTO host VALUES (1, 'web-1'), (2, 'web-2');
             INSERT INTO resource VALUES (1, 'cpu'), (2, 'disk:/a,b');",
        );
        // A host of which there is nothing at all would be forgotten soon.
        let now_s = now_ms() / 1000;
        archive.execute(&format!(
            "INSERT INTO rollup_1h SELECT id, 3, {now_s} - 86400, 0, 0, 0, 1 FROM host;
             INSERT INTO resource VALUES (3, 'kept');"
        ));
        archive
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("history.sqlite")
    }

    /// Its path, for `--history`.
    pub(crate) fn path(&self) -> String {
        self.file().into_os_string().into_string().unwrap()
    }

    pub(crate) fn connection(&self) -> Connection {
        Connection::open(self.file()).unwrap()
    }

    pub(crate) fn execute(&self, sql: &str) {
        self.connection().execute_batch(sql).unwrap();
    }

    /// Adds `count` buckets of 10 s from `first_s` on to each of `series` of host `web-1`: one
    /// sample each, of 1 % more every ten buckets.
    pub(crate) fn fill(&self, series: u64, first_s: u64, count: u64) {
        self.execute(&format!(
            "WITH RECURSIVE
                 bucket(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM bucket WHERE n + 1 < {count}),
                 series(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM series WHERE id < {series})
             INSERT INTO rollup_10s
             SELECT 1, id, {first_s} + 10 * n, n / 10 % 100 * 100, n / 10 % 100 * 100,
                 n / 10 % 100 * 100, 1 FROM series, bucket;
             WITH RECURSIVE
                 series(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM series WHERE id < {series})
             INSERT OR IGNORE INTO resource SELECT id, 'disk:/' || id FROM series;"
        ));
    }
}

/// Start of an hour that no tier deletes yet and that is over, in seconds.
pub(crate) fn past_hour_s() -> u64 {
    let now_s = now_ms() / 1000;
    now_s - now_s % 3_600 - DAY_S / 2
}
