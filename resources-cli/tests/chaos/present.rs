//! The page shows every host of now: while a backlog is sent, and soon after a restart.

use std::time::Duration;

use futures_util::StreamExt as _;
use resources_core::test_support::in_time;
use resources_web::client::View;
use resources_web::protocol::Message;
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{self, Utf8Bytes};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::faults::say;
use super::settings::Settings;
use super::stage::Stage;
use super::{ALONE, pass};

/// How old the newest sample of any host may be on the page, in milliseconds.
const MOST_BEHIND_MS: u64 = 2_000;

/// How long the broker is away; the backlog of this takes half as long again to send, about.
const OUTAGE: Duration = Duration::from_secs(25);

/// How long the page is watched once it shows every host of now: less than the backlog takes.
const WATCHED: Duration = Duration::from_secs(5);

/// Most that a busy machine of tests may add to how far it is behind; a page that shows the backlog
/// in order is behind by the outage, and by more. `make chaos` runs alone, in a release build.
const SLACK_MS: u64 = if cfg!(debug_assertions) { 8_000 } else { 0 };

/// How long hosts send before web is killed: what a reader could get lost in.
const BACKLOG: Duration = Duration::from_secs(60);

/// How often it is tried whether web serves.
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// What a page knows.
#[derive(Default)]
struct Page {
    view: View,
    /// Samples it was told of that were older than any host may be.
    late: usize,
}

impl Page {
    /// Takes a message in, and gives when it was sent.
    fn read(&mut self, message: &str) -> u64 {
        let told = self.view.read(message).expect("a message of the server");
        let now_ms = told.message.server_time_ms();
        if let Message::Changes(_) = told.message {
            let is_late = |at_ms: u64| at_ms + MOST_BEHIND_MS < now_ms;
            self.late += told.samples.iter().filter(|(_, at_ms)| is_late(*at_ms)).count();
        }
        now_ms
    }

    /// How many hosts there are.
    fn len(&self) -> usize {
        self.view.hosts().len()
    }

    /// Age of the newest sample of the host that is furthest behind, and its name.
    fn furthest_behind(&self, now_ms: u64) -> (u64, &str) {
        let ages = self.view.hosts().values().map(|host| {
            let at_ms = host.figures.expect("it has sent").timestamp_ms();
            (now_ms.saturating_sub(at_ms), host.info.host.as_str())
        });
        ages.max().expect("hosts are known")
    }
}

/// A page over a WebSocket; `None` while nobody serves it.
async fn open(stage: &Stage) -> Option<WebSocketStream<MaybeTlsStream<TcpStream>>> {
    let address = format!("{}ws", stage.page.replacen("http", "ws", 1));
    connect_async(&address).await.ok().map(|(socket, _)| socket)
}

/// The next message the page can read.
async fn next_text(socket: &mut WebSocketStream<MaybeTlsStream<TcpStream>>) -> Utf8Bytes {
    loop {
        let message = in_time("a message", socket.next()).await.expect("it goes on");
        if let tungstenite::Message::Text(text) = message.expect("the line holds") {
            return text;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "its limit is that of a release build; `make chaos` runs it"]
async fn a_thousand_hosts_are_live_again_within_3_s_of_a_restart_of_web() {
    let _alone = ALONE.lock().await;
    let settings = Settings { hosts: 1_000, interval: "1s".to_owned(), ..Settings::usual() };
    let mut stage = Stage::start(&settings).await;
    pass(BACKLOG).await;
    stage.program("web").kill().await;
    let begun = Instant::now();
    stage.program("web").start_again();
    // No event tells another process that a port is open, so it is tried.
    let mut socket = loop {
        match open(&stage).await {
            Some(socket) => break socket,
            None => pass(ASK_AGAIN).await,
        }
    };
    say(&format_args!("web serves again after {:?}", begun.elapsed()));
    let mut page = Page::default();
    loop {
        let now_ms = page.read(&next_text(&mut socket).await);
        if page.len() == 1_002 && page.furthest_behind(now_ms).0 <= MOST_BEHIND_MS {
            break;
        }
    }
    let took = begun.elapsed();
    say(&format_args!("after a restart of web the page was live with all hosts in {took:?}"));
    assert!(took <= Duration::from_secs(3), "{took:?}");
    stage.finish().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backlog_is_sent_the_page_shows_every_host_of_now() {
    let _alone = ALONE.lock().await;
    let mut stage = Stage::start(&Settings::usual()).await;
    stage.be_without_broker_for(OUTAGE).await;

    let mut socket = open(&stage).await.expect("the page is served");
    let mut page = Page::default();
    // Links take their time to come back; the backlog follows at its pace.
    let back = async {
        loop {
            let now_ms = page.read(&next_text(&mut socket).await);
            if page.furthest_behind(now_ms).0 <= MOST_BEHIND_MS {
                break;
            }
        }
    };
    in_time("every host is of now", back).await;
    page.late = 0;
    let mut worst = 0;
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        let now_ms = page.read(&next_text(&mut socket).await);
        let (behind_ms, host) = page.furthest_behind(now_ms);
        assert!(behind_ms <= MOST_BEHIND_MS + SLACK_MS, "{host} is {behind_ms} ms behind");
        worst = worst.max(behind_ms);
    }
    let late = page.late;
    say(&format_args!(
        "while {late} late samples came, the page was at most {worst} ms behind for any of {} hosts",
        page.len()
    ));
    assert!(late > 100, "the backlog was over before anyone looked");
    stage.finish().await;
}
