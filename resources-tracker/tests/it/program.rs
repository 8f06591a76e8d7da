//! The program: what it prints and how it ends.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use resources_core::contract::Measure;

pub(crate) fn tracker(line: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_resources-tracker"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("RESOURCES_") {
            command.env_remove(name);
        }
    }
    command.args(line.split_whitespace());
    command
}

/// Runs the program to its end; one that goes on is ended, so that it cannot hold up the tests.
fn run(command: &mut Command) -> Output {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let id = child.id();
    let (sender, output) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    output.recv_timeout(Duration::from_secs(60)).map_or_else(
        |_| {
            kill(id);
            panic!("it did not end: {command:?}")
        },
        |output| output.unwrap(),
    )
}

pub(crate) fn kill(id: u32) {
    assert!(Command::new("kill").arg(id.to_string()).status().unwrap().success());
}

#[test]
fn once_prints_one_valid_measure_and_ends() {
    let output = run(&mut tracker("--once --host web-1 --interval 200ms --processes-above 0"));
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 1);
    let measure = Measure::decode("web-1.measure", text.as_bytes(), 0).unwrap();
    assert_eq!((measure.sequence, measure.interval_ms), (Some(0), Some(200)));
    assert!(measure.memory.is_some() && measure.load_average.is_some());
    let system = measure.system.unwrap();
    assert_eq!(system.tracker_version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(system.cores, Some(measure.cores_percentage.len() as u64));
}

#[test]
fn a_setting_that_cannot_be_used_is_one_line_and_exit_code_2() {
    for (line, named) in [
        ("--colour red", "--colour"),
        ("--interval 1ms", "--interval 1ms"),
        ("--interval x", "--interval"),
        ("--host a*b", "--host"),
        ("--host me --broker-url http://me:hunter2@host/", "broker URL"),
        ("--host me --broker-url amqp://me:hunter2@host:99999/", "broker URL"),
        ("--host me --exchange a/b", "exchange name"),
        ("--host me --log resources_tracker=loud", "--log"),
        ("--buffer 0", "--buffer"),
        ("--host me --host-root nowhere", "--host-root nowhere"),
        ("--host me --replay-rate 0", "--replay-rate"),
        ("--host me --spool-bytes 1", "--spool-bytes"),
        ("--host me --spool-dir /no/such/folder", "--spool-dir /no/such/folder"),
        ("--host me --spool-dir /proc", "--spool-dir /proc"),
        ("--host me --metrics-listen 9464", "write an IP address and a port"),
        ("--host me --otlp-endpoint localhost:4318", "such as http://localhost:4318"),
        ("--host me --otlp-endpoint anna:hunter2@collector:4318", "--otlp-endpoint: write http://"),
        ("--host me --otlp-endpoint http://a/?token=hunter2", "--otlp-endpoint: write http://"),
        ("--host me amqp://anna:hunter2@host", "'amqp://***@host'"),
        ("--host me anna:hunter2@host", "'***@host'"),
        ("--host me --otlp-sampling-ratio 2", "from 0 (no trace) to 1"),
    ] {
        let output = run(&mut tracker(line));
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{line}: {error}");
        assert_eq!(error.lines().count(), 1, "{line}: {error}");
        assert!(error.contains(named), "{line}: {error}");
        assert!(!error.contains("hunter2"), "{line}: {error}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_host_name_with_a_space_is_refused_too() {
    let output = run(tracker("").args(["--host", "a b"]));
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert!(error.contains("--host") && error.contains("' '"), "{error}");
}

#[test]
fn help_names_the_environment_and_never_the_password() {
    let output = run(tracker("--help")
        .env("RESOURCES_BROKER_URL", "amqp://a:hunter2@b")
        .env("RESOURCES_OTLP_ENDPOINT", "http://a:hunter2@b"));
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    for word in [
        "--interval",
        "RESOURCES_INTERVAL",
        "RESOURCES_OTLP_ENDPOINT",
        "--once",
        "--host-root",
        "--buffer",
    ] {
        assert!(text.contains(word), "{word}");
    }
    assert!(!text.contains("hunter2"));
}

#[cfg(unix)]
#[test]
fn it_says_what_it_does_and_ends_with_0_when_asked_to_stop() {
    let mut child = tracker("--host me --broker-url memory: --log-format json")
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains(r#""host":"me""#) && first.contains(r#""interval_ms":1000"#), "{first}");
    kill(child.id());
    assert!(child.wait().unwrap().success());
    let rest: String = lines.map_while(Result::ok).collect();
    assert!(rest.contains("SIGTERM"), "{rest}");
}
