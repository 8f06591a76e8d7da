use std::collections::BTreeSet;

use proptest::prelude::*;
use resources_core::contract::Level;
use serde_json::{Value, json};

use super::*;
use crate::client::View;
use crate::protocol::{Field, Message, Snapshot};

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

/// A late sample that is told.
const LATE: Applied = Applied::Late { is_to_tell: true };

impl Fleet {
    fn hear(&mut self, analysis: Analysis, received_ms: u64) -> Applied {
        let body = serde_json::to_vec(&analysis).unwrap().into();
        self.apply(analysis, body, Receipt::at(received_ms))
    }

    fn hear_again(&mut self, analysis: Analysis, received_ms: u64) -> Applied {
        let body = serde_json::to_vec(&analysis).unwrap().into();
        self.apply_again(analysis, body, Receipt { received_ms, read_ms: None })
    }

    /// What a page that has been told everything gets of these hosts.
    fn series(&self, indices: &[u32]) -> Vec<(u32, Series)> {
        self.take_series(&mut indices.to_vec(), u64::MAX)
    }

    /// Tells what changed; when is of no matter.
    fn tell(&mut self) -> Value {
        json_of(self.take_changes(1, 0))
    }
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
    assert_eq!(fleet.hear(sample("r", 1, 1_000), 0), Applied::Newest);
    assert_eq!(fleet.hear(sample("r", 3, 900), 0), Applied::Newest);
    assert_eq!(fleet.hear(sample("r", 2, 800), 0), LATE);
    assert_eq!(latest(&fleet), (900.into(), 3.into()));
    assert_eq!(
        fleet.named("a").unwrap().point_times(),
        [800, 900],
        "1,000 was before the clock was set"
    );
}

#[test]
fn between_runs_the_timestamp_decides() {
    let mut fleet = Fleet::new(1);
    assert_eq!(fleet.hear(sample("new", 0, 2_000), 0), Applied::Newest);
    assert_eq!(fleet.hear(sample("old", 99, 1_000), 0), LATE);
    assert_eq!(latest(&fleet), (2_000.into(), 0.into()));
}

#[test]
fn a_clock_set_back_does_not_freeze_a_host_for_ever() {
    let mut fleet = Fleet::new(1);
    fleet.hear(sample("old", 7, 9_000_000), 1_000);
    assert_eq!(fleet.hear(sample("new", 0, 500), 60_000), LATE);
    assert_eq!(fleet.hear(sample("new", 1, 600), 61_001), Applied::Newest);
    assert_eq!(latest(&fleet), (600.into(), 1.into()));
    assert_eq!(fleet.named("a").unwrap().point_times(), [500, 600]);
}

#[test]
fn a_duplicate_changes_nothing() {
    let mut fleet = Fleet::new(1);
    fleet.hear(sample("r", 1, 1_000), 0);
    fleet.hear(sample("r", 2, 2_000), 0);
    fleet.tell();
    assert_eq!(fleet.hear(sample("r", 2, 2_000), 5), Applied::Nothing);
    assert_eq!(fleet.hear(sample("r", 1, 1_000), 5), Applied::Nothing);
    assert!(!fleet.has_changes());
}

#[test]
fn a_tracker_that_numbers_nothing_is_ordered_by_time() {
    let mut fleet = Fleet::new(1);
    assert_eq!(fleet.hear(analysis("a", 2_000, 20.0), 0), Applied::Newest);
    assert_eq!(fleet.hear(analysis("a", 1_000, 10.0), 0), LATE);
    assert_eq!(fleet.hear(analysis("a", 2_000, 20.0), 0), Applied::Nothing);
    assert_eq!(json_of(AllHosts(&fleet))[0]["cpu_percentage"], 20.0);
}

#[test]
fn a_backlog_is_counted_and_leaves_the_latest_alone() {
    let mut fleet = Fleet::new(1);
    fleet.hear(sample("r", 1_000, 1_000_000), 1_000_000);
    fleet.tell();
    let apply = |fleet: &mut Fleet, sequence: u64, received_ms| {
        let applied = fleet.hear(sample("r", sequence, sequence * 1_000), received_ms);
        (applied, fleet.has_changes())
    };
    assert_eq!(apply(&mut fleet, 999, 1_000_001), (LATE, true), "overtaken, no backlog");
    assert_eq!(json_of(AllHosts(&fleet))[0].get("late_samples"), None);
    fleet.tell();

    // As many as the small chart holds, and then some that are too old for anything.
    for sequence in (800..900).rev().chain(300..400) {
        assert_eq!(apply(&mut fleet, sequence, 1_002_000).0, LATE);
    }
    let host = &json_of(AllHosts(&fleet))[0];
    assert_eq!((&host["late_samples"], &host["late_ms"]), (&json!(200), &json!(1_002_000)));
    assert_eq!(latest(&fleet), (1_000_000.into(), 1_000.into()));
    assert_eq!(apply(&mut fleet, 850, 1_002_001).0, Applied::Nothing, "a duplicate is not late");
    assert_eq!(apply(&mut fleet, 850, 1_002_001).0, Applied::Nothing);

    fleet.hear(sample("r", 1_001, 1_001_000), 1_003_000);
    assert_eq!(json_of(AllHosts(&fleet))[0]["late_samples"], 200, "a newer sample keeps the count");
}

#[test]
fn what_is_read_again_fills_in_behind_the_latest_and_is_not_late() {
    let mut fleet = Fleet::new(2);
    fleet.hear(sample("r", 400, 400_000), 400_000);
    fleet.tell();
    for second in 100..=400 {
        fleet.hear_again(sample("r", second, second * 1_000), second * 1_000);
    }
    assert!(fleet.has_changes());
    let told = fleet.tell();
    assert_eq!((told.get("hosts"), told.get("rows")), (None, None), "it has the same newest");
    assert_eq!(told["points"].as_array().unwrap().len(), POINTS_KEPT - 1);
    assert_eq!(latest(&fleet).1, 400);
    assert_eq!(fleet.recent("a", 0, u64::MAX).unwrap().samples.len(), 301);
    let points: Vec<u64> = (240..=400).map(|second| second * 1_000).collect();
    assert_eq!(fleet.named("a").unwrap().point_times(), points);
    assert_eq!(fleet.hear_again(analysis("b", 5, 1.0), 5), Applied::Newest, "one silent since");
}

#[test]
fn what_hardly_ever_changes_is_known_again_from_what_is_read_again() {
    let telling = |sequence: u64, role: &str| {
        let told = json!({
            "host": "a", "timestamp_ms": sequence * 1_000, "cpu_percentage": 1.0,
            "cpu_result": "LOW", "level": "LOW", "run": "r", "sequence": sequence,
            "labels": {"role": role}, "system": {"os": role},
            "thresholds": [{"resource": "cpu", "medium": 25, "high": 75}],
        });
        serde_json::from_value::<Analysis>(told).unwrap()
    };
    let mut fleet = Fleet::new(1);
    // As after a start: what comes now comes before what came meanwhile is read again.
    fleet.hear(sample("r", 400, 400_000), 400_000);
    fleet.tell();
    let seen = fleet.known("a", None).unwrap().unwrap().revision;
    assert_eq!(fleet.hear_again(telling(10, "old"), 10_000), LATE, "long before the chart");
    assert_eq!(fleet.tell()["hosts"][0][1]["labels"], json!({"role": "old"}));
    assert_eq!(fleet.hear_again(telling(340, "web"), 340_000), LATE);
    assert_eq!(fleet.tell()["hosts"][0][1]["labels"], json!({"role": "web"}));
    // A page that looks at the host is sent it without waiting for the next sample.
    let known = fleet.known("a", Some(seen)).unwrap().expect("there is more to know");
    assert_eq!(known.system.unwrap().os.as_deref(), Some("web"));
    assert_eq!(known.thresholds.unwrap().len(), 1);
    assert_eq!(latest(&fleet).1, 400);

    fleet.hear_again(telling(280, "older"), 280_000);
    assert_eq!(fleet.tell().get("hosts"), None, "what is older than that changes nothing");
    fleet.hear(telling(401, "now"), 401_000);
    fleet.hear(telling(399, "late"), 402_000);
    assert_eq!(*fleet.known("a", None).unwrap().unwrap().labels.unwrap(), telling(1, "now").labels);
}

#[test]
fn a_backlog_too_old_for_the_chart_is_told_every_ten_seconds() {
    let mut fleet = Fleet::new(1);
    for second in 0..600 {
        fleet.hear(sample("r", 10_000 + second, 10_000_000 + second * 1_000), 0);
    }
    fleet.tell();
    let mut told = 0;
    for sequence in 0..100 {
        fleet.hear(sample("r", sequence, sequence * 1_000), 50_000 + sequence * 200);
        told += u32::from(fleet.has_changes());
        fleet.tell();
    }
    assert_eq!(told, 2, "in twenty seconds");
    assert_eq!(fleet.known("a", None).unwrap().unwrap().late_samples, 100, "in detail at once");
    assert_eq!(json_of(AllHosts(&fleet))[0]["late_samples"], 100);
}

#[test]
fn the_last_minutes_are_there_at_full_resolution() {
    let mut fleet = Fleet::new(1);
    for second in [0, 2, 1, 400] {
        fleet.hear(sample("r", second, second * 1_000), 0);
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
    fleet.hear(analysis("a", 1, 0.0), 0);
    assert_eq!(fleet.hear(analysis("b", 1, 0.0), 0), Applied::Refused);
    assert_eq!(fleet.hear(analysis("a", 2, 0.0), 0), Applied::Newest);
    assert_eq!(fleet.len(), 1);
}

#[test]
fn hosts_unseen_for_long_are_forgotten_and_make_room() {
    let mut fleet = Fleet::new(2);
    fleet.hear(analysis("a", 1, 0.0), 1_000);
    fleet.hear(analysis("b", 1, 0.0), 2_000);
    assert_eq!(fleet.forget_unseen_since(1_000), 0);
    assert_eq!(fleet.forget_unseen_since(1_001), 1);
    assert_eq!(fleet.hear(analysis("c", 1, 0.0), 3_000), Applied::Newest);
    let changes = fleet.tell();
    assert_eq!(changes.get("gone"), None, "nobody was told of the first");
    let names: Vec<_> = changes["hosts"].as_array().unwrap().iter().collect();
    assert_eq!(names, [&json!([1, {"host": "b"}]), &json!([0, {"host": "c"}])]);
}

#[test]
fn an_index_is_given_to_another_host_once_its_end_was_told() {
    let mut fleet = Fleet::new(3);
    fleet.hear(analysis("a", 1, 0.0), 1_000);
    fleet.hear(analysis("b", 1, 0.0), 2_000);
    fleet.tell();
    fleet.forget_unseen_since(2_000);
    fleet.hear(analysis("a", 9, 0.0), 3_000);
    assert!(fleet.has_changes());
    let changes = fleet.tell();
    assert_eq!((&changes["gone"], &changes["hosts"][0][0]), (&json!([0]), &json!(2)));
    fleet.hear(analysis("c", 1, 0.0), 3_000);
    assert_eq!(fleet.tell()["hosts"][0][0], 0);
    fleet.forget_unseen_since(u64::MAX);
    assert_eq!(fleet.tell(), json!({"number": 1, "server_time_ms": 0, "gone": [2, 1, 0]}));
    assert!(!fleet.has_changes());
}

#[test]
fn points_are_of_the_host_the_page_knows_by_that_index() {
    let mut fleet = Fleet::new(1);
    fleet.hear(analysis("a", 1, 1.0), 1);
    let series = |fleet: &Fleet, number| {
        let mut indices = vec![0, 7];
        let taken = fleet.take_series(&mut indices, number);
        (taken.iter().map(|(index, _)| *index).collect::<Vec<_>>(), indices)
    };
    assert_eq!(series(&fleet, 0), (vec![], vec![0]), "not told yet; there is no host 7");
    fleet.take_changes(1, 0);
    assert_eq!(series(&fleet, 1), (vec![0], vec![]));
    fleet.forget_unseen_since(5);
    assert_eq!(series(&fleet, 1), (vec![], vec![]), "it is no more");
    fleet.take_changes(2, 0);
    fleet.hear(analysis("b", 9, 2.0), 9);
    fleet.take_changes(3, 0);
    assert_eq!(series(&fleet, 1), (vec![], vec![0]), "the page still takes 0 for a");
    assert_eq!(series(&fleet, 3), (vec![0], vec![]));
}

#[test]
fn samples_that_no_row_tells_are_told_as_points() {
    let mut fleet = Fleet::new(1);
    fleet.hear(analysis("a", 10_000, 1.5), 0);
    fleet.hear(analysis("a", 30_000, 3.0), 0);
    assert_eq!(fleet.series(&[0]), [], "told by the next batch");
    let told = fleet.tell();
    assert_eq!(told["points"], json!([[0, 10_000, 15]]));
    assert_eq!(told["rows"], json!([[0, 2061, 30_000, 0, 30, 0]]));

    fleet.hear(analysis("a", 20_000, 2.0), 0);
    assert_eq!(fleet.series(&[7, 0]), [(0, Series(vec![10_000, 15, 20_000, 30]))]);
    let told = fleet.tell();
    assert_eq!((&told["points"], told.get("rows")), (&json!([[0, 20_000, 20]]), None));
    assert_eq!(fleet.series(&[0]), [(0, Series(vec![10_000, 15, 10_000, 20, 10_000, 30]))]);
    assert!(!fleet.has_changes());
}

#[test]
fn a_host_is_introduced_with_what_hardly_ever_changes() {
    let mut fleet = Fleet::new(1);
    let mut body = json!({
        "host": "a", "timestamp_ms": 100_000, "interval_ms": 1_000, "cpu_percentage": 1.0,
        "cpu_result": "LOW", "level": "HIGH", "uptime_seconds": 60, "dropped": 3,
        "resources": [
            {"name": "cpu", "percentage": 1, "level": "LOW"},
            {"name": "disk:/", "percentage": 90, "level": "HIGH"},
        ],
        "memory": {"total_bytes": 8, "used_bytes": 4},
        "system": {"os": "An OS"}, "labels": {"role": "web"},
        "thresholds": [{"resource": "cpu", "medium": 25.0, "high": 75.0}],
    });
    let hear = |fleet: &mut Fleet, body: &Value| {
        let bytes = serde_json::to_vec(body).unwrap();
        let analysis = serde_json::from_slice(&bytes).unwrap();
        fleet.apply(analysis, bytes.into(), Receipt { received_ms: 7, read_ms: Some(99_000) });
    };
    hear(&mut fleet, &body);
    let mut info = json!({
        "host": "a", "interval_ms": 1_000, "labels": {"role": "web"}, "memory_total_bytes": 8,
        "booted_ms": 40_000, "causes": ["disk:/"], "dropped_samples": 3,
    });
    assert_eq!(fleet.tell()["hosts"], json!([[0, info]]));

    // Nothing of it changes, and what comes once a minute is not in it.
    for name in ["system", "labels", "thresholds", "dropped"] {
        body.as_object_mut().unwrap().remove(name);
    }
    body["timestamp_ms"] = json!(104_000);
    hear(&mut fleet, &body);
    assert_eq!(fleet.tell().get("hosts"), None);
    let known = fleet.known("a", None).unwrap().unwrap();
    assert_eq!(json_of(known.labels), json!({"role": "web"}));
    assert_eq!(known.system.unwrap().os.as_deref(), Some("An OS"));
    assert_eq!(known.thresholds.unwrap()[0].high, 75.0);
    assert_eq!((known.clock_offset_ms, known.dropped_samples), (Some(5_000), 3));
    assert_eq!(serde_json::from_slice::<Value>(&known.body).unwrap(), body);
    assert!(fleet.known("a", Some(known.revision)).unwrap().is_none(), "nothing newer");
    assert!(fleet.known("b", None).is_none());

    // It was started anew, the CPU is HIGH too, and its labels are no more.
    body["timestamp_ms"] = json!(200_000);
    body["cpu_result"] = json!("HIGH");
    body["resources"][0]["level"] = json!("HIGH");
    body["system"] = json!({});
    hear(&mut fleet, &body);
    info["booted_ms"] = json!(140_000);
    info["causes"] = json!(["cpu", "disk:/"]);
    info.as_object_mut().unwrap().remove("labels");
    assert_eq!(fleet.tell()["hosts"], json!([[0, info]]));

    // The CPU alone.
    body["timestamp_ms"] = json!(201_000);
    body["resources"][1]["level"] = json!("LOW");
    hear(&mut fleet, &body);
    info.as_object_mut().unwrap().remove("causes");
    assert_eq!(fleet.tell()["hosts"], json!([[0, info]]));
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
    fleet.hear(serde_json::from_value(body).unwrap(), 6);
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
    fleet.hear(zeroes, 0);
    let host = &json_of(AllHosts(&fleet))[0];
    assert_eq!((host.get("memory"), host.get("interval_ms")), (None, None));
}

/// A tenth of ten thousand hosts a batch, each at one sample a second, with figures that move
/// as those of `resources simulate` do.
#[test]
fn an_update_of_a_host_takes_at_most_60_bytes() {
    const HOSTS: usize = 10_000;
    const ROUNDS: u64 = 4;
    let mut rng = fastrand::Rng::with_seed(1);
    let mut walks: Vec<[f64; 5]> = (0..HOSTS)
        .map(|_| [rng.f64() * 35.0, 25.0 + rng.f64() * 45.0, 60.0, rng.f64() * 1e7, 0.5])
        .collect();
    let mut fleet = Fleet::new(HOSTS);
    let (mut bytes, mut rows) = (0, 0);
    for round in 0..ROUNDS {
        for (number, walk) in walks.iter_mut().enumerate() {
            let mut step = |stride: f64| stride * (2.0 * rng.f64() - 1.0);
            walk[0] = (walk[0] + step(2.5)).clamp(0.0, 100.0);
            walk[1] = (walk[1] + step(0.3)).clamp(10.0, 96.0);
            walk[2] = (walk[2] + step(0.02)).clamp(1.0, 99.0);
            walk[3] = (walk[3] + step(5e4)).clamp(0.0, 1.2e8);
            walk[4] += (walk[0] / 12.5 - walk[4]) * 0.1;
            let [cpu, memory, disk, network, load] = *walk;
            // A timer is a millisecond early or late now and then.
            let timestamp_ms = 1_800_000_000_000 + round * 1_000 + u64::from(rng.bool());
            let body = json!({
                "host": format!("sim-{number:05}"), "timestamp_ms": timestamp_ms,
                "interval_ms": 1_000, "uptime_seconds": 100_000 + round,
                "cpu_percentage": cpu, "cpu_result": "LOW", "level": "MEDIUM",
                "resources": [
                    {"name": "cpu", "percentage": cpu, "level": "LOW"},
                    {"name": "memory", "percentage": memory, "level": "MEDIUM"},
                    {"name": "swap", "percentage": 3.0, "level": "LOW"},
                    {"name": "disk:/", "percentage": disk, "level": "MEDIUM"},
                ],
                "load_average": [load, load, load],
                "networks": [{
                    "interface": "eth0", "received_bytes_per_second": network,
                    "transmitted_bytes_per_second": network * 0.4,
                }],
                "temperatures": [{"label": "core", "celsius": 35.0 + cpu * 0.45}],
            });
            let received_ms = timestamp_ms + 5;
            fleet.hear(serde_json::from_value(body).unwrap(), received_ms);
            if number % (HOSTS / 10) == HOSTS / 10 - 1 {
                let changes = fleet.take_changes(1, received_ms + 50);
                // First each is introduced, once.
                if round > 0 {
                    rows += changes.rows.len();
                    let message = Message::<Analysis>::Changes(changes);
                    bytes += serde_json::to_string(&message).unwrap().len();
                }
            }
        }
    }
    assert_eq!(rows as u64, HOSTS as u64 * (ROUNDS - 1));
    let mean = bytes / rows;
    println!("{mean} bytes a row");
    assert!((30..=60).contains(&mean), "{mean} bytes");
}

proptest! {
    /// However often it is read and in whatever order what it sent comes, the small chart of a
    /// host holds two minutes without a hole, and ends with the newest.
    #[test]
    fn points_cover_two_minutes_of_a_host_that_is_read_often(
        interval_ms in 50_u64..1_000,
        backlog in prop::sample::select(vec!["none", "oldest first", "newest first"]),
    ) {
        const SPAN_MS: u64 = 120_000;
        let mut fleet = Fleet::new(1);
        let times: Vec<u64> = (0..=3 * SPAN_MS / interval_ms).map(|i| 1_000 + i * interval_ms).collect();
        let (late, live) = times.split_at(if backlog == "none" { 0 } else { times.len() - 1 });
        for timestamp_ms in live {
            fleet.hear(analysis("a", *timestamp_ms, 1.0), 0);
        }
        let late: Vec<u64> = match backlog {
            "newest first" => late.iter().rev().copied().collect(),
            _ => late.to_vec(),
        };
        for timestamp_ms in late {
            fleet.hear(analysis("a", timestamp_ms, 1.0), 0);
        }
        let points = fleet.named("a").unwrap().point_times();
        prop_assert!(points.len() <= POINTS_KEPT);
        prop_assert_eq!(points.last(), times.last());
        prop_assert!(points[points.len() - 1] - points[0] >= SPAN_MS);
        for pair in points.windows(2) {
            prop_assert!(pair[1] - pair[0] <= CLOSEST_MS, "{:?}", pair);
        }
    }

    /// Three runs of one host, one after the other, as a tracker that is started anew makes them.
    #[test]
    fn any_order_of_any_subset_gives_the_newest_state_and_sorted_unique_points(
        picks in prop::collection::vec((0_u64..3, 0_u64..150), 1..400),
    ) {
        let mut fleet = Fleet::new(1);
        let timestamp = |(run, sequence): (u64, u64)| 1_000 + run * 1_000_000 + sequence * 2_000;
        for pick in &picks {
            fleet.hear(sample(&format!("run-{}", pick.0), pick.1, timestamp(*pick)), 0);
        }
        let newest = *picks.iter().max().unwrap();
        prop_assert_eq!(latest(&fleet), (timestamp(newest).into(), newest.1.into()));

        let all: BTreeSet<u64> = picks.iter().map(|pick| timestamp(*pick)).collect();
        let last: Vec<u64> = all.iter().rev().take(POINTS_KEPT).rev().copied().collect();
        prop_assert_eq!(fleet.named("a").unwrap().point_times(), last);
    }

    /// What a page has put together from a snapshot and the changes after it is what the fleet
    /// knows, wherever the snapshot is made and the batches fall.
    #[test]
    fn a_snapshot_and_the_changes_after_it_are_the_whole(
        steps in prop::collection::vec(step(), 1..60),
        snapshot_at in 0_usize..60,
    ) {
        let mut fleet = Fleet::new(4);
        let mut view: Option<View> = None;
        let mut number = 0;
        for (at, step) in steps.iter().chain([&Step::Tell]).enumerate() {
            // Far enough apart that late samples are told with the next batch.
            let now_ms = 1_000_000 + at as u64 * 11_000;
            match step {
                Step::Hear(body) => {
                    let bytes = serde_json::to_vec(body).unwrap();
                    let analysis = serde_json::from_slice(&bytes).unwrap();
                    fleet.apply(analysis, bytes.into(), Receipt::at(now_ms));
                }
                Step::Forget(ago_ms) => {
                    fleet.forget_unseen_since(now_ms - ago_ms);
                }
                Step::Tell => {
                    number += 1;
                    let changes = Message::<Analysis>::Changes(fleet.take_changes(number, now_ms));
                    if let Some(view) = &mut view {
                        view.read(&serde_json::to_string(&changes).unwrap()).unwrap();
                        same(view, &fleet)?;
                    }
                }
            }
            if at == snapshot_at {
                let mut new = View::default();
                new.read(&snapshot(&fleet, number, now_ms)).unwrap();
                view = Some(new);
            }
        }
    }

    /// Every sample of a page's charts is told once: by what it is sent when it looks at the
    /// host, or by the changes after that.
    #[test]
    fn every_point_is_told_once(
        steps in prop::collection::vec((0_u64..300, any::<bool>()), 1..80),
        looks_at in 0_usize..80,
    ) {
        let mut fleet = Fleet::new(1);
        let mut shown: Option<Vec<u64>> = None;
        let mut newest_ms = 0;
        for (at, (timestamp_ms, is_batch)) in steps.iter().chain([&(0, true)]).enumerate() {
            // Too far apart to be thinned out.
            let timestamp_ms = 1_000 + timestamp_ms * 1_000;
            fleet.hear(analysis("a", timestamp_ms, 1.0), 0);
            newest_ms = newest_ms.max(timestamp_ms);
            if at == looks_at {
                let series = fleet.series(&[0]);
                shown = Some(series.first().map(|(_, series)| times(series)).unwrap_or_default());
            }
            if *is_batch {
                let changes = fleet.take_changes(1, 0);
                if let Some(shown) = &mut shown {
                    shown.extend(changes.points.iter().map(|point| point.1));
                    shown.extend(changes.rows.iter().map(|_| newest_ms));
                }
            }
        }
        if let Some(mut shown) = shown {
            shown.sort_unstable();
            prop_assert_eq!(fleet.named("a").unwrap().point_times(), shown);
        }
    }
}

fn times(series: &Series) -> Vec<u64> {
    let gaps = series.0.chunks(2).map(|pair| pair[0]);
    gaps.scan(0, |at, gap| {
        *at += gap;
        Some(*at)
    })
    .collect()
}

#[derive(Debug, Clone)]
enum Step {
    Hear(Value),
    /// Hosts that were silent for so long.
    Forget(u64),
    Tell,
}

/// Analyses of six hosts where four may be known, with any figure there or not.
fn step() -> impl Strategy<Value = Step> {
    let level = || prop::sample::select(vec!["LOW", "MEDIUM", "HIGH"]);
    let figures = (
        prop::option::of(0_u32..=100),
        prop::option::of((1_u64..5, 0_u64..100)),
        prop::option::of(prop::collection::vec(0.0..1e7_f64, 1..3)),
        prop::option::of(-20_i32..90),
        prop::option::of(0_u64..100),
        prop::option::of(prop::collection::btree_map("[ab]", "[xy]", 0..2)),
        prop::option::of(0_u64..3),
        prop::option::of(500_u64..3_000),
    );
    let hear = ("[a-f]", 0_u64..60, 0_u32..=1_000, level(), level(), figures).prop_map(
        |(host, second, cpu, cpu_level, level, figures)| {
            let (disk, memory, networks, celsius, uptime, labels, dropped, interval_ms) = figures;
            let mut body = json!({
                "host": host, "timestamp_ms": 1_000_000 + second * 1_000,
                "cpu_percentage": f64::from(cpu) / 10.0, "cpu_result": cpu_level, "level": level,
                "resources": [],
                "uptime_seconds": uptime, "dropped": dropped, "interval_ms": interval_ms,
            });
            if let Some(percentage) = disk {
                body["resources"] =
                    json!([{"name": "disk:/", "percentage": percentage, "level": level}]);
            }
            if let Some((total, used)) = memory {
                body["memory"] = json!({"total_bytes": total * 100, "used_bytes": used});
            }
            if let Some(networks) = networks {
                body["networks"] = networks
                    .iter()
                    .map(|bytes| {
                        json!({
                            "interface": "eth0", "received_bytes_per_second": bytes,
                            "transmitted_bytes_per_second": bytes / 2.0,
                        })
                    })
                    .collect();
            }
            if let Some(celsius) = celsius {
                body["temperatures"] = json!([{"label": "core", "celsius": celsius}]);
            }
            if let Some(labels) = labels {
                body["system"] = json!({});
                body["labels"] = json!(labels);
            }
            Step::Hear(body)
        },
    );
    prop_oneof![8 => hear, 1 => (0_u64..400_000).prop_map(Step::Forget), 3 => Just(Step::Tell)]
}

/// What a page is sent that connects now.
fn snapshot(fleet: &Fleet, number: u64, server_time_ms: u64) -> String {
    let (hosts, rows) = fleet.told(server_time_ms);
    let message = Message::<Analysis>::Snapshot(Snapshot {
        protocol: 2,
        session: "s".into(),
        number,
        server_version: "0".into(),
        server_time_ms,
        push_interval_ms: 0,
        link: serde_json::from_value(json!({"state": "up", "since_ms": 0})).unwrap(),
        history: serde_json::from_value(json!({"state": "off"})).unwrap(),
        pipeline: serde_json::from_value(json!({"state": "flowing", "since_ms": 0})).unwrap(),
        hosts,
        rows,
    });
    serde_json::to_string(&message).unwrap()
}

/// Whether a page that was told everything knows what the fleet does.
fn same(view: &View, fleet: &Fleet) -> Result<(), TestCaseError> {
    prop_assert_eq!(view.hosts().len(), fleet.len());
    for (index, entry) in fleet.by_name() {
        let host = &view.hosts()[&index];
        prop_assert_eq!(&host.info, &entry.info());
        let (mut shown, mut known) = (host.figures.unwrap(), entry.figures());
        prop_assert!(shown.received_ms().abs_diff(known.received_ms()) <= 150);
        shown.set(Field::Received, Some(0));
        known.set(Field::Received, Some(0));
        prop_assert_eq!(shown, known);
    }
    Ok(())
}
