//! A session over a socket of channels, under paused time: no wait is real.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use resources_core::bus::{Link, LinkState};
use resources_core::contract::Analysis;
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::PollSender;

use super::*;
use crate::fleet::{POINTS_KEPT, Receipt};
use crate::protocol::{HistoryStatus, Pipeline, PipelineState};

/// The server's end: takes messages as fast as the browser reads, one ahead.
struct Socket {
    to_browser: PollSender<Message>,
    from_browser: mpsc::Receiver<Message>,
}

/// The browser's end.
struct Browser {
    from_server: mpsc::Receiver<Message>,
    to_server: mpsc::Sender<Message>,
    session: JoinHandle<End>,
    live: Arc<Live>,
    stop: CancellationToken,
}

impl Stream for Socket {
    type Item = Result<Message, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.from_browser.poll_recv(cx).map(|message| message.map(Ok))
    }
}

impl Sink<Message> for Socket {
    type Error = Infallible;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // A browser that is gone takes everything.
        self.to_browser.poll_reserve(cx).map(|_| Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, message: Message) -> Result<(), Infallible> {
        let _gone = self.to_browser.send_item(message);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

fn connect() -> Browser {
    let link = Link { state: LinkState::Up, since_ms: 1 };
    let pipeline = Pipeline { state: PipelineState::Flowing, since_ms: 1, waiting_measures: None };
    connect_to(Arc::new(Live::new(10, Duration::ZERO, link, HistoryStatus::Off, pipeline)), None)
}

fn connect_to(live: Arc<Live>, resume: Option<Resume>) -> Browser {
    let (to_browser, from_server) = mpsc::channel(1);
    let (to_server, from_browser) = mpsc::channel(1);
    let socket = Socket { to_browser: PollSender::new(to_browser), from_browser };
    let stop = CancellationToken::new();
    let session = tokio::spawn(run(socket, Arc::clone(&live), resume, stop.clone()));
    Browser { from_server, to_server, session, live, stop }
}

impl Browser {
    /// The snapshot; what follows it of alerts is read as well.
    async fn begin(&mut self) -> Value {
        let snapshot = self.next().await;
        let Some(Message::Text(alerts)) = self.from_server.recv().await else {
            panic!("nothing follows the snapshot");
        };
        assert!(alerts.starts_with(r#"{"type":"alerts""#), "{alerts}");
        snapshot
    }

    /// The next message that is neither a ping nor about alerts, read.
    async fn next(&mut self) -> Value {
        loop {
            match self.from_server.recv().await.expect("a message") {
                Message::Text(text) => {
                    let message: Value = serde_json::from_str(&text).unwrap();
                    if message["type"] != "alerts" {
                        return message;
                    }
                }
                Message::Ping(_) => {}
                other => panic!("not expected: {other:?}"),
            }
        }
    }

    /// Says what is looked at; the session reads it when it comes to that.
    async fn say_look(&self, rows: &[u32], detail: &[&str]) {
        let look = json!({"type": "look", "rows": rows, "detail": detail});
        self.to_server.send(Message::text(look.to_string())).await.unwrap();
    }

    async fn look(&self, rows: &[u32], detail: &[&str]) {
        self.say_look(rows, detail).await;
        // There is room for another one once it was read.
        drop(self.to_server.reserve().await.unwrap());
        sleep(LOOK_EVERY).await;
    }

    fn change(&self, timestamp_ms: u64) {
        let body = json!({
            "host": "a", "timestamp_ms": timestamp_ms, "cpu_percentage": 1.0,
            "cpu_result": "LOW", "level": "LOW",
        });
        let analysis: Analysis = serde_json::from_value(body).unwrap();
        let body = serde_json::to_vec(&analysis).unwrap().into();
        self.live.apply(analysis, body, Receipt::at(timestamp_ms));
        self.live.push_changes(timestamp_ms);
    }
}

#[tokio::test(start_paused = true)]
async fn quiet_is_broken_by_a_heartbeat() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    let quiet_since = Instant::now();
    assert_eq!(browser.next().await["type"], "heartbeat");
    assert_eq!(quiet_since.elapsed().as_secs(), 5);
    tokio::time::advance(Duration::from_secs(4)).await;
    browser.change(1);
    assert_eq!(browser.next().await["type"], "changes");
    let told = Instant::now();
    assert_eq!(browser.next().await["type"], "heartbeat");
    assert_eq!(told.elapsed().as_secs(), 5, "what was told counts as a sign of life");
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_answers_no_ping_is_let_go() {
    let mut browser = connect();
    let started = Instant::now();
    let mut pings = 0;
    let close = loop {
        match browser.from_server.recv().await.unwrap() {
            Message::Ping(_) => pings += 1,
            Message::Text(_) => {}
            other => break other,
        }
    };
    assert_eq!((pings, started.elapsed().as_secs()), (2, 60));
    assert!(matches!(close, Message::Close(Some(_))), "{close:?}");
    assert_eq!(browser.session.await.unwrap(), End::Silent);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_answers_pings_stays() {
    let mut browser = connect();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(300) {
        match browser.from_server.recv().await.expect("the session goes on") {
            Message::Ping(payload) => browser.to_server.send(Message::Pong(payload)).await.unwrap(),
            Message::Text(_) => {}
            other => panic!("not expected: {other:?}"),
        }
    }
    assert!(!browser.session.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_takes_nothing_is_let_go_after_ten_seconds() {
    let browser = connect();
    tokio::task::yield_now().await;
    // The snapshot and one batch fit on the way; nothing after them.
    let started = Instant::now();
    for timestamp_ms in 1..10 {
        browser.change(timestamp_ms);
    }
    assert_eq!(browser.session.await.unwrap(), End::TooSlow);
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_fell_behind_gets_a_snapshot_at_most_once_a_second() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    let synced = Instant::now();
    // More than the journal keeps, while the session cannot run.
    for timestamp_ms in 1..3_000 {
        browser.change(timestamp_ms);
    }
    let snapshot = browser.next().await;
    assert_eq!(snapshot["type"], "snapshot");
    assert_eq!(snapshot["rows"][0][2], 2_999);
    assert_eq!(synced.elapsed().as_millis() / 10, 100, "not before a second was over");
    browser.change(3_000);
    let changes = browser.next().await;
    assert_eq!((&changes["type"], &changes["rows"]), (&json!("changes"), &json!([[0, 1, 1]])));
}

#[tokio::test(start_paused = true)]
async fn a_browser_more_than_two_seconds_behind_skips_to_the_newest() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    for timestamp_ms in 1..=10 {
        browser.change(timestamp_ms);
    }
    sleep(Duration::from_millis(1_900)).await;
    assert_eq!(browser.next().await["number"], 1);
    assert_eq!(browser.next().await["number"], 2);
    assert_eq!(browser.next().await["number"], 3, "it is not too old yet");
    sleep(Duration::from_millis(200)).await;
    // These were on their way.
    assert_eq!(browser.next().await["number"], 4);
    assert_eq!(browser.next().await["number"], 5);
    let snapshot = browser.next().await;
    assert_eq!((&snapshot["type"], &snapshot["number"]), (&json!("snapshot"), &json!(10)));
    browser.change(11);
    assert_eq!(browser.next().await["number"], 11);
}

#[tokio::test(start_paused = true)]
async fn what_came_while_a_slow_snapshot_left_is_told_and_no_second_snapshot() {
    let mut browser = connect();
    assert_eq!(browser.begin().await["type"], "snapshot");
    for timestamp_ms in 1..=3 {
        browser.change(timestamp_ms);
    }
    sleep(Duration::from_secs(3)).await;
    // Two on their way; behind them the snapshot, which now waits for room.
    assert_eq!(browser.next().await["number"], 1);
    tokio::task::yield_now().await;
    browser.change(4);
    sleep(Duration::from_secs(3)).await;
    assert_eq!(browser.next().await["number"], 2);
    let snapshot = browser.next().await;
    assert_eq!((&snapshot["type"], &snapshot["number"]), (&json!("snapshot"), &json!(3)));
    let changes = browser.next().await;
    assert_eq!((&changes["type"], &changes["number"]), (&json!("changes"), &json!(4)));
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_resumes_is_told_all_it_missed_however_old() {
    let mut browser = connect();
    let snapshot = browser.next().await;
    let place = format!("{}.0", snapshot["session"].as_str().unwrap());
    for timestamp_ms in 1..=10 {
        browser.change(timestamp_ms);
    }
    sleep(Duration::from_secs(60)).await;
    let mut back = connect_to(Arc::clone(&browser.live), Some(place.parse().unwrap()));
    assert_eq!(back.next().await["type"], "resumed");
    for number in 1..=10 {
        assert_eq!(back.next().await["number"], number);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_looked_at_is_sent_at_once_and_details_again_with_each_newer_analysis() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    browser.change(1);
    browser.change(2);
    assert_eq!(browser.next().await["type"], "changes");
    assert_eq!(browser.next().await["type"], "changes");
    browser.look(&[0, 9], &["a", "b"]).await;
    let points = browser.next().await;
    assert_eq!(
        (&points["type"], &points["hosts"]),
        (&json!("points"), &json!([[0, [1, 10, 1, 10]]]))
    );
    let detail = browser.next().await;
    assert_eq!((&detail["type"], &detail["host"]), (&json!("detail"), &json!("a")));
    assert_eq!(detail["analysis"]["timestamp_ms"], 2);
    assert_eq!((&detail["received_ms"], &detail["late_samples"]), (&json!(2), &json!(0)));
    let unknown = browser.next().await;
    let time = &unknown["server_time_ms"];
    let nothing = json!({"type": "detail", "server_time_ms": time, "host": "b", "analysis": null});
    assert_eq!(unknown, nothing);

    // The row is looked at already, and of the other host there is still nothing to say.
    browser.look(&[0], &["a", "b"]).await;
    browser.change(3);
    assert_eq!(browser.next().await["type"], "changes");
    let detail = browser.next().await;
    assert_eq!((&detail["host"], &detail["analysis"]["timestamp_ms"]), (&json!("a"), &json!(3)));
    browser.live.forget_unseen_since(u64::MAX);
    browser.live.push_changes(4);
    assert_eq!(browser.next().await["gone"], json!([0]));
    let detail = browser.next().await;
    assert_eq!((&detail["host"], &detail["analysis"]), (&json!("a"), &json!(null)));

    browser.look(&[], &[]).await;
    browser.change(5);
    assert_eq!(browser.next().await["type"], "changes");
    assert_eq!(browser.next().await["type"], "heartbeat", "nothing is looked at");
}

#[tokio::test(start_paused = true)]
async fn after_a_snapshot_what_is_looked_at_is_sent_anew() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    browser.change(1);
    assert_eq!(browser.next().await["type"], "changes");
    browser.look(&[0], &["a"]).await;
    assert_eq!(browser.next().await["type"], "points");
    assert_eq!(browser.next().await["type"], "detail");
    for second in 2..3_000 {
        browser.change(second * 1_000);
    }
    assert_eq!(browser.next().await["type"], "snapshot");
    let points = browser.next().await;
    assert_eq!(points["type"], "points");
    assert_eq!(points["hosts"][0][1].as_array().unwrap().len(), 2 * POINTS_KEPT);
    assert_eq!(browser.next().await["analysis"]["timestamp_ms"], 2_999_000);
}

#[tokio::test(start_paused = true)]
async fn a_browser_that_never_catches_up_is_sent_what_it_looks_at() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    browser.change(1);
    assert_eq!(browser.next().await["type"], "changes");
    for timestamp_ms in 2..20 {
        browser.change(timestamp_ms);
    }
    browser.say_look(&[0], &["a"]).await;
    let looked_at = Instant::now();
    let mut answers = Vec::new();
    let mut timestamp_ms = 20;
    while looked_at.elapsed() < Duration::from_secs(10) {
        // It has just read one, and there are always more.
        browser.change(timestamp_ms);
        browser.change(timestamp_ms + 1);
        timestamp_ms += 2;
        sleep(Duration::from_millis(100)).await;
        let message = browser.next().await;
        if matches!(message["type"].as_str(), Some("points" | "detail")) {
            answers.push((looked_at.elapsed(), message));
        }
    }
    let first = |kind: &str| {
        let (after, _) = answers.iter().find(|(_, answer)| answer["type"] == kind).unwrap();
        after.as_millis()
    };
    assert!(first("points") <= 1_500 && first("detail") <= 1_500, "{answers:?}");
    let details = answers.iter().filter(|(_, answer)| answer["type"] == "detail").count();
    assert!((8..=20).contains(&details), "{details} in ten seconds");
}

#[tokio::test(start_paused = true)]
async fn of_many_looks_the_last_one_of_each_fifth_of_a_second_is_answered() {
    let mut browser = connect();
    assert_eq!(browser.next().await["type"], "snapshot");
    browser.change(1);
    assert_eq!(browser.next().await["type"], "changes");
    let said_at = Instant::now();
    browser.say_look(&[0], &["b", "b"]).await;
    assert_eq!(browser.next().await["type"], "points");
    assert_eq!(browser.next().await["host"], "b");
    assert_eq!(said_at.elapsed(), Duration::ZERO, "the first at once, and each host once");
    for host in ["c", "d", "e"] {
        browser.say_look(&[], &[]).await;
        browser.say_look(&[0], &[host]).await;
    }
    // The row was looked at all the time, as far as that counts.
    let answer = browser.next().await;
    assert_eq!((&answer["type"], &answer["host"]), (&json!("detail"), &json!("e")));
    assert_eq!(said_at.elapsed().as_millis() / 10, 20);
    assert_eq!(browser.next().await["type"], "heartbeat", "nothing else");
}

#[tokio::test(start_paused = true)]
async fn what_is_no_look_ends_the_connection_with_its_reason() {
    for said in [
        Message::text("hello"),
        Message::text(
            r#"{"type":"look","rows":[],"detail":["1","2","3","4","5","6","7","8","9"]}"#,
        ),
        Message::Binary(Vec::new().into()),
    ] {
        let mut browser = connect();
        assert_eq!(browser.begin().await["type"], "snapshot");
        browser.to_server.send(said.clone()).await.unwrap();
        let close = browser.from_server.recv().await.unwrap();
        let Message::Close(Some(CloseFrame { code: close_code::POLICY, reason })) = close else {
            panic!("{said:?} was answered {close:?}");
        };
        assert!(!reason.is_empty() && reason.len() <= MAX_REASON_BYTES, "{reason}");
        drop(browser.to_server);
        assert!(matches!(browser.session.await.unwrap(), End::Misspoken { .. }), "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_says_good_bye_and_waits_for_the_answer() {
    let mut browser = connect();
    assert_eq!(browser.begin().await["type"], "snapshot");
    browser.stop.cancel();
    let close = browser.from_server.recv().await.unwrap();
    assert!(
        matches!(&close, Message::Close(Some(CloseFrame { code: close_code::AWAY, .. }))),
        "{close:?}"
    );
    drop(browser.to_server);
    assert_eq!(browser.session.await.unwrap(), End::Stopped);
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_browser_that_takes_nothing() {
    let browser = connect();
    tokio::task::yield_now().await;
    for timestamp_ms in 1..10 {
        browser.change(timestamp_ms);
        tokio::task::yield_now().await;
    }
    let started = Instant::now();
    browser.stop.cancel();
    browser.session.await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
