//! Each promise of the pump, over both transports.

#![expect(clippy::unwrap_used, reason = "a test ends where what it needs is missing")]

use std::collections::BTreeSet;

use resources_core::bus::{Bus, Message, Source};
use resources_core::contract::{HostName, Kind, Level, MAX_BODY_BYTES, Measure, RoutingKey};
use resources_core::contract::{Topic, TraceParent};

use crate::support::{
    Analyzer, analyses, in_memory, listen, next, next_analysis, over_rabbitmq, publish,
    publish_sample, rejected,
};

/// Runs one promise over the in-process bus and over RabbitMQ.
macro_rules! over_both {
    ($($name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::in_memory()).await;
            })+
        }
        mod rabbitmq {
            $(#[tokio::test]
            async fn $name() {
                super::$name(super::over_rabbitmq()).await;
            })+
        }
    };
}

over_both!(
    the_smallest_tracker_gets_its_result,
    a_host_may_have_dots,
    figures_time_and_trace_are_passed_on,
    bad_messages_are_set_aside_with_their_reason_and_the_rest_flows,
    what_a_killed_analyzer_held_comes_again,
    analyzers_share_a_burst_and_one_finishes_for_the_other,
    an_analyzer_that_stops_leaves_nothing_half_done,
);

async fn the_smallest_tracker_gets_its_result(bus: Bus) {
    let mut results = analyses(&bus).await;
    let analyzer = Analyzer::start(&bus);
    publish(&bus, "web.measure", r#"{"cpu_percentage": 80}"#).await;
    let delivery = next(&mut results).await;
    assert_eq!(&*delivery.topic, "web.analysis");
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!(body["cpu_result"], "HIGH");
    assert_eq!(body["host"], "web");
    assert!(body["timestamp_ms"].is_u64(), "{body}");
    analyzer.stop().await;
    bus.close().await;
}

async fn a_host_may_have_dots(bus: Bus) {
    let mut results = analyses(&bus).await;
    let analyzer = Analyzer::start(&bus);
    publish(&bus, "web-1.eu.example.com.measure", r#"{"cpu_percentage": 30}"#).await;
    let delivery = next(&mut results).await;
    assert_eq!(&*delivery.topic, "web-1.eu.example.com.analysis");
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!(
        (body["host"].as_str(), body["cpu_result"].as_str()),
        (Some("web-1.eu.example.com"), Some("MEDIUM"))
    );
    analyzer.stop().await;
    bus.close().await;
}

async fn figures_time_and_trace_are_passed_on(bus: Bus) {
    let mut results = analyses(&bus).await;
    let analyzer = Analyzer::start(&bus);
    let measure = Measure {
        run: Some("run-1".into()),
        sequence: Some(7),
        ..Measure::new(HostName::new("web").unwrap(), 1_700_000_000_000, 10.0)
    };
    let trace = TraceParent::begin();
    let topic = Topic::from(RoutingKey::new(measure.host.clone(), Kind::Measure));
    let message = Message::json(topic, &measure, measure.timestamp_ms, trace).unwrap();
    bus.publisher().publish_until_confirmed(&message).await.unwrap();

    let delivery = next(&mut results).await;
    assert_eq!(delivery.timestamp_ms, Some(1_700_000_000_000));
    let next_trace = delivery.trace.expect("the trace goes on");
    assert_eq!(next_trace.trace_id(), trace.trace_id());
    assert_ne!(next_trace, trace);
    let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
    assert_eq!((body["run"].as_str(), body["sequence"].as_u64()), (Some("run-1"), Some(7)));
    assert_eq!(body["timestamp_ms"], 1_700_000_000_000_u64);
    analyzer.stop().await;
    bus.close().await;
}

async fn bad_messages_are_set_aside_with_their_reason_and_the_rest_flows(bus: Bus) {
    let mut results = analyses(&bus).await;
    let mut aside = rejected(&bus).await;
    let analyzer = Analyzer::start(&bus);
    let disks: Vec<_> = (0..2_000)
        .map(|i| format!(r#"{{"mount_point":"/{i:040}","total_bytes":1,"used_bytes":1}}"#))
        .collect();
    // Within the limit itself, but not with a level for each of its disks.
    let grows = format!(r#"{{"cpu_percentage":1,"disks":[{}]}}"#, disks.join(","));
    assert!(grows.len() < MAX_BODY_BYTES);
    let bad: Vec<(&str, Vec<u8>, &str)> = vec![
        ("web.measure", b"not json".to_vec(), "does not parse"),
        ("web.measure", b"".to_vec(), "does not parse"),
        ("web.measure", b"{\"cpu_percentage\": \xff}".to_vec(), "does not parse"),
        ("web.measure", b"{}".to_vec(), "missing field `cpu_percentage`"),
        ("web.measure", br#"{"cpu_percentage": "80"}"#.to_vec(), "invalid type"),
        (
            "web.measure",
            format!(r#"{{"cpu_percentage": "{}"}}"#, "x".repeat(200_000)).into_bytes(),
            "invalid type",
        ),
        ("web.measure", br#"{"cpu_percentage": NaN}"#.to_vec(), "does not parse"),
        ("web.measure", br#"{"cpu_percentage": 1e999}"#.to_vec(), "out of range"),
        ("web.measure", br#"{"cpu_percentage": 100.1}"#.to_vec(), "cpu_percentage: 100.1"),
        ("web.measure", br#"{"cpu_percentage": 1, "host": "db"}"#.to_vec(), "speaks for host db"),
        ("web.measure", vec![b' '; MAX_BODY_BYTES + 1], "262145 bytes"),
        ("web.measure", grows.into_bytes(), "more than the 262144 allowed"),
        ("w%b.measure", br#"{"cpu_percentage": 1}"#.to_vec(), "'%'"),
        ("measure", br#"{"cpu_percentage": 1}"#.to_vec(), "does not end in .measure"),
    ];
    for (i, (key, body, _)) in bad.iter().enumerate() {
        publish(&bus, key, body.clone()).await;
        publish(&bus, "web.measure", format!(r#"{{"cpu_percentage": 1, "sequence": {i}}}"#)).await;
    }
    for i in 0..bad.len() as u64 {
        assert_eq!(next_analysis(&mut results).await.sequence, Some(i));
    }
    for (key, body, reason) in &bad {
        let delivery = next(&mut aside).await;
        assert_eq!((&*delivery.topic, &*delivery.body), (*key, &body[..]), "unchanged");
        let told = delivery.rejection.expect("the reason is told");
        assert!(told.contains(reason), "{key}: {told}, wanted {reason}");
    }
    analyzer.stop().await;
    // Set aside and done with: nothing of it comes again.
    let mut measures = listen(&bus, Source::Measures).await;
    publish(&bus, "last.measure", "{}").await;
    assert_eq!(&*next(&mut measures).await.topic, "last.measure");
    bus.close().await;
}

async fn what_a_killed_analyzer_held_comes_again(bus: Bus) {
    const COUNT: u64 = 500;
    let mut results = analyses(&bus).await;
    for sequence in 0..COUNT {
        publish_sample(&bus, "web", sequence).await;
    }
    let first = Analyzer::start(&bus);
    let mut analysed = BTreeSet::from([next_analysis(&mut results).await.sequence]);
    first.kill().await;
    let second = Analyzer::start(&bus);
    while analysed.len() < COUNT as usize {
        analysed.insert(next_analysis(&mut results).await.sequence);
    }
    second.stop().await;
    bus.close().await;
}

async fn analyzers_share_a_burst_and_one_finishes_for_the_other(bus: Bus) {
    const HOSTS: u64 = 50;
    const SAMPLES: u64 = 100;
    let mut results = analyses(&bus).await;
    let (first, second) = (Analyzer::start(&bus), Analyzer::start(&bus));
    let burst = async {
        for sequence in 0..SAMPLES {
            let hosts = (0..HOSTS).map(|host| format!("host-{host}"));
            let published = hosts.map(|host| {
                let bus = bus.clone();
                async move { publish_sample(&bus, &host, sequence).await }
            });
            futures_util::future::join_all(published).await;
        }
    };
    let seen = async {
        let mut first = Some(first);
        let mut analysed = BTreeSet::new();
        while analysed.len() < (HOSTS * SAMPLES) as usize {
            let analysis = next_analysis(&mut results).await;
            assert_eq!(analysis.cpu_result, Level::High);
            analysed.insert((analysis.host, analysis.sequence));
            if analysed.len() > 1_000
                && let Some(first) = first.take()
            {
                first.kill().await;
            }
        }
        assert!(first.is_none(), "one of them was killed on the way");
    };
    tokio::join!(burst, seen);
    second.stop().await;
    bus.close().await;
}

async fn an_analyzer_that_stops_leaves_nothing_half_done(bus: Bus) {
    const COUNT: u64 = 300;
    let mut results = analyses(&bus).await;
    for sequence in 0..COUNT {
        publish_sample(&bus, "web", sequence).await;
    }
    let analyzer = Analyzer::start(&bus);
    let mut analysed = vec![next_analysis(&mut results).await.sequence];
    analyzer.stop().await;
    // What it published it also acknowledged: together with the rest, each comes once, in order.
    let second = Analyzer::start(&bus);
    while analysed.len() < COUNT as usize {
        analysed.push(next_analysis(&mut results).await.sequence);
    }
    second.stop().await;
    assert_eq!(analysed, (0..COUNT).map(Some).collect::<Vec<_>>());
    bus.close().await;
}
