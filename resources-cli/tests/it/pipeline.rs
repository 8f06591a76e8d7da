//! `resources up`: from this machine's sensors to the page's address, in one process.

use resources_core::test_support::{eventually, served_metrics, shared_broker, unique_exchange};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::{Broker, Running, errors, resources, run};

/// Starts `up` on a free port; gives it and the address of its page.
async fn up(arguments: &[&str]) -> (Running, String) {
    let fixed = ["up", "--listen", "127.0.0.1:0", "--interval", "100ms"];
    let mut running = Running::start(&[&fixed, arguments].concat());
    let line = running.line().await;
    let address = line.strip_prefix("Open http://").and_then(|rest| rest.strip_suffix('/'));
    let address = address.unwrap_or_else(|| panic!("{line}")).to_owned();
    (running, address)
}

/// The body of `GET path`, when the server answers with 200.
async fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

/// What the page is told of `host`.
async fn host(address: &str, host: &str) -> Option<Value> {
    let body = get(address, "/api/v1/hosts").await?;
    let Value::Object(mut answer) = serde_json::from_str(&body).expect("the API answers JSON")
    else {
        panic!("the API answers an object, not {body}");
    };
    let Some(Value::Array(hosts)) = answer.remove("hosts") else { panic!("no hosts in {body}") };
    hosts.into_iter().find(|entry| entry["host"] == host)
}

async fn is_live(address: &str, name: &str) {
    eventually("the page is told of this machine", || async {
        host(address, name).await.is_some()
    })
    .await;
    let first = host(address, name).await.expect("it was there");
    assert!((0.0..=100.0).contains(&first["cpu_percentage"].as_f64().expect("a number")));
    let received = first["received_ms"].as_u64().expect("a time");
    eventually("another sample arrives", || async {
        host(address, name).await.is_some_and(|now| now["received_ms"].as_u64() > Some(received))
    })
    .await;
}

#[tokio::test]
async fn up_shows_this_machine_live_and_stops_when_asked_to() {
    let (running, address) = up(&["--host", "here.example.com", "--cpu-medium", "0"]).await;
    is_live(&address, "here.example.com").await;
    let shown = host(&address, "here.example.com").await.expect("it was there");
    assert_ne!(shown["cpu_result"], "LOW", "the flags reach the analyzer: {shown}");
    assert!(get(&address, "/").await.expect("the page is served").contains("<html"));
    let (status, rest) = running.terminate().await;
    assert_eq!((status.code(), rest), (Some(0), Vec::new()), "one line on standard output");
}

#[tokio::test]
async fn up_shows_machines_that_are_not_there_beside_this_one() {
    let (running, address) = up(&["--host", "here", "--simulate-hosts", "40"]).await;
    for name in ["here", "sim-0001", "sim-0040"] {
        is_live(&address, name).await;
    }
    let body = get(&address, "/api/v1/hosts").await.expect("the hosts are told");
    let answer: Value = serde_json::from_str(&body).expect("the API answers JSON");
    assert_eq!(answer["hosts"].as_array().map(Vec::len), Some(41));
    assert_eq!(running.terminate().await.0.code(), Some(0));
}

#[tokio::test]
async fn up_ignores_a_broker_in_the_environment_and_takes_one_on_the_command_line() {
    let fixed = ["up", "--listen", "127.0.0.1:0", "--host", "alone"];
    let mut command = resources(&fixed);
    command.env("RESOURCES_BROKER_URL", "amqp://127.0.0.1:1/");
    let mut running = Running::spawn(&mut command);
    let line = running.line().await;
    let address = line.trim_start_matches("Open http://").trim_end_matches('/').to_owned();
    is_live(&address, "alone").await;
    running.terminate().await;

    let exchange = unique_exchange();
    let at_broker = ["--broker", shared_broker(), "--exchange", &exchange, "--state", "memory"];
    let (running, address) = up(&[&at_broker[..], &["--host", "together"]].concat()).await;
    is_live(&address, "together").await;
    assert_eq!(running.terminate().await.0.code(), Some(0));
}

#[tokio::test]
async fn up_raises_alerts_by_the_rules_it_is_given_unless_it_is_told_not_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let rules = folder.path().join("rules.toml");
    let always = "default.memory = { raise = 0, clear = 0, hold = \"0s\" }\n\
                  default.cpu = { enabled = false }\ndefault.swap = { enabled = false }\n\
                  default.disk = { enabled = false }\n";
    std::fs::write(&rules, always).expect("a file");
    let rules = rules.to_str().expect("UTF-8");

    let broker = Broker::new();
    let mut listener = broker.listen(&["#.alert"]).await;
    let at_broker = ["--broker", shared_broker(), "--exchange", &broker.exchange];
    let (quiet, address) =
        up(&[&at_broker[..], &["--no-observer", "--host", "quiet"]].concat()).await;
    is_live(&address, "quiet").await;
    let loud = ["--rules", rules, "--state", "memory", "--host", "loud"];
    let (running, _) = up(&[&at_broker[..], &loud].concat()).await;
    let line: Value = serde_json::from_str(&listener.line().await).expect("JSON");
    let alert = &line["body"];
    assert_eq!((&alert["state"], &alert["resource"]), (&"raised".into(), &"memory".into()));
    for running in [quiet, running, listener] {
        assert_eq!(running.terminate().await.0.code(), Some(0));
    }

    std::fs::write(rules, "[colour]").expect("a file");
    let output = run(&["up", "--rules", rules]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(errors(&output).contains("rules.toml, line 1"), "{}", errors(&output));
}

#[tokio::test]
async fn up_ends_when_a_part_cannot_work() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let output = run(&["up", "--listen", &address]).await;
    let error = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains(&address) && error.contains("in use"), "{error}");
    assert!(output.stdout.is_empty(), "nothing to open");
}

#[test]
fn up_serves_the_figures_of_all_parts_where_it_is_asked_to() {
    let arguments =
        ["up", "--listen", "127.0.0.1:0", "--history", "off", "--state", "memory", "--host", "me"];
    let figures = served_metrics(env!("CARGO_BIN_EXE_resources"), &arguments);
    for name in ["resources_outbox_samples", "resources_messages_received_total", "process_threads"]
    {
        assert!(figures.contains(&format!("\n{name}")), "{name} in {figures}");
    }
}
