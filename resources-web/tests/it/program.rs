//! The program itself: what it says and with which code it ends.

use std::path::Path;
use std::process::{Command, Output};

use resources_core::test_support::{eventually, free_port};
use resources_web::history::{Limits, Location, Recorder, Retention};

use crate::dashboard::Dashboard;

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_resources-web"))
        .args(["--broker-url", "memory:"])
        .env("RESOURCES_HISTORY", "off")
        .args(args)
        .output()
        .unwrap()
}

fn ends(output: &Output, code: i32, word: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{said}");
    let last = said.lines().last().unwrap_or_default();
    assert!(last.starts_with("resources-web: ") && last.contains(word), "{said}");
}

#[test]
fn a_setting_that_cannot_be_used_ends_with_two_and_one_line() {
    for (args, word) in [
        (&["--listen", "0.0.0.0:8888"][..], "--allow-remote"),
        (&["--listen", "localhost"], "127.0.0.1:8888"),
        (&["--push-interval", "6s"], "--push-interval"),
        (&["--forget-after", "1s"], "--forget-after"),
        (&["--max-connections", "0"], "--max-connections"),
        (&["--max-hosts", "x"], "--max-hosts"),
        (&["--page-dir", "/nonexistent"], "/nonexistent"),
        (&["--history-keep-10s", "59m"], "--history-keep-10s"),
        (&["--history-keep-1m", "1h"], "--history-keep-1m"),
        (&["--history-keep-1h", "101y"], "--history-keep-1h"),
        (&["--allowed-origin", "example.com"], "https://"),
        (&["--allowed-host", "http://example.com"], "--allowed-host"),
        (&["--broker-url", "http://me:hunter2@x/"], "broker URL"),
        (&["--health-check", "--listen", "127.0.0.1:0"], "port 0"),
    ] {
        let args = if args[0] == "--broker-url" {
            Command::new(env!("CARGO_BIN_EXE_resources-web")).args(args).output().unwrap()
        } else {
            run(args)
        };
        ends(&args, 2, word);
        assert_eq!(String::from_utf8_lossy(&args.stderr).lines().count(), 1);
        assert!(!String::from_utf8_lossy(&args.stderr).contains("hunter2"));
    }
}

#[test]
fn a_port_in_use_ends_with_one_and_says_so() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    ends(&run(&["--listen", &address]), 1, "in use");
}

#[test]
fn a_history_file_that_is_not_ours_ends_with_two_and_one_in_use_with_one() {
    let folder = tempfile::tempdir().unwrap();
    let notes = folder.path().join("notes.txt");
    std::fs::write(&notes, "notes to myself").unwrap();
    let listen = ["--log", "error", "--listen", "127.0.0.1:0", "--history"];
    let with_history = |file: &Path| run(&[&listen[..], &[file.to_str().unwrap()]].concat());
    ends(&with_history(&notes), 2, "notes.txt: it is not a database");
    assert_eq!(std::fs::read_to_string(&notes).unwrap(), "notes to myself");

    ends(&with_history(Path::new("/dev/null/history.sqlite")), 2, "--history /dev/null");

    let file = folder.path().join("history.sqlite");
    let limits = Limits { retention: Retention::default(), max_hosts: 1 };
    let _other = Recorder::open(&Location::File(file.clone()), limits).unwrap();
    ends(&with_history(&file), 1, "another server");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_health_check_asks_a_running_dashboard() {
    let dashboard = Dashboard::start(&[]).await;
    let address = dashboard.address.to_string();
    let check = move || run(&["--health-check", "--listen", &address]);
    let healthy = tokio::task::spawn_blocking(check.clone()).await.unwrap();
    assert_eq!(healthy.status.code(), Some(0), "{healthy:?}");
    dashboard.stop().await;
    ends(&tokio::task::spawn_blocking(check).await.unwrap(), 1, "/readyz");
}

#[cfg(unix)]
#[tokio::test]
async fn a_signal_ends_it_with_zero() {
    let address = format!("127.0.0.1:{}", free_port());
    let mut child = Command::new(env!("CARGO_BIN_EXE_resources-web"))
        .args(["--broker-url", "memory:", "--history", "off"])
        .args(["--log", "warn", "--listen", &address])
        .spawn()
        .unwrap();
    eventually("it serves", async || tokio::net::TcpStream::connect(&address).await.is_ok()).await;
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
