//! Alerts: what is told of them, and what people say to them.

use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Child, Command};

use resources_core::bus::{Bus, BusConfig, Message, Pattern, Source, Start};
use resources_core::contract::{Acknowledgement, Silence, Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{
    RabbitMq, eventually, in_time, open_bus, shared_broker, unique_exchange,
};
use resources_web::protocol::{AlertEntry, AlertList, Alerts, AlertsStatus};
use serde_json::{Value, json};

use crate::dashboard::{Answer, Dashboard, publish_raw};

/// Publishes that a condition of `host` began, and gives the message.
pub(crate) async fn raise(bus: &Bus, id: &str, host: &str) -> Value {
    let now_ms = now_ms();
    let alert = json!({
        "id": id, "host": host, "resource": "cpu", "state": "raised", "kind": "level",
        "level": "HIGH", "percentage": 97.5, "since_ms": now_ms, "timestamp_ms": now_ms,
    });
    publish(bus, &alert).await;
    alert
}

/// Publishes that it ended.
async fn clear(bus: &Bus, raised: &Value) {
    let mut alert = raised.clone();
    alert["state"] = "cleared".into();
    alert["level"] = "LOW".into();
    alert["timestamp_ms"] = (raised["timestamp_ms"].as_u64().unwrap() + 1).into();
    publish(bus, &alert).await;
}

async fn publish(bus: &Bus, alert: &Value) {
    let topic = Topic::new(&format!("{}.alert", alert["host"].as_str().unwrap())).unwrap();
    let timestamp_ms = alert["timestamp_ms"].as_u64().unwrap();
    let message = Message::json(topic, alert, timestamp_ms, TraceParent::begin()).unwrap();
    in_time("a confirm", bus.publisher().publish_until_confirmed(&message)).await.unwrap();
}

fn ids(alerts: &[AlertEntry]) -> Vec<&str> {
    alerts.iter().map(|entry| &*entry.id).collect()
}

fn active(alerts: &Alerts) -> Vec<&str> {
    alerts.active.as_deref().map(ids).unwrap_or_default()
}

impl Dashboard {
    async fn alerts(&self, query: &str) -> AlertList {
        let answer = self.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text());
        serde_json::from_slice(&answer.body).unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send("POST", &format!("/api/v1/{path}"), &[], &body.to_string()).await
    }
}

#[tokio::test]
async fn what_is_raised_is_told_until_it_is_cleared_and_listed_after() {
    for history in ["off", "memory"] {
        let dashboard = Dashboard::start(&["--history", history]).await;
        let mut early = dashboard.connect().await;
        early.until_alerts(|alerts| alerts.total == 0).await;
        let first = raise(&dashboard.bus, "a", "web-1").await;
        early.until_alerts(|alerts| active(alerts) == ["a"]).await;
        raise(&dashboard.bus, "b", "web-2").await;
        early.until_alerts(|alerts| alerts.count == 2).await;
        let mut late = dashboard.connect().await;
        late.until_alerts(|alerts| alerts.total == 2).await;
        assert_eq!(late.view.alerts().active, early.view.alerts().active);

        clear(&dashboard.bus, &first).await;
        late.until_alerts(|alerts| active(alerts) == ["b"]).await;
        assert_eq!(ids(&dashboard.alerts("").await.alerts), ["b"]);
        assert_eq!(ids(&dashboard.alerts("state=cleared").await.alerts), ["a"]);
        let all = dashboard.alerts("state=all").await.alerts;
        assert_eq!(ids(&all), ["b", "a"]);
        assert_eq!(all[1].percentage, Some(97.5));
        assert!(all[1].cleared_ms.is_some());
        for (query, expected) in [
            ("state=all&host=web-1", &["a"][..]),
            ("state=all&resource=memory", &[]),
            ("state=all&kind=silent", &[]),
            ("state=all&kind=level&resource=cpu", &["b", "a"]),
            ("state=all&to=1000", &[]),
            ("state=all&from=4102444800000", &["b"]),
        ] {
            assert_eq!(ids(&dashboard.alerts(query).await.alerts), expected, "{query}");
        }
        let page = dashboard.alerts("state=all&limit=1").await;
        assert_eq!((page.status, ids(&page.alerts)), (AlertsStatus::On, vec!["b"]));
        let next = page.next.unwrap();
        let page = dashboard.alerts(&format!("state=all&limit=1&before={next}")).await;
        assert_eq!((ids(&page.alerts), page.next), (vec!["a"], None));
        dashboard.stop().await;
    }
}

#[tokio::test]
async fn a_browser_that_was_away_is_told_what_it_missed() {
    let dashboard = Dashboard::start(&[]).await;
    let raised = raise(&dashboard.bus, "a", "web").await;
    let mut browser = dashboard.connect().await;
    browser.until_alerts(|alerts| alerts.total == 1).await;
    let view = std::mem::take(&mut browser.view);
    drop(browser);
    clear(&dashboard.bus, &raised).await;
    raise(&dashboard.bus, "b", "web").await;
    eventually("it is known", async || ids(&dashboard.alerts("").await.alerts) == ["b"]).await;
    let mut browser = dashboard.resume(view).await;
    assert_eq!(browser.next().await["type"], "resumed");
    browser.until_alerts(|alerts| active(alerts) == ["b"]).await;
    dashboard.stop().await;
}

#[tokio::test]
async fn a_silence_runs_out_by_itself_and_pages_are_told() {
    let dashboard = Dashboard::start(&[]).await;
    raise(&dashboard.bus, "a", "web").await;
    let mut browser = dashboard.connect().await;
    browser.until_alerts(|alerts| alerts.count == 1).await;
    // Long enough that its beginning is told before its end, also where the machine stalls.
    let asked = json!({"host": "web", "for_ms": 8_000, "by": "Ada"});
    assert_eq!(dashboard.post("silences", &asked).await.status, 201);
    let told = browser.until_alerts(|alerts| alerts.count == 0).await;
    let until_ms = told["changed"][0]["silenced_until_ms"].as_u64().unwrap();
    let told = browser.until_alerts(|alerts| alerts.count == 1).await;
    assert!(told["server_time_ms"].as_u64().unwrap() >= until_ms);
    assert_eq!(dashboard.get("/api/v1/silences").await.json(), json!({"silences": []}));
    dashboard.stop().await;
}

#[tokio::test]
async fn what_cannot_be_taken_is_refused_with_its_reason() {
    let dashboard = Dashboard::start(&[]).await;
    raise(&dashboard.bus, "a", "web").await;
    dashboard.connect().await.until_alerts(|alerts| alerts.total == 1).await;
    let acknowledge = "alerts/a/acknowledgement";
    let long = "x".repeat(65);
    for (path, body, status, word) in [
        (acknowledge, "", 400, "does not parse"),
        (acknowledge, "[]", 400, "does not parse"),
        (acknowledge, "{}", 400, "by is missing"),
        (acknowledge, r#"{"by":" "}"#, 400, "by"),
        (acknowledge, &format!(r#"{{"by":"{long}"}}"#), 400, "1–64 characters"),
        (acknowledge, r#"{"by":"Ada","note":1}"#, 400, "does not parse"),
        (acknowledge, r#"{"by":"Ada","notes":"x"}"#, 400, "unknown field"),
        (acknowledge, &format!(r#"{{"by":"{}"}}"#, "x".repeat(20_000)), 413, "16384 bytes"),
        ("alerts/b/acknowledgement", r#"{"by":"Ada"}"#, 404, "no alert"),
        ("silences", r#"{"host":"web","by":"Ada"}"#, 400, "for_ms"),
        ("silences", r#"{"host":"web","by":"Ada","for_ms":0}"#, 400, "30 days"),
        ("silences", r#"{"host":"web","by":"Ada","for_ms":2592000001}"#, 400, "30 days"),
        ("silences", r#"{"host":"w b","by":"Ada","for_ms":1}"#, 400, "host name"),
        ("silences", r#"{"host":"web","by":"Ada","for_ms":1,"kind":"loud"}"#, 400, "loud"),
        ("silences", r#"{"host":"web","for_ms":1}"#, 400, "by is missing"),
    ] {
        let answer = dashboard.send("POST", &format!("/api/v1/{path}"), &[], body).await;
        assert_eq!(answer.status, status, "{body}");
        let error = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains(word), "{error}");
    }
    for (query, word) in [
        ("state=gone", "active, cleared or all"),
        ("kind=loud", "kind must be"),
        ("before=x", "next"),
        ("before=active.x.a", "next"),
        ("limit=0", "from 1 to 1000"),
        ("host=a..b", "host name"),
        ("hosts=a", "known are"),
    ] {
        let answer = dashboard.get(&format!("/api/v1/alerts?{query}")).await;
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.text().contains(word), "{}", answer.text());
    }
    assert_eq!(dashboard.ask("DELETE", "/api/v1/silences/a", &[]).await.status, 404);
    assert_eq!(dashboard.ask("PUT", "/api/v1/silences", &[]).await.status, 405);
    // Pages of others may ask for nothing, whatever it is.
    let foreign = [("origin", "https://evil.example.com")];
    for (method, path) in [("POST", acknowledge), ("POST", "silences"), ("DELETE", "silences/a")] {
        let path = format!("/api/v1/{path}");
        let answer = dashboard.send(method, &path, &foreign, r#"{"by":"Eve"}"#).await;
        assert_eq!(answer.status, 403, "{method} {path}");
    }
    let own = format!("http://{}", dashboard.address);
    let path = format!("/api/v1/{acknowledge}");
    let answer = dashboard.send("POST", &path, &[("origin", &own)], r#"{"by":"Ada"}"#).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["acknowledged"]["by"], "Ada");
    dashboard.stop().await;
}

#[tokio::test]
async fn what_does_not_follow_the_contract_is_set_aside_with_its_reason_and_the_rest_counts() {
    let dashboard = Dashboard::start(&[]).await;
    let bus = dashboard.bus.clone();
    // From here on it reads what comes now.
    raise(&bus, "a", "web").await;
    let mut browser = dashboard.connect().await;
    browser.until_alerts(|alerts| alerts.total == 1).await;
    for kind in ["alert", "acknowledgement", "silence"] {
        publish_raw(&bus, &format!("web.{kind}"), "{").await;
    }
    raise(&bus, "b", "db").await;
    browser.until_alerts(|alerts| alerts.total == 2).await;
    let mut rejected = bus.subscribe(Source::Rejected, NonZeroU16::new(10).unwrap());
    for kind in ["alert", "acknowledgement", "silence"] {
        let delivery = in_time("a rejected message", rejected.next()).await.unwrap();
        assert_eq!(&*delivery.topic, format!("web.{kind}"));
        let reason = delivery.rejection.unwrap();
        assert!(reason.contains("does not parse"), "{reason}");
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn a_server_without_history_tells_nothing_of_the_past_but_what_is_left_of_it() {
    const PAST: usize = 1_000;
    let bus = Bus::open(BusConfig::in_memory("test"));
    for number in 0..PAST {
        let mut alert = json!({
            "id": number.to_string(), "host": "web", "resource": "cpu", "state": "raised",
            "kind": "level", "level": "HIGH", "percentage": 97.5, "since_ms": number,
            "timestamp_ms": number,
        });
        publish(&bus, &alert).await;
        if number < PAST - 1 {
            alert["state"] = "cleared".into();
            publish(&bus, &alert).await;
        }
    }
    let dashboard = Dashboard::start_over(bus, &[]).await;
    let mut browser = dashboard.connect().await;
    let told = browser.until_alerts(|alerts| alerts.total > 0).await;
    assert_eq!(told["changed"].as_array().unwrap().len(), 1, "{told}");
    let last = (PAST - 1).to_string();
    assert_eq!(active(browser.view.alerts()), [&*last]);
    dashboard.stop().await;
}

#[tokio::test]
async fn whom_the_proxy_names_counts() {
    let dashboard = Dashboard::start(&["--user-header", "X-Forwarded-User"]).await;
    raise(&dashboard.bus, "a", "web").await;
    dashboard.connect().await.until_alerts(|alerts| alerts.total == 1).await;
    let path = "/api/v1/alerts/a/acknowledgement";
    let ada = [("x-forwarded-user", "Ada")];
    for body in ["{}", r#"{"by":"Eve"}"#] {
        let answer = dashboard.send("POST", path, &ada, body).await;
        assert_eq!(answer.json()["acknowledged"]["by"], "Ada", "{}", answer.text());
    }
    let asked = json!({"host": "web", "for_ms": 600_000}).to_string();
    let silence = dashboard.send("POST", "/api/v1/silences", &ada, &asked).await.json();
    let running = async || dashboard.get("/api/v1/silences").await.json()["silences"].take();
    eventually("it holds", async || running().await[0] == silence).await;
    let end = format!("/api/v1/silences/{}", silence["id"].as_str().unwrap());
    let grace = [("x-forwarded-user", "Grace")];
    let ended = dashboard.ask("DELETE", &format!("{end}?by=Eve"), &grace).await;
    assert_eq!(ended.json()["by"], "Grace", "{}", ended.text());
    for headers in [&[][..], &[("x-forwarded-user", "")], &[ada[0], ("x-forwarded-user", "Eve")]] {
        let answer = dashboard.send("POST", path, headers, r#"{"by":"Eve"}"#).await;
        assert_eq!(answer.status, 403);
    }
    dashboard.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn over_rabbitmq_what_is_said_to_one_server_is_known_to_all_and_to_the_bus() {
    let exchange = unique_exchange();
    let url = tokio::task::spawn_blocking(shared_broker).await.unwrap();
    let others = open_bus(url, &exchange);
    let prefetch = NonZeroU16::new(10).unwrap();
    let said = ["#.acknowledgement", "#.silence"].map(|pattern| Pattern::new(pattern).unwrap());
    let mut said = others.subscribe(Source::Patterns(said.into()), prefetch);
    assert!(in_time("it listens", said.ready()).await);
    let one = Dashboard::start_over(open_bus(url, &exchange), &[]).await;
    let two = Dashboard::start_over(open_bus(url, &exchange), &[]).await;
    raise(&others, "a", "web").await;
    let (mut on_one, mut on_two) = (one.connect().await, two.connect().await);
    on_one.until_alerts(|alerts| alerts.count == 1).await;
    on_two.until_alerts(|alerts| alerts.count == 1).await;

    let body = json!({"by": "Ada", "note": "I see."});
    let answer = one.post("alerts/a/acknowledgement", &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let entry: AlertEntry = serde_json::from_slice(&answer.body).unwrap();
    let event = in_time("the event", said.next()).await.unwrap();
    let event = Acknowledgement::decode(&event.topic, &event.body).unwrap();
    assert_eq!((&*event.id, &*event.by, event.note.as_deref()), ("a", "Ada", Some("I see.")));
    for browser in [&mut on_one, &mut on_two] {
        browser.until_alerts(|alerts| alerts.count == 0 && alerts.total == 1).await;
        assert_eq!(browser.view.alerts().active, Some(vec![entry.clone()]));
    }

    raise(&others, "b", "db").await;
    on_two.until_alerts(|alerts| alerts.count == 1).await;
    let asked = json!({"host": "db", "for_ms": 600_000, "by": "Ada"});
    let silence = one.post("silences", &asked).await.json();
    on_two.until_alerts(|alerts| alerts.count == 0).await;
    assert_eq!(two.get("/api/v1/silences").await.json()["silences"], json!([silence]));
    let path = format!("/api/v1/silences/{}", silence["id"].as_str().unwrap());
    let ended = two.ask("DELETE", &format!("{path}?by=Gr%C3%A4fin"), &[]).await;
    assert_eq!(ended.status, 200, "{}", ended.text());
    assert_eq!(ended.json()["by"], "Gräfin");
    on_one.until_alerts(|alerts| alerts.count == 1).await;
    for by in ["Ada", "Gräfin"] {
        let event = in_time("the event", said.next()).await.unwrap();
        let event = Silence::decode(&event.topic, &event.body).unwrap();
        assert_eq!(&*event.by, by);
    }
    for bus in [one.stop().await, two.stop().await, others] {
        in_time("the bus closes", bus.close()).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_is_away_is_said_within_seconds() {
    let mut broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    let dashboard = Dashboard::start_over(open_bus(&broker.url(), "resources"), &[]).await;
    raise(&dashboard.bus, "a", "web").await;
    let mut browser = dashboard.connect().await;
    browser.until_alerts(|alerts| alerts.count == 1).await;
    broker = tokio::task::spawn_blocking(move || {
        broker.ctl(&["stop_app"]);
        broker
    })
    .await
    .unwrap();
    let answer = dashboard.post("alerts/a/acknowledgement", &json!({"by": "Ada"})).await;
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("try again"), "{}", answer.text());
    // What is known is told all the same.
    assert_eq!(dashboard.alerts("").await.alerts[0].acknowledged, None);
    broker = tokio::task::spawn_blocking(move || {
        broker.ctl(&["start_app"]);
        broker
    })
    .await
    .unwrap();
    eventually("the link is up", async || dashboard.get("/readyz").await.status == 200).await;
    let acknowledged = async || {
        dashboard.post("alerts/a/acknowledgement", &json!({"by": "Ada"})).await.status == 200
    };
    eventually("the broker is back", acknowledged).await;
    // Not the browser from before: it read nothing, and may have been given up.
    dashboard.connect().await.until_alerts(|alerts| alerts.total == 1 && alerts.count == 0).await;
    let bus = dashboard.stop().await;
    in_time("the bus closes", bus.close()).await;
    tokio::task::spawn_blocking(move || drop(broker)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_with_the_rights_of_the_page_says_this_and_nothing_else() {
    // Those of docs/deploy.md.
    let rights = r"'^amq\.gen-' '^(resources(\.rejected)?|amq\.(direct|gen-.*))$' '^(resources(\.(analyses|alerts))?|amq\.gen-.*)$'";
    let topics = r"'\.(acknowledgement|silence)$' '^#\.measure$'";
    let document = include_str!("../../../docs/deploy.md");
    let words = |rights: &'static str| -> Vec<&str> {
        assert!(document.contains(rights), "{rights}");
        rights.split(' ').map(|each| each.trim_matches('\'')).collect()
    };
    let broker = tokio::task::spawn_blocking(RabbitMq::start).await.unwrap();
    let others = open_bus(&broker.url(), "resources");
    raise(&others, "a", "web").await;
    broker.ctl(&["add_user", "page", "secret"]);
    broker.ctl(&[&["set_permissions", "page"][..], &words(rights)].concat());
    broker.ctl(&[&["set_topic_permissions", "page", "resources"][..], &words(topics)].concat());
    let bus = open_bus(&broker.url_of("page", "secret"), "resources");
    let dashboard = Dashboard::start_over(bus, &[]).await;
    let mut browser = dashboard.connect().await;
    browser.until_alerts(|alerts| alerts.count == 1).await;
    let answer = dashboard.post("alerts/a/acknowledgement", &json!({"by": "Ada"})).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    browser.until_alerts(|alerts| alerts.count == 0).await;
    let topic = Topic::new("web.alert").unwrap();
    let forged = Message::json(topic, &json!({}), 1, TraceParent::begin()).unwrap();
    assert!(dashboard.bus.publisher().publish(&forged).await.is_err());
    let bus = dashboard.stop().await;
    in_time("the buses close", async { tokio::join!(bus.close(), others.close()) }).await;
    tokio::task::spawn_blocking(move || drop(broker)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_killed_again_and_again_knows_every_alert_once() {
    const KILLS: usize = 3;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("history.sqlite");
    let url = tokio::task::spawn_blocking(shared_broker).await.unwrap();
    let exchange = unique_exchange();
    let bus = open_bus(url, &exchange);
    let (mut open, mut over) = (Vec::new(), Vec::new());
    for round in 0..KILLS {
        let program = Killed::start(url, &exchange, &file);
        for number in 0..20 {
            let id = format!("{round}-{number:02}");
            let raised = raise(&bus, &id, &format!("web-{id}")).await;
            if number % 2 == 0 {
                clear(&bus, &raised).await;
                // A confirm that was lost: the same once more.
                publish(&bus, &raised).await;
                clear(&bus, &raised).await;
                over.push(id);
            } else {
                open.push(id);
            }
        }
        eventually("some are written", async || written(&file) >= round * 20 + 5).await;
        drop(program);
        // While no server runs.
        raise(&bus, &format!("{round}-away"), &format!("away-{round}")).await;
        open.push(format!("{round}-away"));
    }
    let history = ["--history", file.to_str().unwrap()];
    let dashboard = Dashboard::start_over(open_bus(url, &exchange), &history).await;
    let mut browser = dashboard.connect().await;
    let total = open.len() as u64;
    browser.until_alerts(|alerts| alerts.total == total).await;
    let acknowledge = format!("alerts/{}/acknowledgement", open[0]);
    assert_eq!(dashboard.post(&acknowledge, &json!({"by": "Ada"})).await.status, 200);
    browser.until_alerts(|alerts| alerts.count == total - 1).await;
    let sorted = async |dashboard: &Dashboard, state: &str| {
        let listed = dashboard.alerts(&format!("state={state}&limit=1000")).await.alerts;
        let mut ids: Vec<String> = listed.iter().map(|entry| entry.id.to_string()).collect();
        ids.sort();
        ids
    };
    open.sort();
    over.sort();
    assert_eq!(sorted(&dashboard, "active").await, open);
    assert_eq!(sorted(&dashboard, "cleared").await, over);
    eventually("all is written", async || written(&file) == open.len() + over.len()).await;
    in_time("the bus closes", dashboard.stop().await.close()).await;
    // What is written is all there is to know, also without the stream.
    let elsewhere = open_bus(url, &unique_exchange());
    let dashboard = Dashboard::start_over(elsewhere, &history).await;
    assert_eq!(sorted(&dashboard, "active").await, open);
    let entry = &dashboard.alerts(&format!("host=web-{}", open[0])).await.alerts[0];
    assert_eq!(&*entry.acknowledged.as_ref().unwrap().by, "Ada");
    in_time("the bus closes", dashboard.stop().await.close()).await;
    in_time("the bus closes", bus.close()).await;
}

/// How many alerts are in the database; none before there are tables.
fn written(file: &Path) -> usize {
    rusqlite::Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE)
        .and_then(|connection| {
            connection.query_row("SELECT count(*) FROM alert", [], |row| row.get(0))
        })
        .unwrap_or(0)
}

/// The program, killed when it is dropped.
struct Killed(Child);

impl Killed {
    fn start(url: &str, exchange: &str, file: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_resources-web"))
            .args(["--listen", "127.0.0.1:0", "--log", "warn", "--broker-url", url])
            .args(["--exchange", exchange, "--history"])
            .arg(file)
            .spawn();
        Self(child.unwrap())
    }
}

impl Drop for Killed {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// Reading a stream from its first message on is what a server does without a place in it.
#[tokio::test]
async fn acknowledgements_and_silences_stand_in_the_stream_among_alerts() {
    let dashboard = Dashboard::start(&[]).await;
    raise(&dashboard.bus, "a", "web").await;
    dashboard.connect().await.until_alerts(|alerts| alerts.total == 1).await;
    dashboard.post("alerts/a/acknowledgement", &json!({"by": "Ada"})).await;
    dashboard.post("silences", &json!({"host": "web", "for_ms": 1_000, "by": "Ada"})).await;
    let prefetch = NonZeroU16::new(10).unwrap();
    let mut stream = dashboard.bus.subscribe(Source::Alerts(Start::First), prefetch);
    for kind in ["alert", "acknowledgement", "silence"] {
        let delivery = in_time("a message", stream.next()).await.unwrap();
        assert_eq!(&*delivery.topic, format!("web.{kind}"));
    }
    dashboard.stop().await;
}
