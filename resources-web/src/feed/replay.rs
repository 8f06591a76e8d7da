//! What was published before, read again beside what comes now: the minutes before the start, or
//! all of an absence.
//!
//! In one stream the newest would come last, seconds later with a large fleet. So what comes now
//! is read from a moment ago, and this fills in behind it. It begins when that has caught up, as
//! both together take each other's time.

use std::time::Duration;

use resources_core::bus::{Bus, Delivery, Position, Source, Start, Subscription};
use resources_core::service::now_ms;
use tokio::time::Instant;

use super::PREFETCH;
use crate::fleet::RECENT_MS;

/// How long what comes now has for itself, at most.
const LIVE_FIRST: Duration = Duration::from_secs(2);

/// How old an analysis may be that is of now, in milliseconds.
const PRESENT_MS: u64 = 1_000;

/// Analyses of now, one after the other, after which what comes now has caught up. A few may
/// look like that before, from hosts whose clocks are ahead.
const CAUGHT_UP: u32 = 20;

/// Reads what was published before.
#[derive(Debug)]
pub(super) struct Replay {
    bus: Bus,
    /// Where it begins, or goes on.
    start: Start,
    /// What it reads was not received before this, in milliseconds.
    since_ms: u64,
    /// What is behind this place in the stream came during an absence.
    missed_behind: Option<u64>,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Waiting { until: Instant, present_in_a_row: u32 },
    Reading(Subscription),
    Over,
}

impl Stage {
    fn waiting() -> Self {
        Self::Waiting { until: Instant::now() + LIVE_FIRST, present_in_a_row: 0 }
    }
}

impl Replay {
    /// Of the minutes before now. To be made once what comes now can arrive.
    pub(super) fn of_the_last_minutes(bus: &Bus) -> Self {
        Self {
            bus: bus.clone(),
            start: Start::Ago(Duration::from_millis(RECENT_MS)),
            since_ms: now_ms().saturating_sub(RECENT_MS),
            missed_behind: None,
            stage: Stage::waiting(),
        }
    }

    /// What comes now begins anew, after an absence: what came behind `last`, which was read at
    /// `last_ms`, is to be read, too. However long that was, it is no more than the stream keeps.
    pub(super) fn of_an_absence(&mut self, last: Option<Position>, last_ms: u64) {
        let Some(last) = last else { return };
        if let Stage::Over = self.stage {
            self.start = Start::After(last);
            self.since_ms = last_ms;
            self.missed_behind = Some(last.offset);
        } else {
            // From where it is it reads on to where the live view begins now.
            self.missed_behind.get_or_insert(last.offset);
        }
        self.stage = Stage::waiting();
    }

    /// What comes now is so old, in milliseconds.
    pub(super) fn live_is_at(&mut self, age_ms: u64) {
        if let Stage::Waiting { present_in_a_row, .. } = &mut self.stage {
            *present_in_a_row = if age_ms < PRESENT_MS { *present_in_a_row + 1 } else { 0 };
            if *present_in_a_row >= CAUGHT_UP {
                self.begin();
            }
        }
    }

    fn begin(&mut self) {
        self.stage = Stage::Reading(self.bus.subscribe(Source::Analyses(self.start), PREFETCH));
    }

    /// The next of them; waits for ever when there is none. Safe to drop and call again.
    pub(super) async fn next(&mut self) -> Delivery {
        if let Stage::Waiting { until, .. } = self.stage {
            tokio::time::sleep_until(until).await;
            self.begin();
        }
        if let Stage::Reading(analyses) = &mut self.stage
            && let Some(delivery) = analyses.next().await
        {
            return delivery;
        }
        // The bus was closed, or there is nothing left: the live view tells.
        std::future::pending().await
    }

    /// Whether `delivery` came during an absence, so that nobody set it aside if it had to be.
    pub(super) fn was_missed(&self, delivery: &Delivery) -> bool {
        self.missed_behind.is_some() && delivery.offset > self.missed_behind
    }

    /// What it reads was received at this time at the earliest, in milliseconds.
    pub(super) const fn since_ms(&self) -> u64 {
        self.since_ms
    }

    /// Whether `delivery` is from before what is read live, which begins with `live_offset`,
    /// when that is known. Asks for more, or ends when it is not.
    pub(super) async fn goes_on(&mut self, delivery: &Delivery, live_offset: Option<u64>) -> bool {
        let is_over = live_offset.is_some() && delivery.offset >= live_offset;
        if is_over {
            self.stage = Stage::Over;
        } else if let Stage::Reading(analyses) = &mut self.stage {
            self.start = delivery.position().map_or(self.start, Start::After);
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

    /// A bus with this many analyses in its stream.
    async fn bus_with(count: u64) -> Bus {
        let bus = Bus::open(BusConfig::in_memory("test"));
        for number in 0..count {
            let topic = Topic::new("a.analysis").unwrap();
            let message = Message::json(topic, &number, 1, TraceParent::begin()).unwrap();
            bus.publisher().publish_until_confirmed(&message).await.unwrap();
        }
        bus
    }

    #[tokio::test]
    async fn it_ends_where_the_live_view_begins() {
        let bus = bus_with(3).await;
        let mut replay = Replay::of_the_last_minutes(&bus);
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
        let bus = bus_with(1).await;
        let mut replay = Replay::of_the_last_minutes(&bus);
        assert!(replay.next().now_or_never().is_none(), "it waits");
        let begun = Instant::now();
        assert_eq!(replay.next().await.body, "0");
        assert_eq!(begun.elapsed().as_secs(), LIVE_FIRST.as_secs());
        bus.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_is_ahead_is_not_taken_for_having_caught_up() {
        let bus = bus_with(1).await;
        let mut replay = Replay::of_the_last_minutes(&bus);
        for number in 0..1_000 {
            // One host in ten is ahead.
            replay.live_is_at(if number % 10 == 0 { 0 } else { 1_500 });
        }
        assert!(replay.next().now_or_never().is_none(), "it still waits");
        (0..CAUGHT_UP).for_each(|_| replay.live_is_at(200));
        assert!(replay.next().now_or_never().is_some(), "it has begun");
        bus.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn it_takes_as_long_as_it_takes() {
        let bus = bus_with(3).await;
        let mut replay = Replay::of_the_last_minutes(&bus);
        for body in ["0", "1"] {
            let delivery = replay.next().await;
            assert_eq!(delivery.body, body);
            tokio::time::sleep(Duration::from_secs(600)).await;
            assert!(replay.goes_on(&delivery, Some(2)).await);
        }
        let last = replay.next().await;
        assert!(!replay.goes_on(&last, Some(2)).await);
        bus.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn of_an_absence_it_reads_all_and_what_it_had_not_read_before() {
        let bus = bus_with(10).await;
        let mut replay = Replay::of_the_last_minutes(&bus);
        let read = async |replay: &mut Replay, live_offset| {
            let mut found = Vec::new();
            loop {
                let delivery = replay.next().await;
                if !replay.goes_on(&delivery, Some(live_offset)).await {
                    return found;
                }
                found.push((delivery.offset.unwrap(), replay.was_missed(&delivery)));
            }
        };
        let first = replay.next().await;
        assert!(replay.goes_on(&first, Some(2)).await);
        // The live view had read 2 and 3, and begins anew with 6.
        replay.of_an_absence(Some(Position::of(3, b"3")), 7);
        // It goes on with what was before the start.
        let expected = [(1, false), (2, false), (3, false), (4, true), (5, true)];
        assert_eq!(read(&mut replay, 6).await, expected);
        // It had read 6, and begins anew with 9.
        replay.of_an_absence(Some(Position::of(6, b"6")), 8);
        assert_eq!(replay.since_ms(), 8);
        assert_eq!(read(&mut replay, 9).await, [(7, true), (8, true)]);
        bus.close().await;
    }
}
