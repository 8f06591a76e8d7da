//! Which samples of a run were taken in, as ranges of their sequences. Pure.

/// Most ranges kept of a run. Gaps are what a tracker had to drop, each outage one; a run with
/// more is not a tracker's.
pub(super) const MAX_RANGES: usize = 1024;

/// Sequences without a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u64,
    /// Inclusive.
    pub(super) last: u64,
}

/// The sequences of a run that were taken in.
///
/// Bounded: above [`MAX_RANGES`] the lowest gap is closed, and a sample that would still have
/// come for it counts as taken.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Taken(
    /// In order; neither overlapping nor next to each other.
    Vec<Range>,
);

impl Taken {
    /// From ranges in order, as [`ranges`](Self::ranges) gave them.
    pub(super) fn from_ranges(ranges: Vec<Range>) -> Self {
        Self(ranges)
    }

    pub(super) fn ranges(&self) -> &[Range] {
        &self.0
    }

    /// Takes `sequence` in. `None` when it was before; else how many other sequences count as
    /// taken from now on, because the gap they were in had to be closed. Sequences are below 2^53.
    pub(super) fn insert(&mut self, sequence: u64) -> Option<u64> {
        // The first range that begins behind it.
        let behind = self.0.partition_point(|range| range.first <= sequence);
        let before = behind.checked_sub(1);
        if before.is_some_and(|before| sequence <= self.0[before].last) {
            return None;
        }
        let before = before.filter(|before| self.0[*before].last + 1 == sequence);
        let next = self.0.get(behind).filter(|next| next.first == sequence + 1).copied();
        match (before, next) {
            (Some(before), Some(next)) => {
                self.0[before].last = next.last;
                self.0.remove(behind);
            }
            (Some(before), None) => self.0[before].last = sequence,
            (None, Some(_)) => self.0[behind].first = sequence,
            (None, None) => {
                self.0.insert(behind, Range { first: sequence, last: sequence });
                return Some(self.close_lowest_gap_when_full());
            }
        }
        Some(0)
    }

    /// Gives how many sequences were missing in the gap that was closed.
    fn close_lowest_gap_when_full(&mut self) -> u64 {
        if self.0.len() <= MAX_RANGES {
            return 0;
        }
        let lowest = self.0.remove(0);
        let missing = self.0[0].first - lowest.last - 1;
        self.0[0].first = lowest.first;
        missing
    }
}

/// What has to change so that rows which held `before` hold `after`: the firsts of rows to
/// delete, and the ranges to put, each in place of the row with the same first.
pub(super) fn changes<'a>(
    before: &'a Taken,
    after: &'a Taken,
) -> (impl Iterator<Item = u64> + 'a, impl Iterator<Item = Range> + 'a) {
    let find = |ranges: &[Range], first: u64| {
        ranges.binary_search_by_key(&first, |range| range.first).ok().map(|found| ranges[found])
    };
    let gone = before
        .0
        .iter()
        .map(|range| range.first)
        .filter(move |first| find(&after.0, *first).is_none());
    let put =
        after.0.iter().copied().filter(move |range| find(&before.0, range.first) != Some(*range));
    (gone, put)
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;

    fn ranges(taken: &Taken) -> Vec<(u64, u64)> {
        taken.ranges().iter().map(|range| (range.first, range.last)).collect()
    }

    #[test]
    fn ranges_grow_at_both_ends_and_merge() {
        let mut taken = Taken::default();
        let inserted = [5, 7, 6, 6, 4, 9, 0].map(|sequence| taken.insert(sequence).is_some());
        assert_eq!(inserted, [true, true, true, false, true, true, true]);
        assert_eq!(ranges(&taken), [(0, 0), (4, 7), (9, 9)]);
    }

    #[test]
    fn a_run_full_of_gaps_closes_the_lowest() {
        let mut taken = Taken::default();
        let most = u64::try_from(MAX_RANGES).unwrap();
        for gap in 0..most {
            assert_eq!(taken.insert(gap * 3), Some(0));
        }
        assert_eq!(taken.insert(most * 3), Some(2), "it tells what is missing for good");
        assert_eq!(taken.ranges().len(), MAX_RANGES);
        assert_eq!(taken.ranges()[0], Range { first: 0, last: 3 });
        assert_eq!(taken.insert(1), None, "the gap is closed");
        assert_eq!(taken.insert(4), Some(0), "the next one is not");
    }

    /// Sequences as a run sends them: mostly one after the other, some again, some late.
    fn sequences() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec((0_u64..4, 0_u64..40), 0..300).prop_map(|steps| {
            let mut next = 0;
            steps
                .into_iter()
                .map(|(kind, number)| match kind {
                    0 => number,
                    1 => {
                        next += number;
                        next
                    }
                    _ => {
                        next += 1;
                        next
                    }
                })
                .collect()
        })
    }

    proptest! {
        #[test]
        fn it_holds_what_a_set_holds(sequences in sequences()) {
            let mut taken = Taken::default();
            let mut set = BTreeSet::new();
            for sequence in sequences {
                prop_assert_eq!(taken.insert(sequence).is_some(), set.insert(sequence));
            }
            let held: BTreeSet<u64> =
                taken.ranges().iter().flat_map(|range| range.first..=range.last).collect();
            prop_assert_eq!(held, set);
            let apart = taken.ranges().windows(2).all(|two| two[0].last + 1 < two[1].first);
            prop_assert!(apart, "{:?}", taken);
        }

        #[test]
        fn changes_make_the_rows_hold_what_came_after(
            sequences in sequences(), at in any::<prop::sample::Index>()
        ) {
            let split = at.index(sequences.len() + 1);
            let mut taken = Taken::default();
            for sequence in &sequences[..split] {
                taken.insert(*sequence);
            }
            let before = taken.clone();
            for sequence in &sequences[split..] {
                taken.insert(*sequence);
            }
            let mut rows: BTreeMap<u64, u64> =
                before.ranges().iter().map(|range| (range.first, range.last)).collect();
            let (gone, put) = changes(&before, &taken);
            for first in gone {
                prop_assert!(rows.remove(&first).is_some());
            }
            for range in put {
                rows.insert(range.first, range.last);
            }
            prop_assert_eq!(rows.into_iter().collect::<Vec<_>>(), ranges(&taken));
        }
    }
}
