use proptest::prelude::*;
use resources_core::contract::{AlertKind, HostName};

use super::AlertState::{Cleared, Raised};
use super::*;
use crate::reactions::notification::Notification;

fn alert(id: &str, host: &str, state: AlertState, at_ms: u64) -> Alert {
    let alert = Notification::made_up("x", 0, None, false).alerts.remove(0).alert;
    let host = HostName::new(host).unwrap();
    // Episodes of one resource take each other's place.
    let resource = Some(id.into());
    Alert { id: id.into(), host, resource, state, since_ms: at_ms, timestamp_ms: at_ms, ..alert }
}

fn raised(id: &str, at_ms: u64) -> Alert {
    alert(id, "web", Raised, at_ms)
}

fn cleared(id: &str, at_ms: u64) -> Alert {
    alert(id, "web", Cleared, at_ms)
}

fn reminder(id: &str, repeat: u64, at_ms: u64) -> Alert {
    Alert { repeat: Some(repeat), ..raised(id, at_ms) }
}

fn silence(id: &str, from_ms: u64, until_ms: u64) -> Silence {
    Silence {
        id: id.into(),
        host: HostName::new("web").unwrap(),
        resource: None,
        kind: None,
        from_ms,
        until_ms,
        by: "ada".into(),
        reason: None,
        timestamp_ms: from_ms,
    }
}

fn acknowledge(id: &str) -> Acknowledgement {
    Acknowledgement {
        id: id.into(),
        host: HostName::new("web").unwrap(),
        by: "ada".into(),
        note: None,
        timestamp_ms: 0,
    }
}

/// What is told of one alert, as id and state, repeats counted.
fn told(router: &mut Router, alert: Alert) -> Vec<(String, AlertState, Option<u64>)> {
    let now_ms = alert.timestamp_ms;
    told_at(router, alert, now_ms)
}

fn told_at(
    router: &mut Router,
    alert: Alert,
    now_ms: u64,
) -> Vec<(String, AlertState, Option<u64>)> {
    let mut told = Vec::new();
    router.alert(alert, None, now_ms, &mut told);
    shown(told)
}

fn ticked(router: &mut Router, now_ms: u64) -> Vec<(String, AlertState, Option<u64>)> {
    let mut told = Vec::new();
    router.tick(now_ms, &mut told);
    shown(told)
}

fn shown(told: Vec<Told>) -> Vec<(String, AlertState, Option<u64>)> {
    told.into_iter()
        .map(|Told { alert, .. }| (alert.id.to_string(), alert.state, alert.repeat))
        .collect()
}

#[test]
fn what_comes_twice_is_told_once() {
    let mut router = Router::new(0);
    assert_eq!(told(&mut router, raised("a", 1)), [("a".to_owned(), Raised, None)]);
    assert_eq!(told(&mut router, raised("a", 1)), []);
    assert_eq!(told(&mut router, reminder("a", 1, 2)), [("a".to_owned(), Raised, Some(1))]);
    assert_eq!(told(&mut router, reminder("a", 1, 2)), []);
    assert_eq!(told(&mut router, cleared("a", 3)), [("a".to_owned(), Cleared, None)]);
    for again in [raised("a", 1), reminder("a", 1, 2), cleared("a", 3)] {
        assert_eq!(told(&mut router, again), []);
    }
}

#[test]
fn what_began_before_anyone_was_to_be_told_is_not_told() {
    let mut router = Router::new(100);
    assert_eq!(told_at(&mut router, raised("a", 50), 100), []);
    assert_eq!(told(&mut router, cleared("a", 150)), []);
    assert_eq!(told_at(&mut router, raised("b", 50), 150), []);
    assert_eq!(told(&mut router, reminder("b", 1, 150)).len(), 1, "it is news that it still is");
    assert_eq!(told(&mut router, cleared("b", 160)).len(), 1);
    let unknown = Alert { since_ms: 50, ..cleared("c", 150) };
    assert_eq!(told(&mut router, unknown), []);
}

#[test]
fn an_acknowledged_episode_is_not_reminded_of_and_its_end_is_told() {
    let mut router = Router::new(0);
    told(&mut router, raised("a", 1));
    router.acknowledge(&acknowledge("a"));
    router.acknowledge(&acknowledge("none"));
    assert_eq!(told(&mut router, reminder("a", 1, 2)), []);
    assert_eq!(told(&mut router, cleared("a", 3)).len(), 1);
}

#[test]
fn a_silence_holds_back_and_then_tells_what_differs() {
    let mut router = Router::new(0);
    told(&mut router, raised("before", 1));
    told(&mut router, raised("stays", 1));
    router.silence(silence("s", 10, 1_000), 10);
    assert_eq!(told(&mut router, raised("within", 20)), []);
    assert_eq!(told(&mut router, raised("short", 20)), []);
    assert_eq!(told(&mut router, cleared("short", 30)), []);
    assert_eq!(told(&mut router, cleared("before", 30)), []);
    assert_eq!(told(&mut router, reminder("stays", 1, 30)), []);
    let other = alert("other", "db", Raised, 20);
    assert_eq!(told(&mut router, other).len(), 1, "another host");
    assert_eq!(router.due_ms(), Some(1_000));
    assert_eq!(ticked(&mut router, 999), []);
    assert_eq!(
        ticked(&mut router, 1_000),
        [("before".to_owned(), Cleared, None), ("within".to_owned(), Raised, None)]
    );
    assert_eq!(ticked(&mut router, 1_001), []);
    assert_eq!(told(&mut router, cleared("within", 1_100)).len(), 1);
}

#[test]
fn a_silence_is_ended_early_and_by_nobody_begun_again() {
    let mut router = Router::new(0);
    let whole = silence("s", 10, 1_000);
    router.silence(whole.clone(), 10);
    assert_eq!(told(&mut router, raised("a", 20)), []);
    router.silence(Silence { until_ms: 30, ..whole.clone() }, 30);
    assert_eq!(ticked(&mut router, 30).len(), 1);
    router.silence(whole, 40);
    assert_eq!(told(&mut router, raised("b", 50)).len(), 1);
    assert_eq!(router.due_ms(), Some(1_000));
    ticked(&mut router, 1_000);
    assert_eq!(router.due_ms(), None, "it is forgotten");
}

#[test]
fn nobody_mutes_another_host_by_an_id_that_is_taken() {
    let db = || HostName::new("db").unwrap();
    let mut router = Router::new(0);
    told(&mut router, raised("a", 1));
    router.acknowledge(&Acknowledgement { host: db(), ..acknowledge("a") });
    assert_eq!(told(&mut router, reminder("a", 1, 2)).len(), 1);
    router.silence(silence("s", 10, 1_000), 10);
    // Neither ended, nor moved.
    router.silence(Silence { host: db(), until_ms: 20, ..silence("s", 10, 1_000) }, 10);
    assert_eq!(told(&mut router, raised("b", 30)), []);
    assert_eq!(told(&mut router, alert("c", "db", Raised, 30)).len(), 1);
    // Whoever may end it makes it no wider.
    let narrow = Silence { resource: Some("memory".into()), ..silence("t", 0, 1_000) };
    let mut router = Router::new(0);
    router.silence(narrow, 0);
    router.silence(silence("t", 0, 900), 10);
    assert_eq!(told(&mut router, raised("cpu", 20)).len(), 1);
    assert_eq!(router.due_ms(), Some(900));
}

#[test]
fn silences_for_which_there_is_no_room_are_counted() {
    let mut router = Router::new(0);
    for number in 0..MAX_SILENCES + 3 {
        router.silence(silence(&format!("s{number}"), 0, 1_000), 0);
    }
    assert_eq!(router.take_silences_left_out(), 3);
    assert_eq!(router.take_silences_left_out(), 0);
}

#[test]
fn the_ends_of_a_whole_fleet_come_twice_after_a_power_cut_and_are_told_once() {
    let mut router = Router::new(0);
    let mut count = 0;
    for at_ms in [1, 2] {
        for number in 0..40_000 {
            let mut told = Vec::new();
            let end = Alert { since_ms: 1, ..cleared(&format!("{number:016x}"), at_ms) };
            router.alert(end, None, at_ms, &mut told);
            count += told.len();
        }
    }
    assert_eq!(count, 40_000);
}

#[test]
fn a_silence_is_of_a_resource_or_a_kind_when_it_says_so() {
    let mut router = Router::new(0);
    router.silence(Silence { resource: Some("memory".into()), ..silence("s", 0, 1_000) }, 0);
    router.silence(Silence { kind: Some(AlertKind::Silent), ..silence("t", 0, 1_000) }, 0);
    assert_eq!(told(&mut router, raised("cpu", 1)).len(), 1);
    let memory = Alert { resource: Some("memory".into()), ..raised("memory", 1) };
    assert_eq!(told(&mut router, memory), []);
    let silent = Alert { resource: None, kind: AlertKind::Silent, ..raised("silent", 1) };
    assert_eq!(told(&mut router, silent), []);
}

#[test]
fn two_silences_hold_back_until_both_are_over() {
    let mut router = Router::new(0);
    router.silence(silence("s", 0, 100), 0);
    router.silence(silence("t", 0, 200), 0);
    assert_eq!(told(&mut router, raised("a", 1)), []);
    assert_eq!(ticked(&mut router, 100), []);
    assert_eq!(ticked(&mut router, 200).len(), 1);
}

#[test]
fn a_clock_that_was_set_back_mutes_nobody() {
    let mut router = Router::new(1_000_000_000);
    // Noticed with an alert that was already under way.
    assert_eq!(told_at(&mut router, raised("a", 500_000_000), 500_000_100).len(), 1);
    assert_eq!(told(&mut router, raised("b", 500_000_200)).len(), 1);
    let mut router = Router::new(1_000_000_000);
    ticked(&mut router, 500_000_000);
    assert_eq!(told(&mut router, raised("a", 500_000_100)).len(), 1);
    assert_eq!(
        told_at(&mut router, raised("old", 400_000_000), 500_000_200),
        [],
        "that is from before"
    );
}

#[test]
fn a_silence_that_is_over_stays_over_when_the_clock_is_set_back() {
    let mut router = Router::new(0);
    router.silence(silence("s", 10, 1_000), 10);
    // Its first end is yet to come late, so it is remembered.
    router.silence(Silence { until_ms: 500, ..silence("s", 10, 1_000) }, 20);
    ticked(&mut router, 600);
    assert_eq!(told(&mut router, raised("a", 400)).len(), 1);
}

#[test]
fn what_is_raised_anew_takes_the_place_of_what_nobody_will_end() {
    let at = |id: &str, resource: &str, kind, at_ms| Alert {
        resource: Some(resource.into()),
        kind,
        ..raised(id, at_ms)
    };
    let mut router = Router::new(0);
    told(&mut router, at("x", "cpu", AlertKind::Level, 1));
    told(&mut router, at("other", "memory", AlertKind::Level, 2));
    // The state of the engine was lost.
    assert_eq!(
        told(&mut router, at("y", "cpu", AlertKind::Flapping, 5)),
        [("x".to_owned(), Cleared, None), ("y".to_owned(), Raised, None)]
    );
    assert!(router.episode("x").is_none() && router.episode("other").is_some());
    assert_eq!(told(&mut router, at("x", "cpu", AlertKind::Level, 1)), [], "it comes late");
    assert_eq!(told(&mut router, cleared("y", 9)), [("y".to_owned(), Cleared, None)]);
    let away = |id: &str, kind, at_ms| Alert { resource: None, kind, ..raised(id, at_ms) };
    told(&mut router, away("silent", AlertKind::Silent, 10));
    assert_eq!(told(&mut router, away("restarted", AlertKind::Restarted, 11)).len(), 1);
    assert_eq!(told(&mut router, away("stopped", AlertKind::Stopped, 12)).len(), 2);
    // What is taken back from the file is known by its place, too.
    let mut next = Router::new(0);
    next.restore_episode(router.episode("stopped").unwrap().clone());
    assert_eq!(told(&mut next, away("again", AlertKind::Stopped, 13)).len(), 2);
    assert_eq!(told(&mut next, away("later", AlertKind::Silent, 14)).len(), 2);
}

proptest! {
    /// Whatever comes, and however often: what is told of an episode alternates, begins with
    /// raised, and in the end says what is so.
    #[test]
    fn what_is_told_alternates_and_ends_as_it_is(
        steps in prop::collection::vec((0usize..4, 0usize..6, 1u64..50), 1..120),
    ) {
        let mut router = Router::new(0);
        let (mut now_ms, mut silences) = (0, 0);
        let mut all: HashMap<String, Vec<AlertState>> = HashMap::new();
        let mut states: HashMap<String, (AlertState, u64)> = HashMap::new();
        let mut note = |events: Vec<(String, AlertState, Option<u64>)>| {
            for (id, state, repeat) in events {
                if repeat.is_none() {
                    all.entry(id).or_default().push(state);
                }
            }
        };
        let end = [(0, 9, 1_000_000)];
        for (episode, what, wait_ms) in steps.into_iter().chain(end) {
            now_ms += wait_ms;
            let id = format!("e{episode}");
            match what {
                0 if !states.contains_key(&id) => {
                    states.insert(id.clone(), (Raised, now_ms));
                    note(told(&mut router, raised(&id, now_ms)));
                }
                1 | 2 => if let Some((state, since_ms)) = states.get_mut(&id) {
                    *state = Cleared;
                    let alert = Alert { since_ms: *since_ms, ..cleared(&id, now_ms) };
                    note(told(&mut router, alert));
                },
                3 => {
                    silences += 1;
                    router.silence(silence(&format!("s{silences}"), now_ms, now_ms + 100), now_ms);
                }
                4 => if let Some((_, since_ms)) = states.get(&id) {
                    // The broker gives it a second time.
                    let alert = Alert { timestamp_ms: now_ms, ..raised(&id, *since_ms) };
                    note(told(&mut router, alert));
                },
                _ => {}
            }
            note(ticked(&mut router, now_ms));
        }
        for (id, (state, _)) in states {
            let told = all.remove(&id).unwrap_or_default();
            let expected = [Raised, Cleared];
            prop_assert!(told.len() <= 2 && told[..] == expected[..told.len()], "{:?}", told);
            let last = told.last().copied().unwrap_or(Cleared);
            prop_assert_eq!(last, state);
        }
    }
}
