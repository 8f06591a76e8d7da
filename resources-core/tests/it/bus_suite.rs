//! What a bus promises, run over both transports.

use std::collections::BTreeSet;
use std::num::NonZeroU16;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{
    Bus, BusConfig, Delivery, Message, Pattern, Position, PublishError, Source, Start, Subscription,
};
use resources_core::contract::{Measure, Rejection, Topic, TraceParent};
use resources_core::test_support::{
    eventually, full_measure, in_time, open_bus, shared_broker, unique_exchange,
};

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

fn memory() -> Bus {
    Bus::open(BusConfig::in_memory("test"))
}

fn rabbitmq() -> Bus {
    open_bus(shared_broker(), &unique_exchange())
}

/// Makes two tests of each function: one over each transport.
macro_rules! over_both_transports {
    ($($name:ident)+) => {
        mod over_memory {
            $(#[tokio::test]
            async fn $name() { super::$name(super::memory()).await; })+
        }
        mod over_rabbitmq {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { super::$name(super::rabbitmq()).await; })+
        }
    };
}

over_both_transports! {
    a_message_goes_to_every_place_that_its_key_belongs_to
    a_key_that_no_queue_takes_is_unroutable
    consumers_of_measures_share_them
    what_was_not_acknowledged_comes_again
    acknowledged_messages_do_not_come_again
    one_message_is_acknowledged_and_those_before_it_are_not
    every_reader_of_the_stream_gets_all_of_it_from_where_it_starts
    a_stream_made_anew_is_read_from_its_beginning
    the_place_of_a_message_is_what_it_is_read_on_from
    alerts_are_kept_in_a_stream_of_their_own
    a_stream_starts_as_long_ago_as_asked
    a_message_set_aside_keeps_key_and_body_and_says_why
    many_publishes_in_flight_arrive_in_order
    patterns_take_what_they_say
    listeners_of_one_name_share_its_queue_and_those_of_another_have_their_own
    what_is_published_while_no_listener_of_a_name_runs_waits_for_the_next
    a_name_that_listens_to_more_keeps_what_it_had
    the_trace_and_the_time_travel_with_the_message
    no_more_than_the_prefetch_is_delivered_unacknowledged
    closing_ends_subscriptions_and_publishing
}

fn message(topic: &str, body: &str) -> Message {
    Message {
        topic: Topic::new(topic).unwrap(),
        body: body.as_bytes().to_vec().into(),
        timestamp_ms: 1_800_000_000_000,
        trace: TraceParent::begin(),
    }
}

/// A subscription that is there: what is published after this is seen by it.
async fn subscribed(bus: &Bus, source: Source) -> Subscription {
    let mut subscription = bus.subscribe(source, PREFETCH);
    assert!(in_time("the subscription is ready", subscription.ready()).await);
    subscription
}

async fn next(subscription: &mut Subscription) -> Delivery {
    in_time("a delivery", subscription.next()).await.expect("the bus is open")
}

async fn bodies(subscription: &mut Subscription, count: usize) -> Vec<String> {
    let mut bodies = Vec::new();
    while bodies.len() < count {
        let delivery = next(subscription).await;
        bodies.push(String::from_utf8(delivery.body.to_vec()).unwrap());
        subscription.acknowledge_through(delivery.receipt).await;
    }
    bodies
}

/// Publishes until a queue takes the key: the first link may still be declaring.
async fn publish(bus: &Bus, topic: &str, body: &str) {
    let published = bus.publisher().publish_until_confirmed(&message(topic, body)).await;
    published.unwrap_or_else(|error| panic!("{topic}: {error}"));
}

async fn a_message_goes_to_every_place_that_its_key_belongs_to(bus: Bus) {
    let mut all = subscribed(&bus, Source::Patterns(vec![Pattern::new("#").unwrap()])).await;
    publish(&bus, "web-1.eu.example.com.measure", "1").await;
    publish(&bus, "web-1.eu.example.com.analysis", "2").await;

    let mut measures = subscribed(&bus, Source::Measures).await;
    let measure = next(&mut measures).await;
    assert_eq!(&*measure.topic, "web-1.eu.example.com.measure");
    assert_eq!(measure.offset, None);
    let mut analyses = subscribed(&bus, Source::Analyses(Start::First)).await;
    let analysis = next(&mut analyses).await;
    assert_eq!(&*analysis.topic, "web-1.eu.example.com.analysis");
    assert_eq!(analysis.offset, Some(0));
    assert_eq!(bodies(&mut all, 2).await, ["1", "2"]);
    bus.close().await;
}

async fn a_key_that_no_queue_takes_is_unroutable(bus: Bus) {
    let topic = "terminator_detected";
    let refused = bus.publisher().publish(&message(topic, "{}")).await;
    assert!(matches!(refused, Err(PublishError::Unroutable(t)) if t.as_str() == topic));
    // And the publisher goes on.
    publish(&bus, "web.measure", "{}").await;
    bus.close().await;
}

async fn consumers_of_measures_share_them(bus: Bus) {
    let mut first = subscribed(&bus, Source::Measures).await;
    let mut second = subscribed(&bus, Source::Measures).await;
    for i in 0..150 {
        publish(&bus, "web.measure", &i.to_string()).await;
    }
    let mut seen = BTreeSet::new();
    while seen.len() < 150 {
        let delivery = in_time("all 150", async {
            tokio::select! {
                delivery = first.next() => delivery.map(|d| (true, d)),
                delivery = second.next() => delivery.map(|d| (false, d)),
            }
        });
        let (from_first, delivery) = delivery.await.unwrap();
        let reader = if from_first { &mut first } else { &mut second };
        reader.acknowledge_through(delivery.receipt).await;
        assert!(seen.insert(delivery.body.clone()), "delivered twice: {:?}", delivery.body);
    }
    bus.close().await;
}

async fn what_was_not_acknowledged_comes_again(bus: Bus) {
    for i in 0..10 {
        publish(&bus, "web.measure", &i.to_string()).await;
    }
    let mut first = subscribed(&bus, Source::Measures).await;
    for i in 0..10 {
        let delivery = next(&mut first).await;
        assert!(!delivery.redelivered);
        if i == 3 {
            first.acknowledge_through(delivery.receipt).await;
            first.flush().await;
        }
    }
    drop(first);
    let mut second = subscribed(&bus, Source::Measures).await;
    for i in 4..10 {
        let delivery = next(&mut second).await;
        assert_eq!(delivery.body, i.to_string());
        assert!(delivery.redelivered);
        second.acknowledge_through(delivery.receipt).await;
    }
    bus.close().await;
}

async fn acknowledged_messages_do_not_come_again(bus: Bus) {
    for i in 0..300 {
        publish(&bus, "web.measure", &i.to_string()).await;
    }
    let mut first = subscribed(&bus, Source::Measures).await;
    assert_eq!(bodies(&mut first, 300).await.len(), 300);
    first.flush().await;
    drop(first);
    publish(&bus, "web.measure", "the next").await;
    let mut second = subscribed(&bus, Source::Measures).await;
    assert_eq!(bodies(&mut second, 1).await, ["the next"]);
    bus.close().await;
}

async fn one_message_is_acknowledged_and_those_before_it_are_not(bus: Bus) {
    let mut first = subscribed(&bus, Source::Measures).await;
    for number in ["1", "2", "3"] {
        publish(&bus, "web.measure", number).await;
    }
    let (_, second, _) = (next(&mut first).await, next(&mut first).await, next(&mut first).await);
    assert!(first.acknowledge_one(second.receipt).await);
    drop(first);
    let mut again = subscribed(&bus, Source::Measures).await;
    assert_eq!(bodies(&mut again, 2).await, ["1", "3"]);
    bus.close().await;
}

async fn every_reader_of_the_stream_gets_all_of_it_from_where_it_starts(bus: Bus) {
    for i in 0..5 {
        publish(&bus, "web.analysis", &i.to_string()).await;
    }
    let mut first = subscribed(&bus, Source::Analyses(Start::First)).await;
    let behind_one = Source::Analyses(Start::After(Position::of(1, b"1")));
    let mut from_two = subscribed(&bus, behind_one).await;
    let mut from_now = subscribed(&bus, Source::Analyses(Start::Next)).await;
    publish(&bus, "web.analysis", "5").await;
    assert_eq!(bodies(&mut first, 6).await, ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(bodies(&mut from_two, 4).await, ["2", "3", "4", "5"]);
    assert_eq!(bodies(&mut from_now, 1).await, ["5"]);
    bus.close().await;
}

async fn a_stream_made_anew_is_read_from_its_beginning(bus: Bus) {
    for i in 0..3 {
        publish(&bus, "web.analysis", &i.to_string()).await;
    }
    // Another message is in the place that was kept, or there is no such place yet.
    for kept in [Position::of(1, b"of the stream before"), Position::of(100, b"1")] {
        let mut reader = subscribed(&bus, Source::Analyses(Start::After(kept))).await;
        assert_eq!(bodies(&mut reader, 3).await, ["0", "1", "2"], "{kept:?}");
    }
    bus.close().await;
}

async fn the_place_of_a_message_is_what_it_is_read_on_from(bus: Bus) {
    for i in 0..4 {
        publish(&bus, "web.analysis", &i.to_string()).await;
    }
    let mut reader = subscribed(&bus, Source::Analyses(Start::First)).await;
    next(&mut reader).await;
    let place = next(&mut reader).await.position().unwrap();
    assert_eq!(place, Position::of(1, b"1"));
    drop(reader);
    let mut reader = subscribed(&bus, Source::Analyses(Start::After(place))).await;
    assert_eq!(bodies(&mut reader, 2).await, ["2", "3"]);
    bus.close().await;
}

async fn alerts_are_kept_in_a_stream_of_their_own(bus: Bus) {
    for i in 0..4 {
        publish(&bus, "web.alert", &i.to_string()).await;
        publish(&bus, "web.analysis", "other").await;
    }
    let mut reader = subscribed(&bus, Source::Alerts(Start::First)).await;
    assert_eq!(&*next(&mut reader).await.topic, "web.alert");
    let place = next(&mut reader).await.position().unwrap();
    assert_eq!(place, Position::of(1, b"1"));
    let mut reader = subscribed(&bus, Source::Alerts(Start::After(place))).await;
    assert_eq!(bodies(&mut reader, 2).await, ["2", "3"]);
    let anew = Start::After(Position::of(1, b"of the stream before"));
    let mut reader = subscribed(&bus, Source::Alerts(anew)).await;
    assert_eq!(bodies(&mut reader, 4).await, ["0", "1", "2", "3"]);
    // What people say to them stands among them.
    publish(&bus, "web.acknowledgement", "4").await;
    publish(&bus, "web.silence", "5").await;
    assert_eq!(bodies(&mut reader, 2).await, ["4", "5"]);
    bus.close().await;
}

async fn a_stream_starts_as_long_ago_as_asked(bus: Bus) {
    for i in 0..3 {
        publish(&bus, "web.analysis", &i.to_string()).await;
    }
    let hour_ago = Start::Ago(Duration::from_secs(3600));
    let mut reader = subscribed(&bus, Source::Analyses(hour_ago)).await;
    assert_eq!(bodies(&mut reader, 3).await, ["0", "1", "2"]);
    bus.close().await;
}

async fn a_message_set_aside_keeps_key_and_body_and_says_why(bus: Bus) {
    publish(&bus, "web.measure", "not json").await;
    let mut measures = subscribed(&bus, Source::Measures).await;
    let bad = next(&mut measures).await;
    let reason = Measure::decode(&bad.topic, &bad.body, 0).unwrap_err();
    assert!(matches!(reason, Rejection::Malformed(_)));
    in_time("setting aside", bus.publisher().set_aside(&bad, &reason)).await.unwrap();
    measures.acknowledge_through(bad.receipt).await;

    let mut rejected = subscribed(&bus, Source::Rejected).await;
    let set_aside = next(&mut rejected).await;
    assert_eq!((&*set_aside.topic, &*set_aside.body), ("web.measure", &b"not json"[..]));
    assert_eq!(set_aside.rejection.as_deref(), Some(reason.to_string().as_str()));
    bus.close().await;
}

async fn many_publishes_in_flight_arrive_in_order(bus: Bus) {
    let publisher = bus.publisher();
    let messages: Vec<_> = (0..3000)
        .map(|i| {
            let measure = full_measure("web", i);
            let topic = Topic::new("web.measure").unwrap();
            Message::json(topic, &measure, measure.timestamp_ms, TraceParent::begin()).unwrap()
        })
        .collect();
    let mut in_flight: FuturesUnordered<_> =
        messages.iter().map(|message| publisher.publish(message)).collect();
    in_time("3,000 confirms", async {
        while let Some(confirmed) = in_flight.next().await {
            confirmed.unwrap();
        }
    })
    .await;
    let mut measures = subscribed(&bus, Source::Measures).await;
    for i in 0..3000 {
        let delivery = next(&mut measures).await;
        let measure = Measure::decode(&delivery.topic, &delivery.body, 0).unwrap();
        assert_eq!(measure.sequence, Some(i));
        measures.acknowledge_through(delivery.receipt).await;
    }
    bus.close().await;
}

async fn patterns_take_what_they_say(bus: Bus) {
    let patterns = ["*.alert", "a.b.*"].map(|text| Pattern::new(text).unwrap());
    let mut listener = subscribed(&bus, Source::Patterns(patterns.to_vec())).await;
    let publisher = bus.publisher();
    for topic in ["web.alert", "a.b.c", "web-1.eu.alert", "a.b", "c.b.a"] {
        match publisher.publish(&message(topic, topic)).await {
            Ok(()) | Err(PublishError::Unroutable(_)) => {}
            Err(error) => panic!("{topic}: {error}"),
        }
    }
    publish(&bus, "last.alert", "last").await;
    assert_eq!(bodies(&mut listener, 3).await, ["web.alert", "a.b.c", "last"]);
    bus.close().await;
}

fn named(name: &str, patterns: &[&str]) -> Source {
    let patterns = patterns.iter().map(|text| Pattern::new(text).unwrap()).collect();
    Source::Named { name: name.parse().unwrap(), patterns }
}

async fn listeners_of_one_name_share_its_queue_and_those_of_another_have_their_own(bus: Bus) {
    let mut first = subscribed(&bus, named("pager", &["#.alert", "terminator_detected"])).await;
    let mut second = subscribed(&bus, named("pager", &["#.alert", "terminator_detected"])).await;
    let mut other = subscribed(&bus, named("log.book", &["terminator_detected"])).await;
    let topics = ["a.alert", "terminator_detected", "b.c.alert", "terminator_detected"];
    for topic in topics {
        publish(&bus, topic, topic).await;
    }
    let mut seen = Vec::new();
    while seen.len() < topics.len() {
        let delivery = in_time("all four", async {
            tokio::select! {
                delivery = first.next() => delivery.map(|d| (true, d)),
                delivery = second.next() => delivery.map(|d| (false, d)),
            }
        });
        let (from_first, delivery) = delivery.await.unwrap();
        let reader = if from_first { &mut first } else { &mut second };
        assert!(reader.acknowledge_one(delivery.receipt).await);
        seen.push(String::from_utf8(delivery.body.to_vec()).unwrap());
    }
    seen.sort();
    let mut expected = topics.map(str::to_owned);
    expected.sort();
    assert_eq!(seen, expected);
    assert_eq!(bodies(&mut other, 2).await, ["terminator_detected"; 2]);
    bus.close().await;
}

async fn what_is_published_while_no_listener_of_a_name_runs_waits_for_the_next(bus: Bus) {
    let mut first = subscribed(&bus, named("pager", &["event"])).await;
    for body in ["1", "2", "3"] {
        publish(&bus, "event", body).await;
    }
    let (_, second) = (next(&mut first).await, next(&mut first).await);
    assert!(first.acknowledge_one(second.receipt).await);
    drop(first);
    publish(&bus, "event", "4").await;
    let mut later = subscribed(&bus, named("pager", &["event"])).await;
    let mut again = BTreeSet::new();
    for _ in 0..3 {
        let delivery = next(&mut later).await;
        let body = String::from_utf8(delivery.body.to_vec()).unwrap();
        // Of those that came before, at least the one that was taken is marked.
        assert!(delivery.redelivered || body != "1", "{body}");
        assert!(later.acknowledge_one(delivery.receipt).await);
        again.insert(body);
    }
    assert_eq!(again, ["1", "3", "4"].map(str::to_owned).into());
    bus.close().await;
}

async fn a_name_that_listens_to_more_keeps_what_it_had(bus: Bus) {
    drop(subscribed(&bus, named("pager", &["old"])).await);
    let mut listener = subscribed(&bus, named("pager", &["new", "old"])).await;
    publish(&bus, "old", "1").await;
    publish(&bus, "new", "2").await;
    assert_eq!(bodies(&mut listener, 2).await, ["1", "2"]);
    bus.close().await;
}

#[test]
fn only_what_a_stream_keeps_whole_has_a_history() {
    let start = Start::First;
    for (pattern, expected) in [
        ("#.analysis", Some("analyses")),
        ("web.analysis", Some("analyses")),
        ("*.alert", Some("alerts")),
        ("a.#.alert", Some("alerts")),
        ("#.measure", None),
        ("#", None),
        ("alert", None),
        ("web.*", None),
        ("terminator_detected", None),
        ("alert.raised", None),
    ] {
        let found = match Source::with_history(&Pattern::new(pattern).unwrap(), start) {
            Some(Source::Analyses(_)) => Some("analyses"),
            Some(Source::Alerts(_)) => Some("alerts"),
            other => {
                assert!(other.is_none(), "{pattern}: {other:?}");
                None
            }
        };
        assert_eq!(found, expected, "{pattern}");
    }
}

async fn the_trace_and_the_time_travel_with_the_message(bus: Bus) {
    let mut measures = subscribed(&bus, Source::Measures).await;
    let sent = message("web.measure", "{}");
    bus.publisher().publish_until_confirmed(&sent).await.unwrap();
    let received = next(&mut measures).await;
    assert_eq!(received.trace, Some(sent.trace));
    assert_eq!(received.timestamp_ms, Some(sent.timestamp_ms));
    bus.close().await;
}

async fn no_more_than_the_prefetch_is_delivered_unacknowledged(bus: Bus) {
    for i in 0..5 {
        publish(&bus, "web.measure", &i.to_string()).await;
    }
    let mut greedy = bus.subscribe(Source::Measures, NonZeroU16::new(2).unwrap());
    let first = next(&mut greedy).await;
    let second = next(&mut greedy).await;
    assert_eq!((&*first.body, &*second.body), (&b"0"[..], &b"1"[..]));
    // Another consumer gets what the first may not have yet.
    let mut other = subscribed(&bus, Source::Measures).await;
    assert_eq!(bodies(&mut other, 3).await, ["2", "3", "4"]);
    bus.close().await;
}

async fn closing_ends_subscriptions_and_publishing(bus: Bus) {
    let mut measures = subscribed(&bus, Source::Measures).await;
    let own_link = measures.link();
    assert!(own_link.borrow().state.is_up(), "{own_link:?}");
    publish(&bus, "web.measure", "{}").await;
    let delivery = next(&mut measures).await;
    measures.acknowledge_through(delivery.receipt).await;
    bus.close().await;
    assert!(in_time("the end of the subscription", measures.next()).await.is_none());
    let (publisher, message) = (bus.publisher(), message("web.measure", "{}"));
    let refused = in_time("the answer", publisher.publish(&message)).await;
    assert!(matches!(refused, Err(PublishError::Closed)));
    eventually("the link shows it", async || {
        [&bus.link(), &own_link]
            .iter()
            .all(|link| link.borrow().state == resources_core::bus::LinkState::Closed)
    })
    .await;
}
