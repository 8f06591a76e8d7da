//! Reactions to alerts: to real servers and programs, over a bus in memory; and the program
//! itself, killed for real, over a real broker.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command};
use std::time::Duration;

use resources_core::bus::{Bus, BusConfig, Delivery, Message, Publisher, Source};
use resources_core::contract::{
    Acknowledgement, Alert, AlertKind, AlertState, HostName, Kind, Level, RoutingKey, Silence,
    Topic, TraceParent,
};
use resources_core::service::now_ms;
use resources_core::test_support::{eventually, in_time, open_bus, shared_broker, unique_exchange};
use resources_observer::Location;
use resources_observer::reactions::{self, Mode, Reactions};
use ring::hmac;
use serde::Serialize;
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::receivers::{Mail, Web};

/// Reactions that run over a bus in memory.
struct Running {
    bus: Bus,
    stop: CancellationToken,
    work: JoinHandle<()>,
    _folder: TempDir,
}

impl Running {
    async fn start(rules: &str) -> Self {
        Self::start_in(rules, Mode::Act).await
    }

    async fn start_in(rules: &str, mode: Mode) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let state = Location::File(folder.path().join("state"));
        let bus = Bus::open(BusConfig::in_memory("test"));
        let reactions = Reactions::parse("r.toml", rules).expect("rules");
        let (served, stop) = (bus.clone(), CancellationToken::new());
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            reactions::run(reactions, mode, &state, served, stopped)
                .await
                .expect("it runs to the end");
        });
        // What is raised before its start is not told.
        let kept = folder.path().join("state.reactions");
        eventually("it has started", async || has_started(&kept)).await;
        Self { bus, stop, work, _folder: folder }
    }

    async fn tell(&self, alert: &Alert) -> TraceParent {
        let trace = TraceParent::begin();
        publish(&self.bus.publisher(), &alert.host, Kind::Alert, alert, trace).await;
        trace
    }

    async fn rejected(&self) -> Delivery {
        let mut rejected = self.bus.subscribe(Source::Rejected, 10.try_into().expect("not zero"));
        let delivery = in_time("it is set aside", rejected.next()).await.expect("the bus is up");
        rejected.acknowledge_through(delivery.receipt).await;
        delivery
    }

    async fn end(self) {
        self.stop.cancel();
        in_time("it stops", self.work).await.expect("no panic");
    }
}

/// Whether from when on alerts are told is noted in this file.
pub(crate) fn has_started(kept: &Path) -> bool {
    let reading = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let noted = || -> rusqlite::Result<u64> {
        rusqlite::Connection::open_with_flags(kept, reading)?.query_row(
            "SELECT count(*) FROM place",
            [],
            |row| row.get(0),
        )
    };
    noted().is_ok_and(|rows| rows == 1)
}

pub(crate) async fn publish<T: Serialize>(
    publisher: &Publisher,
    host: &HostName,
    kind: Kind,
    value: &T,
    trace: TraceParent,
) {
    let topic = Topic::from(RoutingKey::new(host.clone(), kind));
    let message = Message::json(topic, value, now_ms(), trace).expect("JSON");
    in_time("it is published", publisher.publish_until_confirmed(&message)).await.expect("a queue");
}

fn host(name: &str) -> HostName {
    HostName::new(name).expect("a host name")
}

pub(crate) fn alert(id: &str, name: &str, state: AlertState) -> Alert {
    Alert {
        id: id.into(),
        host: host(name),
        resource: Some("cpu".into()),
        state,
        kind: AlertKind::Level,
        level: Some(Level::High),
        percentage: Some(97.0),
        repeat: None,
        since_ms: now_ms(),
        timestamp_ms: now_ms(),
    }
}

fn raised(id: &str) -> Alert {
    alert(id, "web", AlertState::Raised)
}

/// The same of another resource: episodes of one take each other's place.
fn of(resource: &str, alert: Alert) -> Alert {
    Alert { resource: Some(resource.into()), ..alert }
}

fn hook(web: &Web, name: &str, more: &str) -> String {
    let address = web.address;
    format!("[reaction.{name}]\ntype = \"webhook\"\nurl = \"http://{address}/{name}\"\n{more}\n")
}

#[tokio::test]
async fn a_web_hook_is_told_who_signed_what_and_where_it_came_from() {
    let mut web = Web::start().await;
    let secret = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(&secret, "s3cret\n").expect("a file");
    let more = format!(
        "secret = {{ file = {:?} }}\nheaders.Authorization = {{ file = {:?} }}",
        secret.path(),
        secret.path()
    );
    let chat = "template = '{\"text\": {{ text }}}'";
    let rules = format!(
        "page_url = \"https://monitor.example.com/\"\n{}{}[[route]]\nto = [\"signed\"]\ngroup = \
         \"0s\"\n[[route]]\nto = [\"chat\"]\ngroup = \"0s\"\n",
        hook(&web, "signed", &more),
        hook(&web, "chat", chat),
    );
    let running = Running::start(&rules).await;
    let trace = running.tell(&raised("a")).await;
    let (one, other) = (web.next().await, web.next().await);
    let (signed, chat) = if one.path == "/signed" { (one, other) } else { (other, one) };
    let body = signed.body();
    assert_eq!(body["version"], 1);
    assert_eq!(body["group"], serde_json::json!({"count": 1, "raised": 1, "cleared": 0}));
    assert_eq!(body["alerts"][0]["id"], "a");
    assert_eq!(body["reaction"], "signed");
    assert!(body["page_url"].as_str().expect("text").contains("/#/hosts/web?from="));
    assert_eq!(signed.header("idempotency-key"), body["id"]);
    assert_eq!(signed.header("authorization"), "s3cret");
    assert_eq!(signed.header("content-type"), "application/json");
    let sent: TraceParent = signed.header("traceparent").parse().expect("a trace");
    assert_eq!(sent.trace_id(), trace.trace_id());
    let signature = signed.header("x-resources-signature");
    let (time, tag) = signature.split_once(",v1=").expect("two parts");
    let time = time.strip_prefix("t=").expect("a time");
    let expected = hmac::sign(
        &hmac::Key::new(hmac::HMAC_SHA256, b"s3cret"),
        format!("{time}.{}", signed.text).as_bytes(),
    );
    let expected: String = expected.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(tag, expected);
    let text = chat.body()["text"].as_str().expect("text").to_owned();
    assert!(text.starts_with("web: cpu is at 97 % (HIGH)\nhttps://monitor"), "{text}");
    running.end().await;
}

/// After how many tries it was given up.
fn tries(cause: &str) -> u32 {
    let told = cause.split_once("after ").and_then(|(_, rest)| rest.split_once(" tries"));
    told.and_then(|(number, _)| number.parse().ok()).expect(cause)
}

#[tokio::test]
async fn what_cannot_be_told_is_rejected_with_its_cause_and_trace_and_the_others_go_on() {
    let mut web = Web::start().await;
    // An answer that comes late is none of those, and takes of the time there is to try again.
    let patient = "timeout = \"1m\"\nretry_for = \"10s\"";
    let brief = "timeout = \"1s\"\nretry_for = \"1s\"";
    let names = ["error", "redirect", "endless", "hang", "unwanted", "fine"];
    let patience = |name| if name == "hang" { brief } else { patient };
    let mut rules: String = names.iter().map(|name| hook(&web, name, patience(*name))).collect();
    rules.push_str(&format!("[[route]]\nto = {names:?}\ngroup = \"0s\"\n"));
    let running = Running::start(&rules).await;
    let trace = running.tell(&raised("a")).await;
    let mut causes = BTreeMap::new();
    while causes.len() < 5 {
        let rejected = running.rejected().await;
        let reaction = rejected.topic.trim_end_matches(".notification").to_owned();
        assert_eq!(rejected.trace.expect("a trace").trace_id(), trace.trace_id());
        causes.insert(reaction, rejected.rejection.expect("a cause").to_string());
    }
    for (reaction, words) in [
        ("error", "answered 500 Internal Server Error: no room at all"),
        ("redirect", "307 Temporary Redirect, a redirect, which is not followed"),
        ("endless", "answered 500 Internal Server Error: xxx"),
        ("hang", "did not answer within 1s"),
        ("unwanted", "after 1 tries"),
    ] {
        assert!(causes[reaction].contains(words), "{reaction}: {}", causes[reaction]);
    }
    // How many there is time for is up to the machine.
    assert!(tries(&causes["error"]) >= 2, "{}", causes["error"]);
    let calls = web.calls();
    assert_eq!(calls.iter().filter(|call| call.path == "/fine").count(), 1);
    assert!(calls.iter().all(|call| call.path != "/elsewhere"));
    let errors: Vec<_> = calls.iter().filter(|call| call.path == "/error").collect();
    let id = errors[0].header("idempotency-key");
    assert!(errors.len() >= 2 && errors.iter().all(|call| call.header("idempotency-key") == id));
    // The one that hung hangs on; whoever is fine hears at once.
    running.tell(&of("memory", raised("b"))).await;
    loop {
        let call = web.next().await;
        if call.path == "/fine" {
            assert_eq!(call.body()["alerts"][0]["id"], "b");
            break;
        }
    }
    running.end().await;
}

#[tokio::test]
async fn forty_hosts_within_the_window_are_one_message_and_the_rate_merges_what_is_over_it() {
    let mut web = Web::start().await;
    let rules = format!(
        "{}{}[[route]]\nto = [\"grouped\"]\ngroup = \"10s\"\n[[route]]\nto = [\"limited\"]\ngroup = \
         \"0s\"\n",
        hook(&web, "grouped", ""),
        hook(&web, "limited", "rate = \"1/min\""),
    );
    let running = Running::start(&rules).await;
    for number in 0..40 {
        let id = format!("{number}");
        running.tell(&alert(&id, &format!("host-{number}"), AlertState::Raised)).await;
    }
    let mut calls = vec![web.next().await, web.next().await];
    tokio::time::sleep(Duration::from_secs(1)).await;
    calls.extend(web.calls());
    let of = |path: &str| calls.iter().filter(|call| call.path == path).collect::<Vec<_>>();
    let grouped = of("/grouped");
    assert_eq!(grouped.len(), 1);
    assert_eq!(grouped[0].body()["group"]["count"], 40);
    assert_eq!(of("/limited").len(), 1, "the rest comes when the minute is over");
    running.end().await;
}

#[tokio::test]
async fn a_silence_and_an_acknowledgement_are_heeded() {
    let mut web = Web::start().await;
    let rules = format!(
        "{}[[route]]\nto = [\"hook\"]\ngroup = \"0s\"\n",
        hook(&web, "hook", "rate = \"off\"")
    );
    let running = Running::start(&rules).await;
    let publisher = running.bus.publisher();
    running.tell(&raised("a")).await;
    assert_eq!(web.next().await.body()["alerts"][0]["id"], "a");
    let acknowledgement = Acknowledgement {
        id: "a".into(),
        host: host("web"),
        by: "ada".into(),
        note: None,
        timestamp_ms: now_ms(),
    };
    let trace = TraceParent::begin();
    publish(&publisher, &host("web"), Kind::Acknowledgement, &acknowledgement, trace).await;
    running.tell(&Alert { repeat: Some(1), ..raised("a") }).await;
    // Long enough that all of this is told while it holds.
    let until_ms = now_ms() + 15_000;
    let silence = Silence {
        id: "s".into(),
        host: host("web"),
        resource: None,
        kind: None,
        from_ms: now_ms() - 1,
        until_ms,
        by: "ada".into(),
        reason: None,
        timestamp_ms: now_ms(),
    };
    publish(&publisher, &host("web"), Kind::Silence, &silence, trace).await;
    running.tell(&of("memory", raised("within"))).await;
    running.tell(&of("swap", raised("short"))).await;
    running.tell(&of("swap", alert("short", "web", AlertState::Cleared))).await;
    running.tell(&alert("elsewhere", "db", AlertState::Raised)).await;
    assert_eq!(web.next().await.body()["alerts"][0]["id"], "elsewhere");
    let call = web.next().await;
    assert!(now_ms() >= until_ms);
    let alerts = &call.body()["alerts"];
    assert_eq!(
        (alerts[0]["id"].as_str(), alerts.as_array().map(Vec::len)),
        (Some("within"), Some(1))
    );
    running.end().await;
}

#[tokio::test]
async fn a_program_gets_the_alert_and_is_bounded_in_time_and_output_and_number() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name).display().to_string();
    let script = |name: &str, text: &str| {
        std::fs::write(folder.path().join(name), text).expect("a file");
        format!("[reaction.{name}]\ntype = \"exec\"\ncommand = [\"sh\", {:?}]\n", file(name))
    };
    let told = script(
        "told",
        &format!(
            "cat > {0}.new; echo \"$RESOURCES_HOST $RESOURCES_STATE $TRACEPARENT $SECRET\" > {0}.env; \
             mv {0}.new {0}.json",
            file("out")
        ),
    );
    std::fs::write(file("secret"), "s3cret").expect("a file");
    let told = format!("{told}env.SECRET = {{ file = {:?} }}\n", file("secret"));
    let flood = script("flood", "yes | head -c 50000000; echo over >&2; exit 3");
    // What it starts ends with it.
    let slow = script("slow", &format!("sleep 600 & echo $! > {}; wait", file("pid")));
    let once = script(
        "once",
        &format!(
            "mkdir {0} || echo twice > {1}; while [ ! -e {2} ]; do sleep 0.1; done; sleep 0.3; \
             rmdir {0}; echo done >> {3}",
            file("lock"),
            file("twice"),
            file("go"),
            file("done")
        ),
    );
    let rules = format!(
        "{told}{flood}retry_for = \"0s\"\n{slow}timeout = \"10s\"\nretry_for = \"0s\"\n{once}rate = \
         \"off\"\n[[route]]\nwhere = \"host=web\"\nto = [\"told\", \"flood\", \"slow\"]\ngroup = \
         \"0s\"\n[[route]]\nwhere = \"host=db\"\nto = [\"once\"]\ngroup = \"0s\"\n"
    );
    let running = Running::start(&rules).await;
    let trace = running.tell(&raised("a")).await;
    running.tell(&alert("db-0", "db", AlertState::Raised)).await;
    let exists = |name: &str| std::fs::metadata(file(name)).is_ok();
    eventually("the first of them runs", async || exists("lock")).await;
    for id in ["db-1", "db-2"] {
        running.tell(&alert(id, "db", AlertState::Raised)).await;
    }
    std::fs::write(file("go"), "").expect("a file");
    let mut causes = BTreeMap::new();
    while causes.len() < 2 {
        let rejected = running.rejected().await;
        causes.insert(rejected.topic.to_string(), rejected.rejection.expect("a cause").to_string());
    }
    let cause = &causes["flood.notification"];
    assert!(cause.contains("ended with exit status: 3: over"), "{cause}");
    let cause = &causes["slow.notification"];
    assert!(cause.contains("took longer than 10s and was ended"), "{cause}");
    let pid = std::fs::read_to_string(file("pid")).expect("it began");
    let gone = || {
        // A zombie waits for its parent, and does nothing more.
        let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim()));
        state.map_or(true, |state| state.contains(") Z "))
    };
    eventually("what it started is gone", async || gone()).await;
    let written = || std::fs::read_to_string(file("out.json")).ok();
    eventually("the program ran", async || written().is_some()).await;
    let body: serde_json::Value = serde_json::from_str(&written().expect("it ran")).expect("JSON");
    assert_eq!(body["alerts"][0]["id"], "a");
    let variables = std::fs::read_to_string(file("out.env")).expect("it ran");
    let words: Vec<&str> = variables.split_whitespace().collect();
    assert_eq!((words[0], words[1], words[3]), ("web", "raised", "s3cret"));
    assert_eq!(words[2].parse::<TraceParent>().expect("a trace").trace_id(), trace.trace_id());
    let done = || std::fs::read_to_string(file("done")).unwrap_or_default().lines().count();
    eventually("what came meanwhile was told, too", async || done() >= 2).await;
    assert!(!exists("twice"), "two ran at a time");
    running.end().await;
}

#[tokio::test]
async fn an_email_is_for_people_and_goes_over_tls_unless_told_otherwise() {
    let mut mail = Mail::start().await;
    let port = mail.address.port();
    let reaction = |name: &str, tls: &str| {
        format!(
            "[reaction.{name}]\ntype = \"email\"\nserver = \"127.0.0.1\"\nport = {port}\n{tls}from = \
             \"Monitor <monitor@example.com>\"\nto = [\"ops@example.com\", \"ada@example.com\"]\n\
             retry_for = \"0s\"\n"
        )
    };
    let rules = format!(
        "{}{}[[route]]\nto = [\"private\"]\ngroup = \"0s\"\n[[route]]\nwhere = \"host=db\"\nto = \
         [\"plain\"]\ngroup = \"0s\"\n",
        reaction("private", ""),
        reaction("plain", "tls = \"none\"\n"),
    );
    let running = Running::start(&rules).await;
    running.tell(&raised("a")).await;
    let rejected = running.rejected().await;
    let cause = rejected.rejection.expect("a cause");
    assert!(cause.contains("did not take the e-mail"), "{cause}");
    assert!(mail.is_empty(), "nothing goes in plain text unless it is asked for");
    running.tell(&alert("b", "db", AlertState::Raised)).await;
    let (first, second) = (mail.next().await, mail.next().await);
    for (mail, receiver) in [(&first, "ops"), (&second, "ada")] {
        assert!(mail.contains(&format!("RCPT TO:<{receiver}@example.com>")), "{mail}");
        assert_eq!(mail.matches("RCPT TO:").count(), 1, "{mail}");
    }
    for words in [
        "MAIL FROM:<monitor@example.com>",
        "To: ops@example.com, ada@example.com",
        "Subject: [resources] db: cpu is at 97 % (HIGH)",
        "Auto-Submitted: auto-generated",
        "@example.com>",
        "\r\n\r\ndb: cpu is at 97 % (HIGH)\r\n",
    ] {
        assert!(first.contains(words), "{words:?} is not in\n{first}");
    }
    running.end().await;
}

#[tokio::test]
async fn a_receiver_whom_the_server_refuses_is_in_nobodys_way() {
    let mut mail = Mail::start().await;
    let port = mail.address.port();
    let reaction = |name: &str, to: &str| {
        format!(
            "[reaction.{name}]\ntype = \"email\"\nserver = \"127.0.0.1\"\nport = {port}\ntls = \
             \"none\"\nfrom = \"monitor@example.com\"\nto = [{to}]\nrate = \"off\"\nretry_for = \
             \"10s\"\n[[route]]\nwhere = \"host={name}\"\nto = [\"{name}\"]\ngroup = \"0s\"\n"
        )
    };
    let rules = [
        reaction("some", "\"unknown@example.com\", \"ada@example.com\""),
        reaction("none", "\"unknown@example.com\""),
    ];
    let running = Running::start(&rules.concat()).await;
    for id in ["a", "b"] {
        running.tell(&of(id, alert(id, "some", AlertState::Raised))).await;
        let mail = mail.next().await;
        assert!(mail.contains("RCPT TO:<ada@example.com>"), "{mail}");
        assert!(mail.contains(&format!("some: {id} is at 97 %")), "{mail}");
    }
    running.tell(&alert("c", "none", AlertState::Raised)).await;
    let rejected = running.rejected().await;
    assert_eq!(&*rejected.topic, "none.notification");
    let cause = rejected.rejection.expect("a cause").to_string();
    assert!(cause.contains("for unknown@example.com: ") && cause.contains("550"), "{cause}");
    assert!(tries(&cause) >= 2, "accounts are mended: {cause}");
    assert!(mail.is_empty());
    running.end().await;
}

#[tokio::test]
async fn what_a_server_says_back_brings_no_secret_into_the_rejected_queue() {
    let web = Web::start().await;
    let url = tempfile::NamedTempFile::new().expect("a file");
    let token = "T0ken-in-the-path";
    std::fs::write(&url, format!("http://{}/echo/{token}?key=in-the-query", web.address))
        .expect("a file");
    let rules = format!(
        "[reaction.hook]\ntype = \"webhook\"\nurl = {{ file = {:?} }}\nheaders.Authorization = \
         \"Bearer in-the-header\"\nretry_for = \"0s\"\n[[route]]\nto = [\"hook\"]\ngroup = \"0s\"\n",
        url.path()
    );
    let running = Running::start(&rules).await;
    running.tell(&raised("a")).await;
    let rejected = running.rejected().await;
    let cause = rejected.rejection.expect("a cause").to_string();
    assert!(cause.contains("answered 404") && cause.contains("is not shown"), "{cause}");
    for secret in [token, "in-the-query", "in-the-header"] {
        assert!(!cause.contains(secret), "{cause}");
    }
    running.end().await;
}

#[tokio::test]
async fn another_key_is_told_and_a_dry_run_tells_nobody() {
    let rules = "[reaction.film]\ntype = \"publish\"\nkey = \"terminator_detected\"\n[[route]]\nto = \
                 [\"film\"]\ngroup = \"0s\"\n";
    for mode in [Mode::Act, Mode::DryRun] {
        let running = Running::start_in(rules, mode).await;
        let pattern = "terminator_detected".parse().expect("a pattern");
        let prefetch = 10.try_into().expect("not zero");
        let mut heard = running.bus.subscribe(Source::Patterns(vec![pattern]), prefetch);
        running.tell(&raised("a")).await;
        if mode == Mode::Act {
            let delivery = in_time("it is told", heard.next()).await.expect("the bus is up");
            let body: serde_json::Value = serde_json::from_slice(&delivery.body).expect("JSON");
            assert_eq!(body["alerts"][0]["id"], "a");
        } else {
            let nothing = tokio::time::timeout(Duration::from_secs(2), heard.next()).await;
            assert!(nothing.is_err(), "a dry run told somebody");
        }
        running.end().await;
    }
}

/// The program under test.
struct Program(Child);

impl Program {
    fn start(folder: &Path, url: &str, exchange: &str, rules: &str) -> Self {
        std::fs::write(folder.join("rules.toml"), rules).expect("a file");
        let file = |name: &str| folder.join(name).display().to_string();
        let child = Command::new(env!("CARGO_BIN_EXE_resources-observer"))
            .args(["--broker-url", url, "--exchange", exchange])
            .args(["--rules", &file("rules.toml"), "--state", &file("state.sqlite")])
            .args(["--log", "warn"])
            .env_clear()
            .spawn()
            .expect("the program starts");
        Self(child)
    }

    /// As `kill -9` does.
    fn kill(mut self) {
        self.0.kill().expect("it runs");
        self.0.wait().expect("it ends");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_around_its_calls_it_forgets_no_alert_and_repeats_only_under_the_same_id() {
    const ALERTS: usize = 300;
    let (url, exchange) = (shared_broker(), unique_exchange());
    let bus = open_bus(url, &exchange);
    let mut web = Web::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let rules = format!(
        "{}[[route]]\nto = [\"hook\"]\ngroup = \"0s\"\n",
        // Where the program starts slowly, all that came meanwhile is one message.
        hook(&web, "hook", "rate = \"off\"\nlist = 1000")
    );
    let mut program = Program::start(folder.path(), url, &exchange, &rules);
    let mut stream = bus.subscribe(
        Source::Patterns(vec!["#.alert".parse().expect("a pattern")]),
        10.try_into().expect("not zero"),
    );
    assert!(in_time("the broker is there", stream.ready()).await);
    // Only what is raised from its first start on is told.
    let state = folder.path().join("state.sqlite.reactions");
    eventually("it has started", async || has_started(&state)).await;
    let publisher = bus.publisher();
    for number in 0..ALERTS {
        let one = alert(&format!("{number}"), &format!("host-{number}"), AlertState::Raised);
        publish(&publisher, &one.host, Kind::Alert, &one, TraceParent::begin()).await;
        if number % 60 == 59 {
            // At another moment each time: before it reads, while it stores, while it calls.
            tokio::time::sleep(Duration::from_millis(number as u64 % 37 * 10)).await;
            program.kill();
            program = Program::start(folder.path(), url, &exchange, &rules);
        }
    }
    let mut by_id: BTreeMap<String, String> = BTreeMap::new();
    let mut told: BTreeMap<String, usize> = BTreeMap::new();
    while told.len() < ALERTS {
        let call = web.next().await;
        let id = call.header("idempotency-key").to_owned();
        match by_id.insert(id, call.text.clone()) {
            Some(before) => assert_eq!(before, call.text),
            None => {
                for alert in call.body()["alerts"].as_array().expect("a list") {
                    *told.entry(alert["id"].to_string()).or_default() += 1;
                }
            }
        }
    }
    assert!(told.values().all(|times| *times == 1), "each alert is in one notification");
    program.kill();
    bus.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn each_host_over_its_threshold_is_told_once_at_the_web_hook() {
    const HOSTS: usize = 200;
    let (url, exchange) = (shared_broker(), unique_exchange());
    let bus = open_bus(url, &exchange);
    let mut web = Web::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let more = "rate = \"off\"\nparallel = 8";
    let rules = format!(
        "[default]\ncpu = {{ raise = 90, hold = \"0s\" }}\n[pipeline]\nenabled = false\n{}[[route]]\n\
         where = \"kind=level\"\nto = [\"hook\"]\ngroup = \"0s\"\n",
        hook(&web, "hook", more)
    );
    let program = Program::start(folder.path(), url, &exchange, &rules);
    let state = folder.path().join("state.sqlite.reactions");
    eventually("it has started", async || has_started(&state)).await;
    let publisher = bus.publisher();
    for number in 0..HOSTS {
        let body = serde_json::json!({
            "cpu_result": "HIGH", "level": "HIGH", "cpu_percentage": 99, "host": format!("host-{number}"),
            "run": "r", "sequence": 0, "timestamp_ms": now_ms(), "interval_ms": 1000,
            "resources": [{"name": "cpu", "percentage": 99, "level": "HIGH"}],
        });
        let message = Message {
            topic: Topic::new(&format!("host-{number}.analysis")).expect("a topic"),
            body: body.to_string().into_bytes().into(),
            timestamp_ms: now_ms(),
            trace: TraceParent::begin(),
        };
        in_time("it is confirmed", publisher.publish_until_confirmed(&message))
            .await
            .expect("a queue");
        let call = web.next().await;
        assert_eq!(call.body()["alerts"][0]["host"], format!("host-{number}"));
    }
    assert!(web.calls().is_empty(), "each host is told once");
    program.kill();
    bus.close().await;
}
