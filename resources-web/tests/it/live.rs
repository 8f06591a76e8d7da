use resources_core::test_support::{eventually, in_time};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::dashboard::{Dashboard, analysis};

#[tokio::test]
async fn a_browser_gets_a_snapshot_and_then_the_changes() {
    let dashboard = Dashboard::start(&[]).await;
    let mut empty = dashboard.connect().await;
    let snapshot = empty.next().await;
    assert_eq!((&snapshot["type"], &snapshot["hosts"]), (&json!("snapshot"), &json!([])));
    assert_eq!(snapshot["protocol"], 1);
    assert_eq!(snapshot["server_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(snapshot["link"]["state"], "up");

    dashboard.publish(&analysis("a", 1, 12.5)).await;
    let changes = empty.next().await;
    assert_eq!(changes["type"], "changes");
    assert_eq!(changes["hosts"][0]["points"], json!([[1001, 12.5]]));
    assert!(changes["hosts"][0]["received_ms"].as_u64() <= changes["server_time_ms"].as_u64());

    dashboard.publish(&analysis("a", 2, 13.5)).await;
    assert_eq!(empty.next().await["hosts"][0]["points"], json!([[1002, 13.5]]));
    dashboard.stop().await;
}

#[tokio::test]
async fn many_changes_come_in_few_batches_and_in_order() {
    let dashboard = Dashboard::start(&["--push-interval", "1s"]).await;
    let mut browser = dashboard.connect().await;
    assert_eq!(browser.next().await["type"], "snapshot");
    for sequence in 0..100 {
        dashboard.publish(&analysis("a", sequence, 1.0)).await;
        dashboard.publish(&analysis("b", sequence, 2.0)).await;
    }
    let mut batches = browser.until("b", 99).await;
    assert!(batches.len() <= 3, "{} batches", batches.len());
    if batches.last().unwrap()["hosts"].as_array().unwrap().len() == 1 {
        batches.extend(browser.until("a", 99).await);
    }
    for name in ["a", "b"] {
        let told = batches
            .iter()
            .flat_map(|batch| batch["hosts"].as_array().unwrap())
            .filter(|host| host["host"] == name)
            .flat_map(|host| host["points"].as_array().unwrap())
            .map(|point| point[0].as_u64().unwrap());
        assert!(told.eq(1_000..1_100), "every point of {name} once and in order");
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn a_slow_browser_holds_up_nobody_and_skips_to_the_newest() {
    const LAST: u64 = 1_800;
    let dashboard = Dashboard::start(&["--push-interval", "0"]).await;
    let mut slow = dashboard.connect().await;
    let mut fast = dashboard.connect().await;
    assert_eq!(fast.next().await["type"], "snapshot");
    let mut seen = 0;
    for sequence in 0..=LAST {
        // Large, so that what the system itself holds for the slow one is soon full.
        let mut large = analysis("a", sequence, 1.0);
        large.resources[0].name = "x".repeat(4_000).into();
        dashboard.publish(&large).await;
        // As fast as it can be told, so that each is a batch of its own.
        seen += fast.until("a", sequence).await.len();
    }
    assert!(seen > 1_800, "{seen} messages");

    let messages = slow.until("a", LAST).await;
    let kinds: Vec<&str> = messages.iter().map(|one| one["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "snapshot");
    let snapshots = kinds.iter().filter(|kind| **kind == "snapshot").count();
    assert_eq!(snapshots, 2, "one at first, one to catch up; {} messages", kinds.len());
    assert!(messages.len() < seen, "{} messages", messages.len());
    dashboard.stop().await;
}

#[tokio::test]
async fn connections_above_the_most_are_refused_until_one_ends() {
    let dashboard = Dashboard::start(&["--max-connections", "1"]).await;
    let first = dashboard.connect().await;
    let refused = dashboard.ask("GET", "/ws", &UPGRADE).await;
    assert_eq!(refused.status, 503);
    assert!(refused.json()["error"].as_str().unwrap().contains("--max-connections"));
    drop(first);
    eventually("its place is free", async || dashboard.connect_with(&[]).await.is_ok()).await;
    dashboard.stop().await;
}

#[tokio::test]
async fn a_stop_closes_every_browser_politely() {
    let dashboard = Dashboard::start(&[]).await;
    let mut browser = dashboard.connect().await;
    assert_eq!(browser.next().await["type"], "snapshot");
    let reading = tokio::spawn(async move {
        loop {
            if let Some(Message::Close(frame)) = browser.frame().await {
                return frame.unwrap();
            }
        }
    });
    dashboard.stop().await;
    let frame = in_time("the close", reading).await.unwrap();
    assert_eq!(frame.code, CloseCode::Away);
}

#[tokio::test]
async fn what_a_browser_says_is_ignored_up_to_four_kibibytes() {
    let dashboard = Dashboard::start(&[]).await;
    let mut browser = dashboard.connect().await;
    assert_eq!(browser.next().await["type"], "snapshot");
    browser.say("x".repeat(4096)).await;
    dashboard.publish(&analysis("a", 1, 1.0)).await;
    assert_eq!(browser.next().await["type"], "changes");

    browser.say("x".repeat(4097)).await;
    let mut last = None;
    while let Some(frame) = browser.frame().await {
        last = Some(frame);
    }
    if let Some(Message::Close(Some(frame))) = last {
        assert_eq!(frame.code, CloseCode::Policy);
    }
    let listed: Value = dashboard.get("/api/v1/hosts").await.json();
    assert_eq!(listed["hosts"][0]["host"], "a", "the server goes on");
    dashboard.stop().await;
}

/// What a browser asks for a WebSocket with, and an end to the connection if it gets none.
const UPGRADE: [(&str, &str); 4] = [
    ("connection", "close, upgrade"),
    ("upgrade", "websocket"),
    ("sec-websocket-version", "13"),
    ("sec-websocket-key", "AAAAAAAAAAAAAAAAAAAAAA=="),
];
