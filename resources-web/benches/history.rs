//! Full analyses of 1,000 hosts into history, on one core: decoded, rolled up and written,
//! beside bare inserts of the same rows into the same tables.
//!
//! `cargo bench -p resources-web --bench history`; with `-- --quick` a tenth of it.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::path::Path;
use std::time::{Duration, Instant};

use bytes::Bytes;
use resources_core::contract::{Level, Levels, ReceivedMeasure, ResourceLevel};
use resources_core::test_support::full_measure;
use resources_web::history::{Counts, Limits, Location, Recorder, Retention, Tier};
use rusqlite::Connection;

const HOSTS: u64 = 1_000;

/// Samples of each host, one a second.
const SAMPLES: u64 = 600;

/// Analyses made before the clock runs, and then taken in while it does.
const CHUNK: u64 = 10_000;

/// A row of a roll-up: host, resource, start, minimum, maximum, total, samples.
type Row = (i64, i64, i64, i64, i64, i64, i64);

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let samples = if quick { SAMPLES / 10 } else { SAMPLES };
    let folder = tempfile::tempdir().expect("a folder");
    let messages = HOSTS * samples;

    // As after an outage of web: batches as large as they get.
    let file = folder.path().join("catch-up.sqlite");
    let catching_up = record(&file, samples, u64::MAX);
    show("catching up", messages, &catching_up);
    let tables = tables(&file);
    let rows: usize = tables.iter().map(Vec::len).sum();
    let bare = bare_inserts(&file, &folder.path().join("bare.sqlite"), &tables);
    println!(
        "{:<28} {:>9.0} a second; ratio {:.2}",
        format!("bare inserts of {rows} rows"),
        number(messages) / bare.as_secs_f64(),
        bare.as_secs_f64() / catching_up.wall.as_secs_f64()
    );
    // As with a live fleet. Buckets that come one by one leave pages less full.
    let live_file = folder.path().join("live.sqlite");
    let live = record(&live_file, samples, HOSTS * 10);
    show("live, a batch every 10 s", messages, &live);

    let bytes = std::fs::metadata(&live_file).expect("the database").len();
    let bytes_a_row = number(bytes) / number(rows);
    // One row of each series of each host.
    let hours = &tables[2];
    let of_first = hours.iter().filter(|row| (row.0, row.2) == (hours[0].0, hours[0].2));
    let series = number(of_first.count());
    println!(
        "{bytes} bytes: {bytes_a_row:.1} a row; {series} series a host, so a host and day are"
    );
    for tier in Tier::ALL {
        let rows_a_day = series * 86_400.0 / number(tier.width_s());
        println!("    {:>9.1} KB in {}", rows_a_day * bytes_a_row / 1e3, tier.table());
    }
}

struct Took {
    wall: Duration,
    on_core: Duration,
    longest_commit: Duration,
}

/// Records `samples` of every host, committing when a batch is full or has `batch` messages.
fn record(file: &Path, samples: u64, batch: u64) -> Took {
    let limits = Limits { retention: Retention::default(), max_hosts: 20_000 };
    let mut recorder = Recorder::open(&Location::File(file.to_owned()), limits).expect("a file");
    let mut took =
        Took { wall: Duration::ZERO, on_core: Duration::ZERO, longest_commit: Duration::ZERO };
    let mut in_batch = 0;
    let last = HOSTS * samples - 1;
    for first in (0..=last).step_by(usize::try_from(CHUNK).expect("small")) {
        let chunk: Vec<Analysis> = (first..first + CHUNK).map(Analysis::at).collect();
        let (begun, core) = (Instant::now(), core_time());
        for Analysis { offset, topic, body, now_ms } in &chunk {
            recorder.take(topic, body, Some(*offset), *now_ms).expect("a database to read");
            in_batch += 1;
            if in_batch == batch || recorder.is_full() || *offset == last {
                let begun = Instant::now();
                recorder.commit(*now_ms).expect("room");
                took.longest_commit = took.longest_commit.max(begun.elapsed());
                in_batch = 0;
            }
        }
        took.wall += begun.elapsed();
        took.on_core += core_time() - core;
    }
    assert_eq!(recorder.take_counts(), Counts::default(), "everything was taken in");
    took
}

/// One message of the stream.
struct Analysis {
    offset: u64,
    topic: String,
    body: Bytes,
    /// When it was made.
    now_ms: u64,
}

impl Analysis {
    /// Hosts take turns.
    fn at(offset: u64) -> Self {
        let host = format!("host-{:04}.example.com", offset % HOSTS);
        let mut measure = full_measure(&host, offset / HOSTS);
        // Something for minimum and maximum to do.
        measure.cpu_percentage = number(offset % 97);
        let resource = |name: &str, percentage| ResourceLevel {
            name: name.into(),
            percentage,
            level: Level::Low,
        };
        let levels = Levels {
            cpu_result: Level::Low,
            level: Level::Low,
            resources: vec![
                resource("cpu", measure.cpu_percentage),
                resource("memory", 30.0),
                resource("swap", 0.0),
                resource("disk:/", 80.0),
                resource("disk:/var", 20.0),
            ],
            thresholds: Vec::new(),
        };
        let body = serde_json::to_vec(&measure).expect("JSON");
        let received = ReceivedMeasure::decode(&format!("{host}.measure"), &body, 0);
        let body = received.expect("a measure").analysis(&levels).expect("an analysis").into();
        Self { offset, topic: format!("{host}.analysis"), body, now_ms: measure.timestamp_ms }
    }
}

/// Every row of every tier, in the order of the tables.
fn tables(file: &Path) -> Vec<Vec<Row>> {
    let connection = Connection::open(file).expect("the database");
    let of_tier = |tier: Tier| {
        let sql = format!("SELECT * FROM {}", tier.table());
        let mut statement = connection.prepare(&sql).expect("a table");
        let rows = statement.query_map([], |row| row.try_into()).expect("rows");
        rows.collect::<Result<_, _>>().expect("a row")
    };
    Tier::ALL.into_iter().map(of_tier).collect()
}

/// The least it could cost: each row once, in order, in one transaction.
fn bare_inserts(model: &Path, file: &Path, tables: &[Vec<Row>]) -> Duration {
    let mut bare = Connection::open(file).expect("a file");
    bare.pragma_update(None, "journal_mode", "WAL").expect("a log");
    bare.pragma_update(None, "synchronous", "NORMAL").expect("a setting");
    let model = Connection::open(model).expect("the database");
    for tier in Tier::ALL {
        let sql = "SELECT sql FROM sqlite_schema WHERE name = ?1";
        let make: String =
            model.query_row(sql, [tier.table()], |row| row.get(0)).expect("a definition");
        bare.execute_batch(&make).expect("a table");
    }
    let begun = Instant::now();
    let transaction = bare.transaction().expect("a transaction");
    for (tier, rows) in Tier::ALL.into_iter().zip(tables) {
        let sql = format!("INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", tier.table());
        let mut insert = transaction.prepare(&sql).expect("a statement");
        for row in rows {
            insert.execute(*row).expect("room");
        }
    }
    transaction.commit().expect("room");
    begun.elapsed()
}

fn show(what: &str, messages: u64, took: &Took) {
    println!(
        "{what:<28} {:>9.0} a second; {:.1} µs of a core each; longest commit {} ms",
        number(messages) / took.wall.as_secs_f64(),
        took.on_core.as_secs_f64() * 1e6 / number(messages),
        took.longest_commit.as_millis()
    );
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn number<T: TryInto<u64>>(count: T) -> f64 {
    count.try_into().ok().expect("a count") as f64
}

/// CPU time this thread has used, from the kernel's scheduler; nothing where there is none.
fn core_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}
