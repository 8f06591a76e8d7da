//! Alerts that cannot be written, and what pages and readiness say of them.

use resources_web::protocol::{Alerts, AlertsStatus};
use rusqlite::Connection;

use crate::alerts::raise;
use crate::dashboard::Dashboard;

/// More than wait to be written before no more are read.
const MANY: usize = 10_300;

fn is_halted(alerts: &Alerts) -> bool {
    matches!(alerts.status, AlertsStatus::Halted { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn while_alerts_cannot_be_written_pages_are_told_so_and_from_when_on_they_show_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.db");
    let dashboard = Dashboard::start(&["--history", file.to_str().unwrap()]).await;
    let state = async || dashboard.get("/readyz").await.json()["alerts"].clone();
    let mut browser = dashboard.connect().await;
    raise(&dashboard.bus, "a", "web").await;
    browser.until_alerts(|alerts| alerts.total == 1).await;
    assert_eq!(browser.view.alerts().status, AlertsStatus::On);
    assert_eq!(state().await["state"], "on");

    let beside = Connection::open(&file).unwrap();
    let refuse =
        "CREATE TRIGGER refuse BEFORE INSERT ON alert BEGIN SELECT RAISE(ABORT, 'no room'); END";
    beside.execute_batch(refuse).unwrap();
    raise(&dashboard.bus, "b", "db").await;
    let lags = |alerts: &Alerts| matches!(&alerts.status, AlertsStatus::Lagging { reason } if reason.contains("no room"));
    browser.until_alerts(|alerts| lags(alerts) && alerts.total == 2).await;
    assert_eq!(state().await["state"], "lagging");

    let mut last = serde_json::Value::Null;
    for number in 0..MANY {
        last = raise(&dashboard.bus, &format!("{number}"), &format!("host-{number}")).await;
    }
    browser.until_alerts(is_halted).await;
    let AlertsStatus::Halted { after_ms, .. } = browser.view.alerts().status else {
        unreachable!()
    };
    assert!(after_ms <= last["timestamp_ms"].as_u64().unwrap());
    assert!(browser.view.alerts().total < MANY as u64);
    assert_eq!(state().await["state"], "halted");
    // Whoever comes now is told as well.
    dashboard.connect().await.until_alerts(is_halted).await;

    beside.execute_batch("DROP TRIGGER refuse").unwrap();
    let all = 2 + MANY as u64;
    browser.until_alerts(|alerts| alerts.status == AlertsStatus::On && alerts.total == all).await;
    assert_eq!(state().await["state"], "on");
    dashboard.stop().await;
}
