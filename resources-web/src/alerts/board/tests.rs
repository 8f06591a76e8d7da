use std::collections::BTreeMap;

use proptest::prelude::*;
use resources_core::contract::Level;

use super::*;
use crate::client::View;

fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

fn raised(id: &str, on: &str, since_ms: u64) -> Alert {
    Alert {
        id: id.into(),
        host: host(on),
        resource: Some("cpu".into()),
        state: AlertState::Raised,
        kind: AlertKind::Level,
        level: Some(Level::High),
        percentage: Some(90.0),
        repeat: None,
        since_ms,
        timestamp_ms: since_ms,
    }
}

fn cleared(alert: &Alert, timestamp_ms: u64) -> Alert {
    Alert { state: AlertState::Cleared, timestamp_ms, ..alert.clone() }
}

fn acknowledged(id: &str, on: &str, by: &str, timestamp_ms: u64) -> Event {
    Event::Acknowledgement(Acknowledgement {
        id: id.into(),
        host: host(on),
        by: by.into(),
        note: None,
        timestamp_ms,
    })
}

fn silence(id: &str, on: &str, from_ms: u64, until_ms: u64) -> Silence {
    Silence {
        id: id.into(),
        host: host(on),
        resource: None,
        kind: None,
        from_ms,
        until_ms,
        by: "Ada".into(),
        reason: None,
        timestamp_ms: from_ms,
    }
}

fn ids(board: &Board) -> Vec<&str> {
    board.newest.iter().map(|(_, id)| &*id.0).collect()
}

#[test]
fn an_alert_is_active_from_raised_to_cleared_and_never_again() {
    let mut board = Board::default();
    let alert = raised("a", "web", 5);
    board.apply(Event::Alert(alert.clone()), 10);
    assert_eq!(ids(&board), ["a"]);
    assert_eq!((board.all(0).count, board.all(0).total), (1, 1));
    board.apply(Event::Alert(cleared(&alert, 20)), 20);
    board.apply(Event::Alert(alert.clone()), 30);
    board.apply(Event::Alert(cleared(&alert, 40)), 40);
    assert_eq!((board.all(0).count, board.all(0).total), (0, 0));
    let ended: Vec<_> = board.unwritten_cleared().collect();
    assert_eq!(
        (ended.len(), ended[0].cleared_ms, ended[0].level),
        (1, Some(20), Some(Level::High))
    );
}

#[test]
fn a_reminder_changes_the_entry_once() {
    let mut board = Board::default();
    board.apply(Event::Alert(raised("a", "web", 5)), 10);
    board.take_news(1, 10);
    let again = Alert { repeat: Some(1), timestamp_ms: 50, ..raised("a", "web", 5) };
    board.apply(Event::Alert(again.clone()), 50);
    assert_eq!(board.take_news(2, 50).changed[0].repeat, Some(1));
    board.apply(Event::Alert(again), 60);
    board.apply(Event::Alert(raised("a", "web", 5)), 60);
    assert!(!board.has_news());
}

#[test]
fn an_end_without_a_begin_is_kept_and_a_begin_without_an_end_ends_the_one_before() {
    let mut board = Board::default();
    board.apply(Event::Alert(cleared(&raised("a", "web", 5), 9)), 10);
    assert_eq!(board.unwritten_cleared().next().unwrap().cleared_ms, Some(9));
    board.apply(Event::Alert(raised("b", "web", 20)), 20);
    board.apply(Event::Alert(raised("c", "web", 30)), 30);
    assert_eq!(ids(&board), ["c"]);
    assert_eq!(board.entry("b").unwrap().cleared_ms, Some(30));
    // Another resource of the host is another condition.
    board.apply(Event::Alert(Alert { resource: None, ..raised("d", "web", 40) }), 40);
    assert_eq!(ids(&board), ["d", "c"]);
}

#[test]
fn one_that_takes_the_place_of_another_ends_it() {
    for (kind, other, resource) in [
        (AlertKind::Level, AlertKind::Flapping, Some("cpu")),
        (AlertKind::Flapping, AlertKind::Level, Some("cpu")),
        (AlertKind::Silent, AlertKind::Stopped, None),
        (AlertKind::Stopped, AlertKind::Silent, None),
        (AlertKind::Silent, AlertKind::Silent, None),
    ] {
        let mut board = Board::default();
        let of = |id: &str, kind, since_ms| {
            let resource = resource.map(Into::into);
            Alert { kind, resource, ..raised(id, "web", since_ms) }
        };
        // Beside them and of other places: another resource, host and kind.
        board.apply(Event::Alert(Alert { resource: Some("swap".into()), ..of("x", kind, 1) }), 1);
        board.apply(Event::Alert(Alert { host: host("db"), ..of("y", kind, 2) }), 2);
        board.apply(Event::Alert(of("z", AlertKind::Clock, 3)), 3);
        board.apply(Event::Alert(of("a", kind, 10)), 10);
        board.take_news(1, 10);
        board.apply(Event::Alert(of("b", other, 20)), 20);
        assert_eq!(ids(&board), ["b", "z", "y", "x"], "{kind:?} {other:?}");
        let news = board.take_news(2, 20);
        assert_eq!((news.changed.len(), news.cleared), (1, vec!["a".into()]));
        let ended: Vec<_> = board.unwritten_cleared().map(|entry| &*entry.id).collect();
        assert_eq!(ended, ["a"]);
        // Its observer is still there and tells of it: it is over all the same.
        let reminder = Alert { repeat: Some(1), ..of("a", kind, 10) };
        board.apply(Event::Alert(reminder), 30);
        assert_eq!(ids(&board), ["b", "z", "y", "x"]);
    }
}

#[test]
fn the_latest_acknowledgement_counts_whatever_their_order() {
    for order in [["Ada", "Grace"], ["Grace", "Ada"]] {
        let mut board = Board::default();
        board.apply(Event::Alert(raised("a", "web", 5)), 10);
        for by in order {
            let at_ms = if by == "Ada" { 11 } else { 12 };
            board.apply(acknowledged("a", "web", by, at_ms), 20);
        }
        // Of another host: somebody's mistake.
        board.apply(acknowledged("a", "db", "Eve", 30), 30);
        let entry = board.entry("a").unwrap();
        assert_eq!(&*entry.acknowledged.as_ref().unwrap().by, "Grace");
        assert_eq!((board.all(0).count, board.all(0).total), (0, 1));
    }
}

#[test]
fn a_silence_holds_for_its_time_and_may_be_ended_early() {
    let mut board = Board::default();
    board.apply(Event::Alert(raised("a", "web", 5)), 10);
    board.apply(Event::Silence(silence("s", "web", 20, 100)), 10);
    assert_eq!(board.next_change_ms(), Some(20));
    assert_eq!(board.all(0).count, 1);
    board.tick(20);
    assert_eq!((board.all(0).count, board.next_change_ms()), (0, Some(100)));
    assert_eq!(board.entry("a").unwrap().silenced_until_ms, Some(100));
    // What is raised meanwhile is silenced, too; what is of another host is not.
    board.apply(Event::Alert(Alert { resource: None, ..raised("b", "web", 30) }), 30);
    board.apply(Event::Alert(raised("c", "db", 30)), 30);
    assert_eq!((board.all(0).count, board.all(0).total), (1, 3));
    board.apply(Event::Silence(silence("s", "web", 20, 50)), 40);
    // The first message once more.
    board.apply(Event::Silence(silence("s", "web", 20, 100)), 41);
    assert_eq!(board.running_silences()[0].until_ms, 50);
    board.take_news(1, 41);
    board.tick(50);
    assert_eq!((board.all(0).count, board.running_silences().len()), (3, 0));
    assert_eq!(board.take_news(2, 50).changed.len(), 2);
    assert_eq!(board.next_change_ms(), None);
}

#[test]
fn a_silence_that_is_over_is_forgotten_after_a_day() {
    let mut board = Board::default();
    board.apply(Event::Silence(silence("s", "web", 20, 100)), 10);
    let at = |board: &mut Board, now_ms| {
        board.apply(Event::Alert(raised("a", "web", now_ms)), now_ms);
    };
    at(&mut board, 100 + silences::REMEMBERED_MS);
    assert!(board.silences.take(silence("s", "web", 20, 100)).is_none());
    at(&mut board, 101 + silences::REMEMBERED_MS);
    assert!(board.silences.take(silence("s", "web", 20, 100)).is_some());
}

#[test]
fn a_clock_that_was_years_ahead_and_is_set_right_changes_nothing_for_good() {
    let wrong_ms = 1_000 * silences::REMEMBERED_MS;
    let mut board = Board::default();
    board.apply(Event::Alert(raised("a", "web", 5)), 10);
    board.apply(Event::Silence(silence("s", "web", 10, 100)), 10);
    assert_eq!((board.all(0).count, board.all(0).total), (0, 1));
    board.tick(wrong_ms);
    assert_eq!(board.all(0).count, 1);
    board.tick(20);
    assert_eq!((board.all(0).count, board.running_silences().len()), (0, 1));
    assert_eq!(board.next_change_ms(), Some(100));
    // One that is new holds at once.
    board.tick(wrong_ms);
    board.apply(Event::Alert(raised("b", "db", 30)), 30);
    board.apply(Event::Silence(silence("t", "db", 30, 100)), 30);
    assert_eq!((board.all(0).count, board.all(0).total), (0, 2));
}

#[test]
fn the_past_is_told_to_nobody_until_all_of_it_is_known() {
    let mut board = Board::default();
    board.catch_up();
    let over = raised("a", "web", 5);
    board.apply(Event::Alert(over.clone()), 10);
    let nothing = (Some(Vec::new()), 0, 0, AlertsStatus::Reading);
    let told = |board: &Board| {
        let all = board.all(0);
        assert_eq!(all.hosts, []);
        (all.active, all.count, all.total, all.status)
    };
    assert_eq!((told(&board), board.has_news()), (nothing, false));
    board.apply(Event::Alert(raised("b", "db", 6)), 10);
    board.apply(Event::Alert(cleared(&over, 7)), 10);
    board.has_caught_up();
    assert!(board.has_news());
    let news = board.take_news(1, 10);
    assert_eq!((news.changed.len(), news.cleared.len(), news.total), (1, 0, 1));
    assert_eq!((news.hosts, news.status), (vec![(host("db"), 1)], AlertsStatus::On));
}

#[test]
fn what_slips_back_among_the_newest_is_told() {
    let mut board = Board::default();
    let alerts: Vec<Alert> = (0..=MAX_ACTIVE as u64)
        .map(|number| raised(&format!("{number:04}"), &format!("web-{number}"), number))
        .collect();
    for alert in &alerts {
        board.apply(Event::Alert(alert.clone()), 10_000);
    }
    let news = board.take_news(1, 0);
    assert_eq!((news.changed.len(), news.total), (MAX_ACTIVE, 1_001));
    board.apply(Event::Alert(cleared(&alerts[500], 10_000)), 10_000);
    let news = board.take_news(2, 0);
    assert_eq!(news.cleared, ["0500".into()]);
    assert_eq!(news.changed.iter().map(|entry| &*entry.id).collect::<Vec<_>>(), ["0000"]);
    // Of a host it is told whether it has any, listed or not.
    assert_eq!(news.hosts, [(host("web-500"), 0)]);
    assert_eq!(board.all(0).hosts.len(), MAX_ACTIVE);
}

#[test]
fn of_one_host_only_its_own_are_looked_at_a_page_at_a_time() {
    let mut board = Board::default();
    for number in 0..20_u64 {
        let on = if number.is_multiple_of(2) { "web" } else { "db" };
        // Two of a host begin at once.
        let alert = raised(&format!("{number:02}"), on, number / 4);
        let resource = Some(format!("disk:/{number}").into());
        board.apply(Event::Alert(Alert { resource, ..alert }), 100);
    }
    let filter = Filter { host: Some(host("web")), to_ms: Some(4), ..Filter::default() };
    let everything = board.active_after(None, &Filter::default(), usize::MAX);
    let expected: Vec<_> = everything.into_iter().filter(|entry| filter.takes(entry)).collect();
    assert_eq!(expected.len(), 8);
    let (mut found, mut after) = (Vec::<AlertEntry>::new(), None::<(u64, Box<str>)>);
    loop {
        let place = after.as_ref().map(|(since_ms, id)| (*since_ms, &**id));
        let page = board.active_after(place, &filter, 3);
        let Some(last) = page.last() else { break };
        after = Some((last.since_ms, last.id.clone()));
        found.extend(page);
    }
    assert_eq!(found, expected);
    // What is not of the host is not even looked at.
    board.newest.clear();
    assert_eq!(board.active_after(None, &filter, usize::MAX), expected);
}

/// One step of a story: of few hosts, ids and times, so that they meet.
#[derive(Debug, Clone)]
enum Step {
    Take(Event),
    Tick(u64),
    Tell,
    Write,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // An episode has one host, as its id says.
    let host_of = |number: u64| if number.is_multiple_of(2) { "web" } else { "db" };
    let alert = (0..6_u64, any::<bool>(), prop::option::of(1..3_u64), 0..50_u64).prop_map(
        move |(number, is_raised, repeat, time)| {
            let alert = raised(&number.to_string(), host_of(number), number);
            let resource = Some(format!("disk:/{number}").into());
            let alert = Alert { resource, ..alert };
            let alert = if is_raised { Alert { repeat, ..alert } } else { cleared(&alert, time) };
            Step::Take(Event::Alert(alert))
        },
    );
    let acknowledgement = (0..6_u64, 0..4_u64).prop_map(move |(number, at_ms)| {
        Step::Take(acknowledged(&number.to_string(), host_of(number), &at_ms.to_string(), at_ms))
    });
    let silenced = (0..4_u64, 0..40_u64, prop::option::of(0..6_u64)).prop_map(
        move |(number, length_ms, resource)| {
            let (id, from_ms) = (format!("s{number}"), number * 10);
            let silence = silence(&id, host_of(number), from_ms, from_ms + length_ms);
            let resource = resource.map(|resource| format!("disk:/{resource}").into());
            Step::Take(Event::Silence(Silence { resource, ..silence }))
        },
    );
    let step = prop_oneof![
        4 => alert,
        2 => acknowledgement,
        2 => silenced,
        2 => (0..20_u64).prop_map(Step::Tick),
        1 => Just(Step::Tell),
        1 => Just(Step::Write),
    ];
    prop::collection::vec(step, 0..60)
}

/// Of each active alert who acknowledged it, and until when it is silenced.
type Entries = BTreeMap<Box<str>, (Option<Box<str>>, Option<u64>)>;

/// What follows from all events and the time, found the long way.
fn model(events: &[Event], now_ms: u64) -> Entries {
    let mut active: BTreeMap<Box<str>, Alert> = BTreeMap::new();
    let mut over: Vec<Box<str>> = Vec::new();
    let mut by: BTreeMap<Box<str>, (u64, Box<str>)> = BTreeMap::new();
    let mut silences: BTreeMap<Box<str>, Silence> = BTreeMap::new();
    for event in events {
        match event {
            Event::Alert(alert) if alert.state == AlertState::Cleared => {
                active.remove(&alert.id);
                over.push(alert.id.clone());
            }
            Event::Alert(alert) if !over.contains(&alert.id) => {
                active.entry(alert.id.clone()).or_insert_with(|| alert.clone());
            }
            Event::Alert(_) => {}
            Event::Acknowledgement(told) if active.contains_key(&told.id) => {
                let known = by.get(&told.id).map(|(at_ms, _)| *at_ms);
                if known.is_none_or(|known| known < told.timestamp_ms) {
                    by.insert(told.id.clone(), (told.timestamp_ms, told.by.clone()));
                }
            }
            Event::Acknowledgement(_) => {}
            Event::Silence(told) => {
                let known = silences.entry(told.id.clone()).or_insert_with(|| told.clone());
                known.until_ms = known.until_ms.min(told.until_ms);
            }
        }
    }
    let entry = |(id, alert): (Box<str>, Alert)| {
        let covers = |silence: &&Silence| {
            silence.runs_at(now_ms)
                && silence.covers(&alert.host, alert.resource.as_deref(), alert.kind)
        };
        let until_ms = silences.values().filter(covers).map(|silence| silence.until_ms).max();
        let by = by.get(&id).map(|(_, by)| by.clone());
        (id, (by, until_ms))
    };
    active.into_iter().map(entry).collect()
}

fn known(entries: &[AlertEntry]) -> Entries {
    let entry = |entry: &AlertEntry| {
        let by = entry.acknowledged.as_ref().map(|acknowledged| acknowledged.by.clone());
        (entry.id.clone(), (by, entry.silenced_until_ms))
    };
    entries.iter().map(entry).collect()
}

proptest! {
    /// The board knows what follows from the events, and a page that was told its news, and one
    /// that comes late, and a board that reads on from what was written, know the same.
    #[test]
    fn whatever_comes_board_pages_and_database_agree(steps in steps()) {
        let mut board = Board::default();
        let (mut early, mut number) = (View::default(), 0);
        let mut events = Vec::new();
        let mut now_ms = 0;
        let mut written: BTreeMap<Box<str>, AlertEntry> = BTreeMap::new();
        let mut silences: BTreeMap<Box<str>, Silence> = BTreeMap::new();
        for step in steps.into_iter().chain([Step::Tell, Step::Write]) {
            match step {
                Step::Take(event) => {
                    events.push(event.clone());
                    board.apply(event, now_ms);
                }
                Step::Tick(passed_ms) => {
                    now_ms += passed_ms;
                    board.tick(now_ms);
                }
                Step::Tell => {
                    number += 1;
                    let news = crate::protocol::Message::<()>::Alerts(board.take_news(number, 0));
                    early.read(&serde_json::to_string(&news).unwrap()).unwrap();
                }
                Step::Write => {
                    let Unwritten { entries, silences: more, .. } = board.unwritten().clone();
                    written.extend(entries);
                    silences.extend(more);
                    board.written();
                }
            }
            let expected = model(&events, now_ms);
            let all = board.all(0);
            prop_assert_eq!(known(all.active.as_ref().unwrap()), expected.clone());
            let loud = expected.values().filter(|entry| **entry == (None, None)).count();
            prop_assert_eq!((all.count, all.total), (loud as u64, expected.len() as u64));
        }
        let all = board.all(0);
        let of_early = early.alerts();
        prop_assert_eq!((of_early.count, of_early.total), (all.count, all.total));
        prop_assert_eq!(&of_early.active, &all.active);
        let (ended, active): (Vec<_>, Vec<_>) =
            written.into_values().partition(|entry| entry.cleared_ms.is_some());
        let ended = ended.into_iter().map(|entry| entry.id).collect();
        let mut next = Board::default();
        next.restore(active, ended, silences.into_values().collect(), now_ms);
        prop_assert_eq!(next.all(0), all);
    }
}
