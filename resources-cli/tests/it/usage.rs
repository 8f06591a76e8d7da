//! What cannot be used is refused in one line, with exit code 2.

use crate::support::{errors, run};

async fn refused(arguments: &[&str], words: &[&str]) {
    let output = run(arguments).await;
    let error = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
    for word in words {
        assert!(error.contains(word), "{arguments:?}: {error:?} does not hold {word:?}");
    }
    assert!(output.stdout.is_empty());
}

#[tokio::test]
async fn flags_and_values_that_cannot_be_used_are_named() {
    refused(&["--colour"], &["--colour"]).await;
    refused(&["fly"], &["fly"]).await;
    refused(&["up", "--colour"], &["--colour"]).await;
    refused(&["up", "--cpu-medium", "80", "--cpu-high", "20"], &["--cpu-medium", "≤"]).await;
    refused(&["up", "--interval", "never"], &["--interval"]).await;
    refused(&["up", "--listen", "nowhere"], &["--listen"]).await;
    refused(&["up", "--simulate-hosts", "0"], &["--simulate-hosts"]).await;
    refused(&["up", "--simulate-hosts", "10001"], &["--simulate-hosts"]).await;
    refused(
        &["up", "--simulate-hosts", "5", "--broker", "amqp://127.0.0.1:1/"],
        &["--simulate-hosts", "--broker-url", "resources simulate"],
    )
    .await;
    refused(&["send", "two words"], &["two words", "white space"]).await;
    refused(&["send", "a.*"], &["patterns"]).await;
    refused(&["send", "a", "--timeout", "soon"], &["--timeout", "soon"]).await;
    refused(&["listen"], &["PATTERN"]).await;
    refused(&["listen", "a*b"], &["a*b", "whole words"]).await;
    refused(&["listen", "#", "--count", "0"], &["--count"]).await;
    refused(&["simulate"], &["--hosts"]).await;
    refused(&["simulate", "--hosts", "0"], &["--hosts"]).await;
    refused(&["simulate", "--hosts", "2", "--interval", "1ms"], &["10ms"]).await;
    refused(&["simulate", "--hosts", "2", "--name-prefix", "a b"], &["--name-prefix"]).await;
    refused(&["simulate", "--hosts", "2", "--ledger", "/nowhere/a"], &["--ledger"]).await;
    refused(&["audit"], &["LEDGER"]).await;
    refused(&["audit", "/nowhere/a"], &["/nowhere/a", "ledger"]).await;
    refused(&["audit", "a", "--web", "https://a/"], &["--web", "https"]).await;
    refused(&["doctor", "--web", "here"], &["--web", "http://"]).await;
    refused(&["rejected", "fly"], &["fly"]).await;
    refused(&["rejected", "show", "x"], &["NUMBER"]).await;
    refused(&["rejected", "requeue"], &["--all"]).await;
    refused(&["rejected", "drop", "--all"], &["--yes"]).await;
}

#[tokio::test]
async fn a_bad_url_is_refused_without_its_password() {
    for command in [&["up"][..], &["send", "a"], &["listen", "#"], &["simulate", "--hosts", "1"]] {
        for url in ["http://me:hunter2@host/", "amqp://me:hunter2@host:99999/", "me:hunter2@host"] {
            let arguments = [command, &["--broker-url", url]].concat();
            let output = run(&arguments).await;
            let error = errors(&output);
            assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
            assert!(error.contains("broker URL") && !error.contains("hunter2"), "{error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}

#[tokio::test]
async fn other_urls_are_refused_without_their_passwords_too() {
    for setting in [["up", "--otlp-endpoint"], ["doctor", "--web"]] {
        for url in ["ftp://me:hunter2@host/", "me:hunter2@host"] {
            let output = run(&[&setting[..], &[url]].concat()).await;
            let error = errors(&output);
            assert_eq!(output.status.code(), Some(2), "{setting:?}: {error}");
            assert!(error.contains(setting[1]) && !error.contains("hunter2"), "{error}");
        }
    }
}

#[tokio::test]
async fn tools_refuse_a_broker_that_nobody_else_could_reach() {
    refused(&["send", "a", "--broker-url", "memory:"], &["memory:"]).await;
    refused(&["listen", "#", "--broker-url", "memory:"], &["memory:"]).await;
}

#[tokio::test]
async fn help_tells_every_command_and_the_exit_codes() {
    for (arguments, words) in [
        (&["--help"][..], &["up", "send", "listen", "simulate", "Exit codes"][..]),
        (&["up", "--help"], &["--host", "--cpu-high", "--listen", "--page-dir", "memory:"]),
        (&["send", "--help"], &["JSON string", "--timeout", "Exit codes"]),
        (&["listen", "--help"], &["--count", "--for", "Exit codes"]),
        (&["simulate", "--help"], &["--hosts", "--seed", "--ledger", "Exit codes"]),
        (&["audit", "--help"], &["LEDGER", "--within", "--json", "Exit codes"]),
        (&["doctor", "--help"], &["--web", "--json", "Exit codes"]),
        (&["rejected", "--help"], &["list", "show", "requeue", "drop", "Exit codes"]),
    ] {
        let output = run(arguments).await;
        assert_eq!(output.status.code(), Some(0));
        let help = String::from_utf8(output.stdout).expect("UTF-8");
        for word in words {
            assert!(help.contains(word), "{word} is not in {help}");
        }
    }
}

#[tokio::test]
async fn rules_are_explained_or_refused_with_file_and_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.toml");
    let path = file.to_str().expect("UTF-8");
    let check = ["observer", "check", path];
    std::fs::write(&file, "\n[default.cpu]\nrise = 9\n").expect("a file");
    refused(&check, &[&format!("{path}, line 3: "), "`rise`", "`raise`"]).await;
    refused(&["observer", "check", "/nonexistent/r.toml"], &["/nonexistent/r.toml"]).await;
    refused(&["observer", "check", "--host", "a b"], &["--host"]).await;
    let rules = "[[group]]\nlabels.role = \"db\"\nrules.cpu = { raise = 70, hold = \"0s\" }\n";
    std::fs::write(&file, rules).expect("a file");
    let cpu = "cpu        raised from 70 % at once, cleared below 65 % for 1 min";
    for (arguments, there) in [
        (vec![], true),
        (vec!["--host", "web"], false),
        (vec!["--host", "web", "--label", "role=db"], true),
    ] {
        let output = run(&[&check[..], &arguments].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(text.contains(cpu), there, "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn reactions_are_explained_and_tried_one_by_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("rules.toml");
    let path = file.to_str().expect("UTF-8");
    let write = |code: u8| {
        let rules = format!(
            "[reaction.page]\ntype = \"exec\"\ncommand = [\"/bin/sh\", \"-c\", \"exit $CODE\"]\n\
             env.CODE = \"{code}\"\n[[route]]\nwhere = \"kind=silent\"\nto = [\"page\"]\n\
             group = \"0s\"\n"
        );
        std::fs::write(&file, rules).expect("a file");
    };
    write(0);
    for (arguments, words) in [
        (vec!["check", path], "alerts with kind=silent go to page, at once"),
        (vec!["check", path, "--host", "web"], "silent     page, at once"),
        (vec!["check", path, "--host", "web"], "cpu        nobody"),
        (vec!["test-reaction", "page", "--rules", path], "ended with exit code 0"),
    ] {
        let output = run(&[&["observer"][..], &arguments].concat()).await;
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
    write(3);
    let output = run(&["observer", "test-reaction", "page", "--rules", path]).await;
    assert_eq!(output.status.code(), Some(1));
    assert!(errors(&output).contains("exit status: 3"), "{}", errors(&output));
    refused(&["observer", "test-reaction", "mail", "--rules", path], &["there is page"]).await;
}
