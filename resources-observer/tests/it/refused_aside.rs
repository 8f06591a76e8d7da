//! A login that may not write to the rejected queue: what cannot be set aside is in the way of its
//! own reaction only.

use resources_core::bus::Source;
use resources_core::contract::{AlertState, Kind, TraceParent};
use resources_core::test_support::{RabbitMq, eventually, in_time, open_bus};

use crate::react::{alert, has_started, publish};
use crate::receivers::Web;

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_set_aside_stops_no_other_reaction() {
    let broker = RabbitMq::start();
    let bus = open_bus(&broker.url(), "resources");
    let mut alerts = bus.subscribe(
        Source::Patterns(vec!["#.alert".parse().expect("a pattern")]),
        10.try_into().expect("not zero"),
    );
    assert!(in_time("the exchange is there", alerts.ready()).await);
    for command in [
        &["add_user", "observer", "secret"][..],
        // As in docs/deploy.md, but for the rejected queue; it may declare what is missing.
        &["set_permissions", "observer", ".*", "^resources(\\.(analyses|alerts))?$", ".*"],
    ] {
        broker.ctl(command);
    }
    let mut web = Web::start().await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str| folder.path().join(name);
    let rules = format!(
        "[reaction.broken]\ntype = \"webhook\"\nurl = \"http://{0}/unwanted\"\n\
         [reaction.fine]\ntype = \"webhook\"\nurl = \"http://{0}/fine\"\nrate = \"off\"\n\
         [[route]]\nto = [\"broken\", \"fine\"]\ngroup = \"0s\"\n",
        web.address
    );
    std::fs::write(file("rules.toml"), rules).expect("a file");
    let _program = tokio::process::Command::new(env!("CARGO_BIN_EXE_resources-observer"))
        .args(["--broker-url", &broker.url_of("observer", "secret"), "--log", "warn"])
        .arg("--rules")
        .arg(file("rules.toml"))
        .arg("--state")
        .arg(file("state.sqlite"))
        .env_clear()
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts");
    let state = file("state.sqlite.reactions");
    eventually("it has started", async || has_started(&state)).await;
    for number in 0..5 {
        let one = alert(&format!("{number}"), &format!("host-{number}"), AlertState::Raised);
        publish(&bus.publisher(), &one.host, Kind::Alert, &one, TraceParent::begin()).await;
        loop {
            let call = web.next().await;
            if call.path == "/fine" {
                assert_eq!(call.body()["alerts"][0]["id"], number.to_string());
                break;
            }
        }
    }
    bus.close().await;
}
