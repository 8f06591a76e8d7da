//! `resources doctor` over a real broker.

use std::num::NonZeroU16;

use lapin::options::QueueDeclareOptions;
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use resources_core::bus::Source;
use resources_core::test_support::{eventually, in_time, open_bus, shared_broker};
use serde_json::Value;

use crate::support::{Broker, errors, run};

/// Status and text of the first finding of `check`.
fn finding(report: &Value, check: &str) -> (String, String) {
    let checks = report["checks"].as_array().expect("checks");
    let found = checks.iter().find(|finding| finding["check"] == check);
    let found = found.unwrap_or_else(|| panic!("no {check} in {report}"));
    let text = |name: &str| found[name].as_str().unwrap_or_default().to_owned();
    (text("status"), format!("{} {}", text("text"), text("advice")))
}

async fn examine(broker: &Broker) -> (Option<i32>, Value) {
    let output = run(&broker.with(&["doctor", "--json", "--watch", "1s"])).await;
    let report = serde_json::from_slice(&output.stdout);
    (output.status.code(), report.unwrap_or_else(|_| panic!("{}", errors(&output))))
}

/// The report once it is such: a busy machine may take longer than a look lasts to show what is
/// there, or to notice who went.
async fn examine_until(
    broker: &Broker,
    what: &str,
    is_such: impl Fn(Option<i32>, &Value) -> bool,
) -> Value {
    let looking = async {
        loop {
            let (code, report) = examine(broker).await;
            if is_such(code, &report) {
                return report;
            }
        }
    };
    in_time(what, looking).await
}

#[tokio::test]
async fn an_installation_is_examined_from_nothing_to_well() {
    let broker = Broker::new();
    for _ in 0..2 {
        let (code, report) = examine(&broker).await;
        assert_eq!((code, &report["healthy"]), (Some(1), &Value::Bool(false)));
        let (status, text) = finding(&report, "topology");
        assert!(status == "wrong" && text.contains("not there"), "{text}: it declares nothing");
    }

    // Declares everything and takes measures, as an analyzer does.
    let bus = open_bus(shared_broker(), &broker.exchange);
    let mut measures = bus.subscribe(Source::Measures, NonZeroU16::MIN);
    assert!(measures.ready().await);
    let now_ms = resources_core::service::now_ms();
    let analysis = serde_json::json!({
        "host": "web", "timestamp_ms": now_ms, "cpu_percentage": 5.0, "cpu_result": "LOW",
        "level": "LOW", "resources": [{"name": "cpu", "percentage": 5.0, "level": "LOW"}],
    });
    broker.send(&["web.analysis", &analysis.to_string()]).await;
    let checks = ["broker", "topology", "permissions", "analyzers", "rejected", "flow", "clock"];
    let report = examine_until(&broker, "all is well", |code, report| {
        code == Some(0) && checks.iter().all(|check| finding(report, check).0 == "ok")
    })
    .await;
    assert!(finding(&report, "alerts").1.contains("none so far"), "{report}");
    let alert = serde_json::json!({
        "id": "1", "host": "web", "state": "raised", "kind": "silent", "since_ms": now_ms,
        "timestamp_ms": now_ms,
    });
    broker.send(&["web.alert", &alert.to_string()]).await;
    examine_until(&broker, "the alert is seen", |_, report| {
        finding(report, "alerts").1.contains("silent of web raised")
    })
    .await;

    bus.close().await;
    examine_until(&broker, "nobody takes measures", |code, report| {
        let (status, text) = finding(report, "analyzers");
        code == Some(1) && status == "wrong" && text.contains("start resources-analyzer")
    })
    .await;
}

#[tokio::test]
async fn a_name_is_examined_with_who_listens_under_it() {
    let broker = Broker::new();
    let look = async || {
        let arguments = ["doctor", "--json", "--watch", "1s", "--listener", "pager"];
        let output = run(&broker.with(&arguments)).await;
        let report = serde_json::from_slice(&output.stdout).expect("a report");
        finding(&report, "listeners")
    };
    assert_eq!(look().await.0, "wrong");
    let bus = open_bus(shared_broker(), &broker.exchange);
    let patterns = vec!["ring".parse().expect("a pattern")];
    let source = Source::Named { name: "pager".parse().expect("a name"), patterns };
    let mut listener = bus.subscribe(source, NonZeroU16::MIN);
    assert!(listener.ready().await);
    let (status, text) = look().await;
    assert!(status == "ok" && text.contains("named `pager`: 1; events that wait: 0"), "{text}");
    bus.close().await;
    broker.send(&["ring"]).await;
    eventually("nobody listens, and one event waits", async || {
        let (status, text) = look().await;
        status == "wrong" && text.contains(".on.pager`: 1")
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_is_declared_in_another_way_is_seen() {
    let broker = Broker::new();
    let connection = Connection::connect(shared_broker(), ConnectionProperties::default());
    let connection = connection.await.expect("the broker answers");
    let channel = connection.create_channel().await.expect("a channel");
    let (name, options) = (
        format!("{}.measures", broker.exchange),
        QueueDeclareOptions { durable: true, ..Default::default() },
    );
    let declared = channel.queue_declare(name.as_str().into(), options, FieldTable::default());
    declared.await.expect("a classic queue");
    let (_, report) = examine(&broker).await;
    let (status, text) = finding(&report, "topology");
    assert!(status == "wrong", "the exchange is not there: {text}");
    let checks = report["checks"].as_array().expect("checks");
    let different = checks.iter().any(|finding| {
        let text = finding["text"].as_str().unwrap_or_default();
        text.contains(".measures`") && text.contains("declared in another way")
    });
    assert!(different, "{report}");
}

#[tokio::test]
async fn a_broker_or_server_that_does_not_answer_is_one_line_each() {
    let arguments =
        ["doctor", "--broker-url", "amqp://a:hunter2@127.0.0.1:1/", "--web", "http://127.0.0.1:1/"];
    let output = run(&arguments).await;
    let lines = String::from_utf8(output.stdout.clone()).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("2 things are wrong"), "{}", errors(&output));
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(lines.lines().all(|line| line.starts_with("wrong ")) && !lines.contains("hunter2"));
}
