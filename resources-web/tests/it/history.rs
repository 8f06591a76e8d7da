use futures_util::future::join_all;
use resources_core::contract::Analysis;
use resources_core::service::now_ms;
use resources_core::test_support::{eventually, in_time};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::archive::{Archive, past_hour_s};
use crate::dashboard::{Dashboard, analysis};

async fn start(archive: &Archive) -> Dashboard {
    Dashboard::start(&["--history", &archive.path()]).await
}

/// An analysis taken now, or as many seconds ago.
fn taken(host: &str, sequence: u64, seconds_ago: u64) -> Analysis {
    let timestamp_ms = now_ms() - seconds_ago * 1000;
    Analysis { timestamp_ms, ..analysis(host, sequence, 12.34) }
}

fn sum(samples: &Value) -> u64 {
    samples.as_array().unwrap().iter().map(|count| count.as_u64().unwrap()).sum()
}

#[tokio::test]
async fn one_host_is_told_in_columns_with_its_gaps() {
    let archive = Archive::new();
    let from_s = past_hour_s();
    archive.execute(&format!(
        "INSERT INTO rollup_10s VALUES
             (1, 1, {from_s}, 100, 300, 800, 4),
             (1, 1, {from_s} + 10, 500, 500, 1000, 2),
             (1, 1, {from_s} + 50, 0, 0, 0, 1),
             (2, 1, {from_s}, 9900, 9900, 9900, 1);"
    ));
    let dashboard = start(&archive).await;
    let (from_ms, to_ms) = (from_s * 1000, (from_s + 60) * 1000);
    let path =
        format!("/api/v1/hosts/web-1/history?from={from_ms}&to={to_ms}&points=3&resource=cpu,swap");
    let answer = dashboard.get(&path).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let gaps = json!([null, null, null]);
    let expected = json!({
        "host": "web-1", "from_ms": from_ms, "to_ms": to_ms, "step_ms": 20_000, "tier": "10s",
        "timestamps_ms": [from_ms, from_ms + 20_000, from_ms + 40_000],
        "series": [
            {"resource": "cpu", "minimum": [1.0, null, 0.0], "average": [3.0, null, 0.0],
                "maximum": [5.0, null, 0.0], "samples": [6, 0, 1]},
            {"resource": "swap", "minimum": gaps, "average": gaps, "maximum": gaps,
                "samples": [0, 0, 0]},
        ],
    });
    assert_eq!((answer.status, answer.json()), (200, expected));
    dashboard.stop().await;
}

#[tokio::test]
async fn a_long_range_is_told_by_a_coarser_tier_in_no_more_columns_than_asked_for() {
    let archive = Archive::new();
    let hour_s = past_hour_s();
    archive.execute(&format!(
        "INSERT INTO rollup_1h VALUES (1, 1, {hour_s}, 0, 9900, 99000, 360);
         INSERT INTO rollup_1m VALUES (1, 1, {hour_s}, 0, 100, 300, 6);"
    ));
    let dashboard = start(&archive).await;
    for (days, points, tier) in [(1, 1_000, "1m"), (1, 24, "1h"), (100, 10_000, "1h")] {
        let from_ms = now_ms() - days * 86_400_000;
        let path = format!("/api/v1/hosts/web-1/history?from={from_ms}&points={points}");
        let body = dashboard.get(&path).await.json();
        assert_eq!(body["tier"], tier, "{days} days in {points}");
        let columns = body["timestamps_ms"].as_array().unwrap().len();
        assert!((1..=points).contains(&columns), "{columns} columns");
        for series in body["series"].as_array().unwrap() {
            assert_eq!(series["average"].as_array().unwrap().len(), columns);
        }
        let expected = if tier == "1m" { 6 } else { 360 };
        assert_eq!(sum(&body["series"][0]["samples"]), expected);
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn what_is_not_written_yet_is_no_gap_and_counts_once_when_it_is() {
    let dashboard = Dashboard::start(&["--history", "memory"]).await;
    let (first, second) = (taken("web-1", 0, 25), taken("web-1", 1, 12));
    for sample in [&first, &second, &taken("web-1", 2, 1), &second] {
        dashboard.publish(sample).await;
    }
    dashboard.publish(&taken("last", 0, 0)).await;
    let listed = async || dashboard.get("/api/v1/hosts").await.json();
    eventually("all are taken in", async || listed().await["hosts"][1].is_object()).await;
    let ask = async |query: &str| {
        dashboard.get(&format!("/api/v1/hosts/web-1/history?{query}")).await.json()
    };

    let hour = ask("resource=cpu").await;
    assert_eq!((&hour["tier"], &hour["step_ms"]), (&json!("10s"), &json!(10_000)));
    assert_eq!(sum(&hour["series"][0]["samples"]), 3);
    let newest = hour["series"][0]["average"].as_array().unwrap().iter().rev();
    assert_eq!(newest.clone().find(|figure| !figure.is_null()), Some(&json!(12.34)));
    assert!(newest.take(2).any(|figure| !figure.is_null()), "the right edge is no gap");

    // Before its first sample memory knows nothing, and the database may.
    let minute = ask(&format!("from={}", now_ms() - 60_000)).await;
    assert_eq!((&minute["tier"], sum(&minute["series"][0]["samples"])), (&json!("10s"), 3));
    let first_ms = first.timestamp_ms;
    // Once it has read the minutes before the start again.
    let since_first = async || ask(&format!("from={first_ms}")).await;
    eventually("memory is whole", async || since_first().await["tier"] == "raw").await;
    let since = since_first().await;
    assert_eq!((&since["tier"], &since["step_ms"]), (&json!("raw"), &json!(1_000)));
    assert_eq!(sum(&since["series"][0]["samples"]), 3);

    let runs = async || dashboard.get("/api/v1/hosts/web-1/runs").await.json();
    eventually("all are written", async || runs().await["counted"] == 3).await;
    let expected = json!({"host": "web-1", "counted": 3, "runs": [
        {"run": "run-1", "sequences": [[0, 2]], "samples": 3},
    ]});
    assert_eq!(runs().await, expected);
    assert_eq!(sum(&ask("resource=cpu").await["series"][0]["samples"]), 3);
    let status = async || dashboard.get("/api/v1/history").await.json();
    let both = async || status().await["hosts"] == 2 && status().await["behind_ms"] == 0;
    eventually("the other host is written, too", both).await;
    let status = status().await;
    assert_eq!(status["state"], "on");
    assert!(status["position"].as_u64().is_some(), "{status}");
    dashboard.stop().await;
}

#[tokio::test]
async fn a_question_that_cannot_be_understood_is_answered_with_one_sentence() {
    let archive = Archive::new();
    let dashboard = start(&archive).await;
    let many = ["x"; 65].iter().enumerate().map(|(i, x)| format!("{x}{i}")).collect::<Vec<_>>();
    let many = format!("/api/v1/export?host={}", many.join(","));
    for (path, status, words) in [
        ("/api/v1/hosts/web-1/history?points=0", 400, "points must be a whole number"),
        ("/api/v1/hosts/web-1/history?points=10001", 400, "1 to 10000"),
        ("/api/v1/hosts/web-1/history?from=5&to=5", 400, "must be earlier than to"),
        ("/api/v1/hosts/web-1/history?form=5", 400, "known are from, to, points, resource"),
        ("/api/v1/hosts/web-1/history?resource=,", 400, "commas"),
        ("/api/v1/hosts/web-1/history?points=10000&resource=a,b,c,d,e,f,g,h,i,j,k", 400, "100000"),
        ("/api/v1/hosts/web%201/history", 400, "host name"),
        ("/api/v1/hosts/%ff/history", 400, "UTF-8"),
        ("/api/v1/hosts/nobody/history", 404, "history has no host nobody"),
        ("/api/v1/hosts/nobody/runs", 404, "history has no host nobody"),
        ("/api/v1/hosts/web-1/runs?from=1", 400, "no parameter"),
        ("/api/v1/export?tier=1d", 400, "10s, 1m or 1h"),
        ("/api/v1/export?format=xml", 400, "csv or jsonl"),
        ("/api/v1/export?host=web-1,nobody", 404, "history has no host nobody"),
        (&many, 400, "at most 64"),
    ] {
        let answer = dashboard.get(path).await;
        let sentence = answer.json()["error"].as_str().unwrap().to_owned();
        assert_eq!(answer.status, status, "{path}: {sentence}");
        assert!(sentence.contains(words), "{path}: {sentence}");
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn without_history_every_question_to_it_says_so() {
    let dashboard = Dashboard::start(&[]).await;
    dashboard.publish(&taken("web-1", 0, 0)).await;
    for path in ["/api/v1/hosts/web-1/history", "/api/v1/hosts/web-1/runs", "/api/v1/export"] {
        let answer = dashboard.get(path).await;
        let error = json!({"error": "history is off; start the server with --history"});
        assert_eq!((answer.status, answer.json()), (503, error), "{path}");
    }
    let off = json!({"state": "off", "position": null, "hosts": 0, "database_bytes": 0,
        "behind_ms": null});
    assert_eq!(dashboard.get("/api/v1/history").await.json(), off);
    assert_eq!(dashboard.connect().await.next().await["history"], json!({"state": "off"}));
    dashboard.stop().await;
}

#[tokio::test]
async fn rows_are_exported_as_csv_and_as_json_lines() {
    let archive = Archive::new();
    let from_s = past_hour_s();
    archive.execute(&format!(
        "INSERT INTO rollup_1m VALUES
             (1, 1, {from_s}, 100, 300, 800, 4), (1, 2, {from_s}, 5, 5, 5, 1),
             (2, 1, {from_s}, 0, 0, 0, 1), (2, 1, {from_s} + 60, 0, 0, 0, 1);"
    ));
    let dashboard = start(&archive).await;
    let csv = dashboard.get("/api/v1/export").await;
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let file = "attachment; filename=\"resources-1m.csv\"";
    assert_eq!(csv.header("content-disposition"), Some(file));
    let (first_ms, second_ms) = (from_s * 1000, (from_s + 60) * 1000);
    let expected = format!(
        "host,resource,timestamp_ms,minimum,average,maximum,samples\r\n\
         web-1,cpu,{first_ms},1.0,2.0,3.0,4\r\n\
         web-1,\"disk:/a,b\",{first_ms},0.05,0.05,0.05,1\r\n\
         web-2,cpu,{first_ms},0.0,0.0,0.0,1\r\n\
         web-2,cpu,{second_ms},0.0,0.0,0.0,1\r\n"
    );
    assert_eq!(String::from_utf8(csv.whole()).unwrap(), expected);

    let query = format!("format=jsonl&host=web-2&resource=cpu&from={second_ms}");
    let lines = dashboard.get(&format!("/api/v1/export?{query}")).await;
    assert_eq!(lines.header("content-type"), Some("application/jsonl"));
    let line: Value = serde_json::from_slice(&lines.whole()).unwrap();
    let expected = json!({"host": "web-2", "resource": "cpu", "timestamp_ms": second_ms,
        "minimum": 0.0, "average": 0.0, "maximum": 0.0, "samples": 1});
    assert_eq!(line, expected);
    let nothing = dashboard.get("/api/v1/export?tier=1h&resource=cpu&format=jsonl").await;
    assert_eq!((nothing.status, nothing.whole()), (200, Vec::new()));
    dashboard.stop().await;
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let archive = Archive::new();
    archive.fill(1, past_hour_s(), 360);
    let dashboard = start(&archive).await;
    for path in ["/api/v1/export?tier=10s", "/api/v1/hosts/web-1/history"] {
        let plain = dashboard.get(path).await;
        let small = dashboard.ask("GET", path, &[("accept-encoding", "gzip")]).await;
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!(small.header("content-encoding"), Some("gzip"), "{path}");
        let (plain, small) = (plain.whole(), small.whole());
        assert!(small.starts_with(&[0x1f, 0x8b]) && small.len() < plain.len() / 3, "{path}");
    }
    dashboard.stop().await;
}

/// A client that asks for an export of everything and has read only the head of the answer.
async fn slow_export(dashboard: &Dashboard) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let mut stream = socket.connect(dashboard.address).await.unwrap();
    let request =
        "GET /api/v1/export?tier=10s HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    in_time("the begin of an export", stream.read_exact(&mut begin)).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    stream
}

#[tokio::test]
async fn slow_clients_of_large_exports_hold_up_neither_others_nor_the_database() {
    const SERIES: u64 = 20;
    const BUCKETS: u64 = 4_320;
    let archive = Archive::new();
    archive.fill(SERIES, past_hour_s(), BUCKETS);
    let dashboard = start(&archive).await;
    // More of them than there are connections to the database.
    let mut slow = join_all((0..8).map(|_| slow_export(&dashboard))).await;
    let query = "/api/v1/hosts/web-1/history?points=10";
    assert_eq!(dashboard.get(query).await.status, 200);
    // Nobody reads: the log can be folded back as far as it goes.
    let checkpoint = || {
        let connection = archive.connection();
        connection.execute("INSERT INTO host (name) VALUES (hex(randomblob(8)))", []).unwrap();
        let busy: i64 =
            connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).unwrap();
        busy == 0
    };
    eventually("no read is under way", async || checkpoint()).await;

    // One that goes on gets all of it, whatever was written meanwhile.
    let mut rest = Vec::new();
    let mut one = slow.pop().unwrap();
    in_time("the rest of an export", one.read_to_end(&mut rest)).await.unwrap();
    let rows = rest.windows(2).filter(|pair| pair == b"\r\n").count() as u64;
    assert!(rest.ends_with(b"\r\n0\r\n\r\n"), "the last chunk came");
    assert!(rows > SERIES * BUCKETS, "{rows} lines, those around chunks included");
    // Those that go away, or are still there, keep nothing from stopping.
    slow.truncate(4);
    assert_eq!(dashboard.get(query).await.status, 200);
    drop(slow);
    dashboard.stop().await;
}
