use resources_core::test_support::{eventually, free_port, in_time, open_bus, unique_exchange};
use serde_json::json;

use crate::dashboard::{Dashboard, analysis};

#[tokio::test]
async fn hosts_are_listed_by_name_without_points() {
    let dashboard = Dashboard::start(&[]).await;
    dashboard.publish(&analysis("web-2", 0, 20.0)).await;
    dashboard.publish(&analysis("web-1", 0, 10.0)).await;
    let listed = async || dashboard.get("/api/v1/hosts").await.json();
    eventually("both hosts are listed", async || listed().await["hosts"][1].is_object()).await;
    let body = listed().await;
    assert!(body["server_time_ms"].as_u64().unwrap() > 0);
    let names = [&body["hosts"][0]["host"], &body["hosts"][1]["host"]];
    assert_eq!(names, ["web-1", "web-2"]);
    assert_eq!(body["hosts"][0]["cpu_percentage"], 10.0);
    assert_eq!(body["hosts"][0].get("points"), None);
    let answer = dashboard.get("/api/v1/hosts").await;
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    dashboard.stop().await;
}

#[tokio::test]
async fn a_process_that_serves_is_alive_and_with_a_link_it_is_ready() {
    let dashboard = Dashboard::start(&[]).await;
    let health = dashboard.get("/healthz").await;
    assert_eq!((health.status, health.json()), (200, json!({"status": "ok"})));
    let ready = dashboard.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["status"]), (200, &json!("ready")));
    assert_eq!(ready.json()["link"]["state"], "up");
    dashboard.stop().await;
}

#[tokio::test]
async fn without_a_broker_it_is_alive_but_not_ready_and_says_why() {
    // Nothing listens there.
    let url = format!("amqp://me:hunter2@127.0.0.1:{}/%2f", free_port());
    let bus = open_bus(&url, &unique_exchange());
    let dashboard = Dashboard::start_over(bus, &[]).await;
    let down = async || dashboard.get("/readyz").await.json()["link"]["state"] == "down";
    eventually("the link is seen to be down", down).await;
    let ready = dashboard.get("/readyz").await;
    assert_eq!((ready.status, &ready.json()["status"]), (503, &json!("not ready")));
    assert!(ready.json()["reason"].as_str().unwrap().contains("down"), "{}", ready.text());
    assert!(!ready.text().contains("hunter2"));
    assert_eq!(dashboard.get("/healthz").await.status, 200);
    let mut browser = dashboard.connect().await;
    assert_eq!(browser.next().await["link"]["state"], "down");
    let bus = dashboard.stop().await;
    in_time("the bus closes", bus.close()).await;
}

#[tokio::test]
async fn errors_are_json_of_one_sentence() {
    let dashboard = Dashboard::start(&[]).await;
    let missing = dashboard.get("/api/v2/nothing").await;
    assert_eq!(missing.status, 404);
    assert_eq!(missing.json(), json!({"error": "there is nothing at /api/v2/nothing"}));
    for (method, path) in [("POST", "/api/v1/hosts"), ("DELETE", "/"), ("POST", "/ws")] {
        let answer = dashboard.ask(method, path, &[]).await;
        assert_eq!(answer.status, 405, "{method} {path}");
        assert!(answer.json()["error"].is_string(), "{method} {path}");
        assert!(answer.header("allow").unwrap().contains("GET"), "{method} {path}");
    }
    let large = dashboard.ask("GET", "/healthz", &[("content-length", "65537")]).await;
    assert_eq!((large.status, large.json()["error"].is_string()), (413, true));
    let no_socket = dashboard.get("/ws").await;
    assert!(no_socket.status == 400 && no_socket.json()["error"].is_string(), "{no_socket:?}");
    dashboard.stop().await;
}
