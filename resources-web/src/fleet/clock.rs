//! How far the clock of a host is from the server's.

/// The offset is the largest of this time and the one before it, in milliseconds.
const SPAN_MS: u64 = 30_000;

/// The largest offset seen lately: delays between host and server only make it smaller.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ClockOffset {
    began_ms: u64,
    current: Option<i64>,
    previous: Option<i64>,
}

impl ClockOffset {
    /// Notes a sample of `timestamp_ms` by the host's clock that came at `now_ms`.
    pub(super) fn note(&mut self, timestamp_ms: u64, now_ms: u64) {
        let elapsed_ms = now_ms.saturating_sub(self.began_ms);
        if elapsed_ms >= SPAN_MS {
            self.previous = self.current.take().filter(|_| elapsed_ms < 2 * SPAN_MS);
            self.began_ms = now_ms;
        }
        // Both are below 2^53: timestamps by the contract.
        let offset_ms = timestamp_ms.cast_signed().saturating_sub(now_ms.cast_signed());
        self.current = self.current.max(Some(offset_ms));
    }

    /// The host's clock less the server's; `None` before the first sample.
    pub(super) fn milliseconds(&self) -> Option<i64> {
        self.current.max(self.previous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_delay_of_a_minute_counts() {
        let mut clock = ClockOffset::default();
        assert_eq!(clock.milliseconds(), None);
        for (timestamp_ms, now_ms, offset_ms) in [
            (1_000_000, 1_000_900, -900),
            (1_001_000, 1_001_005, -5),
            (1_002_000, 1_002_400, -5),
            (1_035_000, 1_035_300, -5),
            (1_066_000, 1_066_200, -200),
            (2_000_000, 1_999_000, 1_000),
            (3_000_000, 3_000_001, -1),
        ] {
            clock.note(timestamp_ms, now_ms);
            assert_eq!(clock.milliseconds(), Some(offset_ms), "{timestamp_ms}");
        }
    }
}
