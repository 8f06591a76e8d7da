//! History beside the live view.

use std::path::Path;
use std::process::{Child, Command};

use resources_core::bus::Bus;
use resources_core::contract::Analysis;
use resources_core::service::now_ms;
use resources_core::test_support::{eventually, in_time, open_bus, shared_broker, unique_exchange};
use resources_web::history::HistoryState;
use rusqlite::{Connection, OpenFlags};

use crate::dashboard::{Dashboard, analysis, publish};

fn analysis_now(host: &str, sequence: u64) -> Analysis {
    Analysis { timestamp_ms: now_ms(), ..analysis(host, sequence, 1.0) }
}

/// How many samples of a host are in history; none before there are tables.
fn counted(file: &Path, host: &str) -> i64 {
    let sql = "SELECT coalesce(sum(samples), 0) FROM rollup_1h
               WHERE host_id = (SELECT id FROM host WHERE name = ?1)
                 AND resource_id = (SELECT id FROM resource WHERE name = 'cpu')";
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE;
    Connection::open_with_flags(file, flags)
        .and_then(|connection| connection.query_row(sql, [host], |row| row.get(0)))
        .unwrap_or(0)
}

#[tokio::test]
async fn a_dashboard_started_anew_goes_on_with_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let history = ["--history", file.to_str().unwrap()];
    let first = Dashboard::start(&history).await;
    let mut last_ms = 0;
    for sequence in 0..5 {
        let sample = analysis_now("a", sequence);
        last_ms = sample.timestamp_ms;
        first.publish(&sample).await;
    }
    first.connect().await.until("a", last_ms).await;
    let bus = first.stop().await;
    // While no dashboard runs; the first of them came before.
    for sequence in 4..10 {
        publish(&bus, &analysis_now("a", sequence)).await;
    }
    let second = Dashboard::start_over(bus, &history).await;
    second.publish(&analysis_now("a", 10)).await;
    eventually("all is in history", async || counted(&file, "a") == 11).await;
    second.stop().await;
}

#[tokio::test]
async fn the_live_view_goes_on_while_history_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let dashboard = Dashboard::start(&["--history", file.to_str().unwrap()]).await;
    let other = Connection::open(&file).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let mut browser = dashboard.connect().await;
    let sample = analysis_now("a", 0);
    dashboard.publish(&sample).await;
    browser.until("a", sample.timestamp_ms).await;
    let state = dashboard.history.state();
    let mut lagging = state.clone();
    lagging.wait_for(|state| matches!(state, HistoryState::Lagging { .. })).await.unwrap();
    let sample = analysis_now("a", 1);
    dashboard.publish(&sample).await;
    browser.until("a", sample.timestamp_ms).await;
    assert_eq!(counted(&file, "a"), 0);

    other.execute_batch("COMMIT").unwrap();
    eventually("it caught up", async || counted(&file, "a") == 2).await;
    eventually("it says so", async || *state.borrow() == HistoryState::On).await;
    dashboard.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_killed_again_and_again_counts_every_sample_once() {
    const SAMPLES: u64 = 3_000;
    const KILLS: u64 = 4;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let url = tokio::task::spawn_blocking(shared_broker).await.unwrap();
    let exchange = unique_exchange();
    let bus = open_bus(url, &exchange);
    let start = || Killed::start(url, &exchange, &file);

    let mut program = start();
    for part in 0..KILLS {
        let sequences = part * SAMPLES / KILLS..(part + 1) * SAMPLES / KILLS;
        let half = sequences.start + SAMPLES / KILLS / 2;
        publish_with_duplicates(&bus, sequences.start..half).await;
        eventually("something is written", async || counted(&file, "a") > 0).await;
        let before = counted(&file, "a");
        let more = tokio::spawn({
            let bus = bus.clone();
            async move { publish_with_duplicates(&bus, half..sequences.end).await }
        });
        eventually("more is written", async || counted(&file, "a") > before).await;
        // In the middle of a batch, with more on its way.
        drop(program);
        program = start();
        in_time("all is published", more).await.unwrap();
    }
    let all = i64::try_from(SAMPLES).unwrap();
    eventually("all is in history", async || counted(&file, "a") >= all).await;
    publish(&bus, &analysis_now("last", 0)).await;
    eventually("the last is in history", async || counted(&file, "last") == 1).await;
    assert_eq!(counted(&file, "a"), all);
    drop(program);
    in_time("the bus closes", bus.close()).await;
}

/// Publishes the samples, every tenth of them twice, and some from long before once more.
async fn publish_with_duplicates(bus: &Bus, sequences: std::ops::Range<u64>) {
    for sequence in sequences {
        publish(bus, &analysis_now("a", sequence)).await;
        if sequence % 10 == 0 {
            publish(bus, &analysis_now("a", sequence)).await;
            publish(bus, &analysis_now("a", sequence / 2)).await;
        }
    }
}

/// The program, killed when it is dropped.
struct Killed(Child);

impl Killed {
    fn start(url: &str, exchange: &str, file: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_resources-web"))
            .args(["--listen", "127.0.0.1:0", "--log", "warn", "--broker-url", url])
            .args(["--exchange", exchange, "--history"])
            .arg(file)
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}
