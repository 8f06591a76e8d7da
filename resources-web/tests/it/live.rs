use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use resources_core::contract::Level;
use resources_core::test_support::{eventually, in_time};
use resources_web::client::View;
use resources_web::protocol::Field;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::dashboard::{Browser, Dashboard, analysis, sampled_ms};

#[tokio::test]
async fn a_browser_gets_a_snapshot_and_then_the_changes() {
    let dashboard = Dashboard::start(&[]).await;
    let mut browser = dashboard.connect().await;
    let snapshot = browser.next().await;
    assert_eq!((&snapshot["type"], &snapshot["hosts"]), (&json!("snapshot"), &json!([])));
    assert_eq!(snapshot["protocol"], 2);
    assert!(snapshot["number"].is_u64(), "what came before it counts");
    assert!(snapshot["pipeline"]["state"].is_string());
    assert_eq!(snapshot["server_version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(snapshot["link"]["state"], "up");

    dashboard.publish(&analysis("a", 1, 12.5)).await;
    let changes = browser.next_of("changes").await;
    assert_eq!(changes["hosts"], json!([[0, {"host": "a", "interval_ms": 1_000}]]));
    let shown = |browser: &Browser| {
        let figures = browser.view.hosts()[&0].figures.unwrap();
        (figures.timestamp_ms(), figures.get(Field::Cpu), figures.get(Field::Memory))
    };
    assert_eq!(shown(&browser), (sampled_ms(1), Some(125), None));

    dashboard.publish(&analysis("a", 2, 13.5)).await;
    let changes = browser.next_of("changes").await;
    assert_eq!((changes.get("hosts"), shown(&browser)), (None, (sampled_ms(2), Some(135), None)));
    let mut other = dashboard.connect().await;
    other.until("a", sampled_ms(2)).await;
    same_hosts(&other.view, &browser.view);
    dashboard.stop().await;
}

#[tokio::test]
async fn many_changes_come_in_few_batches_and_every_sample_once() {
    let dashboard = Dashboard::start(&["--push-interval", "1s"]).await;
    let mut browser = dashboard.connect().await;
    assert_eq!(browser.next().await["type"], "snapshot");
    let begun = Instant::now();
    for sequence in 0..100 {
        dashboard.publish(&analysis("a", sequence, 1.0)).await;
        dashboard.publish(&analysis("b", sequence, 2.0)).await;
    }
    let mut told = Vec::new();
    let mut batches = 0;
    while told.len() < 200 {
        let (_, batch) = browser.told().await;
        batches += u64::from(!batch.samples.is_empty());
        told.extend(batch.samples);
    }
    // One a second, however many seconds a busy machine takes for all of this.
    let took = begun.elapsed();
    assert!(batches <= 2 + took.as_secs(), "{batches} batches within {took:?}");
    told.sort();
    let expected = ["a", "b"].map(|name| (0..100).map(move |at| (name, sampled_ms(at))));
    let told: Vec<_> = told.iter().map(|(host, at_ms)| (host.as_str(), *at_ms)).collect();
    assert!(told.into_iter().eq(expected.into_iter().flatten()), "every sample once");
    dashboard.stop().await;
}

#[tokio::test]
async fn a_slow_browser_holds_up_nobody_and_skips_to_the_newest() {
    // More bytes than are kept for who reads late.
    const LAST: u64 = 300;
    // One that takes nothing for 10 s is given up, however long a busy machine needs for all.
    const SIGN_OF_LIFE_EACH: Duration = Duration::from_secs(3);
    let dashboard = Dashboard::start(&["--push-interval", "0"]).await;
    let mut slow = dashboard.connect().await;
    let mut fast = dashboard.connect().await;
    assert_eq!(fast.next().await["type"], "snapshot");
    let mut seen = 0;
    let (mut messages, mut took_at) = (Vec::new(), Instant::now());
    for sequence in 0..=LAST {
        // Large, so that what the system itself holds for the slow one is soon full.
        let mut large = analysis("a", sequence, 1.0);
        large.resources[0].level = Level::High;
        large.level = Level::High;
        large.resources = vec![large.resources[0].clone(); 10];
        for (number, resource) in large.resources.iter_mut().enumerate() {
            resource.name = format!("{sequence:03}{number}").repeat(1_000).into();
        }
        dashboard.publish(&large).await;
        // As fast as it can be told, so that each is a batch of its own.
        seen += fast.until("a", sampled_ms(sequence)).await.len();
        if took_at.elapsed() > SIGN_OF_LIFE_EACH {
            messages.push(slow.told().await);
            took_at = Instant::now();
        }
    }
    assert!(seen > 300, "{seen} messages");

    messages.extend(slow.until("a", sampled_ms(LAST)).await);
    let kinds: Vec<&str> =
        messages.iter().map(|(message, _)| message["type"].as_str().unwrap()).collect();
    assert_eq!(kinds[0], "snapshot");
    let snapshots = kinds.iter().filter(|kind| **kind == "snapshot").count();
    // More where the machine stalls: it falls behind once more.
    assert!(snapshots >= 2, "{snapshots}: one at first, one to catch up");
    assert!(messages.len() < seen, "{} messages", messages.len());
    same_hosts(&slow.view, &fast.view);
    dashboard.stop().await;
}

#[tokio::test]
async fn a_browser_that_was_away_goes_on_where_it_was_and_misses_nothing() {
    let dashboard = Dashboard::start(&["--push-interval", "0"]).await;
    let mut stayed = dashboard.connect().await;
    let mut left = dashboard.connect().await;
    dashboard.publish(&analysis("a", 1, 1.0)).await;
    left.until("a", sampled_ms(1)).await;
    let view = left.view.clone();
    drop(left);
    for sequence in 2..50 {
        dashboard.publish(&analysis("a", sequence, 2.0)).await;
        dashboard.publish(&analysis("b", sequence, 3.0)).await;
    }
    stayed.until("b", sampled_ms(49)).await;

    let mut back = dashboard.resume(view).await;
    let messages = back.until("b", sampled_ms(49)).await;
    assert_eq!(messages[0].0["type"], "resumed");
    assert!(messages.iter().all(|(message, _)| message["type"] != "snapshot"));
    let samples = messages.iter().flat_map(|(_, told)| &told.samples);
    let of_a = samples.filter(|(host, _)| host.as_str() == "a").map(|(_, at_ms)| *at_ms);
    // Those overtaken within a batch come behind the newest.
    let of_a: BTreeSet<u64> = of_a.collect();
    assert!(of_a.into_iter().eq((2..50).map(sampled_ms)), "no sample is missing");
    same_hosts(&back.view, &stayed.view);
    let view = back.view.clone();
    let bus = dashboard.stop().await;

    let dashboard = Dashboard::start_over(bus, &[]).await;
    let mut back = dashboard.resume(view).await;
    assert_eq!(back.next().await["type"], "snapshot", "another server knows nothing of it");
    let refused = dashboard.ask("GET", "/ws?resume=5", &UPGRADE).await;
    assert_eq!(refused.status, 400);
    assert!(refused.json()["error"].as_str().unwrap().contains("resume is"));
    dashboard.stop().await;
}

#[tokio::test]
async fn what_a_browser_looks_at_it_gets_for_itself() {
    let dashboard = Dashboard::start(&[]).await;
    let mut sample = serde_json::to_value(analysis("a", 1, 12.5)).unwrap();
    sample["system"] = json!({"os": "An OS"});
    sample["labels"] = json!({"role": "web"});
    sample["thresholds"] = json!([{"resource": "cpu", "medium": 25.0, "high": 75.0}]);
    dashboard.publish(&serde_json::from_value(sample.clone()).unwrap()).await;
    let mut browser = dashboard.connect().await;
    browser.until("a", sampled_ms(1)).await;
    browser.look(&[0], &["a", "nobody"]).await;
    assert_eq!(browser.next_of("points").await["hosts"], json!([[0, [sampled_ms(1), 125]]]));
    let detail = browser.next_of("detail").await;
    assert_eq!(detail["analysis"], sample);
    for name in ["system", "labels", "thresholds"] {
        assert_eq!(detail[name], sample[name], "{name}");
    }
    let offset_ms = detail["clock_offset_ms"].as_i64().unwrap();
    assert!(offset_ms < -1_000_000_000_000, "it was sampled long ago: {offset_ms}");
    assert_eq!(browser.next_of("detail").await["analysis"], json!(null));

    dashboard.publish(&analysis("a", 2, 13.0)).await;
    let detail = browser.next_of("detail").await;
    assert_eq!(detail["analysis"]["sequence"], 2);
    assert_eq!(
        (&detail["labels"], &detail["system"]["os"]),
        (&json!({"role": "web"}), &json!("An OS"))
    );
    dashboard.publish(&analysis("nobody", 2, 13.0)).await;
    let detail = browser.next_of("detail").await;
    assert_eq!((&detail["host"], &detail["analysis"]["sequence"]), (&json!("nobody"), &json!(2)));
    dashboard.stop().await;
}

/// Panics unless two browsers know the same of every host.
fn same_hosts(one: &View, other: &View) {
    assert_eq!(one.hosts().len(), other.hosts().len());
    for (index, host) in one.hosts() {
        let known = &other.hosts()[index];
        assert_eq!(host.info, known.info);
        let figures = [host, known].map(|host| {
            let mut figures = host.figures.unwrap();
            // Each is told it to within 150 ms.
            figures.set(Field::Received, None);
            figures
        });
        assert_eq!(figures[0], figures[1]);
    }
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
async fn what_is_no_look_or_too_long_ends_the_connection() {
    let dashboard = Dashboard::start(&[]).await;
    dashboard.publish(&analysis("a", 1, 1.0)).await;
    let long = |bytes: usize| {
        let look = r#"{"type":"look","rows":[],"detail":[""#;
        format!("{look}{}\"]}}", "x".repeat(bytes - look.len() - 3))
    };
    let mut browser = dashboard.connect().await;
    browser.say(long(16 * 1024)).await;
    assert_eq!(browser.next_of("detail").await["analysis"], json!(null), "that is read");

    for (said, reason) in [
        ("hello".to_owned(), "not a look"),
        (r#"{"type":"look","rows":[1.5],"detail":[]}"#.to_owned(), "not a look"),
        (long(16 * 1024 + 1), "16 KiB"),
    ] {
        let mut browser = dashboard.connect().await;
        browser.next_of("snapshot").await;
        browser.say(said.clone()).await;
        let mut last = None;
        while let Some(frame) = browser.frame().await {
            last = Some(frame);
        }
        let Some(Message::Close(Some(frame))) = last else { panic!("{last:?}") };
        assert_eq!(frame.code, CloseCode::Policy);
        assert!(frame.reason.contains(reason), "{said}: {}", frame.reason);
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
