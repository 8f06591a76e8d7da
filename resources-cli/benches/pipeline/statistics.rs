//! Medians and percentiles.

use std::time::Duration;

/// The middle of `values`, of two the mean; NaN of none.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => f64::midpoint(*value, sorted[middle - 1]),
        (None, _) => f64::NAN,
    }
}

/// The median of one quotient a pair.
pub(crate) fn median_ratio(pairs: &[(f64, f64)]) -> f64 {
    median(&pairs.iter().map(|(ours, bare)| ours / bare).collect::<Vec<_>>())
}

/// The value that `per_cent` of `sorted` do not exceed, in milliseconds; NaN of none.
pub(crate) fn percentile_ms(sorted: &[Duration], per_cent: usize) -> f64 {
    let rank = (sorted.len() * per_cent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(f64::NAN, |value| value.as_secs_f64() * 1e3)
}

/// Times in order, of which there are some.
#[derive(Debug)]
pub(crate) struct Times(Vec<Duration>);

impl Times {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        Self(times)
    }

    pub(crate) fn p99_ms(&self) -> f64 {
        percentile_ms(&self.0, 99)
    }

    pub(crate) fn worst_ms(&self) -> f64 {
        percentile_ms(&self.0, 100)
    }

    /// Half of them, most of them, and all of them are no longer than this.
    pub(crate) fn describe(&self) -> String {
        format!(
            "p50 {:.0} ms, p99 {:.0} ms, worst {:.0} ms",
            percentile_ms(&self.0, 50),
            self.p99_ms(),
            self.worst_ms(),
        )
    }
}

/// A count as a number to divide by.
#[expect(clippy::cast_precision_loss, reason = "counts of a bench are far below 2^53")]
pub(crate) const fn number(count: usize) -> f64 {
    count as f64
}

/// Bytes in mebibytes.
#[expect(clippy::cast_precision_loss, reason = "sizes of a bench are far below 2^53")]
pub(crate) const fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / 1_048_576.0
}
