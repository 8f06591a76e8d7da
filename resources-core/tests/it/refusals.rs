//! Keys that the broker refuses, among others that it takes.

use std::num::NonZeroU16;

use futures_util::future::join_all;
use resources_core::bus::{LinkState, Message, Pattern, PublishError, Source};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{RabbitMq, in_time, open_bus};

const PREFETCH: NonZeroU16 = NonZeroU16::new(1_000).unwrap();

fn message(topic: &str) -> Message {
    Message {
        topic: Topic::new(topic).unwrap(),
        body: topic.to_owned().into(),
        timestamp_ms: 0,
        trace: TraceParent::begin(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refusal_is_told_to_whose_message_it_was_and_others_go_on_over_the_same_link() {
    let broker = RabbitMq::start();
    let guest = open_bus(&broker.url(), "resources");
    let pattern: Pattern = "#".parse().unwrap();
    let mut all = guest.subscribe(Source::Patterns(vec![pattern]), PREFETCH);
    assert!(in_time("somebody listens", all.ready()).await);
    for command in [
        &["add_user", "anna", "secret"][..],
        &["set_permissions", "anna", "^$", "^resources$", "^$"],
        &["set_topic_permissions", "anna", "resources", r"^good\.", "^$"],
    ] {
        broker.ctl(command);
    }
    let bus = open_bus(&broker.url_of("anna", "secret"), "resources");
    let publisher = bus.publisher_apart();
    let mut link = publisher.link();
    in_time("the link", link.wait_for(|link| link.state == LinkState::Up)).await.unwrap();
    let since_ms = link.borrow().since_ms;
    let one_by_one = async {
        for number in 0..3 {
            let refused =
                publisher.publish_until_confirmed(&message(&format!("bad.{number}"))).await;
            assert!(matches!(refused, Err(PublishError::Refused(_))), "{refused:?}");
            publisher.publish_until_confirmed(&message("good.again")).await.unwrap();
        }
    };
    in_time("all are settled", one_by_one).await;
    assert_eq!(link.borrow().since_ms, since_ms, "it never broke");

    // What is published at the instant in which the broker ends the channel can reach it after
    // that end, for which it ends the connection, too: that is no loss, and nothing else may.
    let breaks = tokio::spawn(async move {
        let mut reasons = Vec::new();
        while link.changed().await.is_ok() {
            if let LinkState::Down { reason } = &link.borrow_and_update().state {
                reasons.push(reason.clone());
            }
        }
        reasons
    });
    let key = |number: u32| {
        let word = if number % 30 == 7 { "bad" } else { "good" };
        format!("{word}.{number}")
    };
    let sent = (0..120).map(|number| {
        let publisher = &publisher;
        async move { publisher.publish_until_confirmed(&message(&key(number))).await }
    });
    let outcomes = in_time("all are settled", join_all(sent)).await;
    for (number, outcome) in (0..).zip(outcomes) {
        match outcome {
            Ok(()) => assert!(key(number).starts_with("good")),
            Err(PublishError::Refused(words)) => {
                assert!(key(number).starts_with("bad"), "{number}: {words}");
                assert!(
                    words.contains("ACCESS_REFUSED") && words.contains(&key(number)),
                    "{words}"
                );
            }
            Err(error) => panic!("{number}: {error}"),
        }
    }
    let mut missing: Vec<_> = (0..120).map(key).filter(|key| key.starts_with("good")).collect();
    while !missing.is_empty() {
        // Some may be there twice.
        let delivery = in_time("a message", all.next()).await.unwrap();
        missing.retain(|key| *key != *delivery.topic);
    }
    bus.close().await;
    drop((publisher, bus));
    let breaks = in_time("the link is gone", breaks).await.unwrap();
    assert!(breaks.iter().all(|reason| reason.starts_with("CHANNEL_ERROR")), "{breaks:?}");
    guest.close().await;
}
