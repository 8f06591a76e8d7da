//! The program with a login that may do what `docs/deploy.md` gives it, and nothing else.

use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use resources_core::bus::{Message, Publisher, Source, Start};
use resources_core::contract::{Alert, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{RabbitMq, in_time, open_bus};

const PREFETCH: NonZeroU16 = NonZeroU16::new(100).unwrap();

/// Longer than an alert takes on a busy machine, and shorter than one waits that is held up.
const HELD_UP: Duration = Duration::from_secs(20);

/// As in `docs/deploy.md`.
const RIGHTS: [&[&str]; 3] = [
    &["add_user", "observer", "secret"],
    &["set_topic_permissions", "observer", "resources", r"\.alert$", "^$"],
    &[
        "set_permissions",
        "observer",
        "^$",
        r"^resources(\.rejected)?$",
        r"^resources\.(analyses|alerts)$",
    ],
];

/// The key of the reaction is not among the rights.
const RULES: &str = r#"
default.cpu = { raise = 90, hold = "0s" }
[reaction.chat]
type = "publish"
key = "chat.told"
[[route]]
to = ["chat"]
group = "0s"
"#;

struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn start(folder: &Path, url: &str) -> Program {
    let rules = folder.join("rules.toml");
    std::fs::write(&rules, RULES).expect("a file");
    let child = Command::new(env!("CARGO_BIN_EXE_resources-observer"))
        .args(["--broker-url", url, "--state", "memory", "--log", "warn", "--rules"])
        .arg(rules)
        .env_clear()
        .spawn();
    Program(child.expect("the program starts"))
}

fn message(topic: &str) -> Message {
    let (host, _) = topic.rsplit_once('.').expect("a host");
    let body = serde_json::json!({
        "host": host, "timestamp_ms": now_ms(), "cpu_percentage": 99, "cpu_result": "HIGH",
        "level": "HIGH", "resources": [{"name": "cpu", "percentage": 99, "level": "HIGH"}],
    });
    Message {
        topic: Topic::new(topic).expect("a topic"),
        body: body.to_string().into(),
        timestamp_ms: now_ms(),
        trace: TraceParent::begin(),
    }
}

async fn publish(publisher: &Publisher, topic: &str) {
    let message = message(topic);
    in_time(topic, publisher.publish_until_confirmed(&message)).await.expect("a queue");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_observer_may_read_analyses_and_publish_alerts_and_nothing_else() {
    let broker = RabbitMq::start();
    // Somebody who may declare does.
    let analyzer = open_bus(&broker.url(), "resources");
    publish(&analyzer.publisher(), "web.analysis").await;
    for command in RIGHTS {
        broker.ctl(command);
    }
    let folder = tempfile::tempdir().expect("a folder");
    let url = broker.url_of("observer", "secret");
    let program = start(folder.path(), &url);
    let mut alerts = analyzer.subscribe(Source::Alerts(Start::First), PREFETCH);
    let delivery = in_time("an alert", alerts.next()).await.expect("the bus is up");
    assert!(Alert::decode(&delivery.topic, &delivery.body).is_ok(), "{delivery:?}");

    // A reaction that may not publish to its key says so at once, and holds up no alert.
    let mut rejected = analyzer.subscribe(Source::Rejected, PREFETCH);
    for host in ["db", "mail", "cache"] {
        let given_up = in_time("a notification", rejected.next()).await.expect("the bus is up");
        assert_eq!(&*given_up.topic, "chat.notification");
        let reason = given_up.rejection.expect("a reason");
        assert!(reason.contains("after 1 tries") && reason.contains("refused: "), "{reason}");
        assert!(reason.contains("chat.told"), "{reason}");
        rejected.acknowledge_through(given_up.receipt).await;
        let begun = Instant::now();
        publish(&analyzer.publisher(), &format!("{host}.analysis")).await;
        let delivery = in_time("an alert", alerts.next()).await.expect("the bus is up");
        assert_eq!(&*delivery.topic, format!("{host}.alert"));
        assert!(begun.elapsed() < HELD_UP, "{:?}", begun.elapsed());
    }
    drop(rejected);

    // Nor does one that may not even be set aside.
    broker.ctl(&[
        "set_permissions",
        "observer",
        "^$",
        "^resources$",
        r"^resources\.(analyses|alerts)$",
    ]);
    for host in ["proxy", "store", "queue"] {
        let begun = Instant::now();
        publish(&analyzer.publisher(), &format!("{host}.analysis")).await;
        let delivery = in_time("an alert", alerts.next()).await.expect("the bus is up");
        assert_eq!(&*delivery.topic, format!("{host}.alert"));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
    drop(program);

    for topic in ["web.measure", "web.analysis"] {
        let observer = open_bus(&url, "resources");
        publish(&observer.publisher(), "web.alert").await;
        let refused = in_time(topic, observer.publisher().publish(&message(topic))).await;
        assert!(refused.is_err(), "{topic} must be refused");
        observer.close().await;
    }
    let observer = open_bus(&url, "resources");
    let mut measures = observer.subscribe(Source::Measures, PREFETCH);
    tokio::select! {
        reason = in_time("the refusal", observer.refused()) => {
            assert!(reason.contains("access to queue"), "{reason}");
        }
        delivery = measures.next() => panic!("it read {delivery:?}"),
    }
    drop(measures);
    observer.close().await;
    analyzer.close().await;
}
