//! Which tier answers a question, and in columns of which width. Pure.

use crate::history::tier::{Retention, Tier};

/// Whoever asks for exactly what is kept asks a moment later; that moment is no reason for a
/// coarser answer.
const SLACK_MS: u64 = 60_000;

/// The name of a tier in docs/api.md.
pub(crate) const fn tier_name(tier: Tier) -> &'static str {
    match tier {
        Tier::TenSeconds => "10s",
        Tier::Minute => "1m",
        Tier::Hour => "1h",
    }
}

const fn width_ms(tier: Tier) -> u64 {
    tier.width_s() * 1000
}

/// A range of time, in milliseconds since the epoch: from `from_ms` up to, not including,
/// `to_ms`, which is later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) from_ms: u64,
    pub(crate) to_ms: u64,
}

impl Range {
    /// All there can be.
    pub(crate) const ALL: Self = Self { from_ms: 0, to_ms: u64::MAX / 2 };

    const fn length_ms(self) -> u64 {
        self.to_ms - self.from_ms
    }
}

/// Columns of equal width that cover a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grid {
    /// Start of the first column, in milliseconds since the epoch.
    pub(crate) start_ms: u64,
    /// Width of a column.
    pub(crate) step_ms: u64,
    pub(crate) columns: usize,
}

impl Grid {
    /// The narrowest columns that are multiples of `unit_ms` and at most `points`, both at
    /// least 1. They start at multiples of their width, so that a range that moves on asks for
    /// the same columns again; a single one starts where the range does.
    fn over(range: Range, points: usize, unit_ms: u64) -> Self {
        let most = u64::try_from(points).unwrap_or(u64::MAX);
        let step_for = |columns: u64| range.length_ms().div_ceil(columns).next_multiple_of(unit_ms);
        let narrowest = Self::aligned(range, step_for(most));
        if narrowest.columns <= points {
            return narrowest;
        }
        // Aligned columns may be one more than the range has room for.
        match most.checked_sub(1) {
            Some(fewer) if fewer > 0 => Self::aligned(range, step_for(fewer)),
            _ => {
                let start_ms = range.from_ms - range.from_ms % unit_ms;
                let step_ms = (range.to_ms - start_ms).next_multiple_of(unit_ms);
                Self { start_ms, step_ms, columns: 1 }
            }
        }
    }

    fn aligned(range: Range, step_ms: u64) -> Self {
        let start_ms = range.from_ms - range.from_ms % step_ms;
        let columns = (range.to_ms - start_ms).div_ceil(step_ms);
        Self { start_ms, step_ms, columns: usize::try_from(columns).unwrap_or(usize::MAX) }
    }

    /// End of the last column.
    pub(crate) fn end_ms(&self) -> u64 {
        self.start_ms + self.step_ms * self.columns as u64
    }

    /// The column that holds an instant.
    pub(crate) fn column(&self, timestamp_ms: u64) -> Option<usize> {
        let since_start = timestamp_ms.checked_sub(self.start_ms)?;
        usize::try_from(since_start / self.step_ms).ok().filter(|column| *column < self.columns)
    }

    /// Start of each column.
    pub(crate) fn starts_ms(&self) -> impl Iterator<Item = u64> + use<> {
        let Self { start_ms, step_ms, columns } = *self;
        (0..columns as u64).map(move |column| start_ms + column * step_ms)
    }
}

/// What memory holds of a host at full resolution, when it holds all resources asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recent {
    /// From when on nothing is missing.
    pub(crate) since_ms: u64,
    /// Time between samples, as the tracker promises it; above 0.
    pub(crate) interval_ms: u64,
}

/// Where the samples are taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// Memory, at full resolution.
    Raw,
    Tier(Tier),
}

impl Source {
    /// Its name in docs/api.md.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Tier(tier) => tier_name(tier),
        }
    }
}

/// How a question is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) source: Source,
    pub(crate) grid: Grid,
}

impl Plan {
    /// Of the tiers that still hold the beginning of `range`, the coarsest that gives `points`
    /// columns their resolution: a finer one would give the same figures for more work. When
    /// none is as fine as that, the finest there is, memory included.
    pub(crate) fn new(
        range: Range,
        points: usize,
        retention: &Retention,
        recent: Option<Recent>,
        now_ms: u64,
    ) -> Self {
        let wanted_ms = (range.length_ms() / u64::try_from(points).unwrap_or(u64::MAX)).max(1);
        let covers = |tier: &Tier| {
            let kept_ms = retention.oldest_s(*tier, now_ms).saturating_mul(1000);
            range.from_ms.saturating_add(SLACK_MS) >= kept_ms
        };
        let tiers = || Tier::ALL.into_iter().filter(covers);
        if let Some(tier) = tiers().rev().find(|tier| width_ms(*tier) <= wanted_ms) {
            return Self::of_tier(tier, range, points);
        }
        if let Some(recent) = recent.filter(|recent| range.from_ms >= recent.since_ms) {
            let grid = Grid::over(range, points, recent.interval_ms);
            return Self { source: Source::Raw, grid };
        }
        // Older than anything kept: the tier that is kept longest has the most of it.
        let longest = Tier::ALL.into_iter().max_by_key(|tier| retention.of(*tier));
        let tier = tiers().next().or(longest).unwrap_or(Tier::Hour);
        Self::of_tier(tier, range, points)
    }

    fn of_tier(tier: Tier, range: Range, points: usize) -> Self {
        Self { source: Source::Tier(tier), grid: Grid::over(range, points, width_ms(tier)) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW_MS: u64 = 1_790_000_123_456;
    const MINUTE_MS: u64 = 60_000;
    const HOUR_MS: u64 = 60 * MINUTE_MS;
    const DAY_MS: u64 = 24 * HOUR_MS;

    fn last(length_ms: u64) -> Range {
        Range { from_ms: NOW_MS - length_ms, to_ms: NOW_MS }
    }

    fn planned(range: Range, points: usize) -> (&'static str, u64) {
        let recent = Recent { since_ms: NOW_MS - 5 * MINUTE_MS, interval_ms: 1_000 };
        let plan = Plan::new(range, points, &Retention::default(), Some(recent), NOW_MS);
        (plan.source.name(), plan.grid.step_ms)
    }

    #[test]
    fn the_tier_follows_from_range_and_points() {
        for (range, points, expected) in [
            (last(2 * MINUTE_MS), 1000, ("raw", 1_000)),
            (last(5 * MINUTE_MS), 100, ("raw", 4_000)),
            (last(5 * MINUTE_MS), 10, ("10s", 40_000)),
            (last(HOUR_MS), 1000, ("10s", 10_000)),
            (last(DAY_MS), 1000, ("1m", 120_000)),
            (last(DAY_MS), 2000, ("10s", 50_000)),
            (last(14 * DAY_MS), 1000, ("1m", 21 * MINUTE_MS)),
            (last(15 * DAY_MS), 1000, ("1h", HOUR_MS)),
            (last(730 * DAY_MS), 1000, ("1h", 18 * HOUR_MS)),
        ] {
            assert_eq!(planned(range, points), expected, "{range:?} in {points}");
        }
    }

    #[test]
    fn a_short_range_long_ago_is_told_by_the_tier_that_still_has_it() {
        for (days, expected) in [(0, "10s"), (3, "1m"), (30, "1h"), (3000, "1h")] {
            let to_ms = NOW_MS - days * DAY_MS - 10 * MINUTE_MS;
            let range = Range { from_ms: to_ms - 10 * MINUTE_MS, to_ms };
            assert_eq!(planned(range, 1000).0, expected, "{days} days ago");
        }
    }

    #[test]
    fn without_recent_samples_the_finest_tier_answers() {
        let plan = Plan::new(last(MINUTE_MS), 1000, &Retention::default(), None, NOW_MS);
        assert_eq!(plan.source, Source::Tier(Tier::TenSeconds));
    }

    #[test]
    fn an_instant_is_in_the_column_that_starts_before_it() {
        let grid = Grid { start_ms: 1_000, step_ms: 10, columns: 3 };
        let columns = [999, 1_000, 1_009, 1_010, 1_029, 1_030].map(|ms| grid.column(ms));
        assert_eq!(columns, [None, Some(0), Some(0), Some(1), Some(2), None]);
        assert_eq!(grid.starts_ms().collect::<Vec<_>>(), [1_000, 1_010, 1_020]);
    }

    proptest! {
        #[test]
        fn any_grid_covers_its_range_in_at_most_as_many_columns_as_asked_for(
            from_ms in 0_u64..2_000_000_000_000,
            length_ms in 1_u64..200_000_000_000,
            points in 1_usize..=10_000,
            unit_ms in prop::sample::select(&[1_u64, 333, 1_000, 10_000, 60_000, 3_600_000]),
        ) {
            let range = Range { from_ms, to_ms: from_ms + length_ms };
            let grid = Grid::over(range, points, unit_ms);
            prop_assert!((1..=points).contains(&grid.columns), "{grid:?}");
            prop_assert_eq!(grid.step_ms % unit_ms, 0);
            prop_assert_eq!(grid.start_ms % unit_ms, 0);
            prop_assert!(grid.start_ms <= from_ms && grid.end_ms() >= range.to_ms, "{grid:?}");
            prop_assert!(grid.end_ms() - range.to_ms < grid.step_ms, "a column too many: {grid:?}");
            // As narrow as the points allow, up to a column lost to alignment.
            let narrow = length_ms / (points.max(2) as u64 - 1) + unit_ms * 2;
            prop_assert!(grid.step_ms <= narrow, "{grid:?}");
        }

        #[test]
        fn any_plan_has_the_asked_resolution_unless_nothing_that_fine_is_kept(
            ago_ms in 0_u64..1000 * DAY_MS,
            length_ms in 1_u64..1000 * DAY_MS,
            points in 1_usize..=10_000,
        ) {
            let to_ms = NOW_MS - ago_ms;
            let range = Range { from_ms: to_ms - length_ms, to_ms };
            let plan = Plan::new(range, points, &Retention::default(), None, NOW_MS);
            let Source::Tier(tier) = plan.source else { panic!("there is nothing in memory") };
            let wanted_ms = length_ms / points as u64;
            let oldest_s = |tier| Retention::default().oldest_s(tier, NOW_MS);
            let covers = |tier| range.from_ms + SLACK_MS >= oldest_s(tier) * 1000;
            for finer in Tier::ALL.into_iter().filter(|finer| *finer < tier) {
                prop_assert!(width_ms(tier) <= wanted_ms || !covers(finer), "{plan:?}");
            }
            prop_assert!(covers(tier) || tier == Tier::Hour);
        }
    }
}
