use std::path::Path;

use resources_core::bus::{Bus, BusConfig, Delivery, Message, Source, Start};
use resources_core::contract::{AlertKind, AlertState, Topic};

use rusqlite::Connection;

use super::*;
use crate::alerts::rules::Rules;
use crate::alerts::worker::Worker;
use crate::database::Location;

const RULES: &str = "default.cpu = { raise = 90, clear = 50, hold = \"0s\", clear_hold = \"0s\" }\n\
     default.flapping.enabled = false";

fn open(path: &Path) -> Worker {
    let rules = Rules::parse("r.toml", RULES).unwrap();
    Worker::open(rules, &Location::File(path.to_owned())).unwrap()
}

fn refused(path: &Path) -> String {
    Worker::open(Rules::default(), &Location::File(path.to_owned())).unwrap_err().to_string()
}

/// Deliveries of a stream in memory: one host, up and down every third sample.
async fn stream(samples: u64) -> Vec<Delivery> {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let mut analyses = bus.subscribe(Source::Analyses(Start::First), 10_000.try_into().unwrap());
    for sequence in 0..samples {
        let cpu = if sequence % 6 < 3 { 99 } else { 1 };
        let timestamp_ms = 1_000 + sequence * 1_000;
        let body = format!(
            r#"{{"host":"web","run":"r","sequence":{sequence},"timestamp_ms":{timestamp_ms},"interval_ms":1000,"cpu_result":"LOW","level":"LOW","cpu_percentage":{cpu},"resources":[{{"name":"cpu","percentage":{cpu},"level":"LOW"}}]}}"#
        );
        let message = Message {
            topic: Topic::new("web.analysis").unwrap(),
            body: body.into_bytes().into(),
            timestamp_ms,
            trace: TraceParent::begin(),
        };
        bus.publisher().publish(&message).await.unwrap();
    }
    let mut deliveries = Vec::new();
    while deliveries.len() < usize::try_from(samples).unwrap() {
        deliveries.push(analyses.next().await.unwrap());
    }
    deliveries
}

/// Where a process may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    BeforeStoring,
    BeforePublishing,
    /// Between publishing and the confirm.
    BeforeTheConfirm,
    BeforeMarking,
    AfterMarking,
}

#[tokio::test]
async fn killed_anywhere_nothing_is_raised_twice_and_nothing_forgotten() {
    let deliveries = stream(60).await;
    for kill in [
        Kill::BeforeStoring,
        Kill::BeforePublishing,
        Kill::BeforeTheConfirm,
        Kill::BeforeMarking,
        Kill::AfterMarking,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.sqlite");
        let mut published: Vec<Vec<u8>> = Vec::new();
        let (mut worker, mut next, mut life) = (open(&path), 0, 0_usize);
        while next < deliveries.len() {
            let end = (next + 5).min(deliveries.len());
            for delivery in &deliveries[next..end] {
                worker.take(delivery, 2_000 + delivery.offset.unwrap() * 1_000);
            }
            life += 1;
            // Every second life ends early.
            let dies = |at: Kill| life.is_multiple_of(2) && kill == at;
            let lived = 'life: {
                if dies(Kill::BeforeStoring) {
                    break 'life false;
                }
                worker.commit().unwrap();
                if dies(Kill::BeforePublishing) {
                    break 'life false;
                }
                let page = worker.pending(0, 100).unwrap();
                published.extend(page.iter().map(|pending| pending.body.clone()));
                if dies(Kill::BeforeTheConfirm) {
                    break 'life false;
                }
                page.iter().for_each(|pending| worker.confirmed(pending.number));
                if dies(Kill::BeforeMarking) {
                    break 'life false;
                }
                worker.commit().unwrap();
                !dies(Kill::AfterMarking)
            };
            if !lived {
                drop(worker);
                worker = open(&path);
            }
            next = match worker.start(2_000) {
                Start::After(position) => usize::try_from(position.offset).unwrap() + 1,
                _ => 0,
            };
        }
        let page = worker.pending(0, 100).unwrap();
        published.extend(page.into_iter().map(|pending| pending.body));
        // Byte for byte the same, so whoever drops what it has seen sees each once.
        published.dedup();
        let alerts: Vec<Alert> =
            published.iter().map(|body| Alert::decode("web.alert", body).unwrap()).collect();
        let mut seen = std::collections::HashSet::new();
        let once: Vec<&Alert> = alerts
            .iter()
            .filter(|alert| seen.insert((alert.id.clone(), alert.state == AlertState::Raised)))
            .collect();
        let states: Vec<bool> =
            once.iter().map(|alert| alert.state == AlertState::Raised).collect();
        let expected: Vec<bool> = (0..20).map(|episode| episode % 2 == 0).collect();
        assert_eq!(states, expected, "{kill:?}");
        let since: Vec<u64> =
            once.iter().step_by(2).map(|alert| (alert.since_ms - 1_000) / 1_000).collect();
        assert_eq!(since, (0..10).map(|episode| episode * 6).collect::<Vec<u64>>(), "{kill:?}");
    }
}

#[test]
fn one_state_is_for_one_observer() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/state.sqlite");
    let first = open(&path);
    assert!(refused(&path).contains("another observer"));
    drop(first);
    open(&path);
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    std::fs::write(&path, "some text, longer than any header would have to be").unwrap();
    assert!(refused(&path).contains("not a database"));
    assert!(refused(folder.path()).contains("not a file"));
    let other = folder.path().join("other.sqlite");
    Connection::open(&other).unwrap().execute_batch("CREATE TABLE a (b)").unwrap();
    assert!(refused(&other).contains("another program"));
    let newer = folder.path().join("newer.sqlite");
    drop(open(&newer));
    Connection::open(&newer).unwrap().pragma_update(None, "user_version", 9).unwrap();
    assert!(refused(&newer).contains("newer version"));
}

#[test]
fn while_nothing_is_taken_only_the_last_reminder_waits() {
    let mut engine = Engine::new(Rules::default());
    let mut checkpoint = Checkpoint::open(&Location::Memory, &mut engine).unwrap();
    let alert = |id: &str, repeat| {
        let raised = Alert {
            id: id.into(),
            host: HostName::new("web").unwrap(),
            resource: None,
            state: AlertState::Raised,
            kind: AlertKind::Silent,
            level: None,
            percentage: None,
            repeat,
            since_ms: 1,
            timestamp_ms: 2,
        };
        (raised, None)
    };
    for repeat in [None, Some(1), Some(2), Some(3)] {
        let alerts = [alert("one", repeat), alert("other", repeat)];
        checkpoint.store(&mut engine, None, &alerts, &[]).unwrap();
    }
    assert_eq!(checkpoint.waiting(), 4);
    let waiting: Vec<Alert> = checkpoint
        .pending(0, 100)
        .unwrap()
        .iter()
        .map(|pending| Alert::decode("web.alert", &pending.body).unwrap())
        .collect();
    let waiting: Vec<_> = waiting.iter().map(|alert| (&*alert.id, alert.repeat)).collect();
    assert_eq!(waiting, [("one", None), ("other", None), ("one", Some(3)), ("other", Some(3))]);

    // One more takes the place of one that is under way, and then all are confirmed.
    let numbers = |checkpoint: &Checkpoint| -> Vec<i64> {
        checkpoint.pending(0, 100).unwrap().iter().map(|pending| pending.number).collect()
    };
    let under_way = numbers(&checkpoint);
    checkpoint.store(&mut engine, None, &[alert("one", Some(4))], &under_way[..1]).unwrap();
    assert_eq!(checkpoint.waiting(), 3);
    checkpoint.store(&mut engine, None, &[], &under_way).unwrap();
    assert_eq!(checkpoint.waiting(), 1);
    let last = numbers(&checkpoint);
    checkpoint.store(&mut engine, None, &[], &last).unwrap();
    assert_eq!(checkpoint.waiting(), 0);
}

#[tokio::test]
async fn a_state_of_an_older_version_begins_anew() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let mut worker = open(&path);
    assert!(worker.is_new());
    worker.take(&stream(1).await[0], 2_000);
    worker.commit().unwrap();
    drop(worker);
    assert!(!open(&path).is_new());
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 1).unwrap();
    let worker = open(&path);
    assert!(worker.is_new());
    assert_eq!(worker.pending(0, 10).unwrap(), []);
}

#[test]
fn a_damaged_state_is_said_to_be_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    drop(open(&path));
    Connection::open(&path)
        .unwrap()
        .execute_batch("REPLACE INTO fleet (id, state) VALUES (1, x'6e6f')")
        .unwrap();
    assert!(refused(&path).contains("damaged"));
}

#[test]
fn nothing_taken_over_is_judged_by_what_came_before() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state.sqlite");
    let (now_ms, looks_back) = (1_000_000_000, |start: Start| match start {
        Start::Next => 0,
        Start::Ago(look_back) => look_back.as_secs(),
        start => panic!("{start:?}"),
    });
    let mut worker = open(&path);
    assert_eq!(looks_back(worker.start(now_ms)), 60);
    // The newest counts, and one that is told in the future is as good as of now.
    for (told_s_ago, look_back_s) in [(3_600, 60), (20, 18), (40, 18), (2, 0), (-5, 0)] {
        let timestamp_ms = now_ms.saturating_add_signed(-told_s_ago * 1_000);
        let raised = Alert {
            id: format!("{timestamp_ms:016x}").into(),
            host: HostName::new("web").unwrap(),
            resource: None,
            state: AlertState::Raised,
            kind: AlertKind::Silent,
            level: None,
            percentage: None,
            repeat: None,
            since_ms: timestamp_ms,
            timestamp_ms,
        };
        worker.adopt(&[raised], now_ms);
        assert_eq!(looks_back(worker.start(now_ms)), look_back_s, "{told_s_ago}");
    }
    worker.commit().unwrap();
    drop(worker);
    // Also when nothing was read before it was started again.
    assert_eq!(looks_back(open(&path).start(now_ms + 10_000)), 8);
}
