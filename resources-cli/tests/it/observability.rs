//! What all parts tell of themselves: one trace through each of them, and figures that are what
//! the documentation says.

mod installation;
mod names;
mod sink;

use std::num::NonZeroU16;

use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use resources_core::bus::{Message, Source, Start, Subscription};
use resources_core::contract::{Alert, AlertKind, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::telemetry::TelemetryArgs;
use resources_core::test_support::{bus_config, eventually, in_time, shared_broker};
use resources_observer::Observer;

use crate::support::run;
use installation::Installation;
use sink::{Sink, text};

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// The trace of the first alert about a level.
async fn level_alert(alerts: &mut Subscription) -> TraceParent {
    loop {
        let delivery = in_time("an alert", alerts.next()).await.expect("the bus is open");
        let alert = Alert::decode(&delivery.topic, &delivery.body).expect("an alert");
        alerts.acknowledge_through(delivery.receipt).await;
        if alert.kind == AlertKind::Level {
            return delivery.trace.expect("it belongs to a trace");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_goes_from_a_sample_to_its_alert_and_each_step_knows_the_one_before() {
    let sink = Sink::start().await;
    let config = bus_config(shared_broker(), &resources_core::test_support::unique_exchange());
    let telemetry = TelemetryArgs {
        otlp_endpoint: Some(sink.endpoint()),
        otlp_sampling_ratio: Some(1.0),
        ..TelemetryArgs::default()
    };
    let telemetry = telemetry.start("resources-test", &config).expect("a sink is there");
    let installation = Installation::start(config.clone()).await;
    let mut alerts = installation.bus.subscribe(Source::Alerts(Start::First), PREFETCH);
    let trace = level_alert(&mut alerts).await;

    // Analyses go to the observer and to web.
    let id = trace.trace_id().to_be_bytes().to_vec();
    eventually("every step is exported", || async { sink.spans_of(&id).len() >= 8 }).await;
    let spans = sink.spans_of(&id);
    let only = |name: &str| -> Span {
        let mut named = spans.iter().filter(|span| span.name == name);
        let span = named.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
        assert!(named.next().is_none(), "{name} is there twice");
        span.clone()
    };
    let sample = only("send measure");
    let analysed = only("process measure");
    let analysis = only("send analysis");
    let alert = only("send alert");
    let routed = only("process alert");
    let told = only("tell log");
    let judged: Vec<&Span> = spans.iter().filter(|span| span.name == "process analysis").collect();
    assert_eq!(judged.len(), 2, "the observer and web");
    assert_eq!(sample.parent_span_id, Vec::<u8>::new(), "the trace begins with the sample");
    assert_eq!(analysed.parent_span_id, sample.span_id);
    assert_eq!(analysis.parent_span_id, analysed.span_id);
    assert!(judged.iter().all(|span| span.parent_span_id == analysis.span_id));
    assert!(judged.iter().any(|span| span.span_id == alert.parent_span_id));
    assert_eq!(alert.span_id, trace.span_id().to_be_bytes(), "whoever reacts follows from it");
    assert_eq!(routed.parent_span_id, alert.span_id);
    assert_eq!(told.parent_span_id, routed.span_id);
    assert_eq!(text(&told, "resources.reaction"), Some("say"));
    for span in spans.iter().filter(|span| span.name != told.name) {
        assert!(span.end_time_unix_nano >= span.start_time_unix_nano);
        let is_send = span.name.starts_with("send ");
        let kind = if is_send { SpanKind::Producer } else { SpanKind::Consumer };
        assert_eq!(span.kind, kind as i32, "{}", span.name);
        assert_eq!(text(span, "messaging.system"), Some("rabbitmq"));
        let operation = if is_send { "send" } else { "process" };
        assert_eq!(text(span, "messaging.operation.type"), Some(operation));
        assert_eq!(text(span, "messaging.destination.name"), Some(config.names.exchange()));
        let key = text(span, "messaging.rabbitmq.destination.routing_key").expect("a key");
        let kind = span.name.rsplit(' ').next().expect("a kind");
        assert_eq!(key, format!("{}.{kind}", installation::HOST));
    }

    // What is refused keeps its trace: in the span, in the rejected message, and on the screen.
    let refused = TraceParent::begin_sampled();
    let message = Message {
        topic: Topic::new("web.measure").expect("a key"),
        body: "no measure".into(),
        timestamp_ms: now_ms(),
        trace: refused,
    };
    let mut rejected = installation.bus.subscribe(Source::Rejected, PREFETCH);
    installation.bus.publisher().publish(&message).await.expect("the queue is there");
    let aside = in_time("it is set aside", rejected.next()).await.expect("the bus is open");
    assert_eq!(aside.trace.map(|trace| trace.trace_id()), Some(refused.trace_id()));
    drop(rejected);
    let id = refused.trace_id().to_be_bytes().to_vec();
    let failed = || sink.spans_of(&id).into_iter().find(|span| span.name == "process measure");
    eventually("the failed step is exported", || async { failed().is_some() }).await;
    let failed = failed().expect("it is there");
    let aside = || sink.spans_of(&id).into_iter().find(|span| span.name == "set aside measure");
    eventually("so is where it went", || async { aside().is_some() }).await;
    let aside = aside().expect("it is there");
    let rejected = config.names.rejected();
    assert_eq!(text(&aside, "messaging.destination.name"), Some(&*rejected));
    assert_eq!(text(&failed, "error.type"), Some("malformed"));
    assert_eq!(failed.parent_span_id, refused.span_id().to_be_bytes());
    let broker =
        ["--broker-url", shared_broker(), "--exchange", config.names.exchange(), "--log", "warn"];
    eventually("it is shown with its trace", || async {
        let shown = run(&[&["rejected", "show", "1"], &broker[..]].concat()).await;
        String::from_utf8_lossy(&shown.stdout).contains(&refused.trace_id_text().to_string())
    })
    .await;

    // What nobody takes has no step after it, and says why.
    let unheard = TraceParent::begin_sampled();
    let message = Message {
        topic: Topic::new("nobody.listens").expect("a key"),
        body: "{}".into(),
        timestamp_ms: now_ms(),
        trace: unheard,
    };
    installation.bus.publisher().publish(&message).await.expect_err("no queue is bound");
    let id = unheard.trace_id().to_be_bytes().to_vec();
    eventually("the failure is exported", || async { !sink.spans_of(&id).is_empty() }).await;
    let failed = &sink.spans_of(&id)[0];
    assert_eq!((&*failed.name, text(failed, "error.type")), ("send listens", Some("unroutable")));
    assert_ne!(failed.span_id, unheard.span_id().to_be_bytes(), "it may be tried again");

    installation.stop().await;
    telemetry.finish().await;
}

#[test]
fn whoever_prometheus_scrapes_serves_figures_there() {
    let scraped = names::scraped_in_compose();
    let expected = ["resources-analyzer", "resources-observer"].map(|name| (name.to_owned(), true));
    assert_eq!(scraped, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_figure_is_documented_and_every_documented_figure_is_told() {
    let config = bus_config(shared_broker(), &resources_core::test_support::unique_exchange());
    let installation = Installation::start(config).await;
    let documented = names::documented();
    // What programs made with the library count, too.
    let library = Observer::over(installation.bus.clone()).on("nobody.sends", async |_| {});
    let library = tokio::spawn(library.run_until(std::future::pending()));
    eventually("figures of a host and of an alert are told", || async {
        let told = installation.metrics().await;
        let alerts = "resources_messages_published_total{kind=\"alert\"} ";
        told.contains("resources_host_cpu_ratio{")
            && told.lines().any(|line| line.strip_prefix(alerts).is_some_and(|n| n != "0"))
    })
    .await;
    let body = installation.metrics().await;
    assert_eq!(names::told(&body), documented);
    for (file, used) in names::used_in_deployment() {
        let unknown: Vec<_> = used.difference(&documented).collect();
        assert!(unknown.is_empty(), "{file} uses {unknown:?}");
    }
    // Parsed by somebody else's parser, and true.
    let lines = body.lines().map(|line| Ok(line.to_owned()));
    let scrape = prometheus_parse::Scrape::parse(lines).expect("Prometheus' text format");
    let value = |name: &str, label: (&str, &str)| {
        let mut samples = scrape.samples.iter();
        let found = samples
            .find(|sample| sample.metric == name && sample.labels.get(label.0) == Some(label.1));
        match found.map(|sample| &sample.value) {
            Some(
                prometheus_parse::Value::Counter(value) | prometheus_parse::Value::Gauge(value),
            ) => *value,
            other => panic!("{name} {label:?}: {other:?}"),
        }
    };
    for kind in ["measure", "analysis", "alert"] {
        assert!(value("resources_messages_published_total", ("kind", kind)) >= 1.0, "{kind}");
    }
    assert!(value("resources_messages_received_total", ("kind", "measure")) >= 1.0);
    assert!(value("resources_links_up", ("link", "publishing")) >= 1.0);
    let cpu = value("resources_host_cpu_ratio", ("host", installation::HOST));
    assert!((0.0..=1.0).contains(&cpu), "{cpu}");
    library.abort();
    installation.stop().await;
}
