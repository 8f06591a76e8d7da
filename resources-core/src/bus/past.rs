//! What a stream held before its reader began.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::Delivery;
use crate::service::now_ms;

/// When nothing came for so long at the start, all there was is read.
const QUIET: Duration = Duration::from_secs(1);

/// How long reading what was there before the start may take.
const PAST_LIMIT: Duration = Duration::from_secs(30);

/// A message published so long before the start, in milliseconds, is as good as of now.
const PRESENT_MS: u64 = 2_000;

/// Tells when all is read that a stream held before a reader began at its beginning.
///
/// The broker does not say where a stream ends. So the past is over with the first message that
/// was published since, or a moment before; when nothing comes for 1 s; and in any case after
/// 30 s, as the clocks of those who publish may be behind.
#[derive(Debug)]
pub struct Past {
    begun_ms: u64,
    pause: Duration,
    quiet_at: Instant,
    over_at: Instant,
}

impl Past {
    /// To be made once messages can arrive: see [`Subscription::ready`](super::Subscription::ready).
    #[must_use]
    pub fn begin() -> Self {
        let now = Instant::now();
        Self { begun_ms: now_ms(), pause: QUIET, quiet_at: now + QUIET, over_at: now + PAST_LIMIT }
    }

    /// Once something came, `pause` without anything more ends it, not 1 s.
    #[must_use]
    pub const fn with_pauses(self, pause: Duration) -> Self {
        Self { pause, ..self }
    }

    /// Notes that something came. Whether more of it may come; `false` once it took too long.
    pub fn goes_on(&mut self) -> bool {
        let now = Instant::now();
        self.quiet_at = (now + self.pause).min(self.over_at);
        now < self.over_at
    }

    /// Whether it is over with these messages, which have just come.
    pub fn is_over_with(&mut self, chunk: &[Delivery]) -> bool {
        let is_present = |delivery: &Delivery| {
            delivery.timestamp_ms.is_some_and(|at_ms| at_ms + PRESENT_MS >= self.begun_ms)
        };
        let is_of_now = chunk.iter().any(is_present);
        !self.goes_on() || is_of_now
    }

    /// Resolves when no message has come for a while: then it is over, too.
    pub async fn quiet(&self) {
        sleep_until(self.quiet_at).await;
    }

    /// Whether it took too long, so that more of it may come.
    #[must_use]
    pub fn is_too_long(&self) -> bool {
        Instant::now() >= self.over_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::{Bus, BusConfig, Message, Source, Start};
    use crate::contract::{Topic, TraceParent};

    #[tokio::test(start_paused = true)]
    async fn the_past_is_over_with_a_message_of_now_or_when_it_is_quiet_or_late() {
        let bus = Bus::open(BusConfig::in_memory("test"));
        let mut alerts = bus.subscribe(Source::Alerts(Start::First), 10.try_into().unwrap());
        let mut of = async |timestamp_ms| {
            let topic = Topic::new("web.alert").unwrap();
            let message = Message::json(topic, &1, timestamp_ms, TraceParent::begin()).unwrap();
            bus.publisher().publish_until_confirmed(&message).await.unwrap();
            [alerts.next().await.unwrap()]
        };
        let (old, new) = (of(1).await, of(now_ms()).await);
        let mut past = Past::begin();
        assert!(!past.is_over_with(&old));
        assert!(past.is_over_with(&new));

        let begun = Instant::now();
        let mut past = Past::begin();
        for _ in 0..3 {
            tokio::time::advance(QUIET / 2).await;
            assert!(!past.is_over_with(&old));
        }
        past.quiet().await;
        assert_eq!(begun.elapsed(), QUIET * 5 / 2);
        assert!(!past.is_too_long());

        let begun = Instant::now();
        let past = Past::begin().with_pauses(QUIET * 3);
        past.quiet().await;
        assert_eq!(begun.elapsed(), QUIET);
        let mut past = Past::begin().with_pauses(QUIET * 3);
        assert!(past.goes_on());
        past.quiet().await;
        assert_eq!(begun.elapsed(), QUIET * 4);

        let mut past = Past::begin();
        tokio::time::advance(PAST_LIMIT).await;
        assert!(past.is_over_with(&old));
        assert!(past.is_too_long());
        bus.close().await;
    }
}
