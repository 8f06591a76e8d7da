//! What is live stays live while a backlog is sent behind it.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::StreamExt as _;
use resources_core::test_support::in_time;
use serde::Deserialize;
use tokio::time::Instant;
use tokio_tungstenite::connect_async;

use super::ALONE;
use super::faults::say;
use super::settings::Settings;
use super::stage::Stage;

/// How old the newest sample of any host may be on the page, in milliseconds.
const MOST_BEHIND_MS: u64 = 2_000;

/// How long the broker is away; the backlog of this takes as long again to send, about.
const OUTAGE: Duration = Duration::from_secs(15);

/// How long links have to come back.
const RECONNECT: Duration = Duration::from_secs(5);

/// How long the page is watched: less than the backlog takes.
const WATCHED: Duration = Duration::from_secs(5);

#[derive(Deserialize)]
struct Message {
    #[serde(rename = "type")]
    kind: String,
    server_time_ms: u64,
    #[serde(default)]
    hosts: Vec<Host>,
}

#[derive(Deserialize)]
struct Host {
    host: String,
    timestamp_ms: u64,
    #[serde(default)]
    late_samples: u64,
}

/// What a page knows: of each host the time of its newest sample, and how many came late.
#[derive(Default)]
struct Page(HashMap<String, (u64, u64)>);

impl Page {
    fn read(&mut self, message: &str) -> u64 {
        let message: Message = serde_json::from_str(message).expect("a message of the server");
        if message.kind == "snapshot" {
            self.0.clear();
        }
        for host in message.hosts {
            self.0.insert(host.host, (host.timestamp_ms, host.late_samples));
        }
        message.server_time_ms
    }

    /// Age of the newest sample of the host that is furthest behind, and its name.
    fn furthest_behind(&self, now_ms: u64) -> (u64, &str) {
        let ages =
            self.0.iter().map(|(host, (at_ms, _))| (now_ms.saturating_sub(*at_ms), host.as_str()));
        ages.max().expect("hosts are known")
    }

    fn late(&self) -> u64 {
        self.0.values().map(|(_, late)| late).sum()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backlog_is_sent_the_page_shows_every_host_of_now() {
    let _alone = ALONE.lock().await;
    let mut stage = Stage::start(&Settings::usual()).await;
    stage.broker.be_down_for(OUTAGE).await;
    tokio::time::sleep(RECONNECT).await;

    let address = format!("{}ws", stage.page.replacen("http", "ws", 1));
    let (mut socket, _) = in_time("the page", connect_async(&address)).await.expect("it opens");
    let mut page = Page::default();
    let (mut worst, mut late_before) = (0, None);
    let end = Instant::now() + WATCHED;
    while Instant::now() < end {
        let message = in_time("a message", socket.next()).await.expect("it goes on").expect("it");
        let Ok(text) = message.into_text() else { continue };
        if text.is_empty() {
            continue;
        }
        let now_ms = page.read(&text);
        let (behind_ms, host) = page.furthest_behind(now_ms);
        assert!(behind_ms <= MOST_BEHIND_MS, "{host} is {behind_ms} ms behind");
        worst = worst.max(behind_ms);
        late_before.get_or_insert(page.late());
    }
    let late = page.late() - late_before.expect("a message came");
    say(&format_args!(
        "while {late} late samples came, the page was at most {worst} ms behind for any of {} hosts",
        page.0.len()
    ));
    assert!(late > 100, "the backlog was over before anyone looked");
    stage.finish().await;
}
