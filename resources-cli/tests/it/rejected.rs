//! `resources rejected` over a real broker.

use std::num::NonZeroU16;

use resources_core::bus::{Bus, Message, Source};
use resources_core::contract::{Measure, Topic, TraceParent};
use resources_core::test_support::{in_time, open_bus, shared_broker};

use crate::support::{Broker, errors, run};

const PREFETCH: NonZeroU16 = NonZeroU16::new(10).unwrap();

/// Publishes `body` to `key` and sets it aside as an analyzer does.
async fn set_aside(broker: &Broker, bus: &Bus, key: &str, body: &str) {
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    broker.send(&[key, body]).await;
    let delivery = in_time("the measure arrives", measures.next()).await.expect("an open bus");
    let reason = Measure::decode(&delivery.topic, &delivery.body, 0).expect_err("it is refused");
    bus.publisher().set_aside(&delivery, &reason).await.expect("the queue takes it");
    assert!(measures.acknowledge_one(delivery.receipt).await);
}

async fn rejected(broker: &Broker, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = run(&broker.with(&[&["rejected"], arguments].concat())).await;
    let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    (output.status.code(), text, errors(&output))
}

/// Ids and the rest of each line of a list.
async fn list(broker: &Broker) -> Vec<(String, String)> {
    let (code, text, error) = rejected(broker, &["list"]).await;
    assert_eq!(code, Some(0), "{error}");
    text.lines()
        .skip(1)
        .map(|line| {
            let id = line.split_whitespace().nth(1).expect("an id").to_owned();
            (id, line.to_owned())
        })
        .collect()
}

#[tokio::test]
async fn what_was_set_aside_is_listed_shown_put_back_and_dropped() {
    let broker = Broker::new();
    let bus = open_bus(shared_broker(), &broker.exchange);
    for (key, body) in [
        ("one.measure", r#"{"cpu_percentage": 101}"#),
        ("two.measure", r#""no object""#),
        ("three.measure", r#"{"host": "other", "cpu_percentage": 5}"#),
    ] {
        set_aside(&broker, &bus, key, body).await;
    }

    let listed = list(&broker).await;
    assert_eq!(listed.len(), 3);
    for ((_, line), words) in listed.iter().zip([
        ["one.measure", "cpu_percentage: 101"],
        ["two.measure", "does not parse"],
        ["three.measure", "speaks for host other"],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{line}");
    }
    assert_eq!(list(&broker).await, listed, "a look leaves everything in place, in order");
    let (_, limited, _) = rejected(&broker, &["list", "--limit", "1"]).await;
    assert!(limited.contains("one.measure") && limited.contains("there are more"), "{limited}");

    let (_, by_number, _) = rejected(&broker, &["show", "2"]).await;
    let (_, by_id, _) = rejected(&broker, &["show", &listed[1].0]).await;
    assert_eq!(by_number, by_id);
    assert!(by_number.contains("\"no object\"") && by_number.contains("key     two.measure"));
    let (code, _, error) = rejected(&broker, &["show", "4"]).await;
    assert!(code == Some(1) && error.contains("number 4"), "{error}");

    let unknown = "0123456789abcdef";
    let (code, _, error) = rejected(&broker, &["requeue", &listed[0].0, unknown]).await;
    assert!(code == Some(1) && error.contains(unknown), "{error}");
    assert_eq!(list(&broker).await, listed, "nothing was done");

    // The one in the middle, so that none before it goes with it.
    let (code, text, error) = rejected(&broker, &["requeue", &listed[1].0]).await;
    assert_eq!((code, &*text), (Some(0), "1 message was put back\n"), "{error}");
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let back = in_time("it is back", measures.next()).await.expect("an open bus");
    assert_eq!((&*back.topic, &*back.body), ("two.measure", &br#""no object""#[..]));
    assert!(measures.acknowledge_one(back.receipt).await);
    assert_eq!(list(&broker).await.len(), 2);

    let (code, text, _) = rejected(&broker, &["drop", &listed[2].0]).await;
    assert_eq!((code, &*text), (Some(0), "1 message was dropped\n"));
    let (code, text, _) = rejected(&broker, &["requeue", "--all"]).await;
    assert_eq!((code, &*text), (Some(0), "1 message was put back\n"));
    let back = in_time("it is back", measures.next()).await.expect("an open bus");
    assert_eq!(&*back.topic, "one.measure");
    let (_, text, _) = rejected(&broker, &["list"]).await;
    assert_eq!(text, "no message is set aside\n");
    bus.close().await;
}

#[tokio::test]
async fn what_a_reaction_gave_up_stays_and_all_others_are_put_back() {
    let broker = Broker::new();
    let bus = open_bus(shared_broker(), &broker.exchange);
    // Not even to somebody who happens to listen.
    let all = Source::Patterns(vec!["#".parse().expect("a pattern")]);
    let mut listener = bus.subscribe(all, PREFETCH);
    in_time("the listener is ready", listener.ready()).await;
    let message = Message {
        topic: Topic::new("chat.notification").expect("a key"),
        body: r#"{"version": 1, "reaction": "chat", "alerts": []}"#.into(),
        timestamp_ms: 1,
        trace: TraceParent::begin(),
    };
    bus.publisher().give_up(&message, "gave up").await.expect("the queue takes it");
    set_aside(&broker, &bus, "one.measure", "1").await;

    let (code, text, error) = rejected(&broker, &["requeue", "--all"]).await;
    assert_eq!((code, &*text), (Some(1), "1 message was put back\n"), "{error}");
    assert!(error.contains("a reaction gave up"), "{error}");
    for _ in 0..2 {
        let heard = in_time("the measure, sent and put back", listener.next()).await;
        assert_eq!(&*heard.expect("an open bus").topic, "one.measure");
    }
    let left = list(&broker).await;
    assert!(left.len() == 1 && left[0].1.contains("chat.notification"), "{left:?}");
    bus.close().await;
}

#[tokio::test]
async fn all_are_dropped_only_when_said_twice() {
    let broker = Broker::new();
    let bus = open_bus(shared_broker(), &broker.exchange);
    set_aside(&broker, &bus, "one.measure", "1").await;
    let (code, _, error) = rejected(&broker, &["drop", "--all"]).await;
    assert!(code == Some(2) && error.contains("--yes"), "{error}");
    assert_eq!(list(&broker).await.len(), 1);
    let (code, ..) = rejected(&broker, &["drop", "--all", "--yes"]).await;
    assert_eq!(code, Some(0));
    assert!(list(&broker).await.is_empty());
    bus.close().await;
}
