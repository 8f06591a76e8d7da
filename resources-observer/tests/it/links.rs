//! What the engine makes of links that are down, but not its own.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::{Bus, Link, LinkState, Message, Publisher, Source, Start, Subscription};
use resources_core::contract::{Alert, AlertKind, AlertState, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{RabbitMq, in_time, open_bus};
use resources_observer::Location;
use resources_observer::alerts::{self, Rules};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// A broker that is away would be told before a host is silent; both take longer than the tools of a
/// broker do on a busy machine, while nothing is published.
const RULES: &str = "[default]\n\
    cpu = { raise = 90, hold = \"0s\" }\nclock = { enabled = false }\n\
    silent = { intervals = 20, at_least = \"20s\" }\n[pipeline]\nafter = \"15s\"\n";

async fn publish(publisher: &Publisher, host: &str, sequence: u64, cpu: u64) {
    let body = serde_json::json!({
        "cpu_result": "LOW", "level": "LOW", "cpu_percentage": cpu, "host": host, "run": "r",
        "sequence": sequence, "timestamp_ms": now_ms(), "interval_ms": 1000,
        "resources": [{"name": "cpu", "percentage": cpu, "level": "LOW"}],
    });
    let message = Message {
        topic: Topic::new(&format!("{host}.analysis")).expect("a topic"),
        body: body.to_string().into_bytes().into(),
        timestamp_ms: now_ms(),
        trace: TraceParent::begin(),
    };
    in_time("it is confirmed", publisher.publish_until_confirmed(&message)).await.expect("a queue");
}

async fn next(alerts: &mut Subscription) -> Alert {
    let delivery = in_time("an alert", alerts.next()).await.expect("the bus is up");
    Alert::decode(&delivery.topic, &delivery.body).expect("an alert")
}

async fn until_down(mut link: watch::Receiver<Link>) {
    let is_down = |link: &Link| matches!(link.state, LinkState::Down { .. });
    in_time("the link is down", link.wait_for(is_down)).await.expect("a link");
}

/// The next alert, while a host goes on.
async fn next_while(host: &str, publisher: &Publisher, alerts: &mut Subscription) -> Alert {
    let mut ticks = interval(Duration::from_millis(500));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut sequence = 0;
    let mut told = std::pin::pin!(next(alerts));
    loop {
        tokio::select! {
            alert = &mut told => return alert,
            _ = ticks.tick() => {
                sequence += 1;
                publish(publisher, host, sequence, 1).await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_links_that_are_down_raise_no_pipeline_and_mute_no_silence() {
    let broker = RabbitMq::start();
    let open = || -> Bus { open_bus(&broker.url(), "resources") };
    let (trackers, bus) = (open(), open());
    let publisher = trackers.publisher();
    let stop = CancellationToken::new();
    let rules = Rules::parse("rules.toml", RULES).expect("rules");
    let judging = alerts::run(rules, Location::Memory, bus.clone(), trackers.clone(), stop.clone());
    let judging = tokio::spawn(judging);
    let mut alerts = trackers.subscribe(Source::Alerts(Start::First), PREFETCH);
    publish(&publisher, "db", 0, 1).await;
    publish(&publisher, "web", 0, 99).await;
    assert_eq!(next(&mut alerts).await.kind, AlertKind::Level, "hosts are judged");

    // Whoever else comes to the same bus is refused from now on.
    broker.ctl(&["set_vhost_limits", r#"{"max-connections": 0}"#]);
    let other_reader = bus.subscribe(Source::Measures, PREFETCH);
    until_down(other_reader.link()).await;
    until_down(bus.publisher().link()).await;
    let alert = next_while("db", &publisher, &mut alerts).await;
    assert_eq!(
        (alert.kind, alert.state, alert.host.as_str()),
        (AlertKind::Silent, AlertState::Raised, "web")
    );
    stop.cancel();
    in_time("its end", judging).await.expect("no panic").expect("it was asked to stop");
    trackers.close().await;
    bus.close().await;
}
