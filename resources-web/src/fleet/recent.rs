//! The last minutes of one host at full resolution.

use std::collections::VecDeque;

use resources_core::contract::Analysis;

use super::Place;

/// How far back samples are kept, in milliseconds.
pub(crate) const RECENT_MS: u64 = 300_000;

/// Samples kept of each host: five minutes at two a second, less of a faster tracker.
const SAMPLES_KEPT: usize = 600;

/// By how many the room grows: doubling it would leave half of it empty at one sample a second.
const GROWTH: usize = 64;

/// A percentage in hundredths, as history keeps it; may be absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Hundredths(u16);

impl Hundredths {
    const NONE: Self = Self(u16::MAX);

    fn new(percentage: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a percentage is 0–100"
        )]
        let rounded = (percentage * 100.0).round().clamp(0.0, 10_000.0) as u16;
        Self(rounded)
    }

    fn get(self) -> Option<u16> {
        (self != Self::NONE).then_some(self.0)
    }
}

/// One sample: when, and CPU, memory and swap in use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) timestamp_ms: u64,
    cpu: Hundredths,
    memory: Hundredths,
    swap: Hundredths,
}

impl Sample {
    pub(super) fn of(analysis: &Analysis) -> Self {
        let usage = |name: &str| {
            let resource = analysis.resources.iter().find(|resource| &*resource.name == name);
            resource.map_or(Hundredths::NONE, |resource| Hundredths::new(resource.percentage))
        };
        Self {
            timestamp_ms: analysis.timestamp_ms,
            cpu: Hundredths::new(analysis.cpu_percentage),
            memory: usage("memory"),
            swap: usage("swap"),
        }
    }

    /// Its figure of a resource, in hundredths; `None` of one it does not hold.
    pub(crate) fn hundredths(&self, resource: &str) -> Option<u16> {
        match resource {
            "cpu" => self.cpu.get(),
            "memory" => self.memory.get(),
            "swap" => self.swap.get(),
            _ => None,
        }
    }
}

/// Whether samples are kept of this resource.
pub(crate) fn is_kept(resource: &str) -> bool {
    matches!(resource, "cpu" | "memory" | "swap")
}

/// The samples of the last [`RECENT_MS`] in ascending time, one for each instant; the last is
/// the host's latest.
#[derive(Debug, Default)]
pub(super) struct Recent {
    samples: VecDeque<Sample>,
    /// From when on nothing was dropped; 0 when nothing was at all.
    since_ms: u64,
}

impl Recent {
    /// Adds the newest sample. Those that are not older were made before the host's clock was
    /// set back.
    pub(super) fn push_newest(&mut self, sample: Sample) {
        while self.samples.back().is_some_and(|last| last.timestamp_ms >= sample.timestamp_ms) {
            self.samples.pop_back();
        }
        // Before the clock was set back, later times were dropped.
        self.since_ms = self.since_ms.min(sample.timestamp_ms);
        self.make_room();
        self.samples.push_back(sample);
        let earliest_ms = sample.timestamp_ms.saturating_sub(RECENT_MS);
        while self.samples.front().is_some_and(|first| first.timestamp_ms < earliest_ms) {
            self.drop_oldest();
        }
    }

    /// Puts an older sample where it belongs.
    pub(super) fn insert_late(&mut self, sample: Sample) -> Place {
        let Some(newest) = self.samples.back() else { return Place::Unkept };
        let earliest_ms = newest.timestamp_ms.saturating_sub(RECENT_MS).max(self.since_ms);
        let index = self.samples.partition_point(|one| one.timestamp_ms < sample.timestamp_ms);
        match self.samples.get(index) {
            None => Place::Ahead,
            Some(next) if next.timestamp_ms == sample.timestamp_ms => Place::Known,
            Some(_) if sample.timestamp_ms < earliest_ms => Place::Unkept,
            Some(_) if index == 0 && self.samples.len() == SAMPLES_KEPT => Place::Unkept,
            Some(_) => {
                let dropped = self.make_room();
                self.samples.insert(index - usize::from(dropped), sample);
                Place::Taken
            }
        }
    }

    /// Drops the oldest sample when there are as many as there may be.
    fn make_room(&mut self) -> bool {
        let is_full = self.samples.len() >= SAMPLES_KEPT;
        if is_full {
            self.drop_oldest();
        } else if self.samples.len() == self.samples.capacity() {
            self.samples.reserve_exact(GROWTH);
        }
        is_full
    }

    fn drop_oldest(&mut self) {
        if let Some(dropped) = self.samples.pop_front() {
            self.since_ms = dropped.timestamp_ms + 1;
        }
    }

    /// From when on every sample that came is here, in milliseconds since the epoch. What was
    /// before the first one nobody here has heard.
    pub(super) fn since_ms(&self) -> u64 {
        let first_ms = self.samples.front().map_or(u64::MAX, |first| first.timestamp_ms);
        if self.since_ms > 0 { self.since_ms } else { first_ms }
    }

    /// The samples from one instant to before another, oldest first.
    pub(super) fn between(&self, from_ms: u64, to_ms: u64) -> Vec<Sample> {
        let first = self.samples.partition_point(|one| one.timestamp_ms < from_ms);
        let end = self.samples.partition_point(|one| one.timestamp_ms < to_ms);
        self.samples.range(first..end.max(first)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn sample(timestamp_ms: u64) -> Sample {
        let figure = Hundredths::new(12.345);
        Sample { timestamp_ms, cpu: figure, memory: figure, swap: Hundredths::NONE }
    }

    fn times(recent: &Recent) -> Vec<u64> {
        recent.between(0, u64::MAX).iter().map(|sample| sample.timestamp_ms).collect()
    }

    #[test]
    fn a_sample_is_small_and_says_what_it_does_not_hold() {
        assert_eq!(size_of::<Sample>(), 16);
        let figures = ["cpu", "memory", "swap", "disk:/"].map(|name| sample(1).hundredths(name));
        assert_eq!(figures, [Some(1_235), Some(1_235), None, None]);
    }

    #[test]
    fn five_minutes_are_kept_and_no_more_samples_than_there_may_be() {
        let mut recent = Recent::default();
        for second in 1..1_000 {
            recent.push_newest(sample(second * 1_000));
            assert!(second > 300 || recent.since_ms() == 1_000, "nothing was dropped yet");
        }
        assert_eq!((times(&recent).len(), times(&recent)[0]), (301, 699_000));
        assert_eq!(recent.since_ms(), 698_001);
        for tick in 0..1_000 {
            recent.push_newest(sample(2_000_000 + tick * 100));
        }
        assert_eq!(times(&recent).len(), SAMPLES_KEPT);
        assert!(recent.samples.capacity() < SAMPLES_KEPT + GROWTH);
        assert_eq!(recent.insert_late(sample(2_039_950)), Place::Unkept);
        assert_eq!(recent.insert_late(sample(2_099_850)), Place::Taken);
        assert_eq!(times(&recent).len(), SAMPLES_KEPT);
    }

    #[test]
    fn a_late_sample_is_told_apart_from_one_that_is_known() {
        let mut recent = Recent::default();
        recent.push_newest(sample(400_000));
        for (timestamp_ms, place) in [
            (400_000, Place::Known),
            (400_001, Place::Ahead),
            (390_000, Place::Taken),
            (390_000, Place::Known),
            (99_999, Place::Unkept),
        ] {
            assert_eq!(recent.insert_late(sample(timestamp_ms)), place, "{timestamp_ms}");
        }
        assert_eq!(times(&recent), [390_000, 400_000]);
    }

    #[test]
    fn a_clock_set_back_starts_over_where_it_is_now() {
        let mut recent = Recent::default();
        recent.push_newest(sample(9_000_000));
        recent.push_newest(sample(9_400_000));
        recent.push_newest(sample(1_000));
        assert_eq!((times(&recent), recent.since_ms()), (vec![1_000], 1_000));
    }

    proptest! {
        #[test]
        fn any_order_of_late_samples_gives_every_instant_once(
            late in prop::collection::vec(0_u64..500, 0..400),
        ) {
            let mut recent = Recent::default();
            recent.push_newest(sample(1_000));
            for timestamp_ms in &late {
                recent.insert_late(sample(*timestamp_ms));
            }
            let mut expected: BTreeSet<u64> = late.into_iter().collect();
            expected.insert(1_000);
            prop_assert_eq!(times(&recent), expected.into_iter().collect::<Vec<_>>());
        }
    }
}
