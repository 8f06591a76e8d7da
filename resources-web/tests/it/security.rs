use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite;

use crate::dashboard::{Dashboard, settings};

const HEADERS: [&str; 7] = [
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
];

#[tokio::test]
async fn every_kind_of_answer_has_the_security_headers() {
    let dashboard = Dashboard::start(&[]).await;
    for (method, path, headers, status) in [
        ("GET", "/", &[][..], 200),
        ("HEAD", "/", &[], 200),
        ("GET", "/healthz", &[], 200),
        ("GET", "/readyz", &[], 200),
        ("GET", "/api/v1/hosts", &[], 200),
        ("GET", "/api/v1/history", &[], 200),
        ("GET", "/api/v1/export", &[], 503),
        ("GET", "/api/v1/hosts/a/history?points=0", &[], 503),
        ("GET", "/api/nothing", &[], 404),
        ("GET", "/nothing.js", &[], 404),
        ("GET", "/.gitignore", &[], 404),
        ("GET", "/../Cargo.toml", &[], 404),
        ("POST", "/", &[], 405),
        ("GET", "/ws", &[], 400),
        ("GET", "/ws", &[("origin", "http://evil.example.com")], 403),
        ("GET", "/", &[("host", "evil.example.com")], 421),
        ("GET", "/healthz", &[("content-length", "70000")], 413),
    ] {
        let answer = dashboard.ask(method, path, headers).await;
        assert_eq!(answer.status, status, "{method} {path}");
        for name in HEADERS {
            assert!(answer.header(name).is_some(), "{method} {path} lacks {name}");
        }
    }
    let policy = dashboard.get("/").await;
    let policy = policy.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    dashboard.stop().await;
}

#[tokio::test]
async fn a_foreign_page_may_not_connect_but_its_own_and_an_allowed_one_may() {
    let dashboard = Dashboard::start(&["--allowed-origin", "https://other.example.com"]).await;
    let foreign = dashboard.connect_with(&[("origin", "http://evil.example.com")]).await;
    match foreign {
        Err(tungstenite::Error::Http(answer)) => assert_eq!(answer.status(), 403),
        other => panic!("{other:?}"),
    }
    let own = format!("http://{}", dashboard.address);
    for origin in [&own, "https://other.example.com"] {
        let mut browser = dashboard.connect_with(&[("origin", origin)]).await.unwrap();
        assert_eq!(browser.next().await["type"], "snapshot");
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn a_foreign_name_is_refused_on_every_path_unless_it_is_allowed() {
    let dashboard = Dashboard::start(&["--allowed-host", "dash.example.com"]).await;
    for path in [
        "/",
        "/ws",
        "/healthz",
        "/api/v1/hosts",
        "/api/v1/hosts/a/history",
        "/api/v1/hosts/a/runs",
        "/api/v1/export",
        "/api/v1/history",
    ] {
        let answer = dashboard.ask("GET", path, &[("host", "evil.example.com")]).await;
        assert_eq!(answer.status, 421, "{path}");
        assert!(answer.json()["error"].as_str().unwrap().contains("--allowed-host"));
    }
    for host in ["localhost:1", "[::1]", "dash.example.com"] {
        assert_eq!(dashboard.ask("GET", "/healthz", &[("host", host)]).await.status, 200, "{host}");
    }
    dashboard.stop().await;
}

#[tokio::test]
async fn a_head_that_is_too_large_or_has_too_many_headers_is_refused() {
    let dashboard = Dashboard::start(&[]).await;
    let long = "x".repeat(20_000);
    assert_eq!(dashboard.ask("GET", "/", &[("a", &long)]).await.status, 431);
    let many: Vec<(&str, &str)> = std::iter::repeat_n(("a", "b"), 100).collect();
    assert_eq!(dashboard.ask("GET", "/", &many).await.status, 431);
    dashboard.stop().await;
}

#[tokio::test]
async fn connections_that_only_wait_do_not_keep_others_out() {
    let dashboard = Dashboard::start(&[]).await;
    // More than are served at a time, none of which ever asks a whole question.
    let mut waiting = Vec::new();
    for _ in 0..300 {
        let mut stream = TcpStream::connect(dashboard.address).await.unwrap();
        stream.write_all(b"GET / HT").await.unwrap();
        waiting.push(stream);
    }
    assert_eq!(dashboard.get("/healthz").await.status, 200);
    let mut rest = Vec::new();
    assert_eq!(
        waiting[0].read_to_end(&mut rest).await.unwrap_or(0),
        0,
        "cut off without an answer"
    );
    dashboard.stop().await;
}

#[test]
fn serving_other_hosts_takes_a_word_more() {
    let refusal = settings(&["--listen", "0.0.0.0:8888"]).unwrap_err();
    assert!(refusal.to_string().contains("--allow-remote"), "{refusal}");
    assert!(settings(&["--listen", "[::]:8888"]).is_err());
    assert!(settings(&["--listen", "0.0.0.0:8888", "--allow-remote"]).is_ok());
    assert!(settings(&["--listen", "127.0.0.2:0"]).is_ok());
    assert!(settings(&["--listen", "[::1]:0"]).is_ok());
}
