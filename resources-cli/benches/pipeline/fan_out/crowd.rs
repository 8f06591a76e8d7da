//! A thousand clients in one process: all are sent the same texts, so each text is read once.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use resources_web::client::View;
use serde::Deserialize;
use tokio::task::JoinSet;
use tokio::time::{Instant as Deadline, timeout};

use crate::context::PATIENCE;
use crate::dashboard::Client;
use crate::load::Numbers;

/// Clients that connect at a time.
const CONNECTING: usize = 50;

/// A text's beginning, with the server's time in it, and its length tell it from every other.
const BEGINNING_BYTES: usize = 256;

/// The numbers of the updates in one text.
type Updates = Arc<[usize]>;

/// The texts seen so far.
pub(super) struct Frames {
    /// `None` when no text holds an update.
    numbers: Option<Numbers>,
    hasher: RandomState,
    known: Mutex<Known>,
    /// How many texts all clients were sent together, and their bytes.
    count: AtomicUsize,
    bytes: AtomicUsize,
}

/// Each text builds on the one before. A client is sent them in order, so that whichever is the
/// first to see one, the one before it was read.
#[derive(Default)]
struct Known {
    view: View,
    updates: HashMap<(u64, usize), Updates>,
}

/// What one client, or all, were sent.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) updates: usize,
    /// How often a client was sent everything anew, because it was behind.
    pub(super) resyncs: usize,
    pub(super) frames: Vec<(Instant, Updates)>,
}

/// Clients that are connected and read.
pub(super) struct Crowd {
    clients: JoinSet<anyhow::Result<Seen>>,
    /// Tells the clients when to give up, once that is known.
    end: tokio::sync::watch::Sender<Option<Deadline>>,
}

impl Frames {
    /// Texts of messages with these numbers.
    pub(super) fn of(numbers: Numbers) -> Self {
        Self { numbers: Some(numbers), ..Self::without_updates() }
    }

    /// Texts of anything else.
    pub(super) fn without_updates() -> Self {
        Self {
            numbers: None,
            hasher: RandomState::new(),
            known: Mutex::default(),
            count: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
        }
    }

    fn updates(&self, text: &str) -> anyhow::Result<Updates> {
        self.count.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(text.len(), Ordering::Relaxed);
        let Some(numbers) = &self.numbers else { return Ok(Arc::default()) };
        let beginning = &text.as_bytes()[..text.len().min(BEGINNING_BYTES)];
        let key = (self.hasher.hash_one(beginning), text.len());
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(updates) = known.updates.get(&key) {
            return Ok(Arc::clone(updates));
        }
        // What is not newer than the snapshot read first was told before there was any update.
        let updates: Updates = if place(text)? > known.view.number() {
            let samples = known.view.read(text)?.samples;
            samples.iter().map(|sample| numbers.number(sample)).collect::<Result<_, _>>()?
        } else {
            Arc::default()
        };
        known.updates.insert(key, Arc::clone(&updates));
        Ok(updates)
    }

    /// Takes note of what a client was sent first, or when it was behind.
    fn snapshot(&self, text: &str) -> anyhow::Result<()> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.view == View::default() || place(text)? > known.view.number() {
            known.view.read(text)?;
        }
        Ok(())
    }

    /// How many texts all clients were sent together, but for those that tell everything.
    pub(super) fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Their mean length, in bytes.
    pub(super) fn mean_bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed) / self.count().max(1)
    }
}

impl Crowd {
    /// Connects `clients`, each of which reads until it was sent `wanted` updates.
    pub(super) async fn gather(
        address: SocketAddr,
        clients: usize,
        wanted: usize,
        frames: &Arc<Frames>,
    ) -> anyhow::Result<Self> {
        let (end, ended) = tokio::sync::watch::channel(None);
        let mut reading = JoinSet::new();
        let mut left = clients;
        while left > 0 {
            let connect = (0..left.min(CONNECTING)).map(|_| Client::connect(address));
            let connected = timeout(PATIENCE, futures_util::future::try_join_all(connect));
            for client in connected.await.context("clients could not connect in time")?? {
                left -= 1;
                reading.spawn(follow(client, wanted, Arc::clone(frames), ended.clone()));
            }
        }
        Ok(Self { clients: reading, end })
    }

    /// What all were sent, once each has had everything or `limit` is over.
    pub(super) async fn seen(mut self, limit: Duration) -> anyhow::Result<Seen> {
        self.end.send_replace(Some(Deadline::now() + limit));
        let mut all = Seen::default();
        while let Some(seen) = self.clients.join_next().await {
            let seen = seen??;
            all.updates += seen.updates;
            all.resyncs += seen.resyncs;
            all.frames.extend(seen.frames);
        }
        Ok(all)
    }
}

/// The number of a message; 0 for one that has none.
fn place(text: &str) -> anyhow::Result<u64> {
    #[derive(Deserialize)]
    struct Place {
        #[serde(default)]
        number: u64,
    }
    Ok(serde_json::from_str::<Place>(text)?.number)
}

async fn follow(
    mut client: Client,
    wanted: usize,
    frames: Arc<Frames>,
    mut ended: tokio::sync::watch::Receiver<Option<Deadline>>,
) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut snapshots = 0;
    let mut end: Option<Deadline> = None;
    while seen.updates < wanted {
        let text = tokio::select! {
            text = client.next() => Some(text?),
            Ok(()) = ended.changed(), if end.is_none() => {
                end = *ended.borrow_and_update();
                continue;
            }
            () = over(end) => None,
        };
        let Some((at, text)) = text else { break };
        if text.starts_with(r#"{"type":"snapshot""#) {
            snapshots += 1;
            frames.snapshot(&text)?;
            continue;
        }
        let updates = frames.updates(&text)?;
        if !updates.is_empty() {
            seen.updates += updates.len();
            seen.frames.push((at, updates));
        }
    }
    seen.resyncs = usize::max(snapshots, 1) - 1;
    Ok(seen)
}

async fn over(end: Option<Deadline>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
