//! Many values of one bucket in four numbers. Pure.

use super::tier::Tier;

/// Largest value kept, in hundredths: 10 TB a second. Larger ones are kept as this.
const MAX_VALUE: i64 = 1_000_000_000_000_000;

/// Largest total kept, so that the sum of two never overflows, here or in the database.
pub(super) const MAX_TOTAL: i64 = 1 << 61;

/// What a bucket holds of one series. Values are hundredths of the series' unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rollup {
    pub(super) minimum: i64,
    pub(super) maximum: i64,
    /// Sum of all values; the average is this by `samples`.
    pub(super) total: i64,
    /// How many values; never 0.
    pub(super) samples: i64,
}

impl Rollup {
    /// A bucket that holds one value.
    pub(super) fn of(value: f64) -> Self {
        let value = hundredths(value);
        Self { minimum: value, maximum: value, total: value, samples: 1 }
    }

    /// Takes in what another bucket holds.
    pub(super) fn merge(&mut self, other: &Self) {
        self.minimum = self.minimum.min(other.minimum);
        self.maximum = self.maximum.max(other.maximum);
        self.total = self.total.saturating_add(other.total).clamp(-MAX_TOTAL, MAX_TOTAL);
        self.samples = self.samples.saturating_add(other.samples);
    }
}

fn hundredths(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "a cast of a float saturates")]
    let rounded = (value * 100.0).round() as i64;
    rounded.clamp(-MAX_VALUE, MAX_VALUE)
}

/// Buckets of one series at the finest tier, from which the coarser tiers follow.
#[derive(Debug, Default)]
pub(super) struct Buckets(
    /// Each with its start in seconds, oldest first.
    Vec<(u64, Rollup)>,
);

/// Buckets there is room for without asking for memory again.
const KEPT_BUCKETS: usize = 4;

impl Buckets {
    /// Adds a value of `time_s`; tells whether it began a bucket.
    pub(super) fn add(&mut self, time_s: u64, value: f64) -> bool {
        let bucket_s = Tier::FINEST.bucket_s(time_s);
        let one = Rollup::of(value);
        match self.0.binary_search_by_key(&bucket_s, |(start_s, _)| *start_s) {
            Ok(found) => {
                self.0[found].1.merge(&one);
                false
            }
            Err(place) => {
                self.0.insert(place, (bucket_s, one));
                true
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Empties it, keeping room for the usual few.
    pub(super) fn clear(&mut self) {
        self.0.clear();
        self.0.shrink_to(KEPT_BUCKETS);
    }

    /// The buckets of `tier`, oldest first, each with its start in seconds.
    pub(super) fn of_tier(&self, tier: Tier) -> impl Iterator<Item = (u64, Rollup)> {
        self.0
            .chunk_by(move |(one_s, _), (next_s, _)| {
                tier.bucket_s(*one_s) == tier.bucket_s(*next_s)
            })
            .filter_map(move |finest| {
                let ((first_s, first), more) = finest.split_first()?;
                let mut rollup = *first;
                more.iter().for_each(|(_, finer)| rollup.merge(finer));
                Some((tier.bucket_s(*first_s), rollup))
            })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn values_are_hundredths_rounded_and_bounded() {
        for (value, kept) in [
            (37.5, 3_750),
            (0.004, 0),
            (0.005, 1),
            (-12.345, -1_235),
            (100.0, 10_000),
            (1e300, MAX_VALUE),
        ] {
            assert_eq!(Rollup::of(value).total, kept, "{value}");
        }
    }

    #[test]
    fn totals_stay_where_two_of_them_can_be_added() {
        let mut rollup = Rollup { minimum: 1, maximum: 1, total: MAX_TOTAL, samples: 9 };
        rollup.merge(&Rollup { total: MAX_TOTAL, ..rollup });
        assert_eq!(rollup.total, MAX_TOTAL);
        assert!(rollup.total.checked_add(rollup.total).is_some());
    }

    proptest! {
        #[test]
        fn every_tier_holds_every_value_once_in_the_bucket_of_its_time(
            values in prop::collection::vec((0_u64..20_000, -300_i64..10_000), 0..200)
        ) {
            let mut buckets = Buckets::default();
            for (time_s, hundredths) in &values {
                #[expect(clippy::cast_precision_loss, reason = "small")]
                buckets.add(*time_s, *hundredths as f64 / 100.0);
            }
            for tier in Tier::ALL {
                let mut expected: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
                for (time_s, value) in &values {
                    expected.entry(time_s / tier.width_s() * tier.width_s()).or_default().push(*value);
                }
                let expected: Vec<(u64, Rollup)> = expected
                    .into_iter()
                    .map(|(bucket_s, values)| (bucket_s, Rollup {
                        minimum: *values.iter().min().unwrap(),
                        maximum: *values.iter().max().unwrap(),
                        total: values.iter().sum(),
                        samples: i64::try_from(values.len()).unwrap(),
                    }))
                    .collect();
                prop_assert_eq!(buckets.of_tier(tier).collect::<Vec<_>>(), expected);
            }
        }
    }
}
