//! An observer that lost its state, or was moved away from it, and the alerts it had raised.

use std::collections::BTreeSet;
use std::num::NonZeroU16;

use resources_core::bus::{Bus, BusConfig, Message, Source, Start};
use resources_core::contract::{Alert, AlertKind, AlertState, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{in_time, open_bus, shared_broker, unique_exchange};
use resources_observer::Location;
use resources_observer::alerts::{self, Rules};
use tokio_util::sync::CancellationToken;

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

const RULES: &str = "[default]\ncpu = { raise = 90, hold = \"0s\", clear_hold = \"0s\" }\n\
    flapping.enabled = false\n[pipeline]\nenabled = false\n";

async fn publish(bus: &Bus, topic: String, body: Vec<u8>, timestamp_ms: u64) {
    let message = Message {
        topic: Topic::new(&topic).expect("a topic"),
        body: body.into(),
        timestamp_ms,
        trace: TraceParent::begin(),
    };
    in_time("it is confirmed", bus.publisher().publish_until_confirmed(&message))
        .await
        .expect("a stream");
}

/// A sample of now.
async fn sample(bus: &Bus, host: &str, sequence: u64, cpu: u8) {
    let body = serde_json::json!({
        "host": host, "run": "r", "sequence": sequence, "timestamp_ms": now_ms(),
        "interval_ms": 1000, "cpu_result": "LOW", "level": "LOW", "cpu_percentage": cpu,
        "resources": [{"name": "cpu", "percentage": cpu, "level": "LOW"}],
    });
    publish(bus, format!("{host}.analysis"), body.to_string().into_bytes(), now_ms()).await;
}

/// An alert of an observer that is lost, told an hour ago.
fn alert(host: &str, kind: AlertKind, id: u64, state: AlertState) -> Alert {
    let timestamp_ms = now_ms() - 3_600_000;
    Alert {
        id: format!("{id:016x}").into(),
        host: host.parse().expect("a host name"),
        resource: (kind == AlertKind::Level).then(|| "cpu".into()),
        state,
        kind,
        level: None,
        percentage: None,
        repeat: None,
        since_ms: timestamp_ms,
        timestamp_ms,
    }
}

/// What is over by now is cleared, what still holds is not told again, and nothing else is told.
async fn it_ends_what_was_raised_before(bus: Bus) {
    let (raised, cleared) = (AlertState::Raised, AlertState::Cleared);
    let before = [
        alert("over", AlertKind::Level, 1, raised),
        alert("over", AlertKind::Level, 1, cleared),
        alert("calm", AlertKind::Level, 2, raised),
        alert("back", AlertKind::Silent, 3, raised),
        alert("busy", AlertKind::Level, 4, raised),
        alert("resources.pipeline", AlertKind::Pipeline, 5, raised),
    ];
    for alert in &before {
        let body = serde_json::to_vec(alert).expect("JSON");
        publish(&bus, format!("{}.alert", alert.host), body, alert.timestamp_ms).await;
    }
    let stop = CancellationToken::new();
    let rules = Rules::parse("rules.toml", RULES).expect("rules");
    let judging = alerts::run(rules, Location::Memory, bus.clone(), bus.clone(), stop.clone());
    let judging = tokio::spawn(judging);
    // The last one is raised anew: all before it are judged by then.
    for (host, cpu) in [("calm", 1), ("back", 1), ("busy", 99), ("new", 99)] {
        sample(&bus, host, 0, cpu).await;
    }
    let mut stream = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    let mut told = BTreeSet::new();
    let mut count = 0;
    // Three that end and one that begins, in any order as they are of several hosts.
    while count < before.len() + 4 {
        let delivery = in_time("an alert", stream.next()).await.expect("the bus is open");
        stream.acknowledge_through(delivery.receipt).await;
        count += 1;
        if count > before.len() {
            let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
            let id = before.iter().find(|known| known.id == alert.id).map(|known| known.id.clone());
            told.insert((alert.host.to_string(), alert.state == raised, id));
        }
    }
    let ended = |host: &str, id: u64| (host.to_owned(), false, Some(format!("{id:016x}").into()));
    let expected = [
        ended("back", 3),
        ended("calm", 2),
        ("new".to_owned(), true, None),
        ended("resources.pipeline", 5),
    ];
    assert_eq!(told, BTreeSet::from(expected));
    stop.cancel();
    in_time("its end", judging).await.expect("no panic").expect("it was asked to stop");
    bus.close().await;
}

/// What came before something was raised does not end it.
async fn it_judges_by_what_came_since(bus: Bus) {
    for host in ["calm", "silent"] {
        sample(&bus, host, 0, 1).await;
    }
    let told = [(AlertKind::Level, "calm", 1), (AlertKind::Silent, "silent", 2)];
    for (kind, host, id) in told {
        let timestamp_ms = now_ms();
        let raised = Alert { timestamp_ms, ..alert(host, kind, id, AlertState::Raised) };
        let body = serde_json::to_vec(&raised).expect("JSON");
        publish(&bus, format!("{host}.alert"), body, timestamp_ms).await;
    }
    let stop = CancellationToken::new();
    let rules = Rules::parse("rules.toml", RULES).expect("rules");
    let judging = alerts::run(rules, Location::Memory, bus.clone(), bus.clone(), stop.clone());
    let judging = tokio::spawn(judging);
    let mut stream = bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    let mut next = async || {
        let delivery = in_time("an alert", stream.next()).await.expect("the bus is open");
        stream.acknowledge_through(delivery.receipt).await;
        let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
        (alert.host.to_string(), alert.state == AlertState::Raised)
    };
    for (_, host, _) in told {
        assert_eq!(next().await, (host.to_owned(), true));
    }
    // It hears from now on, whenever that is: all that came before is judged by then.
    let mut sequence = 0;
    let mut beats = tokio::time::interval(std::time::Duration::from_millis(100));
    let first = {
        let first = next();
        tokio::pin!(first);
        loop {
            tokio::select! {
                first = &mut first => break first,
                _ = beats.tick() => {
                    sequence += 1;
                    sample(&bus, "new", sequence, 99).await;
                }
            }
        }
    };
    assert_eq!(first, ("new".to_owned(), true));
    for (_, host, _) in told {
        sample(&bus, host, 1, 1).await;
        assert_eq!(next().await, (host.to_owned(), false));
    }
    stop.cancel();
    in_time("its end", judging).await.expect("no panic").expect("it was asked to stop");
    bus.close().await;
}

fn within_one_process() -> Bus {
    Bus::open(BusConfig::in_memory("test"))
}

fn over_a_broker() -> Bus {
    open_bus(shared_broker(), &unique_exchange())
}

#[tokio::test(flavor = "multi_thread")]
async fn within_one_process_it_ends_what_was_raised_before() {
    it_ends_what_was_raised_before(within_one_process()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_broker_it_ends_what_was_raised_before() {
    it_ends_what_was_raised_before(over_a_broker()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn within_one_process_it_judges_by_what_came_since() {
    it_judges_by_what_came_since(within_one_process()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_broker_it_judges_by_what_came_since() {
    it_judges_by_what_came_since(over_a_broker()).await;
}
