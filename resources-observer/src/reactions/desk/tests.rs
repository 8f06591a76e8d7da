use std::path::Path;

use resources_core::bus::{Bus, BusConfig, Message, Source};
use resources_core::contract::{AlertState, HostName, Topic, TraceParent};

use super::*;
use crate::reactions::Reactions;
use crate::reactions::notification::Notification;

const RULES: &str = "[reaction.one]\ntype = \"log\"\n[reaction.other]\ntype = \"log\"\n\
    [[route]]\nto = [\"one\", \"other\"]\ngroup = \"0s\"";

fn config(text: &str) -> Arc<Config> {
    Reactions::parse("r.toml", text).unwrap().0
}

fn open(path: &Path, rules: &str) -> Desk {
    Desk::open(config(rules), &Location::File(path.to_owned()), 0).unwrap()
}

/// Alerts of a stream in memory: episodes that begin and end, one after the other.
async fn stream(episodes: u64) -> Vec<Delivery> {
    let bus = Bus::open(BusConfig::in_memory("test"));
    let prefetch = 10_000.try_into().unwrap();
    let mut alerts = bus.subscribe(Source::Alerts(Start::First), prefetch);
    let made_up = Notification::made_up("x", 0, None, false).alerts.remove(0).alert;
    let count = usize::try_from(episodes * 2).unwrap();
    for number in 0..episodes * 2 {
        let state = if number.is_multiple_of(2) { AlertState::Raised } else { AlertState::Cleared };
        let alert = Alert {
            id: format!("episode-{}", number / 2).into(),
            host: HostName::new("web").unwrap(),
            state,
            timestamp_ms: number,
            ..made_up.clone()
        };
        let topic = Topic::new("web.alert").unwrap();
        let message = Message::json(topic, &alert, number, TraceParent::begin()).unwrap();
        bus.publisher().publish(&message).await.unwrap();
    }
    let mut deliveries = Vec::new();
    while deliveries.len() < count {
        deliveries.push(alerts.next().await.unwrap());
    }
    deliveries
}

/// Where a process may be killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kill {
    BeforeStoring,
    BeforeTelling,
    BeforeItIsNoted,
    BeforeThatIsStored,
    Never,
}

#[tokio::test]
async fn killed_anywhere_each_alert_is_told_and_told_again_only_under_its_id() {
    let deliveries = stream(30).await;
    for kill in [
        Kill::BeforeStoring,
        Kill::BeforeTelling,
        Kill::BeforeItIsNoted,
        Kill::BeforeThatIsStored,
        Kill::Never,
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("reactions.sqlite");
        let mut told: Vec<(usize, Notification)> = Vec::new();
        let (mut desk, mut next, mut life) = (open(&path, RULES), 0, 0_usize);
        for _ in 0..200 {
            let end = (next + 5).min(deliveries.len());
            for delivery in &deliveries[next..end] {
                desk.take(delivery, 100);
            }
            desk.tick(100);
            life += 1;
            let dies = |at: Kill| life.is_multiple_of(2) && kill == at;
            let lived = 'life: {
                if dies(Kill::BeforeStoring) {
                    break 'life false;
                }
                desk.commit().unwrap();
                if dies(Kill::BeforeTelling) {
                    break 'life false;
                }
                let formed = desk.take_formed();
                told.extend(formed.iter().map(|(place, one)| (*place, one.notification.clone())));
                if dies(Kill::BeforeItIsNoted) {
                    break 'life false;
                }
                for (place, one) in formed {
                    desk.settled(place, &one.notification.id);
                }
                if dies(Kill::BeforeThatIsStored) {
                    break 'life false;
                }
                desk.commit().unwrap();
                true
            };
            if !lived {
                drop(desk);
                desk = open(&path, RULES);
            }
            next = match desk.start() {
                Start::After(position) => usize::try_from(position.offset).unwrap() + 1,
                _ => 0,
            };
        }
        assert_eq!(next, deliveries.len());
        for place in [0, 1] {
            let mut by_id = std::collections::BTreeMap::new();
            let mut states = Vec::new();
            for (_, notification) in told.iter().filter(|(of, _)| *of == place) {
                match by_id.insert(notification.id.clone(), notification.clone()) {
                    Some(before) => assert_eq!(before, *notification, "{kill:?}"),
                    None => states.extend(
                        notification
                            .alerts
                            .iter()
                            .map(|one| (one.alert.id.clone(), one.alert.state)),
                    ),
                }
            }
            let expected: Vec<_> = (0..30)
                .flat_map(|episode| {
                    let id: Box<str> = format!("episode-{episode}").into();
                    [(id.clone(), AlertState::Raised), (id, AlertState::Cleared)]
                })
                .collect();
            assert_eq!(states, expected, "{kill:?}");
        }
    }
}

#[tokio::test]
async fn a_reaction_that_is_no_more_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reactions.sqlite");
    let mut desk = open(&path, RULES);
    for delivery in stream(3).await {
        desk.take(&delivery, 100);
    }
    desk.tick(100);
    desk.commit().unwrap();
    drop(desk);
    let one = "[reaction.one]\ntype = \"log\"\n[[route]]\nto = [\"one\"]";
    assert_eq!(open(&path, one).take_formed().len(), 1);
    assert_eq!(open(&path, RULES).take_formed().len(), 1, "the other began anew");
}

#[tokio::test]
async fn forty_thousand_hosts_that_fall_silent_and_come_back_are_a_few_small_messages() {
    let rules = "[reaction.one]\ntype = \"log\"\n[[route]]\nto = [\"one\"]\ngroup = \"30s\"";
    let mut desk = Desk::open(config(rules), &Location::Memory, 0).unwrap();
    let mut deliveries = stream(1).await;
    let mut delivery = deliveries.remove(0);
    let alert = Alert::decode(&delivery.topic, &delivery.body).unwrap();
    let mut messages = Vec::new();
    for state in [AlertState::Raised, AlertState::Cleared] {
        for number in 0..40_000_u64 {
            let host = HostName::new(&format!("host-{number}")).unwrap();
            let id = format!("episode-{number}").into();
            let at_ms = 1_000 + number;
            let alert = Alert { id, state, timestamp_ms: at_ms, host, ..alert.clone() };
            delivery.topic = format!("{}.alert", alert.host).into();
            delivery.body = serde_json::to_vec(&alert).unwrap().into();
            desk.take(&delivery, at_ms);
            if number.is_multiple_of(256) {
                desk.tick(at_ms);
                desk.commit().unwrap();
            }
            for (place, formed) in desk.take_formed() {
                desk.settled(place, &formed.notification.id);
                messages.push(formed.notification);
            }
        }
        desk.tick(1_000_000);
        for (place, formed) in desk.take_formed() {
            desk.settled(place, &formed.notification.id);
            messages.push(formed.notification);
        }
    }
    assert!(messages.len() <= 4, "{} messages", messages.len());
    assert_eq!(messages.iter().map(|one| one.group.count).sum::<u64>(), 80_000);
    for message in messages {
        let bytes = serde_json::to_vec(&message).unwrap().len();
        assert!(message.alerts.len() <= 100 && bytes < 40_000, "{bytes} bytes");
    }
}

/// Hands `alert` over and says what each reaction is told of it, by name, id and state.
fn handed(desk: &mut Desk, delivery: &Delivery, alert: &Alert) -> Vec<(String, AlertState)> {
    let delivery = Delivery {
        topic: format!("{}.alert", alert.host).into(),
        body: serde_json::to_vec(alert).unwrap().into(),
        ..delivery.clone()
    };
    desk.take(&delivery, alert.timestamp_ms);
    desk.tick(alert.timestamp_ms);
    desk.commit().unwrap();
    let mut told = Vec::new();
    for (place, formed) in desk.take_formed() {
        let notification = formed.notification;
        desk.settled(place, &notification.id);
        let name = notification.reaction.to_string();
        told.extend(notification.alerts.iter().map(|one| (name.clone(), one.alert.state)));
    }
    desk.commit().unwrap();
    told
}

#[tokio::test]
async fn whoever_was_told_hears_the_end_also_after_a_restart() {
    let rules = "[reaction.chat]\ntype = \"log\"\n[reaction.boss]\ntype = \"log\"\n\
        [reaction.once]\ntype = \"log\"\n\
        [[route]]\nwhere = \"level=LOW\"\nto = [\"chat\"]\ngroup = \"0s\"\n\
        [[route]]\nwhere = \"repeat>=1 level=HIGH\"\nto = [\"boss\"]\ngroup = \"0s\"\n\
        [[route]]\nwhere = \"repeat>=1 state=raised\"\nto = [\"once\"]\ngroup = \"0s\"";
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("reactions.sqlite");
    let mut desk = open(&path, rules);
    let delivery = stream(1).await.remove(0);
    let raised = Alert::decode(&delivery.topic, &delivery.body).unwrap();
    let raised =
        Alert { level: Some(resources_core::contract::Level::Low), timestamp_ms: 10, ..raised };
    let reminder = Alert {
        level: Some(resources_core::contract::Level::High),
        repeat: Some(1),
        timestamp_ms: 20,
        ..raised.clone()
    };
    let cleared =
        Alert { level: None, state: AlertState::Cleared, timestamp_ms: 30, ..raised.clone() };
    let of = |name: &str, state| (name.to_owned(), state);
    assert_eq!(handed(&mut desk, &delivery, &raised), [of("chat", AlertState::Raised)]);
    let mut told = handed(&mut desk, &delivery, &reminder);
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told, [of("boss", AlertState::Raised), of("once", AlertState::Raised)]);
    drop(desk);
    let mut told = handed(&mut open(&path, rules), &delivery, &cleared);
    told.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(told, [of("boss", AlertState::Cleared), of("chat", AlertState::Cleared)]);
}

#[tokio::test]
async fn killed_right_after_its_first_start_it_tells_what_came_while_it_was_away() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("reactions.sqlite"));
    drop(Desk::open(config(RULES), &location, 100).unwrap());
    let mut desk = Desk::open(config(RULES), &location, 500).unwrap();
    let delivery = stream(1).await.remove(0);
    let alert = Alert::decode(&delivery.topic, &delivery.body).unwrap();
    let meanwhile = Alert { timestamp_ms: 200, ..alert };
    assert_eq!(handed(&mut desk, &delivery, &meanwhile).len(), 2);
}

#[tokio::test]
async fn a_clock_that_was_set_back_is_kept_in_mind() {
    let folder = tempfile::tempdir().unwrap();
    let location = Location::File(folder.path().join("reactions.sqlite"));
    let mut desk = Desk::open(config(RULES), &location, 900_000_000).unwrap();
    desk.tick(500_000_000);
    desk.commit().unwrap();
    drop(desk);
    let mut desk = Desk::open(config(RULES), &location, 910_000_000).unwrap();
    let delivery = stream(1).await.remove(0);
    let alert = Alert::decode(&delivery.topic, &delivery.body).unwrap();
    let later = Alert { timestamp_ms: 500_000_500, ..alert };
    assert_eq!(handed(&mut desk, &delivery, &later).len(), 2);
}
