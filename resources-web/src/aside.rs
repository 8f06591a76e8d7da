//! Messages that do not follow the contract, set aside while others are read.

use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use resources_core::bus::{Bus, Delivery, PublishError, Publisher};
use resources_core::contract::Rejection;
use resources_core::service::{RejectionLog, within};
use tokio::time::Instant;

/// Messages being set aside at a time. Above it they are only counted: a broker that accepts
/// nothing must not keep the dashboard from showing what it still delivers, and the stream
/// keeps them anyway.
const MAX_SETTING_ASIDE: usize = 256;

/// How long the last of them may take.
const LAST_LIMIT: Duration = Duration::from_secs(2);

/// Sets messages aside over a link that is made when the first of them comes, and says so.
pub(crate) struct Aside {
    bus: Bus,
    publisher: Option<Publisher>,
    under_way: FuturesUnordered<BoxFuture<'static, Result<(), PublishError>>>,
    rejections: RejectionLog,
    /// Messages that were not set aside since the last summary, because too many were waiting.
    left_in_stream: u64,
    /// Messages from before the start, since the last summary.
    passed_over: u64,
}

impl Aside {
    pub(crate) fn new(bus: &Bus) -> Self {
        Self {
            bus: bus.clone(),
            publisher: None,
            under_way: FuturesUnordered::new(),
            rejections: RejectionLog::default(),
            left_in_stream: 0,
            passed_over: 0,
        }
    }

    /// Has a message set aside that does not follow the contract.
    pub(crate) fn set(&mut self, delivery: &Delivery, rejection: Rejection) {
        let mut delivery = delivery.clone();
        self.rejections.note(&mut delivery, &rejection, Instant::now());
        if self.under_way.len() >= MAX_SETTING_ASIDE {
            self.left_in_stream += 1;
            return;
        }
        let publisher = self.publisher.get_or_insert_with(|| self.bus.publisher()).clone();
        let set = async move { publisher.set_aside(&delivery, &rejection).await };
        self.under_way.push(Box::pin(set));
    }

    /// Takes note of a message from before the start, which somebody set aside when it came.
    pub(crate) const fn pass_over(&mut self) {
        self.passed_over += 1;
    }

    /// Goes on until one is set aside; for ever when there is none. Safe to drop and call again.
    pub(crate) async fn go_on(&mut self) {
        match self.under_way.next().await {
            Some(outcome) => was_set_aside(outcome),
            None => std::future::pending().await,
        }
    }

    /// Says what was not told one by one.
    pub(crate) fn sum_up(&mut self) {
        self.rejections.tell_counts(Instant::now());
        let left = std::mem::take(&mut self.left_in_stream);
        if left > 0 {
            tracing::warn!(
                count = left,
                "{left} messages were not set aside, because the broker was slow to take those \
                 before them; the stream keeps them"
            );
        }
        let passed_over = std::mem::take(&mut self.passed_over);
        if passed_over > 0 {
            tracing::warn!(
                count = passed_over,
                "{passed_over} messages from before the start do not follow the contract; they \
                 were set aside when they came, or are in the stream only"
            );
        }
    }

    /// Goes on until all are set aside, for a moment at most, and sums up.
    pub(crate) async fn finish(mut self) {
        let all = async {
            while let Some(outcome) = self.under_way.next().await {
                was_set_aside(outcome);
            }
        };
        within(LAST_LIMIT, "setting messages aside", all).await;
        self.sum_up();
        self.rejections.finish();
    }
}

fn was_set_aside(outcome: Result<(), PublishError>) {
    if let Err(error) = outcome {
        tracing::warn!(%error, "a message could not be set aside; the stream keeps it");
    }
}
