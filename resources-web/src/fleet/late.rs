//! Samples of one host that came after a newer one.

use serde::Serialize;

/// A sample that was overtaken by less than this is no backlog: two analyzers that share the
/// measures pass each other now and then.
const OVERTAKEN_MS: u64 = 2_000;

/// While a backlog comes in, how often its progress is told to all pages: each time with all else
/// that hardly ever changes of the host, so that often would cost more than the rows do.
const TELL_EVERY_MS: u64 = 10_000;

/// How many there were since the host was first seen, and when the last one came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct LateSamples {
    #[serde(rename = "late_samples")]
    count: u64,
    /// By the server's clock.
    #[serde(rename = "late_ms")]
    last_ms: u64,
    #[serde(skip)]
    told_count: u64,
    #[serde(skip)]
    told_ms: u64,
}

impl LateSamples {
    /// Whether there was none.
    pub(super) const fn is_none(&self) -> bool {
        self.count == 0
    }

    /// How many there were; `None` when there was none.
    pub(super) fn count(&self) -> Option<u64> {
        (!self.is_none()).then_some(self.count)
    }

    /// When the last one came; `None` when there was none.
    pub(super) fn last_ms(&self) -> Option<u64> {
        (!self.is_none()).then_some(self.last_ms)
    }

    /// Notes a sample that is older than the latest one by `behind_ms`, received at
    /// `received_ms`.
    pub(super) fn note(&mut self, behind_ms: u64, received_ms: u64) {
        if behind_ms >= OVERTAKEN_MS {
            self.count += 1;
            // Samples that are read again count as received when they were made.
            self.last_ms = self.last_ms.max(received_ms);
        }
    }

    /// Whether it is time to tell of those noted since they were told; the caller does.
    pub(super) fn is_due(&mut self, now_ms: u64) -> bool {
        let is_first = self.told_count == 0;
        let is_due = self.count > self.told_count
            && (is_first || now_ms >= self.told_ms.saturating_add(TELL_EVERY_MS));
        if is_due {
            self.told_count = self.count;
            self.told_ms = now_ms;
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_counted_and_told_every_ten_seconds() {
        let mut late = LateSamples::default();
        let mut told = Vec::new();
        for at_ms in (0..50).map(|i| 10_000 + i * 1_000) {
            late.note(60_000, at_ms);
            if late.is_due(at_ms) {
                told.push(at_ms);
            }
        }
        assert_eq!(told, [10_000, 20_000, 30_000, 40_000, 50_000]);
        assert_eq!((late.count(), late.last_ms()), (Some(50), Some(59_000)));
        assert!(late.is_due(60_000), "the rest is told too");
        assert!(!late.is_due(70_000), "and nothing twice");
    }

    #[test]
    fn a_sample_just_overtaken_is_not_late() {
        let mut late = LateSamples::default();
        late.note(1_999, 5);
        assert!(!late.is_due(5));
        assert_eq!((late.count(), late.last_ms()), (None, None));
    }

    #[test]
    fn what_is_read_again_does_not_make_the_last_one_older() {
        let mut late = LateSamples::default();
        late.note(60_000, 9_000);
        late.note(60_000, 4_000);
        assert_eq!(late.last_ms, 9_000);
    }
}
