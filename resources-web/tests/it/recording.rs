//! History beside the live view.

use std::path::Path;

use resources_core::contract::Analysis;
use resources_core::service::now_ms;
use resources_core::test_support::eventually;
use resources_web::history::HistoryState;
use rusqlite::Connection;

use crate::dashboard::{Dashboard, analysis, publish};

fn analysis_now(host: &str, sequence: u64) -> Analysis {
    Analysis { timestamp_ms: now_ms(), ..analysis(host, sequence, 1.0) }
}

fn counted(file: &Path, host: &str) -> i64 {
    let sql = "SELECT coalesce(sum(samples), 0) FROM rollup_1h
               WHERE host_id = (SELECT id FROM host WHERE name = ?1)
                 AND resource_id = (SELECT id FROM resource WHERE name = 'cpu')";
    Connection::open(file).unwrap().query_row(sql, [host], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn a_dashboard_started_anew_goes_on_with_its_history() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let history = ["--history", file.to_str().unwrap()];
    let first = Dashboard::start(&history).await;
    for sequence in 0..5 {
        first.publish(&analysis_now("a", sequence)).await;
    }
    first.connect().await.until("a", 4).await;
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
    dashboard.publish(&analysis_now("a", 0)).await;
    browser.until("a", 0).await;
    let state = dashboard.history.state();
    let mut lagging = state.clone();
    lagging.wait_for(|state| matches!(state, HistoryState::Lagging { .. })).await.unwrap();
    dashboard.publish(&analysis_now("a", 1)).await;
    browser.until("a", 1).await;
    assert_eq!(counted(&file, "a"), 0);

    other.execute_batch("COMMIT").unwrap();
    eventually("it caught up", async || counted(&file, "a") == 2).await;
    assert_eq!(*state.borrow(), HistoryState::On);
    dashboard.stop().await;
}
