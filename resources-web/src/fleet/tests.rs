use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use resources_core::contract::Level;
use serde_json::{Value, json};

use super::points::POINTS_KEPT;
use super::*;

fn analysis(host: &str, timestamp_ms: u64, cpu_percentage: f64) -> Analysis {
    let body = json!({
        "host": host, "timestamp_ms": timestamp_ms, "cpu_percentage": cpu_percentage,
        "cpu_result": Level::Low, "level": Level::Low,
    });
    serde_json::from_value(body).unwrap()
}

fn sample(run: &str, sequence: u64, timestamp_ms: u64) -> Analysis {
    let cpu = f64::from(u32::try_from(sequence % 100).unwrap());
    Analysis { run: Some(run.into()), sequence: Some(sequence), ..analysis("a", timestamp_ms, cpu) }
}

fn json_of(view: impl serde::Serialize) -> Value {
    serde_json::to_value(view).unwrap()
}

fn latest(fleet: &Fleet) -> (Value, Value) {
    let hosts = json_of(AllHosts(fleet));
    (hosts[0]["timestamp_ms"].clone(), hosts[0]["sequence"].clone())
}

#[test]
fn within_a_run_the_sequence_decides_whatever_the_clock_says() {
    let mut fleet = Fleet::new(1);
    assert_eq!(fleet.apply(sample("r", 1, 1_000), 0), Applied::Newest);
    assert_eq!(fleet.apply(sample("r", 3, 900), 0), Applied::Newest);
    assert_eq!(fleet.apply(sample("r", 2, 800), 0), Applied::Late);
    assert_eq!(latest(&fleet), (900.into(), 3.into()));
    assert_eq!(
        fleet.hosts["a"].points.timestamps(),
        [800, 900],
        "1,000 was before the clock was set"
    );
}

#[test]
fn between_runs_the_timestamp_decides() {
    let mut fleet = Fleet::new(1);
    assert_eq!(fleet.apply(sample("new", 0, 2_000), 0), Applied::Newest);
    assert_eq!(fleet.apply(sample("old", 99, 1_000), 0), Applied::Late);
    assert_eq!(latest(&fleet), (2_000.into(), 0.into()));
}

#[test]
fn a_clock_set_back_does_not_freeze_a_host_for_ever() {
    let mut fleet = Fleet::new(1);
    fleet.apply(sample("old", 7, 9_000_000), 1_000);
    assert_eq!(fleet.apply(sample("new", 0, 500), 60_000), Applied::Late);
    assert_eq!(fleet.apply(sample("new", 1, 600), 61_001), Applied::Newest);
    assert_eq!(latest(&fleet), (600.into(), 1.into()));
    assert_eq!(fleet.hosts["a"].points.timestamps(), [500, 600]);
}

#[test]
fn a_duplicate_changes_nothing() {
    let mut fleet = Fleet::new(1);
    fleet.apply(sample("r", 1, 1_000), 0);
    fleet.apply(sample("r", 2, 2_000), 0);
    fleet.clear_changes();
    assert_eq!(fleet.apply(sample("r", 2, 2_000), 5), Applied::Nothing);
    assert_eq!(fleet.apply(sample("r", 1, 1_000), 5), Applied::Nothing);
    assert!(!fleet.has_changes());
}

#[test]
fn a_tracker_that_numbers_nothing_is_ordered_by_time() {
    let mut fleet = Fleet::new(1);
    assert_eq!(fleet.apply(analysis("a", 2_000, 20.0), 0), Applied::Newest);
    assert_eq!(fleet.apply(analysis("a", 1_000, 10.0), 0), Applied::Late);
    assert_eq!(fleet.apply(analysis("a", 2_000, 20.0), 0), Applied::Nothing);
    assert_eq!(json_of(AllHosts(&fleet))[0]["cpu_percentage"], 20.0);
}

#[test]
fn a_backlog_is_counted_and_leaves_the_latest_alone() {
    let mut fleet = Fleet::new(1);
    fleet.apply(sample("r", 1_000, 1_000_000), 1_000_000);
    fleet.clear_changes();
    let apply = |fleet: &mut Fleet, sequence: u64, received_ms| {
        let applied = fleet.apply(sample("r", sequence, sequence * 1_000), received_ms);
        (applied, fleet.has_changes())
    };
    assert_eq!(apply(&mut fleet, 999, 1_000_001), (Applied::Late, true), "overtaken, no backlog");
    assert_eq!(json_of(AllHosts(&fleet))[0].get("late_samples"), None);
    fleet.clear_changes();

    // As many as the small chart holds, and then some that are too old for anything.
    for sequence in (800..900).rev().chain(300..400) {
        assert_eq!(apply(&mut fleet, sequence, 1_002_000).0, Applied::Late);
    }
    let host = &json_of(AllHosts(&fleet))[0];
    assert_eq!((&host["late_samples"], &host["late_ms"]), (&json!(200), &json!(1_002_000)));
    assert_eq!(latest(&fleet), (1_000_000.into(), 1_000.into()));
    assert_eq!(apply(&mut fleet, 850, 1_002_001).0, Applied::Nothing, "a duplicate is not late");
    assert_eq!(apply(&mut fleet, 850, 1_002_001).0, Applied::Nothing);

    fleet.apply(sample("r", 1_001, 1_001_000), 1_003_000);
    assert_eq!(json_of(AllHosts(&fleet))[0]["late_samples"], 200, "a newer sample keeps the count");
}

#[test]
fn what_is_read_again_fills_in_behind_the_latest_and_is_not_late() {
    let mut fleet = Fleet::new(2);
    fleet.apply(sample("r", 400, 400_000), 400_000);
    fleet.clear_changes();
    for second in 100..=400 {
        fleet.apply_again(sample("r", second, second * 1_000), second * 1_000);
    }
    assert!(fleet.has_changes());
    let host = &json_of(ChangedHosts(&fleet))[0];
    assert_eq!((&host["sequence"], host.get("late_samples")), (&json!(400), None));
    assert_eq!(fleet.recent("a", 0, u64::MAX).unwrap().samples.len(), 301);
    let points: Vec<u64> = (281..=400).map(|second| second * 1_000).collect();
    assert_eq!(fleet.hosts["a"].points.timestamps(), points);
    assert_eq!(fleet.apply_again(analysis("b", 5, 1.0), 5), Applied::Newest, "one silent since");
}

#[test]
fn a_backlog_too_old_for_the_chart_is_told_once_a_second() {
    let mut fleet = Fleet::new(1);
    for second in 0..600 {
        fleet.apply(sample("r", 10_000 + second, 10_000_000 + second * 1_000), 0);
    }
    fleet.clear_changes();
    let mut told = 0;
    for sequence in 0..100 {
        fleet.apply(sample("r", sequence, sequence * 1_000), 50_000 + sequence * 20);
        told += u32::from(fleet.has_changes());
        fleet.clear_changes();
    }
    assert_eq!(told, 2, "in two seconds");
    assert_eq!(json_of(AllHosts(&fleet))[0]["late_samples"], 100);
}

#[test]
fn the_last_minutes_are_there_at_full_resolution() {
    let mut fleet = Fleet::new(1);
    for second in [0, 2, 1, 400] {
        fleet.apply(sample("r", second, second * 1_000), 0);
    }
    assert!(fleet.recent("nobody", 0, u64::MAX).is_none());
    let recent = fleet.recent("a", 0, u64::MAX).unwrap();
    let kept: Vec<_> = recent.samples.iter().map(|sample| sample.timestamp_ms).collect();
    assert_eq!((kept, recent.since_ms, recent.interval_ms), (vec![400_000], 2_001, None));
    assert_eq!(recent.samples[0].hundredths("cpu"), Some(0));
}

#[test]
fn hosts_are_bounded_in_number_and_known_ones_go_on() {
    let mut fleet = Fleet::new(1);
    fleet.apply(analysis("a", 1, 0.0), 0);
    assert_eq!(fleet.apply(analysis("b", 1, 0.0), 0), Applied::Refused);
    assert_eq!(fleet.apply(analysis("a", 2, 0.0), 0), Applied::Newest);
    assert_eq!(fleet.len(), 1);
}

#[test]
fn hosts_unseen_for_long_are_forgotten_and_make_room() {
    let mut fleet = Fleet::new(2);
    fleet.apply(analysis("a", 1, 0.0), 1_000);
    fleet.apply(analysis("b", 1, 0.0), 2_000);
    assert_eq!(fleet.forget_unseen_since(1_000), 0);
    assert_eq!(fleet.forget_unseen_since(1_001), 1);
    let changed = json_of(ChangedHosts(&fleet));
    assert_eq!(changed.as_array().unwrap().len(), 1, "nothing is told of a host forgotten");
    assert_eq!(fleet.apply(analysis("c", 1, 0.0), 3_000), Applied::Newest);
}

#[test]
fn every_point_is_told_once_by_changes_and_kept_for_snapshots() {
    let mut fleet = Fleet::new(1);
    fleet.apply(analysis("a", 10, 1.5), 0);
    fleet.apply(analysis("a", 30, 3.0), 0);
    assert_eq!(json_of(HostsWithPoints(&fleet))[0]["points"], json!([]), "told by the next batch");
    assert_eq!(json_of(ChangedHosts(&fleet))[0]["points"], json!([[10, 1.5], [30, 3.0]]));
    fleet.clear_changes();

    fleet.apply(analysis("a", 20, 2.0), 0);
    assert_eq!(json_of(ChangedHosts(&fleet))[0]["points"], json!([[20, 2.0]]));
    assert_eq!(json_of(HostsWithPoints(&fleet))[0]["points"], json!([[10, 1.5], [30, 3.0]]));
    fleet.clear_changes();
    assert_eq!(json_of(ChangedHosts(&fleet)), json!([]));
    let points = json!([[10, 1.5], [20, 2.0], [30, 3.0]]);
    assert_eq!(json_of(HostsWithPoints(&fleet))[0]["points"], points);
}

#[test]
fn a_large_fleet_shares_the_points_of_a_snapshot() {
    let mut fleet = Fleet::new(10_000);
    for host in 0..6_000 {
        for timestamp_ms in 1..=12 {
            fleet.apply(analysis(&format!("h{host}"), timestamp_ms, 0.0), 0);
        }
    }
    fleet.clear_changes();
    let hosts = json_of(HostsWithPoints(&fleet));
    let points = hosts[0]["points"].as_array().unwrap();
    assert_eq!((points.len(), &points[9][0]), (10, &12.into()), "the newest ten");
}

#[test]
fn a_host_is_told_with_what_the_page_needs_and_no_more() {
    let body = json!({
        "host": "web-1", "run": "r", "sequence": 4, "timestamp_ms": 5, "interval_ms": 1000,
        "cpu_result": "HIGH", "level": "HIGH", "cpu_percentage": 91.5,
        "resources": [{"name": "cpu", "percentage": 91.5, "level": "HIGH"}],
        "load_average": [1.0, 2.0, 3.0], "memory": {"total_bytes": 8, "used_bytes": 4},
        "cores_percentage": [91.5], "uptime_seconds": 60,
        "processes": [{"pid": 1, "name": "x", "cpu_percentage": 1.0, "memory_bytes": 1}],
    });
    let mut fleet = Fleet::new(1);
    fleet.apply(serde_json::from_value(body).unwrap(), 6);
    let expected = json!([{
        "host": "web-1", "run": "r", "sequence": 4, "timestamp_ms": 5, "received_ms": 6,
        "interval_ms": 1000, "cpu_result": "HIGH", "level": "HIGH", "cpu_percentage": 91.5,
        "resources": [{"name": "cpu", "percentage": 91.5, "level": "HIGH"}],
        "load_average": [1.0, 2.0, 3.0], "memory": {"total_bytes": 8, "used_bytes": 4},
        "uptime_seconds": 60,
    }]);
    assert_eq!(json_of(AllHosts(&fleet)), expected);
}

#[test]
fn figures_no_page_could_divide_by_are_left_out() {
    let zeroes = Analysis {
        interval_ms: Some(0),
        memory: serde_json::from_value(json!({"total_bytes": 0, "used_bytes": 0})).unwrap(),
        ..analysis("a", 1, 0.0)
    };
    let mut fleet = Fleet::new(1);
    fleet.apply(zeroes, 0);
    let host = &json_of(AllHosts(&fleet))[0];
    assert_eq!((host.get("memory"), host.get("interval_ms")), (None, None));
}

proptest! {
    /// Three runs of one host, one after the other, as a tracker that is started anew makes them.
    #[test]
    fn any_order_of_any_subset_gives_the_newest_state_and_sorted_unique_points(
        picks in prop::collection::vec((0_u64..3, 0_u64..150), 1..400),
    ) {
        let mut fleet = Fleet::new(1);
        let timestamp = |(run, sequence): (u64, u64)| 1_000 + run * 1_000 + sequence * 2;
        for pick in &picks {
            fleet.apply(sample(&format!("run-{}", pick.0), pick.1, timestamp(*pick)), 0);
        }
        let newest = *picks.iter().max().unwrap();
        prop_assert_eq!(latest(&fleet), (timestamp(newest).into(), newest.1.into()));

        let all: BTreeSet<u64> = picks.iter().map(|pick| timestamp(*pick)).collect();
        let last: Vec<u64> = all.iter().rev().take(POINTS_KEPT).rev().copied().collect();
        prop_assert_eq!(fleet.hosts["a"].points.timestamps(), last);
    }

    /// What a browser has put together from a snapshot and the changes after it is what a new
    /// snapshot would say, wherever the batches fall.
    #[test]
    fn a_snapshot_and_the_changes_after_it_are_the_whole(
        steps in prop::collection::vec((0_u64..300, any::<bool>()), 1..80),
        snapshot_at in 0_usize..80,
    ) {
        let mut fleet = Fleet::new(1);
        let mut shown: BTreeMap<u64, Value> = BTreeMap::new();
        let mut has_snapshot = false;
        for (step, (timestamp_ms, is_batch)) in steps.iter().enumerate() {
            fleet.apply(analysis("a", 1_000 + timestamp_ms, 1.0), 0);
            if step == snapshot_at {
                has_snapshot = true;
                add_points(&mut shown, &json_of(HostsWithPoints(&fleet)));
            }
            if *is_batch {
                let batch = json_of(ChangedHosts(&fleet));
                fleet.clear_changes();
                if has_snapshot {
                    let added = add_points(&mut shown, &batch);
                    prop_assert!(added, "a point came twice");
                }
            }
        }
        if has_snapshot {
            add_points(&mut shown, &json_of(ChangedHosts(&fleet)));
            let shown: Vec<u64> = shown.keys().copied().collect();
            prop_assert_eq!(fleet.hosts["a"].points.timestamps(), shown);
        }
    }
}

/// Adds the points of the first host; `false` when one was there already.
fn add_points(shown: &mut BTreeMap<u64, Value>, hosts: &Value) -> bool {
    let points = hosts[0]["points"].as_array().cloned().unwrap_or_default();
    points
        .into_iter()
        .all(|point| shown.insert(point[0].as_u64().unwrap(), point[1].clone()).is_none())
}
