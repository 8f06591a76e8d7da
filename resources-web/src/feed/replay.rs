//! The minutes before the start, read again beside what comes now.
//!
//! In one stream the newest would come last, seconds later with a large fleet. So what comes now
//! is read from a moment ago, and this fills in behind it. It begins when that has caught up, as
//! both together take each other's time.

use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Source, Start, Subscription};
use tokio::time::Instant;

use super::PREFETCH;
use crate::fleet::RECENT_MS;

/// How long it may take. It ends by itself when it reaches what is read live; when nothing is,
/// there is no such place.
const LIMIT: Duration = Duration::from_secs(60);

/// How long what comes now has for itself, at most.
const LIVE_FIRST: Duration = Duration::from_secs(2);

/// Reads the minutes before the start, once.
#[derive(Debug)]
pub(super) struct Replay {
    bus: Bus,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting {
        until: Instant,
    },
    Reading {
        analyses: Subscription,
        /// Known with the first of them: the broker may be away for long before.
        ends_at: Option<Instant>,
    },
    Over {
        reached_live: bool,
    },
}

impl Replay {
    pub(super) fn new(bus: &Bus) -> Self {
        Self { bus: bus.clone(), stage: Stage::Waiting { until: Instant::now() + LIVE_FIRST } }
    }

    /// Begins, if it has not yet.
    pub(super) fn begin(&mut self) {
        if let Stage::Waiting { .. } = self.stage {
            let start = Start::Ago(Duration::from_millis(RECENT_MS));
            let analyses = self.bus.subscribe(Source::Analyses(start), PREFETCH);
            self.stage = Stage::Reading { analyses, ends_at: None };
        }
    }

    /// The next of them; waits for ever when there is none. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Delivery {
        if let Stage::Waiting { until } = self.stage {
            tokio::time::sleep_until(until).await;
            self.begin();
        }
        if let Stage::Reading { analyses, .. } = &mut self.stage
            && let Some(delivery) = analyses.next().await
        {
            return delivery;
        }
        // The bus was closed, or there is nothing left: the live view tells.
        std::future::pending().await
    }

    /// Whether everything from where it began to what is read live was read.
    pub(super) const fn reached_live(&self) -> bool {
        matches!(self.stage, Stage::Over { reached_live: true })
    }

    /// Whether `delivery` is from before what is read live, which begins with `live_offset`,
    /// when that is known. Asks for more, or ends when it is not.
    pub(super) async fn goes_on(&mut self, delivery: &Delivery, live_offset: Option<u64>) -> bool {
        let offset = delivery.position().map(|position| position.offset);
        let is_over = live_offset.is_some() && offset >= live_offset;
        let Stage::Reading { analyses, ends_at } = &mut self.stage else { return false };
        let ends_at = *ends_at.get_or_insert_with(|| Instant::now() + LIMIT);
        if is_over || Instant::now() >= ends_at {
            self.stage = Stage::Over { reached_live: is_over };
        } else {
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
        let mut replay = Replay::new(&bus);
        replay.begin();
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

    #[tokio::test(start_paused = true)]
    async fn it_lets_the_live_view_go_first_but_not_for_ever() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let topic = Topic::new("a.analysis").unwrap();
        let message = Message::json(topic, &0, 1, TraceParent::begin()).unwrap();
        bus.publisher().publish_until_confirmed(&message).await.unwrap();
        let mut replay = Replay::new(&bus);
        assert!(replay.next().now_or_never().is_none(), "it waits");
        let begun = Instant::now();
        assert_eq!(replay.next().await.body, "0");
        assert_eq!(begun.elapsed().as_secs(), LIVE_FIRST.as_secs());
        bus.close().await;
    }
}
