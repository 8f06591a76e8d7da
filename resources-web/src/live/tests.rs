use resources_core::bus::LinkState;
use serde_json::{Value, json};

use super::*;
use crate::client::View;
use crate::protocol::PipelineState;

fn up() -> Link {
    Link { state: LinkState::Up, since_ms: 1 }
}

fn flowing() -> Pipeline {
    Pipeline { state: PipelineState::Flowing, since_ms: 1, waiting_measures: None }
}

fn no_pipeline() -> watch::Receiver<Pipeline> {
    watch::channel(flowing()).1
}

fn live(history: HistoryStatus) -> Live {
    Live::new(10, up(), history, flowing())
}

impl Live {
    fn hear(&self, analysis: Analysis, received_ms: u64) {
        let body = serde_json::to_vec(&analysis).unwrap().into();
        self.apply(analysis, body, Receipt::at(received_ms));
    }
}

fn no_history() -> watch::Receiver<HistoryState> {
    watch::channel(HistoryState::Off).1
}

fn analysis(host: &str, timestamp_ms: u64) -> Analysis {
    let body = json!({
        "host": host, "timestamp_ms": timestamp_ms, "cpu_percentage": 1.0,
        "cpu_result": "LOW", "level": "LOW",
    });
    serde_json::from_value(body).unwrap()
}

fn read(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn message(live: &Live, cursor: u64) -> Value {
    match live.next(cursor) {
        Next::Message(text) => read(&text),
        other => panic!("no message {cursor}: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_goes_on_where_the_journal_does() {
    let live = live(HistoryStatus::Off);
    live.hear(analysis("a", 1), 1);
    live.push_changes(2);
    let snapshot = live.snapshot();
    assert_eq!(live.next(snapshot.cursor), Next::NotYet);
    live.hear(analysis("b", 3), 3);
    live.push_changes(4);
    let changes = message(&live, snapshot.cursor);
    assert_eq!((&changes["type"], &changes["server_time_ms"]), (&json!("changes"), &json!(4)));
    assert_eq!(changes["hosts"][0]["host"], "b");
    assert_eq!(changes["hosts"].as_array().unwrap().len(), 1);

    let snapshot = read(&snapshot.text);
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["protocol"], 1);
    assert_eq!(snapshot["link"], json!({"state": "up", "since_ms": 1}));
    assert_eq!(snapshot["hosts"][0]["points"], json!([[1, 1.0]]));
}

#[tokio::test(start_paused = true)]
async fn browsers_that_connect_together_share_one_snapshot() {
    let live = live(HistoryStatus::Off);
    let first = live.snapshot();
    live.hear(analysis("a", 1), 1);
    live.push_changes(2);
    let second = live.snapshot();
    assert_eq!(second.cursor, first.cursor);
    assert_eq!(message(&live, second.cursor)["hosts"][0]["host"], "a", "the journal has the rest");
    tokio::time::advance(SNAPSHOT_MAX_AGE + Duration::from_millis(1)).await;
    assert_eq!(live.snapshot().cursor, first.cursor + 1);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_whose_changes_are_gone_is_made_anew() {
    let live = live(HistoryStatus::Off);
    let first = live.snapshot();
    for timestamp_ms in 1..2_000 {
        live.hear(analysis("a", timestamp_ms), timestamp_ms);
        live.push_changes(timestamp_ms);
    }
    assert_eq!(live.next(first.cursor), Next::Lost);
    let second = live.snapshot();
    assert_eq!(live.next(second.cursor), Next::NotYet);
    assert_eq!(read(&second.text)["hosts"][0]["timestamp_ms"], 1_999);
}

#[tokio::test(start_paused = true)]
async fn forgetting_a_host_makes_every_browser_start_over() {
    let live = live(HistoryStatus::Off);
    live.hear(analysis("a", 1), 1);
    live.hear(analysis("b", 9), 9);
    live.push_changes(9);
    let before = live.snapshot();
    live.forget_unseen_since(5);
    assert_eq!(live.next(before.cursor), Next::Lost);
    let after = live.snapshot();
    assert_eq!(read(&after.text)["hosts"].as_array().unwrap().len(), 1);
    assert_eq!(live.next(after.cursor), Next::NotYet);
    live.forget_unseen_since(5);
    assert_eq!(live.next(after.cursor), Next::NotYet, "nothing to forget, nothing to tell");
}

#[tokio::test(start_paused = true)]
async fn batches_keep_their_distance_and_the_first_leaves_at_once() {
    let live = Arc::new(live(HistoryStatus::Off));
    let stop = CancellationToken::new();
    let (_link, link) = watch::channel(up());
    let pace =
        Pace { push_interval: Duration::from_millis(100), forget_after: Duration::from_secs(3600) };
    let telling =
        tokio::spawn(Arc::clone(&live).tell(pace, link, no_history(), no_pipeline(), stop.clone()));
    let mut end = live.end();

    let started = Instant::now();
    let now = now_ms();
    live.hear(analysis("a", 1), now);
    end.changed().await.unwrap();
    assert_eq!(started.elapsed(), Duration::ZERO);

    for timestamp_ms in 2..=5 {
        live.hear(analysis("a", timestamp_ms), now);
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    end.changed().await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_millis(100));
    let batch = message(&live, 1);
    assert_eq!(batch["hosts"][0]["points"], json!([[2, 1.0], [3, 1.0], [4, 1.0], [5, 1.0]]));
    assert_eq!(live.next(2), Next::NotYet);

    stop.cancel();
    telling.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn without_an_interval_every_change_leaves_at_once() {
    let live = Arc::new(live(HistoryStatus::Off));
    let stop = CancellationToken::new();
    let (_link, link) = watch::channel(up());
    let pace = Pace { push_interval: Duration::ZERO, forget_after: Duration::from_secs(3600) };
    let telling =
        tokio::spawn(Arc::clone(&live).tell(pace, link, no_history(), no_pipeline(), stop.clone()));
    let mut end = live.end();
    let started = Instant::now();
    for timestamp_ms in 1..=3 {
        live.hear(analysis("a", timestamp_ms), now_ms());
        end.changed().await.unwrap();
    }
    assert_eq!((started.elapsed(), live.next(3)), (Duration::ZERO, Next::NotYet));
    assert_eq!(message(&live, 2)["hosts"][0]["timestamp_ms"], 3);
    stop.cancel();
    telling.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_link_is_told_when_its_state_changes_and_only_then() {
    let live = Arc::new(live(HistoryStatus::Off));
    let stop = CancellationToken::new();
    let (link, watched) = watch::channel(up());
    let pace = Pace { push_interval: Duration::ZERO, forget_after: Duration::from_secs(3600) };
    let telling = tokio::spawn(Arc::clone(&live).tell(
        pace,
        watched,
        no_history(),
        no_pipeline(),
        stop.clone(),
    ));
    let mut end = live.end();
    let down = Link { state: LinkState::Down { reason: "gone".into() }, since_ms: 5 };
    link.send(down).unwrap();
    end.changed().await.unwrap();
    let told = message(&live, 0);
    assert_eq!(told["type"], "link");
    assert_eq!(told["link"], json!({"state": "down", "reason": "gone", "since_ms": 5}));
    assert_eq!(read(&live.snapshot().text)["link"]["state"], "down");
    stop.cancel();
    telling.await.unwrap();
    assert_eq!(live.next(1), Next::NotYet);
}

#[tokio::test(start_paused = true)]
async fn history_is_told_when_it_lags_and_when_it_is_well_again() {
    let live = Arc::new(live(HistoryStatus::On));
    let stop = CancellationToken::new();
    let (_link, link) = watch::channel(up());
    let (history, watched) = watch::channel(HistoryState::On);
    let pace = Pace { push_interval: Duration::ZERO, forget_after: Duration::from_secs(3600) };
    let telling =
        tokio::spawn(Arc::clone(&live).tell(pace, link, watched, no_pipeline(), stop.clone()));
    let mut end = live.end();
    history.send(HistoryState::Lagging { reason: "the disk is full".into() }).unwrap();
    end.changed().await.unwrap();
    let told = message(&live, 0);
    assert_eq!(told["type"], "history");
    let lagging = json!({"state": "lagging", "reason": "the disk is full"});
    assert_eq!((&told["history"], &read(&live.snapshot().text)["history"]), (&lagging, &lagging));
    history.send(HistoryState::On).unwrap();
    end.changed().await.unwrap();
    assert_eq!(message(&live, 1)["history"], json!({"state": "on"}));
    stop.cancel();
    telling.await.unwrap();
}
