//! How long to wait before the next try.

use std::time::Duration;

/// Waits that double from a first to a longest one, each drawn evenly between nothing and its
/// bound (full jitter), so that many links which broke together do not come back together.
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    bound: Duration,
}

/// The bounds of a backoff are not in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a backoff needs 0 < first ≤ longest")]
pub struct BackoffError;

impl Backoff {
    /// Doubles from `first` to `longest`.
    ///
    /// # Errors
    /// When `first` is zero or longer than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Result<Self, BackoffError> {
        if first.is_zero() || first > longest {
            return Err(BackoffError);
        }
        Ok(Self { first, longest, bound: first })
    }

    /// Draws the next wait and doubles the bound.
    pub fn next_wait(&mut self) -> Duration {
        let bound = self.bound;
        self.bound = (bound * 2).min(self.longest);
        bound.mul_f64(fastrand::f64())
    }

    /// Begins again with the first wait, after things went well for a while.
    pub fn reset(&mut self) {
        self.bound = self.first;
    }
}

impl Default for Backoff {
    /// 0.1 s to 3 s: a broker that comes back is found within 5 s.
    fn default() -> Self {
        let first = Duration::from_millis(100);
        Self { first, longest: Duration::from_secs(3), bound: first }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn waits_stay_below_bounds_that_double_up_to_the_longest(
            first_ms in 1u64..1000, factor in 1u64..100, steps in 1usize..40,
        ) {
            let first = Duration::from_millis(first_ms);
            let longest = first * u32::try_from(factor).unwrap();
            let mut backoff = Backoff::new(first, longest).unwrap();
            let mut bound = first;
            for _ in 0..steps {
                prop_assert!(backoff.next_wait() <= bound);
                bound = (bound * 2).min(longest);
            }
            backoff.reset();
            prop_assert!(backoff.next_wait() <= first);
        }
    }

    #[test]
    fn many_links_spread_their_waits() {
        let waits: std::collections::BTreeSet<_> =
            (0..500).map(|_| Backoff::default().next_wait().as_micros() / 1000).collect();
        assert!(waits.len() > 50, "500 first waits fell on {} different milliseconds", waits.len());
    }

    #[test]
    fn refuses_bounds_out_of_order() {
        assert!(Backoff::new(Duration::ZERO, Duration::from_secs(1)).is_err());
        assert!(Backoff::new(Duration::from_secs(2), Duration::from_secs(1)).is_err());
    }
}
