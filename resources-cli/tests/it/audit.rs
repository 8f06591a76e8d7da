//! `resources audit` against a server that holds what the test says.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::Json;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::support::{errors, run};

/// What a server answers for a host at its nth question, from 0.
type Answer = fn(&str, u32) -> Value;

/// Serves `answer` on a free port, and gives its address.
async fn serve(answer: Answer) -> String {
    let asked = Arc::new(AtomicU32::new(0));
    let runs = async move |State(asked): State<Arc<AtomicU32>>, UrlPath(host): UrlPath<String>| {
        match answer(&host, asked.fetch_add(1, Ordering::Relaxed)) {
            Value::Null => (StatusCode::NOT_FOUND, Json(json!({"error": "no such host"}))),
            body => (StatusCode::OK, Json(body)),
        }
    };
    let app = axum::Router::new().route("/base/api/v1/hosts/{host}/runs", get(runs));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("a bound socket");
    tokio::spawn(async move { axum::serve(listener, app.with_state(asked)).await });
    format!("http://{address}/base")
}

/// A ledger with sequences 0–9 of hosts `a.b` and `c`.
fn write_ledger(folder: &Path) -> String {
    let path = folder.join("ledger");
    let line =
        |host, sequence| format!("{}\n", json!({"host": host, "run": "r", "sequence": sequence}));
    let text: String = (0..10).flat_map(|n| [line("a.b", n), line("c", n)]).collect();
    std::fs::write(&path, text).expect("a file");
    path.to_str().expect("text").to_owned()
}

fn holds(counted: u64, sequences: &[[u64; 2]]) -> Value {
    let samples: u64 = sequences.iter().map(|[first, last]| last - first + 1).sum();
    json!({"counted": counted, "runs": [{"run": "r", "sequences": sequences, "samples": samples}]})
}

#[tokio::test]
async fn a_history_with_every_sample_once_is_exact() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = write_ledger(folder.path());
    let web = serve(|_, _| holds(10, &[[0, 9]])).await;
    let output = run(&["audit", "--web", &web, &ledger]).await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let table = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(table.contains("total of 2 hosts") && !table.contains("a.b"), "{table}");
}

#[tokio::test]
async fn what_is_missing_or_counted_twice_is_told_by_host() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = write_ledger(folder.path());
    let web = serve(|host, _| if host == "c" { Value::Null } else { holds(12, &[[0, 9]]) }).await;
    let output = run(&["audit", "--web", &web, "--json", &ledger]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("10 are missing, 2 duplicated"), "{}", errors(&output));
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["exact"], false);
    assert_eq!(
        report["hosts"][0],
        json!({"host": "a.b", "expected": 10, "found": 10, "missing": 0, "duplicated": 2})
    );
    assert_eq!(report["hosts"][1]["missing"], 10);
}

#[tokio::test]
async fn it_waits_for_a_history_that_catches_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = write_ledger(folder.path());
    let late: Answer =
        |_, asked| if asked < 5 { holds(3, &[[0, 2]]) } else { holds(10, &[[0, 9]]) };
    let output = run(&["audit", "--web", &serve(late).await, &ledger]).await;
    assert_eq!(output.status.code(), Some(1), "it does not wait unless asked to");
    let output = run(&["audit", "--web", &serve(late).await, "--within", "30s", &ledger]).await;
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

#[tokio::test]
async fn a_server_that_cannot_tell_is_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let ledger = write_ledger(folder.path());
    let strange = serve(|_, _| json!({"something": "else"})).await;
    for (web, words) in [("http://127.0.0.1:1/", "cannot reach"), (&*strange, "something else")] {
        let output = run(&["audit", "--web", web, &ledger]).await;
        let error = errors(&output);
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.contains(words), "{error}");
    }
}
