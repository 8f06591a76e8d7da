//! How fast the backlog leaves.

use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

/// How far ahead of its pace the backlog may be: timers are no finer than milliseconds.
const AHEAD: Duration = Duration::from_millis(10);

/// Lets so many pass a second, evenly. What was not used is not saved up.
#[derive(Debug)]
pub(super) struct Pace {
    gap: Duration,
    /// When the next is due; it may pass a little ahead.
    due: Option<Instant>,
}

impl Pace {
    pub(super) fn new(per_second: NonZeroU32) -> Self {
        Self { gap: Duration::from_secs(1) / per_second.get(), due: None }
    }

    /// The earliest moment at which the next may pass; `None` is at once.
    pub(super) fn next_at(&self) -> Option<Instant> {
        // An instant cannot be before the clock began; then there is nothing to wait for.
        self.due.and_then(|due| due.checked_sub(AHEAD))
    }

    /// Whether one may pass at `now`.
    pub(super) fn allows(&self, now: Instant) -> bool {
        self.next_at().is_none_or(|at| at <= now)
    }

    /// One passes at `now`.
    pub(super) fn pass(&mut self, now: Instant) {
        self.due = Some(self.due.map_or(now, |due| due.max(now)) + self.gap);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whenever it is asked, no more pass than the rate and the little ahead allow, and no
        /// fewer when it is asked often enough.
        #[test]
        fn as_many_pass_as_the_rate_says(
            rate in 1u32..=10_000, waits_us in prop::collection::vec(1u64..5_000, 1..400),
        ) {
            let begun = Instant::now();
            let mut pace = Pace::new(NonZeroU32::new(rate).unwrap());
            let (mut now, mut passed) = (begun, 0u32);
            for wait_us in waits_us {
                while pace.allows(now) {
                    pace.pass(now);
                    passed += 1;
                }
                now += Duration::from_micros(wait_us);
            }
            let seconds = (now - begun).as_secs_f64();
            let fair = seconds * f64::from(rate);
            prop_assert!(f64::from(passed) <= fair + 0.010 * f64::from(rate) + 2.0);
            prop_assert!(f64::from(passed) >= (fair - 0.005 * f64::from(rate)).floor() * 0.99);
        }
    }

    #[test]
    fn what_was_not_used_is_not_saved_up() {
        let mut pace = Pace::new(NonZeroU32::new(10).unwrap());
        let begun = Instant::now();
        pace.pass(begun);
        let later = begun + Duration::from_secs(60);
        assert!(pace.allows(later));
        pace.pass(later);
        assert!(!pace.allows(later + Duration::from_millis(50)));
        assert!(pace.allows(later + Duration::from_millis(100)));
    }
}
