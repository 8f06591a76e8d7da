//! The program itself: what it refuses, and how it ends.

use std::process::{Command, Output};

use resources_core::test_support::{eventually, served_metrics};

fn observer(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_resources-observer"))
        .args(arguments)
        .env_clear()
        .output()
        .expect("the program starts")
}

fn refused(arguments: &[&str], words: &[&str]) {
    let output = observer(arguments);
    let error = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(2), "{error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    for word in words {
        assert!(error.contains(word), "{error:?} does not hold {word:?}");
    }
}

#[test]
fn rules_and_states_that_cannot_be_used_are_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (rules, state) = (path("rules.toml"), path("state.sqlite"));
    let quiet = ["--broker-url", "memory:", "--log", "off"];
    let with = |arguments: &[&str], words: &[&str]| refused(&[&quiet, arguments].concat(), words);
    std::fs::write(&rules, "[default.cpu]\nraise = 80\nclear = 90\n").expect("a file");
    with(&["--rules", &rules, "--state", "memory"], &[&rules, "line 3", "at most raise"]);
    std::fs::write(&rules, "[default]\n[colour]\n").expect("a file");
    with(&["--rules", &rules, "--state", "memory"], &["line 2", "`colour`", "`group`"]);
    with(&["--rules", &path("none.toml"), "--state", "memory"], &["none.toml"]);
    std::fs::write(&state, "this is somebody's letter, and not the state of an observer")
        .expect("a file");
    with(&["--state", &state], &[&state, "not a database"]);
}

#[test]
fn it_checks_settings_rules_and_secrets_without_a_broker() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (rules, secret, state) = (path("rules.toml"), path("secret"), path("state.sqlite"));
    let reaction = format!(
        "[reaction.chat]\ntype = \"webhook\"\nurl = {{ file = \"{secret}\" }}\n\
         [[route]]\nto = [\"chat\"]\n"
    );
    std::fs::write(&rules, reaction).expect("a file");
    let arguments = ["--check", "--log", "off", "--rules", &rules, "--state", &state];
    refused(&arguments, &[&secret]);
    std::fs::write(&secret, "http://127.0.0.1:9/secret-path").expect("a file");
    let output = observer(&arguments);
    let text = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("cpu") && text.contains("chat"), "{text}");
    assert!(!text.contains("secret-path"), "{text}");
    assert!(!std::path::Path::new(&state).exists(), "nothing is written");
}

#[tokio::test]
async fn it_tells_its_health_and_stops_when_asked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("health");
    let path = file.to_str().expect("UTF-8");
    let state = folder.path().join("state.sqlite");
    let check = || observer(&["--health-check", "--health-file", path]).status.code();
    let mut running = Command::new(env!("CARGO_BIN_EXE_resources-observer"))
        .args(["--broker-url", "memory:", "--health-file", path, "--log", "off", "--state"])
        .arg(&state)
        .env_clear()
        .spawn()
        .expect("the program starts");
    eventually("it is healthy", async || check() == Some(0)).await;
    let state = state.to_str().expect("UTF-8");
    refused(&["--broker-url", "memory:", "--log", "off", "--state", state], &["another observer"]);
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert_eq!(running.wait().expect("it ends").code(), Some(0));
}

#[tokio::test]
async fn whoever_cannot_write_its_state_is_not_healthy_and_stops_when_asked_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, state) = (folder.path().join("health"), folder.path().join("state.sqlite"));
    let path = file.to_str().expect("UTF-8");
    let health = || {
        let output = observer(&["--health-check", "--health-file", path]);
        (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
    };
    let mut running = Command::new(env!("CARGO_BIN_EXE_resources-observer"))
        .args(["--broker-url", "memory:", "--health-file", path, "--log", "off", "--state"])
        .arg(&state)
        .env_clear()
        .spawn()
        .expect("the program starts");
    eventually("it is healthy", async || health().0 == Some(0)).await;
    let other = rusqlite::Connection::open(&state).expect("a database");
    // Whoever cannot open it does not run.
    let rows = || other.query_row("SELECT count(*) FROM fleet", [], |row| row.get::<_, u32>(0));
    eventually("it has written once", async || rows() == Ok(1)).await;
    let is_said = async || {
        let (code, said) = health();
        code == Some(1) && said.contains("alerts: the state cannot be written")
    };
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    eventually("it says that it cannot write", is_said).await;
    other.execute_batch("ROLLBACK").expect("the lock is let go");
    eventually("it is healthy again", async || health().0 == Some(0)).await;
    other.execute_batch("BEGIN IMMEDIATE").expect("the lock");
    eventually("it says so again", is_said).await;
    let pid = running.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill runs").success());
    assert_eq!(running.wait().expect("it ends").code(), Some(0), "it was asked to");
}

#[test]
fn it_serves_its_figures_where_it_is_asked_to() {
    let program = env!("CARGO_BIN_EXE_resources-observer");
    let figures = served_metrics(program, &["--broker-url", "memory:", "--state", "memory"]);
    for name in ["resources_observer_unpublished_alerts", "process_threads"] {
        assert!(figures.contains(&format!("\n{name} ")), "{name} in {figures}");
    }
}
