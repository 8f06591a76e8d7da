use proptest::prelude::*;
use resources_core::contract::AlertState;

use super::*;

const NONE: Limits = Limits { rate: None, parallel: 1, listed: 100 };

fn alert(number: u64) -> Alert {
    let alert = Notification::made_up("x", 0, None, false).alerts.remove(0).alert;
    let state = if number.is_multiple_of(3) { AlertState::Cleared } else { AlertState::Raised };
    Alert { id: format!("alert-{number}").into(), state, ..alert }
}

fn count(formed: Option<&Formed>) -> Option<u64> {
    formed.map(|formed| formed.notification.group.count)
}

#[test]
fn what_comes_within_the_window_is_one_message() {
    let mut outbox = Outbox::default();
    for number in 0..40 {
        outbox.add(&alert(number), None, 30_000, number * 700, &NONE);
    }
    assert_eq!(outbox.due_ms(&NONE), Some(30_000));
    assert_eq!(count(outbox.form("x", 29_999, &NONE, None)), None);
    assert_eq!(count(outbox.form("x", 30_000, &NONE, None)), Some(40));
    assert_eq!(outbox.due_ms(&NONE), None);
    assert_eq!(outbox.alert_count(), 40, "until somebody was told");
    let id = outbox.under_way()[0].notification.id.clone();
    assert!(outbox.settle(&id) && !outbox.settle(&id));
    assert_eq!(outbox.alert_count(), 0);
}

#[test]
fn each_alert_of_a_list_has_its_own_trace() {
    let mut outbox = Outbox::default();
    let traces = [(); 3].map(|()| TraceParent::begin());
    for (number, trace) in (0..).zip(traces) {
        outbox.add(&alert(number), Some(trace), 0, 0, &NONE);
    }
    outbox = serde_json::from_slice(&serde_json::to_vec(&outbox).unwrap()).unwrap();
    let formed = outbox.form("x", 0, &NONE, None).unwrap();
    let body = serde_json::to_value(&formed.notification).unwrap();
    for (listed, trace) in body["alerts"].as_array().unwrap().iter().zip(traces) {
        assert_eq!(listed["traceparent"], trace.to_string());
    }
    assert_eq!(body["traceparent"], traces[0].to_string());
    assert_eq!(body["alerts"][2]["id"], "alert-2");
}

#[test]
fn an_alert_that_is_urgent_takes_the_others_along() {
    let mut outbox = Outbox::default();
    outbox.add(&alert(1), None, 30_000, 0, &NONE);
    outbox.add(&alert(2), None, 0, 5_000, &NONE);
    assert_eq!(count(outbox.form("x", 5_000, &NONE, None)), Some(2));
}

#[test]
fn forty_thousand_are_counted_and_few_are_listed() {
    let mut outbox = Outbox::default();
    for number in 0..40_000 {
        outbox.add(&alert(number), None, 30_000, 0, &NONE);
    }
    let formed = outbox.form("x", 30_000, &NONE, None).unwrap();
    let notification = &formed.notification;
    assert_eq!((notification.group.count, notification.alerts.len()), (40_000, 100));
    assert_eq!(notification.truncated, Some(39_900));
    assert!(serde_json::to_vec(&outbox).unwrap().len() < 40_000);
}

#[test]
fn while_one_is_under_way_the_others_gather() {
    let mut outbox = Outbox::default();
    outbox.add(&alert(0), None, 0, 0, &NONE);
    let first = outbox.form("x", 0, &NONE, None).unwrap().notification.id.clone();
    for number in 1..=9 {
        outbox.add(&alert(number), None, 0, number, &NONE);
        assert_eq!(count(outbox.form("x", number, &NONE, None)), None);
    }
    outbox.settle(&first);
    assert_eq!(count(outbox.form("x", 10, &NONE, None)), Some(9));
}

#[test]
fn a_clock_that_is_set_back_holds_nobody_up() {
    let rate = Some(Rate { count: 1, period_ms: 60_000 });
    let limits = Limits { rate, ..NONE };
    let mut outbox = Outbox::default();
    outbox.add(&alert(0), None, 0, 9_000_000, &limits);
    let id = outbox.form("x", 9_000_000, &limits, None).unwrap().notification.id.clone();
    outbox.settle(&id);
    outbox.add(&alert(1), None, 30_000, 9_000_000, &limits);
    assert_eq!(count(outbox.form("x", 1_000, &limits, None)), None);
    assert_eq!(outbox.due_ms(&limits), Some(31_000));
    assert_eq!(count(outbox.form("x", 31_000, &limits, None)), Some(1));
}

proptest! {
    /// Whatever comes whenever: each alert is told once, no period has more notifications than
    /// the rate allows, none is late without a reason, and what was stored goes on the same.
    #[test]
    fn every_alert_is_told_once_within_the_rate(
        steps in prop::collection::vec((0u64..3_000, 0usize..5, 0u64..5_000, any::<bool>()), 1..60),
        rate in prop::option::of((1usize..4, 1_000u64..20_000)),
        parallel in 1usize..3,
        listed in 1usize..5,
    ) {
        let rate = rate.map(|(count, period_ms)| Rate { count, period_ms });
        let limits = Limits { rate, parallel, listed };
        let (mut outbox, mut now_ms, mut next) = (Outbox::default(), 0, 0);
        let (mut formed_ms, mut told) = (Vec::new(), 0);
        let finish = [(60_000, 0, 0, true); 80];
        for (wait_ms, count, window_ms, settles) in steps.into_iter().chain(finish) {
            now_ms += wait_ms;
            for _ in 0..count {
                outbox.add(&alert(next), None, window_ms, now_ms, &limits);
                next += 1;
            }
            let due = outbox.due_ms(&limits);
            let mut any = false;
            while let Some(formed) = outbox.form("x", now_ms, &limits, None) {
                any = true;
                let notification = &formed.notification;
                let listed = notification.alerts.len() as u64;
                prop_assert!(listed <= limits.listed as u64 && listed >= 1);
                prop_assert_eq!(listed + notification.truncated.unwrap_or(0), notification.group.count);
                prop_assert_eq!(
                    notification.group.raised + notification.group.cleared,
                    notification.group.count
                );
                told += notification.group.count;
                formed_ms.push(now_ms);
            }
            prop_assert_eq!(any, due.is_some_and(|due| due <= now_ms));
            prop_assert!(outbox.under_way().len() <= parallel);
            outbox = serde_json::from_slice(&serde_json::to_vec(&outbox).unwrap()).unwrap();
            if settles && let Some(first) = outbox.under_way().first() {
                let id = first.notification.id.clone();
                prop_assert!(outbox.settle(&id));
            }
        }
        prop_assert_eq!(told, next);
        prop_assert_eq!(outbox.alert_count(), 0);
        if let Some(Rate { count, period_ms }) = rate {
            for window in formed_ms.windows(count + 1) {
                prop_assert!(window[count] - window[0] >= period_ms, "{:?}", window);
            }
        }
    }
}
