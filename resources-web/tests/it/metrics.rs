//! `/metrics`, by the rules of the API.

use resources_core::test_support::eventually;

use crate::dashboard::{Dashboard, analysis};

async fn scrape(dashboard: &Dashboard) -> prometheus_parse::Scrape {
    let answer = dashboard.get("/metrics").await;
    assert_eq!(answer.status, 200);
    let body = String::from_utf8(answer.whole()).unwrap();
    prometheus_parse::Scrape::parse(body.lines().map(|line| Ok(line.to_owned()))).unwrap()
}

/// Hosts whose CPU is told.
async fn hosts(dashboard: &Dashboard) -> Vec<String> {
    let scrape = scrape(dashboard).await;
    let cpu = scrape.samples.iter().filter(|one| one.metric == "resources_host_cpu_ratio");
    cpu.map(|sample| sample.labels.get("host").unwrap().to_owned()).collect()
}

#[tokio::test]
async fn every_host_is_told_in_order_of_their_names() {
    let dashboard = Dashboard::start(&[]).await;
    // More than are read at a time.
    let names: Vec<String> = (0..200).map(|number| format!("web-{number:03}")).collect();
    for name in names.iter().rev() {
        dashboard.publish(&analysis(name, 1, 50.0)).await;
    }
    eventually("every host is told", || async { hosts(&dashboard).await == names }).await;
    let known = scrape(&dashboard).await.samples.into_iter();
    let mut known = known.filter(|sample| sample.metric == "resources_web_hosts");
    assert!(known.next().is_some());
    dashboard.stop().await;
}

#[tokio::test]
async fn hosts_are_not_told_when_that_is_switched_off() {
    let dashboard = Dashboard::start(&["--host-metrics", "false"]).await;
    dashboard.publish(&analysis("secret", 1, 50.0)).await;
    eventually("the host is known", || async {
        dashboard.get("/api/v1/hosts").await.text().contains("secret")
    })
    .await;
    let answer = dashboard.get("/metrics").await.whole();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.contains("resources_web_hosts") && !answer.contains("secret"), "{answer}");
    dashboard.stop().await;
}

#[tokio::test]
async fn the_rules_of_the_api_hold_for_metrics() {
    let dashboard = Dashboard::start(&["--base-path", "/monitor"]).await;
    assert_eq!(dashboard.get("/monitor/metrics").await.status, 200);
    assert_eq!(dashboard.get("/metrics").await.status, 404);
    let foreign = [("host", "evil.example.com")];
    assert_eq!(dashboard.ask("GET", "/monitor/metrics", &foreign).await.status, 421);
    assert_eq!(dashboard.ask("POST", "/monitor/metrics", &[]).await.status, 405);
    dashboard.stop().await;
}
