//! What the program tells of itself, and that it tells nothing unless asked to.
#![cfg(unix)]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::program::{kill, tracker};

const LINE: &str = "--host me --broker-url memory: --interval 100ms --log-format json";

fn start(command: &mut Command) -> (Child, BufReader<ChildStderr>) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let errors = BufReader::new(child.stderr.take().unwrap());
    (child, errors)
}

/// The first line of the log that has `word`.
fn line_with(log: &mut BufReader<ChildStderr>, word: &str) -> String {
    loop {
        let mut line = String::new();
        assert!(log.read_line(&mut line).unwrap() > 0, "it ended before it said {word}");
        if line.contains(word) {
            return line;
        }
    }
}

/// Asks it to stop, and gives what else it said.
fn stop(mut child: Child, mut log: BufReader<ChildStderr>) -> String {
    kill(child.id());
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
    rest
}

fn ask(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn metrics_are_served_where_they_are_asked_for() {
    let (child, mut log) = start(&mut tracker(&format!("{LINE} --metrics-listen 127.0.0.1:0")));
    let line: serde_json::Value =
        serde_json::from_str(&line_with(&mut log, "serving metrics")).unwrap();
    let address = line["metrics"].as_str().unwrap();
    let answer = ask(address, "GET /metrics HTTP/1.0\r\n\r\n");
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer}");
    for name in ["resources_outbox_capacity_samples 3600", "process_resident_memory_bytes "] {
        assert!(answer.contains(&format!("\n{name}")), "{name} in {answer}");
    }
    assert!(ask(address, "GET / HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 404"));
    assert!(ask(address, "POST /metrics HTTP/1.0\r\n\r\n").starts_with("HTTP/1.0 405"));
    assert!(ask(address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    stop(child, log);
}

#[test]
fn a_port_that_is_taken_is_one_line_and_exit_code_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let line = format!("--host me --broker-url memory: --log warn --metrics-listen {address}");
    let output = tracker(&line).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(&format!("--metrics-listen {address}: the port is in use")), "{error}");
}

#[cfg(target_os = "linux")]
#[test]
fn no_port_is_opened_unless_it_is_asked_for() {
    let (child, mut log) = start(&mut tracker(LINE));
    line_with(&mut log, "holds up to");
    let listening = listening_sockets();
    let files = std::fs::read_dir(format!("/proc/{}/fd", child.id())).unwrap();
    for file in files {
        let Ok(target) = std::fs::read_link(file.unwrap().path()) else { continue };
        let target = target.to_string_lossy().into_owned();
        assert!(!listening.contains(&target), "{target} listens");
    }
    stop(child, log);
}

/// Every TCP socket of this machine that listens, as `/proc/<pid>/fd` names it.
#[cfg(target_os = "linux")]
fn listening_sockets() -> Vec<String> {
    let tables = ["/proc/net/tcp", "/proc/net/tcp6"];
    let text: String =
        tables.iter().filter_map(|table| std::fs::read_to_string(table).ok()).collect();
    let fields = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let listening = fields.filter(|fields| fields.get(3) == Some(&"0A"));
    listening.filter_map(|fields| Some(format!("socket:[{}]", fields.get(9)?))).collect()
}

#[test]
fn a_collector_that_is_away_is_one_warning_and_holds_up_nothing() {
    let line = format!("{LINE} --otlp-endpoint http://127.0.0.1:1 --otlp-sampling-ratio 1");
    // A batch every 50 ms, so that many are lost.
    let (child, mut log) = start(tracker(&line).env("OTEL_BSP_SCHEDULE_DELAY", "50"));
    let warning = line_with(&mut log, "spans are lost");
    assert!(warning.contains("http://127.0.0.1:1/v1/traces"), "{warning}");
    std::thread::sleep(std::time::Duration::from_secs(1));
    let rest = stop(child, log);
    assert!(!rest.contains("spans are lost"), "{rest}");
    assert!(rest.contains("every sample was confirmed"), "{rest}");
}
