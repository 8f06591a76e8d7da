//! Alerts that nobody takes wait until somebody does.

use std::num::NonZeroU16;

use resources_core::bus::{Message, PublishError, Source, Start};
use resources_core::contract::{Alert, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{RabbitMq, eventually, in_time, open_bus};
use resources_observer::Location;
use resources_observer::alerts::{self, Rules};
use tokio_util::sync::CancellationToken;

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

fn message(topic: &str, body: String) -> Message {
    Message {
        topic: Topic::new(topic).expect("a topic"),
        body: body.into(),
        timestamp_ms: now_ms(),
        trace: TraceParent::begin(),
    }
}

fn high(host: &str) -> Message {
    let high = serde_json::json!({
        "host": host, "timestamp_ms": now_ms(), "cpu_percentage": 99, "cpu_result": "HIGH",
        "level": "HIGH", "resources": [{"name": "cpu", "percentage": 99, "level": "HIGH"}],
    });
    message(&format!("{host}.analysis"), high.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn alerts_wait_for_a_stream_that_was_deleted() {
    let broker = RabbitMq::start();
    let open = || open_bus(&broker.url(), "resources");
    let (bus, watching) = (open(), open());
    let stop = CancellationToken::new();
    let rules = Rules::parse("rules.toml", "default.cpu = { raise = 90, hold = \"0s\" }");
    let (rules, state) = (rules.expect("rules"), Location::Memory);
    let judging = alerts::run(rules, state, bus.clone(), bus.clone(), stop.clone());
    let judging = tokio::spawn(judging);
    let publisher = watching.publisher();
    let probe = message("nobody.alert", "{}".to_owned());
    in_time("the stream is there", publisher.publish_until_confirmed(&probe)).await.expect("it is");

    in_time("both links", bus.subscribe(Source::Analyses(Start::Next), PREFETCH).ready()).await;
    in_time("the observer's publisher", bus.publisher().publish_until_confirmed(&probe))
        .await
        .expect("the stream is there");
    // It has read what is raised once it judges.
    in_time("an analysis", publisher.publish_until_confirmed(&high("first")))
        .await
        .expect("a stream");
    let mut alerts = watching.subscribe(Source::Alerts(Start::First), PREFETCH);
    loop {
        let delivery = in_time("an alert", alerts.next()).await.expect("the bus is up");
        if &*delivery.topic == "first.alert" {
            break;
        }
    }
    drop(alerts);
    broker.ctl(&["delete_queue", "resources.alerts"]);
    eventually("nobody takes alerts", async || {
        matches!(publisher.publish(&probe).await, Err(PublishError::Unroutable(_)))
    })
    .await;
    in_time("an analysis", publisher.publish_until_confirmed(&high("web")))
        .await
        .expect("a stream");

    // Whoever opens a link declares what is missing.
    let reading = open();
    let mut alerts = reading.subscribe(Source::Alerts(Start::First), PREFETCH);
    let delivery = in_time("the alert", alerts.next()).await.expect("the bus is up");
    let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
    assert_eq!(alert.host.as_str(), "web");
    stop.cancel();
    in_time("its end", judging).await.expect("no panic").expect("it was asked to stop");
    for bus in [bus, watching, reading] {
        bus.close().await;
    }
}
