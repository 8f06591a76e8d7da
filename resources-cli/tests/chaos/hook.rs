//! A web hook that the observer tells of everything, and now and then says that it could not take
//! what it took: so messages come again also when nobody was killed.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use resources_core::contract::{Alert, AlertState};
use serde::Deserialize;
use tokio::net::TcpListener;

/// Each message of this number is refused, once it was taken.
const REFUSED_EACH: u64 = 7;

/// One alert, as it was told: its episode, and whether that began.
pub(crate) type Key = (Box<str>, bool);

/// How an alert is found again.
pub(crate) fn key(alert: &Alert) -> Key {
    (alert.id.clone(), alert.state == AlertState::Raised)
}

#[derive(Debug, Deserialize)]
struct Notification {
    id: Box<str>,
    #[serde(default)]
    truncated: Option<u64>,
    alerts: Vec<Alert>,
}

/// All that it was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// Alerts by message.
    messages: BTreeMap<Box<str>, Vec<Alert>>,
    requests: u64,
}

impl Told {
    fn take(&mut self, notification: Notification) -> StatusCode {
        let Notification { id, truncated, alerts } = notification;
        assert_eq!(truncated, None, "all alerts fit into a message: {id}");
        self.requests += 1;
        let first = self.messages.entry(id).or_insert_with(|| alerts.clone());
        assert_eq!(*first, alerts, "the same id and something else");
        if self.requests.is_multiple_of(REFUSED_EACH) {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::NO_CONTENT
        }
    }

    /// Each alert once; panics when one is in several messages, which readers cannot drop.
    pub(crate) fn alerts(&self) -> BTreeMap<Key, &Alert> {
        let mut all = BTreeMap::new();
        for alert in self.messages.values().flatten() {
            assert_eq!(all.insert(key(alert), alert), None, "{alert:?} is in two messages");
        }
        all
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let messages = self.messages.len();
        write!(f, "{messages} messages to the web hook, sent {} times", self.requests)
    }
}

/// Listens as long as the test runs.
#[derive(Debug)]
pub(crate) struct Hook {
    pub(crate) url: String,
    told: Arc<Mutex<Told>>,
}

impl Hook {
    pub(crate) async fn listen() -> Self {
        let told = Arc::<Mutex<Told>>::default();
        let router = Router::new().route("/", post(take)).with_state(Arc::clone(&told));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let url = format!("http://{}/", listener.local_addr().expect("it is bound"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, told }
    }

    /// What it was told so far.
    pub(crate) fn look<T>(&self, at: impl FnOnce(&Told) -> T) -> T {
        at(&self.told.lock().expect("what was told was as it should be"))
    }
}

async fn take(
    State(told): State<Arc<Mutex<Told>>>,
    Json(notification): Json<Notification>,
) -> StatusCode {
    told.lock().expect("what was told was as it should be").take(notification)
}
