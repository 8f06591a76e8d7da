//! What the link to RabbitMQ does when things break. Each test has a broker of its own.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::inspect::{Flow, Inspector};
use resources_core::bus::{Bus, LinkState, Message, Pattern, Source, Start};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{RabbitMq, bus_config, in_time, open_bus};
use tokio::time::timeout;

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

fn message(topic: &str, body: u32) -> Message {
    Message {
        topic: Topic::new(topic).unwrap(),
        body: body.to_string().into_bytes().into(),
        timestamp_ms: 0,
        trace: TraceParent::begin(),
    }
}

async fn until(bus: &Bus, what: &str, wanted: impl Fn(&LinkState) -> bool) -> LinkState {
    let mut link = bus.link();
    let found = in_time(what, link.wait_for(|link| wanted(&link.state))).await;
    found.unwrap().state.clone()
}

fn is_down(state: &LinkState) -> bool {
    matches!(state, LinkState::Down { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_confirmed_is_lost_when_the_broker_is_killed() {
    let mut broker = RabbitMq::start();
    let bus = open_bus(&broker.url(), "resources");
    let mut analyses = bus.subscribe(Source::Analyses(Start::First), PREFETCH);
    let publisher = bus.publisher();
    let publishing = tokio::spawn(async move {
        for i in 0..2000 {
            publisher.publish_until_confirmed(&message("web.analysis", i)).await.unwrap();
        }
    });
    // Killed in the middle: some are confirmed, most are not.
    let mut seen = Vec::new();
    while seen.len() < 2000 {
        let delivery = in_time("the next analysis", analyses.next()).await.unwrap();
        let number: u32 = std::str::from_utf8(&delivery.body).unwrap().parse().unwrap();
        // One may come twice, when its confirm was lost; none may be missing or out of order.
        match seen.last() {
            Some(last) if *last == number => {}
            last => {
                assert_eq!(number, last.map_or(0, |last| last + 1));
                seen.push(number);
            }
        }
        analyses.acknowledge_through(delivery.receipt).await;
        if number == 300 {
            broker.settle();
            broker.kill();
            until(&bus, "the link is down", is_down).await;
            broker.start_again();
        }
    }
    in_time("the publisher's end", publishing).await.unwrap();
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_not_up_yet_is_waited_for() {
    let mut broker = RabbitMq::start();
    broker.kill();
    let bus = open_bus(&broker.url(), "resources");
    let publisher = bus.publisher();
    let publishing =
        tokio::spawn(async move { publisher.publish(&message("web.measure", 1)).await });
    // And says why meanwhile.
    until(&bus, "nobody listens", |state| format!("{state:?}").contains("refused")).await;
    broker.start_again();
    until(&bus, "the link is up", LinkState::is_up).await;
    in_time("the confirm", publishing).await.unwrap().unwrap();
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rights_alarms_and_foreign_declarations_are_met_with_sense() {
    let broker = RabbitMq::start();
    wrong_credentials_are_refused_without_showing_the_password(&broker).await;
    a_tracker_may_publish_its_own_measures_and_nothing_else(&broker).await;
    a_queue_declared_otherwise_is_used_as_it_is(&broker).await;
    an_alarm_of_the_broker_stops_publishing_until_it_is_over(&broker).await;
    a_link_that_the_broker_closes_comes_back(&broker).await;
    a_link_refused_beside_one_that_is_up_is_tried_again(&broker).await;
    a_subscription_shows_its_own_link_and_no_other(&broker).await;
    a_silent_broker_is_noticed_within_two_heartbeats(&broker).await;
}

async fn wrong_credentials_are_refused_without_showing_the_password(broker: &RabbitMq) {
    let bus = open_bus(&broker.url_of("guest", "hunter2"), "resources");
    let _publisher = bus.publisher();
    let reason = in_time("the refusal", bus.refused()).await;
    assert!(reason.contains("ACCESS_REFUSED"), "{reason}");
    assert!(!reason.contains("hunter2"), "{reason}");
    bus.close().await;
}

async fn a_tracker_may_publish_its_own_measures_and_nothing_else(broker: &RabbitMq) {
    for command in [
        &["add_user", "tracker", "secret"][..],
        &["set_permissions", "tracker", "", "^resources$", ""],
        &["set_topic_permissions", "tracker", "resources", r"^web-1\.ex\.org\.measure$", ""],
    ] {
        broker.ctl(command);
    }
    // Somebody who may declare does.
    let analyzer = open_bus(&broker.url(), "resources");
    let mut measures = analyzer.subscribe(Source::Measures, PREFETCH);
    in_time("the topology", measures.ready()).await;

    let tracker = open_bus(&broker.url_of("tracker", "secret"), "resources");
    let publisher = tracker.publisher();
    let own = message("web-1.ex.org.measure", 1);
    in_time("its own measure", publisher.publish_until_confirmed(&own)).await.unwrap();
    let delivery = in_time("the measure", measures.next()).await.unwrap();
    assert_eq!(&*delivery.topic, "web-1.ex.org.measure");

    for topic in ["web-2.ex.org.measure", "web-1.ex.org.analysis", "web-1xex.org.measure"] {
        // The link may be back before anyone has looked at it; then it is refused once more.
        let state = loop {
            let refused = in_time("the refusal", publisher.publish(&message(topic, 2))).await;
            assert!(refused.is_err(), "{topic} must be refused");
            let says_why = until(&tracker, "the link says why", is_down);
            if let Ok(state) = timeout(Duration::from_secs(1), says_why).await {
                break state;
            }
        };
        assert!(format!("{state:?}").contains("ACCESS_REFUSED"), "{state:?}");
    }
    // It may not read either.
    let mut spying = tracker.subscribe(Source::Measures, PREFETCH);
    let refused = in_time("the refusal", async {
        tokio::select! {
            delivery = spying.next() => format!("read {delivery:?}"),
            state = until(&tracker, "refused", |s| format!("{s:?}").contains("access to queue")) => {
                format!("{state:?}")
            }
        }
    });
    assert!(refused.await.contains("ACCESS_REFUSED"));
    drop(spying);
    tracker.close().await;
    analyzer.close().await;
}

async fn a_queue_declared_otherwise_is_used_as_it_is(broker: &RabbitMq) {
    // Declared by an operator without our bounds, through the definitions of a running node.
    let declare = "rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"own.measures\">>), \
                   true, false, [], none, <<\"operator\">>).";
    broker.ctl(&["eval", declare]);
    let bus = open_bus(&broker.url(), "own");
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let published =
        async { bus.publisher().publish_until_confirmed(&message("a.measure", 7)).await };
    in_time("the confirm", published).await.unwrap();
    assert_eq!(in_time("the measure", measures.next()).await.unwrap().body, "7");
    bus.close().await;
}

async fn an_alarm_of_the_broker_stops_publishing_until_it_is_over(broker: &RabbitMq) {
    let bus = open_bus(&broker.url(), "resources");
    let publisher = bus.publisher();
    in_time("the link", publisher.publish_until_confirmed(&message("web.analysis", 1)))
        .await
        .unwrap();
    let mut everything =
        bus.subscribe(Source::Patterns(vec![Pattern::new("#").unwrap()]), PREFETCH);
    in_time("the subscription", everything.ready()).await;
    let mut inspector = Inspector::connect(&bus_config(&broker.url(), "resources")).await.unwrap();
    assert_eq!(in_time("an answer", inspector.flow()).await.unwrap(), Flow::Free);
    broker.ctl(&["set_vm_memory_high_watermark", "0.00001"]);
    // Whoever only looks is not told by itself.
    let flow = in_time("an answer", inspector.flow()).await.unwrap();
    assert!(matches!(&flow, Flow::HeldBack(why) if why.contains("memory")), "{flow:?}");
    let publishing = {
        let publisher = publisher.clone();
        tokio::spawn(
            async move { publisher.publish_until_confirmed(&message("web.analysis", 2)).await },
        )
    };
    let state = until(&bus, "the alarm", |state| matches!(state, LinkState::Blocked { .. })).await;
    assert!(format!("{state:?}").contains("memory"), "{state:?}");
    assert!(!publishing.is_finished());
    broker.ctl(&["set_vm_memory_high_watermark", "0.8"]);
    until(&bus, "the end of the alarm", LinkState::is_up).await;
    in_time("the end of the alarm", inspector.released()).await;
    assert_eq!(in_time("an answer", inspector.flow()).await.unwrap(), Flow::Free);
    inspector.close().await;
    in_time("the confirm", publishing).await.unwrap().unwrap();
    // What was published to learn this reached nobody.
    assert_eq!(in_time("the analysis", everything.next()).await.unwrap().body, "2");
    bus.close().await;
}

async fn a_link_that_the_broker_closes_comes_back(broker: &RabbitMq) {
    let bus = open_bus(&broker.url(), "resources");
    let publisher = bus.publisher();
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    in_time("the subscription", measures.ready()).await;
    in_time("a confirm", publisher.publish_until_confirmed(&message("web.measure", 1)))
        .await
        .unwrap();
    // It is back before the tool that broke it has ended.
    let watching = bus.clone();
    let seen = tokio::spawn(async move { until(&watching, "the link is down", is_down).await });
    broker.ctl(&["close_all_connections", "maintenance"]);
    let state = seen.await.unwrap();
    assert!(format!("{state:?}").contains("maintenance"), "{state:?} says why");
    until(&bus, "the link is up", LinkState::is_up).await;
    in_time("a confirm", publisher.publish_until_confirmed(&message("web.measure", 2)))
        .await
        .unwrap();
    // The first was never acknowledged, so it comes again, and then the second.
    let mut bodies = Vec::new();
    while bodies.last().is_none_or(|last| last != "2") {
        bodies.push(in_time("the measures", measures.next()).await.unwrap().body);
    }
    assert!(bodies.iter().any(|body| body == "1"), "{bodies:?}");
    bus.close().await;
}

async fn a_link_refused_beside_one_that_is_up_is_tried_again(broker: &RabbitMq) {
    let bus = open_bus(&broker.url(), "resources");
    in_time("a confirm", bus.publisher().publish_until_confirmed(&message("web.measure", 1)))
        .await
        .unwrap();
    broker.ctl(&["set_vhost_limits", r#"{"max-connections": 0}"#]);
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let state = until(&bus, "the refusal", |state| !state.is_up()).await;
    assert!(is_down(&state), "{state:?} would end a service");
    broker.ctl(&["clear_vhost_limits"]);
    assert!(in_time("the link", measures.ready()).await);
    until(&bus, "all links are up", LinkState::is_up).await;
    bus.close().await;
}

async fn a_subscription_shows_its_own_link_and_no_other(broker: &RabbitMq) {
    let bus = open_bus(&broker.url(), "resources");
    let mut analyses = bus.subscribe(Source::Analyses(Start::Next), PREFETCH);
    in_time("the subscription", analyses.ready()).await;
    let own = analyses.link();
    until(&bus, "the only link is up", LinkState::is_up).await;
    broker.ctl(&["set_vhost_limits", r#"{"max-connections": 0}"#]);
    let measures = bus.subscribe(Source::Measures, PREFETCH);
    let mut other = measures.link();
    in_time("the refusal", other.wait_for(|link| is_down(&link.state))).await.unwrap();
    until(&bus, "the worst link is down", is_down).await;
    assert!(own.borrow().state.is_up(), "{own:?}");
    drop(measures);
    in_time("its end", other.wait_for(|link| link.state == LinkState::Closed)).await.unwrap();
    broker.ctl(&["clear_vhost_limits"]);
    until(&bus, "only the first is left", LinkState::is_up).await;
    bus.close().await;
    assert_eq!(own.borrow().state, LinkState::Closed);
}

async fn a_silent_broker_is_noticed_within_two_heartbeats(broker: &RabbitMq) {
    // Not so often that a machine that stalls for a moment is taken for dead.
    let bus = open_bus(&format!("{}?heartbeat=4", broker.url()), "resources");
    let mut analyses = bus.subscribe(Source::Analyses(Start::Next), PREFETCH);
    in_time("the subscription", analyses.ready()).await;
    broker.freeze();
    let state = until(&bus, "the silence is noticed", is_down).await;
    broker.thaw();
    assert!(format!("{state:?}").contains("heartbeat"), "{state:?}");
    until(&bus, "the link is up", LinkState::is_up).await;
    in_time("a confirm", bus.publisher().publish_until_confirmed(&message("web.analysis", 9)))
        .await
        .unwrap();
    assert_eq!(in_time("the analysis", analyses.next()).await.unwrap().body, "9");
    bus.close().await;
}
