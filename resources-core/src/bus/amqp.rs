//! The transport over RabbitMQ, and the only place that names lapin.
//!
//! One supervised connection for publishing, and one for each subscription: under a broker's
//! memory or disk alarm the connections that publish are stopped, and acknowledgements must not
//! be stopped with them.

mod connect;
mod declare;
mod inspect;
mod publisher;
mod subscription;
mod supervisor;

use std::num::NonZeroU16;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub(super) use inspect::Inspector;
pub(super) use publisher::Publisher;
pub(super) use subscription::Subscription;

use super::link::{Link, LinkBoard};
use super::{BusConfig, Source};

/// Header that says why a message was set aside.
const REASON_HEADER: &str = "x-rejection-reason";

/// How long closing all links may take together.
const CLOSE_LIMIT: Duration = Duration::from_secs(4);

/// All links of one process to one broker.
#[derive(Debug, Clone)]
pub(super) struct Bus {
    shared: Arc<Shared>,
    publisher: Arc<OnceLock<Publisher>>,
    publisher_apart: Arc<OnceLock<Publisher>>,
}

/// What every link needs.
#[derive(Debug)]
struct Shared {
    config: BusConfig,
    board: LinkBoard,
    /// Cancelled when the bus closes.
    closing: CancellationToken,
    /// The task of each link.
    links: TaskTracker,
}

impl Bus {
    pub(super) fn new(config: BusConfig) -> Self {
        let shared = Shared {
            config,
            board: LinkBoard::new(),
            closing: CancellationToken::new(),
            links: TaskTracker::new(),
        };
        Self {
            shared: Arc::new(shared),
            publisher: Arc::default(),
            publisher_apart: Arc::default(),
        }
    }

    pub(super) fn publisher(&self) -> Publisher {
        self.publisher.get_or_init(|| Publisher::start(&self.shared)).clone()
    }

    pub(super) fn publisher_apart(&self) -> Publisher {
        let start = || {
            let Shared { config, closing, links, .. } = &*self.shared;
            Publisher::start_apart(&Arc::new(Shared {
                config: config.clone(),
                board: LinkBoard::apart(),
                closing: closing.child_token(),
                links: links.clone(),
            }))
        };
        self.publisher_apart.get_or_init(start).clone()
    }

    pub(super) fn subscribe(&self, source: Source, prefetch: NonZeroU16) -> Subscription {
        Subscription::start(&self.shared, source, prefetch)
    }

    pub(super) fn link(&self) -> watch::Receiver<Link> {
        self.shared.board.watch()
    }

    pub(super) fn config(&self) -> &BusConfig {
        &self.shared.config
    }

    pub(super) async fn close(&self) {
        self.shared.closing.cancel();
        self.shared.links.close();
        if tokio::time::timeout(CLOSE_LIMIT, self.shared.links.wait()).await.is_err() {
            tracing::warn!("the broker did not answer the close in time; leaving the connection");
        }
        self.shared.board.close();
    }
}
