//! Looking at a broker without changing it.

use std::num::NonZeroU16;
use std::time::Duration;

use resources_core::bus::inspect::{
    Declaration, Flow, Glimpse, InspectError, Inspector, Part, PartState, Presence, Right,
};
use resources_core::bus::{Message, Source};
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{
    RabbitMq, bus_config, in_time, open_bus, shared_broker, unique_exchange,
};

const PREFETCH: NonZeroU16 = NonZeroU16::new(10).unwrap();

async fn look(url: &str, exchange: &str) -> Inspector {
    Inspector::connect(&bus_config(url, exchange)).await.unwrap()
}

async fn presence(inspector: &mut Inspector, wanted: Part) -> Presence {
    let parts = inspector.topology().await.unwrap();
    parts.into_iter().find(|part| part.part == wanted).unwrap().presence
}

fn declaration(state: PartState) -> Declaration {
    match state.presence {
        Presence::There { declaration, .. } => declaration,
        Presence::Missing => panic!("{} is missing", state.name),
    }
}

#[tokio::test]
async fn looking_declares_nothing() {
    let mut inspector = look(shared_broker(), &unique_exchange()).await;
    for _ in 0..2 {
        let parts = inspector.topology().await.unwrap();
        assert_eq!(parts.len(), 6);
        assert!(parts.iter().all(|part| part.presence == Presence::Missing), "{parts:?}");
    }
    inspector.close().await;
}

#[tokio::test]
async fn what_the_services_declare_is_the_same_with_its_messages_and_consumers() {
    let exchange = unique_exchange();
    let bus = open_bus(shared_broker(), &exchange);
    for (topic, body) in [("a.measure", "1"), ("a.measure", "2"), ("a.analysis", "3")] {
        let message = Message {
            topic: Topic::new(topic).unwrap(),
            body: body.into(),
            timestamp_ms: 7_000,
            trace: TraceParent::begin(),
        };
        bus.publisher().publish_until_confirmed(&message).await.unwrap();
    }

    let mut inspector = look(shared_broker(), &exchange).await;
    for part in inspector.topology().await.unwrap() {
        assert_eq!(declaration(part), Declaration::Same);
    }
    assert_eq!(inspector.may_publish().await.unwrap(), Right::Granted);
    // Older brokers count what is in a quorum queue a moment later.
    in_time("both measures are counted", async {
        loop {
            let now = presence(&mut inspector, Part::Measures).await;
            if matches!(now, Presence::There { messages: 2, consumers: 0, .. }) {
                break;
            }
        }
    })
    .await;
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    assert!(measures.ready().await);
    let seen = presence(&mut inspector, Part::Measures).await;
    assert!(matches!(seen, Presence::There { consumers: 1, .. }), "{seen:?}");

    match inspector.glimpse(Duration::from_secs(60), 1).await.unwrap() {
        Glimpse::Seen(seen) => {
            let bodies: Vec<_> = seen.iter().map(|(_, delivery)| &*delivery.body).collect();
            assert_eq!(bodies, [b"3"]);
        }
        Glimpse::Denied(words) => panic!("{words}"),
    }
    inspector.close().await;
    bus.close().await;
}

#[tokio::test]
async fn a_user_is_told_what_it_may_not_do() {
    let broker = RabbitMq::start();
    let bus = open_bus(&broker.url(), "resources");
    let publisher = bus.publisher();
    let mut link = bus.link();
    in_time("it is declared", link.wait_for(|link| link.state.is_up())).await.unwrap();
    drop(publisher);
    for (user, rights) in [("tracker", ["", "^resources$", ""]), ("nobody", ["", "", ""])] {
        broker.ctl(&["add_user", user, "secret"]);
        broker.ctl(&[&["set_permissions", user][..], &rights].concat());
    }

    let mut inspector = look(&broker.url_of("tracker", "secret"), "resources").await;
    for part in inspector.topology().await.unwrap() {
        let found = declaration(part);
        assert!(matches!(found, Declaration::Forbidden(_)), "{found:?}");
    }
    assert_eq!(inspector.may_publish().await.unwrap(), Right::Granted);
    let glimpse = inspector.glimpse(Duration::from_secs(1), 10).await.unwrap();
    assert!(matches!(glimpse, Glimpse::Denied(_)), "{glimpse:?}");
    inspector.close().await;

    let mut inspector = look(&broker.url_of("nobody", "secret"), "resources").await;
    assert!(matches!(inspector.may_publish().await.unwrap(), Right::Denied(_)));
    assert!(matches!(inspector.flow().await.unwrap(), Flow::Denied(_)));
    // The refusal ended nothing but the question.
    assert!(matches!(inspector.flow().await.unwrap(), Flow::Denied(_)));
    inspector.close().await;

    let wrong = bus_config(&broker.url_of("tracker", "wrong"), "resources");
    let error = Inspector::connect(&wrong).await.unwrap_err();
    assert!(matches!(error, InspectError::Refused(_)), "{error:?}");
    bus.close().await;
}
