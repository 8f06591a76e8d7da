//! The minutes before the start, read again beside what comes now.
//!
//! In one stream the newest would come last, seconds later with a large fleet. So what comes now
//! is read from a moment ago, and this fills in behind it.

use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Source, Start, Subscription};
use tokio::time::Instant;

use super::PREFETCH;
use crate::fleet::RECENT_MS;

/// How long it may take. It ends by itself when it reaches what is read live; when nothing is,
/// there is no such place.
const LIMIT: Duration = Duration::from_secs(60);

/// Reads the minutes before the start, once.
#[derive(Debug)]
pub(super) struct Replay {
    /// `None` when all was read.
    analyses: Option<Subscription>,
    /// Known with the first of them: the broker may be away for long before.
    ends_at: Option<Instant>,
    reached_live: bool,
}

impl Replay {
    pub(super) fn begin(bus: &Bus) -> Self {
        let start = Start::Ago(Duration::from_millis(RECENT_MS));
        let analyses = Some(bus.subscribe(Source::Analyses(start), PREFETCH));
        Self { analyses, ends_at: None, reached_live: false }
    }

    /// The next of them; waits for ever when there is none. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Delivery {
        if let Some(analyses) = &mut self.analyses
            && let Some(delivery) = analyses.next().await
        {
            return delivery;
        }
        // The bus was closed, or there is nothing left: the live view tells.
        std::future::pending().await
    }

    /// Whether everything from where it began to what is read live was read.
    pub(super) const fn reached_live(&self) -> bool {
        self.reached_live
    }

    /// Whether `delivery` is from before what is read live, which begins with `live_offset`,
    /// when that is known. Asks for more, or ends when it is not.
    pub(super) async fn goes_on(&mut self, delivery: &Delivery, live_offset: Option<u64>) -> bool {
        let offset = delivery.position().map(|position| position.offset);
        let is_over = live_offset.is_some() && offset >= live_offset;
        let ends_at = *self.ends_at.get_or_insert_with(|| Instant::now() + LIMIT);
        if is_over || Instant::now() >= ends_at {
            self.reached_live = is_over;
            self.analyses = None;
        } else if let Some(analyses) = &mut self.analyses {
            analyses.acknowledge_through(delivery.receipt).await;
        }
        !is_over
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use resources_core::bus::{BusConfig, Message};
    use resources_core::contract::{Topic, TraceParent};
    use resources_core::test_support::in_time;

    use super::*;

    #[tokio::test]
    async fn it_ends_where_the_live_view_begins() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        for number in 0..3 {
            let topic = Topic::new("a.analysis").unwrap();
            let message = Message::json(topic, &number, 1, TraceParent::begin()).unwrap();
            bus.publisher().publish_until_confirmed(&message).await.unwrap();
        }
        let mut replay = Replay::begin(&bus);
        for (body, live_offset, goes_on) in
            [("0", None, true), ("1", Some(2), true), ("2", Some(2), false)]
        {
            let delivery = in_time("an analysis", replay.next()).await;
            assert_eq!(delivery.body, body);
            assert_eq!(replay.goes_on(&delivery, live_offset).await, goes_on, "{body}");
        }
        assert!(replay.next().now_or_never().is_none(), "nothing more");
        bus.close().await;
    }
}
