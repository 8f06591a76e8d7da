//! A set of sequence numbers, kept as ranges: a run without a gap is one range however long.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Sequence numbers of one run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Sequences {
    /// First of each range to its last; ranges neither touch nor overlap.
    ranges: BTreeMap<u64, u64>,
}

impl Sequences {
    /// Adds one number.
    pub(crate) fn insert(&mut self, number: u64) {
        self.insert_range(number..=number);
    }

    /// Adds every number of `range`; an empty range adds none.
    pub(crate) fn insert_range(&mut self, range: RangeInclusive<u64>) {
        if range.is_empty() {
            return;
        }
        let (mut first, mut last) = range.into_inner();
        // Swallows every range that overlaps or touches, from the last one down.
        while let Some((&low, &high)) = self.ranges.range(..=last.saturating_add(1)).next_back() {
            if high < first.saturating_sub(1) {
                break;
            }
            first = first.min(low);
            last = last.max(high);
            self.ranges.remove(&low);
        }
        self.ranges.insert(first, last);
    }

    /// How many numbers there are.
    pub(crate) fn len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|(first, last)| (last - first).saturating_add(1))
            .fold(0, u64::saturating_add)
    }

    /// How many numbers are in both.
    pub(crate) fn count_common(&self, other: &Self) -> u64 {
        self.ranges.iter().map(|(&first, &last)| other.count_in(first, last)).sum()
    }

    /// How many numbers lie within `first..=last`.
    fn count_in(&self, first: u64, last: u64) -> u64 {
        let before = self.ranges.range(..first).next_back();
        before
            .into_iter()
            .chain(self.ranges.range(first..=last))
            .map(|(&low, &high)| high.min(last).saturating_add(1).saturating_sub(low.max(first)))
            .sum()
    }
}

impl FromIterator<RangeInclusive<u64>> for Sequences {
    fn from_iter<I: IntoIterator<Item = RangeInclusive<u64>>>(ranges: I) -> Self {
        let mut this = Self::default();
        for range in ranges {
            this.insert_range(range);
        }
        this
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn ranges() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0..200_u64, 0..20_u64), 0..30)
    }

    fn both(ranges: &[(u64, u64)]) -> (Sequences, BTreeSet<u64>) {
        let spans = || ranges.iter().map(|(first, length)| *first..=first + length);
        (spans().collect(), spans().flatten().collect())
    }

    proptest! {
        #[test]
        fn it_is_the_set_of_its_numbers_in_the_fewest_ranges(ranges in ranges()) {
            let (sequences, numbers) = both(&ranges);
            prop_assert_eq!(sequences.len(), numbers.len() as u64);
            let gaps = numbers.iter().zip(numbers.iter().skip(1)).filter(|(a, b)| *a + 1 < **b);
            let fewest = if numbers.is_empty() { 0 } else { gaps.count() + 1 };
            prop_assert_eq!(sequences.ranges.len(), fewest);
            let mut one_by_one = Sequences::default();
            for number in numbers {
                one_by_one.insert(number);
            }
            prop_assert_eq!(one_by_one, sequences);
        }

        #[test]
        fn what_two_have_in_common_is_counted(a in ranges(), b in ranges()) {
            let ((a, a_numbers), (b, b_numbers)) = (both(&a), both(&b));
            let common = a_numbers.intersection(&b_numbers).count() as u64;
            prop_assert_eq!(a.count_common(&b), common);
            prop_assert_eq!(b.count_common(&a), common);
        }
    }

    #[test]
    fn the_largest_numbers_do_not_overflow_and_an_empty_range_adds_nothing() {
        let mut sequences = Sequences::default();
        sequences.insert(u64::MAX);
        sequences.insert(u64::MAX - 1);
        sequences.insert_range(RangeInclusive::new(5, 4));
        assert_eq!((sequences.ranges.len(), sequences.len()), (1, 2));
    }
}
