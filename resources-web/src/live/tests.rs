use proptest::prelude::*;
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
    Live::new(10, Duration::ZERO, up(), history, flowing())
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

/// The hosts of a message by name.
fn names(message: &Value) -> Vec<&str> {
    let hosts = message["hosts"].as_array().unwrap();
    hosts.iter().map(|host| host[1]["host"].as_str().unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_goes_on_where_the_journal_does() {
    let live = live(HistoryStatus::Off);
    live.hear(analysis("a", 1), 1);
    live.push_changes(2);
    live.hear(analysis("b", 3), 3);
    let snapshot = live.snapshot();
    assert_eq!(live.next(snapshot.cursor), Next::NotYet);
    live.push_changes(4);
    let changes = message(&live, snapshot.cursor);
    assert_eq!((&changes["type"], &changes["server_time_ms"]), (&json!("changes"), &json!(4)));
    assert_eq!((names(&changes), &changes["number"]), (vec!["b"], &json!(2)));

    let snapshot = read(&snapshot.text);
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!((&snapshot["protocol"], &snapshot["number"]), (&json!(2), &json!(1)));
    assert_eq!(snapshot["link"], json!({"state": "up", "since_ms": 1}));
    assert_eq!(snapshot["pipeline"], json!({"state": "flowing", "since_ms": 1}));
    assert_eq!(names(&snapshot), ["a"], "the other comes with the changes");
}

#[tokio::test(start_paused = true)]
async fn browsers_that_connect_together_share_one_snapshot() {
    let live = live(HistoryStatus::Off);
    let first = live.snapshot();
    live.hear(analysis("a", 1), 1);
    live.push_changes(2);
    let second = live.snapshot();
    assert_eq!(second.cursor, first.cursor);
    assert_eq!(names(&message(&live, second.cursor)), ["a"], "the journal has the rest");
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
    assert_eq!(read(&second.text)["rows"][0][2], 1_999);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_is_forgotten_is_named_and_nobody_starts_over() {
    let live = live(HistoryStatus::Off);
    live.hear(analysis("a", 1), 1);
    live.hear(analysis("b", 9), 9);
    live.push_changes(9);
    let before = live.snapshot();
    live.forget_unseen_since(5);
    live.push_changes(10);
    assert_eq!(message(&live, before.cursor)["gone"], json!([0]));
    live.forget_unseen_since(5);
    live.push_changes(11);
    assert_eq!(live.next(before.cursor + 1), Next::NotYet, "nothing to forget, nothing to tell");
}

#[tokio::test(start_paused = true)]
async fn a_browser_resumes_where_it_was_as_long_as_the_journal_reaches() {
    let live = live(HistoryStatus::Off);
    live.hear(analysis("a", 1), 1);
    live.push_changes(1);
    let session = read(&live.snapshot().text)["session"].as_str().unwrap().to_owned();
    let at = |number: u64| format!("{session}.{number}").parse::<Resume>().unwrap();
    let begin = live.resume(&at(0)).unwrap();
    assert_eq!(begin.cursor, 0);
    let resumed = read(&begin.text);
    assert_eq!((&resumed["type"], &resumed["number"]), (&json!("resumed"), &json!(0)));
    assert_eq!(resumed["session"], json!(session));
    assert_eq!(live.resume(&at(1)).unwrap().cursor, 1);
    assert!(live.resume(&at(2)).is_none(), "of a message that never was");
    assert!(live.resume(&"another.1".parse().unwrap()).is_none(), "of another server");
    for timestamp_ms in 2..2_000 {
        live.hear(analysis("a", timestamp_ms), timestamp_ms);
        live.push_changes(timestamp_ms);
    }
    assert!(live.resume(&at(1)).is_none(), "the journal does not reach back so far");
    assert_eq!(live.resume(&at(1_990)).unwrap().cursor, 1_990);
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

    for second in 2..=5 {
        live.hear(analysis("a", second * 1_000), now);
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    end.changed().await.unwrap();
    assert_eq!(started.elapsed(), Duration::from_millis(100));
    let batch = message(&live, 1);
    assert_eq!(batch["points"], json!([[0, 2_000, 10], [0, 3_000, 10], [0, 4_000, 10]]));
    assert_eq!(batch["rows"].as_array().unwrap().len(), 1, "the newest");
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
    assert_eq!(message(&live, 2)["rows"], json!([[0, 1, 1]]));
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

#[tokio::test(start_paused = true)]
async fn the_pipeline_is_told_when_it_does_otherwise() {
    let live = Arc::new(live(HistoryStatus::Off));
    let stop = CancellationToken::new();
    let (_link, link) = watch::channel(up());
    let (pipeline, watched) = watch::channel(flowing());
    let pace = Pace { push_interval: Duration::ZERO, forget_after: Duration::from_secs(3600) };
    let telling =
        tokio::spawn(Arc::clone(&live).tell(pace, link, no_history(), watched, stop.clone()));
    let mut end = live.end();
    let stalled =
        Pipeline { state: PipelineState::Stalled, since_ms: 5, waiting_measures: Some(30) };
    pipeline.send(stalled).unwrap();
    end.changed().await.unwrap();
    let told = message(&live, 0);
    let expected = json!({"state": "stalled", "since_ms": 5, "waiting_measures": 30});
    assert_eq!((&told["type"], &told["pipeline"]), (&json!("pipeline"), &expected));
    assert_eq!(read(&live.snapshot().text)["pipeline"], expected);
    stop.cancel();
    telling.await.unwrap();
}

/// What happens between a server and one browser.
#[derive(Debug, Clone)]
enum Step {
    /// A sample of this host.
    Hear(u8, u64),
    /// Hosts that were silent for so long are forgotten.
    Forget(u64),
    Push,
    /// The browser is sent as many messages, or everything anew when the next is gone.
    Read(usize),
    /// It connects anew and asks to go on where it was.
    Reconnect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0_u8..6, 0_u64..1_000).prop_map(|(host, time)| Step::Hear(host, time)),
        1 => (0_u64..50).prop_map(Step::Forget),
        4 => Just(Step::Push),
        2 => (0_usize..5).prop_map(Step::Read),
        1 => Just(Step::Reconnect),
    ]
}

/// A browser of the property below.
struct Reader {
    view: View,
    cursor: u64,
}

impl Reader {
    fn begin(&mut self, begin: &Begin) {
        self.cursor = begin.cursor;
        self.view.read(&begin.text).unwrap();
    }

    /// Reads at most so many messages; whether there may be more.
    fn read(&mut self, live: &Live, most: usize) -> bool {
        for _ in 0..most {
            match live.next(self.cursor) {
                Next::Message(text) => {
                    self.view.read(&text).unwrap();
                    self.cursor += 1;
                }
                Next::NotYet => return false,
                Next::Lost => self.begin(&live.snapshot()),
            }
        }
        true
    }
}

proptest! {
    /// However a browser is held up, skips, or goes away and comes back, in the end it knows
    /// what one knows that connects then.
    #[test]
    fn whoever_reads_on_knows_what_a_newcomer_does(
        steps in prop::collection::vec(step(), 1..120),
        kept in 1_usize..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        let _entered = runtime.enter();
        let live = live(HistoryStatus::Off);
        live.state().journal.keep(kept);
        let mut reader = Reader { view: View::default(), cursor: 0 };
        reader.begin(&live.snapshot());
        for (now_ms, step) in (1_000..).zip(&steps) {
            match step {
                Step::Hear(host, timestamp_ms) => {
                    live.hear(analysis(&format!("h{host}"), *timestamp_ms), now_ms);
                }
                Step::Forget(silent_ms) => live.forget_unseen_since(now_ms - silent_ms),
                Step::Push => live.push_changes(now_ms),
                Step::Read(most) => {
                    reader.read(&live, *most);
                }
                Step::Reconnect => {
                    let place = reader.view.resume().parse().unwrap();
                    let begin = live.resume(&place).unwrap_or_else(|| live.snapshot());
                    reader.begin(&begin);
                }
            }
        }
        live.push_changes(2_000);
        while reader.read(&live, 1) {}

        live.state().snapshot = None;
        let mut newcomer = Reader { view: View::default(), cursor: 0 };
        newcomer.begin(&live.snapshot());
        prop_assert_eq!(live.host_count(), newcomer.view.hosts().len());
        prop_assert_eq!(newcomer.view.number(), reader.view.number());
        let hosts = [reader, newcomer].map(|reader| {
            let figures = |host: &crate::client::Host| host.figures.map(|figures| {
                (figures.timestamp_ms(), figures.get(crate::protocol::Field::Cpu))
            });
            let hosts = reader.view.hosts().iter();
            hosts.map(|(index, host)| (*index, host.info.clone(), figures(host))).collect::<Vec<_>>()
        });
        prop_assert_eq!(&hosts[0], &hosts[1]);
    }
}
