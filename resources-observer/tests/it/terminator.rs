//! The example of the documentation, run as somebody would.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use resources_core::bus::Message;
use resources_core::contract::{Topic, TraceParent};
use resources_core::service::now_ms;
use resources_core::test_support::{eventually, in_time, open_bus, shared_broker, unique_exchange};
use tokio::io::{AsyncBufReadExt as _, BufReader};

/// The example, where `cargo test` puts it; built here when only this test was.
fn example() -> PathBuf {
    let this = std::env::current_exe().expect("a path");
    let folder = this.ancestors().nth(2).expect("the folder of the profile");
    let example = folder.join("examples/terminator");
    if !example.exists() {
        let build = ["build", "--locked", "-p", "resources-observer", "--example", "terminator"];
        let target = folder.parent().expect("the folder of all profiles");
        let built =
            Command::new(env!("CARGO")).args(build).env("CARGO_TARGET_DIR", target).status();
        assert!(built.expect("cargo runs").success());
    }
    example
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terminator_is_seen() {
    let (url, exchange) = (shared_broker(), unique_exchange());
    let mut child = tokio::process::Command::new(example())
        .env_clear()
        .env("RESOURCES_BROKER_URL", url)
        .env("RESOURCES_EXCHANGE", &exchange)
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let bus = open_bus(url, &exchange);
    let publisher = bus.publisher();
    let message = Message {
        topic: Topic::new("terminator_detected").expect("a key"),
        body: "\"Somebody without clothes\"".into(),
        timestamp_ms: now_ms(),
        trace: TraceParent::begin(),
    };
    // Until it listens, the broker gives it back.
    eventually("somebody listens", async || publisher.publish(&message).await.is_ok()).await;
    let line = in_time("it prints", lines.next_line()).await.expect("a line");
    assert_eq!(line.as_deref(), Some("Terminator just dropped in our space-time"));
    let pid = child.id().expect("it runs").to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert!(in_time("it ends", child.wait()).await.expect("it ended").success());
    bus.close().await;
}
