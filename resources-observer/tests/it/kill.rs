//! The program, killed for real, between analyses and alerts of a real broker.

use std::collections::BTreeMap;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use resources_core::bus::{Bus, Message, Publisher, Source, Start};
use resources_core::contract::{Alert, AlertKind, AlertState, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{RabbitMq, in_time, open_bus, shared_broker, unique_exchange};
use tokio::time::timeout;

const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).unwrap();

const RULES: &str = "[default]\n\
    cpu = { raise = 90, clear = 50, hold = \"0s\", clear_hold = \"0s\" }\n\
    flapping = { enabled = false }\nclock = { enabled = false }\n[pipeline]\nafter = \"10s\"\n";

/// The program under test.
struct Program(Child);

impl Program {
    fn start(folder: &Path, url: &str, exchange: &str) -> Self {
        std::fs::write(folder.join("rules.toml"), RULES).expect("a file");
        let file = |name: &str| folder.join(name).display().to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_resources-observer"))
            .args(["--broker-url", url, "--exchange", exchange])
            .args(["--rules", &file("rules.toml"), "--state", &file("state.sqlite")])
            .args(["--log", "warn"])
            .env_clear()
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

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

/// All level alerts until each of `hosts` was cleared so many times; duplicates dropped, as any
/// reader does.
async fn alerts(bus: &Bus, hosts: usize, episodes: usize) -> BTreeMap<String, Vec<Alert>> {
    let mut stream = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    let mut by_host: BTreeMap<String, Vec<Alert>> = BTreeMap::new();
    let whole = |by_host: &BTreeMap<String, Vec<Alert>>| {
        by_host.len() == hosts && by_host.values().all(|alerts| alerts.len() >= 2 * episodes)
    };
    while !whole(&by_host) {
        let delivery = in_time("an alert", stream.next()).await.expect("the bus is up");
        let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
        stream.acknowledge_through(delivery.receipt).await;
        if alert.kind == AlertKind::Level {
            let known = by_host.entry(alert.host.to_string()).or_default();
            if !known.contains(&alert) {
                known.push(alert);
            }
        }
    }
    by_host
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_tells_each_episode_once() {
    const HOSTS: usize = 20;
    const EPISODES: usize = 12;
    let (url, exchange) = (shared_broker(), unique_exchange());
    let bus = open_bus(url, &exchange);
    let publisher = bus.publisher();
    let folder = tempfile::tempdir().expect("a folder");
    let mut program = Program::start(folder.path(), url, &exchange);
    let mut sequence = 0;
    for episode in 0..EPISODES {
        for cpu in [99, 99, 1, 1] {
            for host in 0..HOSTS {
                publish(&publisher, &format!("host-{host}"), sequence, cpu).await;
            }
            sequence += 1;
        }
        if episode == 0 {
            // One that never stored anything first looks for what is raised.
            alerts_until(&bus, 1).await;
        }
        // At another moment each time: before it reads, while it stores, after it published.
        tokio::time::sleep(Duration::from_millis(17 * episode as u64 * 3)).await;
        program.kill();
        program = Program::start(folder.path(), url, &exchange);
    }
    for (host, alerts) in alerts(&bus, HOSTS, EPISODES).await {
        let states: Vec<_> = alerts.iter().map(|alert| alert.state).collect();
        let expected = [AlertState::Raised, AlertState::Cleared].repeat(EPISODES);
        assert_eq!(states, expected, "{host}");
        for episode in alerts.chunks(2) {
            assert_eq!(episode[0].id, episode[1].id);
        }
    }
    program.kill();
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_one_alert_and_no_host_is_blamed() {
    let mut broker = RabbitMq::start();
    let (url, exchange) = (broker.url(), unique_exchange());
    let bus = open_bus(&url, &exchange);
    let publisher = bus.publisher();
    let folder = tempfile::tempdir().expect("a folder");
    let program = Program::start(folder.path(), &url, &exchange);
    for host in ["a", "b", "c"] {
        publish(&publisher, host, 0, 99).await;
    }
    assert_eq!(alerts_until(&bus, 3).await.len(), 3, "they are judged");
    broker.settle();
    broker.kill();
    // Twice as long as nothing may be heard; that a machine stalls for a while is no reason to
    // tell of the pipeline once more.
    tokio::time::sleep(Duration::from_secs(20)).await;
    broker.start_again();
    for sequence in 1..=30 {
        for host in ["a", "b", "c"] {
            publish(&publisher, host, sequence, 99).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let told = alerts_until(&bus, 5).await;
    let others: Vec<_> = told
        .iter()
        .filter(|alert| alert.kind != AlertKind::Level)
        .map(|alert| (alert.kind, alert.state))
        .collect();
    let expected =
        [AlertState::Raised, AlertState::Cleared].map(|state| (AlertKind::Pipeline, state));
    assert_eq!(others, expected);
    program.kill();
    bus.close().await;
}

/// The first so many alerts, and whatever comes within a moment more.
async fn alerts_until(bus: &Bus, count: usize) -> Vec<Alert> {
    let mut stream = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    let mut told: Vec<Alert> = Vec::new();
    while told.len() < count {
        let delivery = in_time("an alert", stream.next()).await.expect("the bus is up");
        let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
        stream.acknowledge_through(delivery.receipt).await;
        if !told.contains(&alert) {
            told.push(alert);
        }
    }
    // What comes too much would follow at once.
    while let Ok(Some(delivery)) = timeout(Duration::from_secs(2), stream.next()).await {
        let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
        if !told.contains(&alert) {
            told.push(alert);
        }
    }
    told
}
