//! The program: what it refuses, in one line and with which exit code.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use resources_core::bus::Message;
use resources_core::contract::{Topic, TraceParent};
use resources_core::test_support::{
    eventually, in_time, open_bus, served_metrics, shared_broker, unique_exchange,
};

fn analyzer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_resources-analyzer"))
        .args(arguments)
        .env_clear()
        .output()
        .expect("the program starts")
}

/// Checks that `arguments` are refused with exit code 2 and one line that holds all of `words`.
fn refused(arguments: &[&str], words: &[&str]) {
    let output = analyzer(arguments);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for word in words {
        assert!(error.contains(word), "{error:?} does not hold {word:?}");
    }
}

#[test]
fn thresholds_out_of_order_are_refused() {
    refused(
        &["--cpu-medium", "80", "--cpu-high", "20"],
        &["--cpu-medium", "0 ≤ medium ≤ high ≤ 100", "medium 80 and high 20"],
    );
    refused(&["--disk-high", "101"], &["--disk-high", "0 to 100"]);
    refused(&["--swap-medium", "half"], &["--swap-medium", "0 to 100"]);
}

#[test]
fn a_bad_thresholds_file_is_refused_with_file_and_line() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(&file, "[default]\ncpu = { medium = 80, high = 20 }\n").expect("written");
    let path = file.path().to_str().expect("UTF-8");
    refused(&["--thresholds", path], &[path, "line 2", "0 ≤ medium ≤ high ≤ 100"]);
    std::fs::write(&file, "[default\n").expect("written");
    refused(&["--thresholds", path], &[path, "line 1"]);
    refused(&["--thresholds", "/nonexistent/t.toml"], &["/nonexistent/t.toml"]);
}

#[test]
fn unknown_flags_and_counts_out_of_range_are_refused() {
    refused(&["--colour"], &["--colour", "--help"]);
    refused(&["--prefetch", "0"], &["--prefetch", "1..=65535"]);
    refused(&["--window", "65536"], &["--window", "1..=65535"]);
}

#[test]
fn a_bad_broker_url_is_refused_without_its_password() {
    let output = analyzer(&["--broker-url", "http://me:hunter2@host/"]);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("amqp://") && !error.contains("hunter2"), "{error}");
}

#[test]
fn a_broker_that_refuses_ends_it_with_one_line() {
    let url = shared_broker().replace("guest:guest@", "guest:hunter2@");
    assert!(url.contains("hunter2"), "the test broker's user is guest");
    let output = analyzer(&["--broker-url", &url, "--log", "off"]);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains("refused") && !error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn it_tells_its_health_and_stops_when_asked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("health");
    let path = file.to_str().expect("UTF-8");
    let check = || analyzer(&["--health-check", "--health-file", path]).status.code();
    assert_eq!(check(), Some(1), "nothing runs");
    let mut running = Command::new(env!("CARGO_BIN_EXE_resources-analyzer"))
        .args(["--broker-url", "memory:", "--health-file", path, "--log", "off"])
        .env_clear()
        .spawn()
        .expect("the program starts");
    eventually("it is healthy", async || check() == Some(0)).await;
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert_eq!(running.wait().expect("it ends").code(), Some(0));
    assert!(!file.exists(), "the file goes with the service");
}

#[test]
fn help_names_every_setting_with_its_default() {
    let output = analyzer(&["--help"]);
    let help = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0));
    for word in ["--cpu-medium", "RESOURCES_THRESHOLDS", "[default: 512]", "Exit codes"] {
        assert!(help.contains(word), "{word} is not in {help}");
    }
}

#[test]
fn it_serves_its_figures_where_it_is_asked_to() {
    let program = env!("CARGO_BIN_EXE_resources-analyzer");
    let figures = served_metrics(program, &["--broker-url", "memory:"]);
    for name in ["resources_handler_seconds_count{handler=\"analyse\"}", "process_threads"] {
        assert!(figures.contains(&format!("\n{name} ")), "{name} in {figures}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_says_of_a_message_carries_the_trace_of_that() {
    let exchange = unique_exchange();
    let bus = open_bus(shared_broker(), &exchange);
    let message = Message {
        topic: Topic::new("web.measure").expect("a key"),
        body: "no measure".into(),
        timestamp_ms: 0,
        trace: TraceParent::begin(),
    };
    in_time("it waits", bus.publisher().publish_until_confirmed(&message)).await.expect("a queue");
    let mut running = Command::new(env!("CARGO_BIN_EXE_resources-analyzer"))
        .args(["--broker-url", shared_broker(), "--exchange", &exchange, "--log-format", "json"])
        .env_clear()
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let log = BufReader::new(running.stderr.take().expect("piped"));
    let said = tokio::task::spawn_blocking(|| {
        let lines = log.lines().map(|line| line.expect("UTF-8"));
        let mut lines = lines.filter_map(|line| serde_json::from_str(&line).ok());
        lines.find(|line: &serde_json::Value| line["trace_id"].is_string())
    });
    let said = in_time("it is said", said).await.expect("no panic").expect("it still runs");
    running.kill().expect("it runs");
    running.wait().expect("it ends");
    assert_eq!(said["trace_id"], message.trace.trace_id_text().to_string(), "{said}");
    assert_eq!(said["level"], "WARN", "{said}");
    bus.close().await;
}
