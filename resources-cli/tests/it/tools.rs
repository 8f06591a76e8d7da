//! `send`, `listen` and `simulate` over a real broker.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use resources_core::test_support::{RabbitMq, in_time, shared_broker};
use serde_json::Value;
use tokio::io::AsyncWriteExt as _;

use crate::support::{Broker, Running, ended, errors, resources, run};

fn parsed(line: &str) -> Value {
    serde_json::from_str(line).expect("a line is JSON")
}

#[tokio::test]
async fn a_listener_prints_what_was_sent_and_ends_with_its_count() {
    let broker = Broker::new();
    let mut listener = broker.listen(&["#.measure", "terminator_detected", "--count", "4"]).await;
    broker.send(&["web-1.eu.measure", r#"{"cpu_percentage": 80.50}"#]).await;
    broker.send(&["terminator_detected", "Terminator just dropped from the sky"]).await;
    broker.send(&["terminator_detected"]).await;
    let mut child = resources(&broker.with(&["send", "terminator_detected", "-"]))
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("piped");
    input.write_all(b"[1,\n 2]\n").await.expect("it reads");
    drop(input);
    assert!(ended(child).await.status.success());

    let first = listener.line().await;
    assert!(first.contains(r#"{"cpu_percentage": 80.50}"#), "as it came: {first}");
    let first = parsed(&first);
    assert_eq!(first["topic"], "web-1.eu.measure");
    assert!(first["timestamp_ms"].as_u64().expect("a time") > 1_700_000_000_000);
    assert_eq!(parsed(&listener.line().await)["body"], "Terminator just dropped from the sky");
    assert_eq!(parsed(&listener.line().await)["body"], serde_json::json!({}));
    assert_eq!(parsed(&listener.line().await)["body"], serde_json::json!([1, 2]));
    let (status, rest) = listener.ended().await;
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
}

#[tokio::test]
async fn a_listener_counts_and_prints_only_what_passes_its_filter() {
    let broker = Broker::new();
    let arguments = ["#", "--where", "level=HIGH key=*.alert", "--count", "2", "--format", "text"];
    let mut listener = broker.listen(&arguments).await;
    for (key, body) in [
        ("web-1.alert", r#"{"level": "LOW", "host": "web-1"}"#),
        ("web-2.alert", r#"{"level": "HIGH", "host": "web-2"}"#),
        ("web-3.other", r#"{"level": "HIGH", "host": "web-3"}"#),
        ("web-4.alert", "just words"),
        ("web-5.alert", r#"{"level": "HIGH", "host": "web-5"}"#),
    ] {
        broker.send(&[key, body]).await;
    }
    for host in ["web-2", "web-5"] {
        let line = listener.line().await;
        assert!(line.ends_with(&format!("Z {host}.alert host={host} level=HIGH")), "{line}");
    }
    assert_eq!(listener.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn a_listener_begins_with_what_streams_keep_and_goes_on_without_gap_or_double() {
    let broker = Broker::new();
    // Declares the streams.
    let first = broker.listen(&["#.alert", "--for", "1s"]).await;
    assert_eq!(first.ended().await.0.code(), Some(0));
    for number in 0..6 {
        let kind = ["alert", "analysis"][number % 2];
        broker.send(&[&format!("web.{kind}"), &number.to_string()]).await;
    }
    broker.send(&["db.alert", "other"]).await;
    let arguments = ["web.alert", "*.analysis", "web.#.alert", "--since", "1h", "--count", "10"];
    let mut listener = broker.listen(&arguments).await;
    for number in 6..10 {
        let kind = ["alert", "analysis"][number % 2];
        broker.send(&[&format!("web.{kind}"), &number.to_string()]).await;
    }
    let (mut alerts, mut analyses) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let message = parsed(&listener.line().await);
        let body = message["body"].as_u64().expect("a number");
        match message["topic"].as_str() {
            Some("web.alert") => alerts.push(body),
            _ => analyses.push(body),
        }
    }
    assert_eq!((alerts, analyses), (vec![0, 2, 4, 6, 8], vec![1, 3, 5, 7, 9]));
    assert_eq!(listener.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn a_listener_runs_a_program_for_each_message_and_tells_its_failures() {
    let broker = Broker::new();
    let script = r#"
        read -r event
        echo "$1 $RESOURCES_KEY host=$RESOURCES_HOST at $RESOURCES_TIMESTAMP_MS $event"
        [ ${#TRACEPARENT} = 55 ] && [ "$RESOURCES_KEY" != db.alert ]"#;
    let arguments =
        ["#.alert", "terminator_detected", "--where", "level!=LOW", "--exec", "sh", "--count", "3"];
    let broker_arguments = broker.with(&[]);
    let script = ["--", "-c", script, "page", "urgent; rm"];
    let arguments = [&["listen"], &arguments[..], &broker_arguments, &script].concat();
    let path = std::env::var("PATH").expect("a path");
    let mut command = resources(&arguments);
    let mut listener = Running::spawn(command.env("PATH", path).env("RESOURCES_HOST", "mine"));
    assert!(listener.error_line().await.starts_with("listening to "));
    broker.send(&["web.alert", r#"{"level": "LOW"}"#]).await;
    broker.send(&["web.eu.alert", r#"{"level": "HIGH"}"#]).await;
    broker.send(&["db.alert", "{}"]).await;
    broker.send(&["terminator_detected", "Terminator just dropped in our space-time"]).await;
    for (beginning, end) in [
        ("urgent; rm web.eu.alert host=web.eu at 1", r#""body":{"level": "HIGH"}}"#),
        ("urgent; rm db.alert host=db at 1", r#""body":{}}"#),
        (
            "urgent; rm terminator_detected host= at 1",
            r#""body":"Terminator just dropped in our space-time"}"#,
        ),
    ] {
        let line = listener.line().await;
        assert!(line.starts_with(beginning) && line.ends_with(end), "{line}");
    }
    let told = listener.error_line().await;
    assert!(told.ends_with(r#"/sh ended with exit status: 1 on "db.alert""#), "{told}");
    let told = listener.error_line().await;
    assert_eq!(told, "resources: 1 of 3 runs of sh failed");
    assert_eq!(listener.ended().await.0.code(), Some(1));
}

#[tokio::test]
async fn a_program_that_hangs_is_ended_and_has_failed() {
    let broker = Broker::new();
    let arguments = ["hang", "--count", "1", "--exec", "/bin/sleep", "--exec-timeout", "200ms"];
    let arguments = [&["listen"], &arguments[..], &broker.with(&[]), &["--", "300"]].concat();
    let mut listener = Running::start(&arguments);
    assert!(listener.error_line().await.starts_with("listening to "));
    broker.send(&["hang"]).await;
    let told = listener.error_line().await;
    assert!(told.contains("/bin/sleep took longer than 200ms and was ended on \"hang\""), "{told}");
    assert!(listener.error_line().await.contains("1 of 1 runs of /bin/sleep failed"));
    assert_eq!(listener.ended().await.0.code(), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_wait_for_a_slow_program_outlast_the_patience_of_the_broker() {
    let broker = RabbitMq::start();
    // Less than all eight runs take, and far more than one.
    let impatient = "application:set_env(rabbit, consumer_timeout, 12000), \
                     application:set_env(rabbit, channel_tick_interval, 500).";
    broker.ctl(&["eval", impatient]);
    let url = broker.url();
    let script = "/bin/sleep 2; echo \"$RESOURCES_KEY\"";
    let arguments = ["listen", "job.*", "--broker-url", &url, "--count", "8", "--exec", "/bin/sh"];
    let mut listener = Running::start(&[&arguments[..], &["--", "-c", script]].concat());
    assert!(listener.error_line().await.starts_with("listening to "));
    for number in 0..8 {
        let key = format!("job.{number}");
        let sent = run(&["send", &key, "--broker-url", &url]).await;
        assert!(sent.status.success(), "{}", errors(&sent));
    }
    for number in 0..8 {
        assert_eq!(listener.line().await, format!("job.{number}"));
    }
    assert_eq!(listener.ended().await.0.code(), Some(0));
}

#[tokio::test]
async fn what_a_listener_cannot_use_is_refused_before_it_listens() {
    for (arguments, words) in [
        (&["#", "--where", "level"][..], "`level`: no operator"),
        (&["#", "--where", "cpu>much"], "one number"),
        (&["terminator_detected", "--since", "1h"], "`terminator_detected`"),
        (&["#.alert", "#.measure", "--since", "1h"], "like one of #.analysis, #.alert"),
        (&["#", "--exec", "/nowhere/page.sh"], "cannot start /nowhere/page.sh"),
        (&["#", "--exec-timeout", "1s"], "--exec"),
        (&["#", "--exec", "/bin/true", "--exec-timeout", "15m"], "at most 14m"),
        (&["#", "--", "an argument"], "--exec"),
        (&["#", "--format", "xml"], "[possible values: json, text]"),
    ] {
        let output = run(&[&["listen"], arguments].concat()).await;
        let error = errors(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
        assert!(error.contains(words) && error.lines().count() == 1, "{error}");
    }
}

#[tokio::test]
async fn a_listener_whose_time_is_over_tells_whether_it_got_its_count() {
    let broker = Broker::new();
    let without = broker.listen(&["nothing", "--for", "1s"]).await;
    assert_eq!(without.ended().await.0.code(), Some(0));
    let mut with = broker.listen(&["nothing", "--for", "1s", "--count", "2"]).await;
    let told = with.error_line().await;
    assert!(told.contains("0 of 2 messages"), "{told}");
    assert_eq!(with.ended().await.0.code(), Some(1));
}

#[tokio::test]
async fn a_listener_that_is_stopped_or_no_longer_read_ends_quietly() {
    let broker = Broker::new();
    let listener = broker.listen(&["#"]).await;
    assert_eq!(listener.terminate().await.0.code(), Some(0));

    let listener = broker.listen(&["noise"]).await;
    let mut child = listener.drop_output();
    broker.send(&["noise"]).await;
    let status = in_time("it ends", child.wait()).await;
    assert_eq!(status.expect("it can be waited for").code(), Some(0));
}

#[tokio::test]
async fn a_message_that_nobody_listens_to_is_an_error() {
    let broker = Broker::new();
    let output = run(&broker.with(&["send", "nobody.cares", "{}"])).await;
    let error = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("nobody listens to `nobody.cares`"), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
}

#[tokio::test]
async fn refused_credentials_end_every_tool_with_one_line() {
    let url = shared_broker().replace("guest:guest@", "guest:hunter2@");
    assert!(url.contains("hunter2"), "the test broker's user is guest");
    for command in [&["send", "a"][..], &["listen", "#"], &["simulate", "--hosts", "1"]] {
        let quiet = ["--broker-url", &url, "--log", "off"];
        let output = run(&[command, &quiet].concat()).await;
        let error = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
        let last = error.lines().last().expect("a line");
        assert!(last.contains("refused") && !error.contains("hunter2"), "{error}");
    }
}

#[tokio::test]
async fn a_broker_that_is_not_there_is_given_up_in_time() {
    let start = Instant::now();
    for command in [&["send", "a", "--timeout", "1s"][..], &["listen", "#", "--for", "1s"]] {
        let output = run(&[command, &["--broker-url", "amqp://127.0.0.1:1/"]].concat()).await;
        let error = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{command:?}: {error}");
        let last = error.lines().last().expect("a line");
        assert!(
            last.contains("cannot reach the broker at amqp://guest:***@127.0.0.1:1/"),
            "{error}"
        );
    }
    assert!(start.elapsed() < Duration::from_secs(40));
}

#[tokio::test]
async fn a_simulation_sends_every_host_once_an_interval_through_the_real_path() {
    let broker = Broker::new();
    let mut listener = broker.listen(&["#.measure"]).await;
    let arguments = ["simulate", "--hosts", "5", "--interval", "200ms", "--for", "3s"];
    let output = run(&broker.with(&arguments)).await;
    let summary = errors(&output);
    assert_eq!(output.status.code(), Some(0), "{summary}");
    let last = summary.lines().last().expect("a summary");
    assert!(last.contains("of 5 hosts"), "{summary}");
    let sampled = last.strip_prefix("sampled ").and_then(|rest| rest.split(' ').next());
    let sampled: usize = sampled.and_then(|count| count.parse().ok()).expect(last);
    let mut sequences = BTreeMap::<String, Vec<u64>>::new();
    for _ in 0..sampled {
        let message = parsed(&listener.line().await);
        let host = message["body"]["host"].as_str().expect("a host").to_owned();
        assert_eq!(message["topic"], format!("{host}.measure"));
        assert_eq!(message["body"]["interval_ms"], 200);
        let sequence = message["body"]["sequence"].as_u64().expect("a number");
        sequences.entry(host).or_default().push(sequence);
    }
    let hosts = (1..=5).map(|number| format!("sim-000{number}"));
    assert!(sequences.keys().cloned().eq(hosts), "{sequences:?}");
    // Which sample leaves first of those that were due before the link was up is nobody's promise.
    sequences.values_mut().for_each(|of_host| of_host.sort_unstable());
    let none_is_missing = |of_host: &Vec<u64>| of_host.iter().copied().eq(0..of_host.len() as u64);
    assert!(sequences.values().all(none_is_missing), "{sequences:?}");
    // In turn, 15 times in three seconds; a machine that stalls in the end leaves some out.
    let counts = || sequences.values().map(Vec::len);
    let (least, most) = (counts().min().expect("hosts"), counts().max().expect("hosts"));
    assert!(least >= 8 && most <= 16 && most - least <= 1, "{sequences:?}");
    let (status, rest) = listener.terminate().await;
    assert_eq!((status.code(), rest), (Some(0), Vec::new()));
}
