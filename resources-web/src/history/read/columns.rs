//! Samples merged into the columns of an answer.

use serde::ser::SerializeSeq as _;
use serde::{Serialize, Serializer};

/// What one column holds of one resource, in hundredths.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Cell {
    pub(crate) minimum: i64,
    pub(crate) maximum: i64,
    /// Of all samples. A sum of years of a busy network would overflow an integer.
    pub(crate) total: f64,
    /// None is a gap.
    pub(crate) samples: u64,
}

impl Cell {
    /// The cell of a single sample.
    pub(crate) fn one(hundredths: u16) -> Self {
        let value = i64::from(hundredths);
        Self { minimum: value, maximum: value, total: f64::from(hundredths), samples: 1 }
    }

    /// Takes in what another holds.
    pub(crate) fn merge(&mut self, other: Self) {
        if self.samples == 0 {
            *self = other;
        } else if other.samples > 0 {
            self.minimum = self.minimum.min(other.minimum);
            self.maximum = self.maximum.max(other.maximum);
            self.total += other.total;
            self.samples += other.samples;
        }
    }

    /// The mean of all samples, rounded to hundredths; of a gap not a number.
    #[expect(clippy::cast_precision_loss, reason = "a count of samples is below 2^53")]
    pub(crate) fn average(&self) -> f64 {
        (self.total / self.samples as f64).round() / 100.0
    }
}

/// A figure of the database as it is told.
#[expect(clippy::cast_precision_loss, reason = "what was rounded to hundredths is below 2^53")]
pub(crate) fn from_hundredths(value: i64) -> f64 {
    value as f64 / 100.0
}

/// One resource, as docs/api.md tells it: columns of figures, `null` where there is a gap.
#[derive(Debug)]
pub(crate) struct Series {
    pub(crate) resource: Box<str>,
    pub(crate) cells: Vec<Cell>,
}

impl Series {
    /// A resource of which nothing is known.
    pub(crate) fn empty(resource: &str, columns: usize) -> Self {
        Self { resource: resource.into(), cells: vec![Cell::default(); columns] }
    }

    /// Takes, column by column, the average of what holds more samples, and the extremes of
    /// both: where they differ, each may have seen what the other has not.
    pub(crate) fn complete_with(&mut self, other: &[Cell]) {
        for (cell, other) in self.cells.iter_mut().zip(other) {
            let (fewer, more) =
                if other.samples > cell.samples { (*cell, *other) } else { (*other, *cell) };
            *cell = more;
            if fewer.samples > 0 {
                cell.minimum = more.minimum.min(fewer.minimum);
                cell.maximum = more.maximum.max(fewer.maximum);
            }
        }
    }
}

impl Serialize for Series {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Columns<'a, N: Serialize, A: Serialize, X: Serialize, C: Serialize> {
            resource: &'a str,
            minimum: N,
            average: A,
            maximum: X,
            samples: C,
        }
        let cells = &*self.cells;
        Columns {
            resource: &self.resource,
            minimum: Column(cells, |cell| from_hundredths(cell.minimum)),
            average: Column(cells, Cell::average),
            maximum: Column(cells, |cell| from_hundredths(cell.maximum)),
            samples: Counts(cells),
        }
        .serialize(serializer)
    }
}

struct Column<'a>(&'a [Cell], fn(&Cell) -> f64);

struct Counts<'a>(&'a [Cell]);

impl Serialize for Column<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut column = serializer.serialize_seq(Some(self.0.len()))?;
        for cell in self.0 {
            column.serialize_element(&(cell.samples > 0).then(|| self.1(cell)))?;
        }
        column.end()
    }
}

impl Serialize for Counts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|cell| cell.samples))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_gap_is_null_and_a_zero_is_zero() {
        let cells = vec![Cell::default(), Cell::one(0), Cell::one(3_750)];
        let series = Series { resource: "cpu".into(), cells };
        let expected = json!({
            "resource": "cpu", "minimum": [null, 0.0, 37.5], "average": [null, 0.0, 37.5],
            "maximum": [null, 0.0, 37.5], "samples": [0, 1, 1],
        });
        assert_eq!(serde_json::to_value(&series).unwrap(), expected);
    }

    #[test]
    fn the_fuller_cell_is_taken() {
        let mut full = Cell::one(10);
        full.merge(Cell::one(30));
        let mut series = Series { resource: "cpu".into(), cells: vec![Cell::one(10), full] };
        series.complete_with(&[full, Cell::one(10)]);
        assert_eq!(series.cells, [full, full]);
    }

    #[test]
    fn an_extreme_that_only_one_of_two_saw_stays() {
        let mut fuller = Cell::one(20);
        fuller.merge(Cell::one(30));
        let mut series = Series { resource: "cpu".into(), cells: vec![Cell::one(90)] };
        series.complete_with(&[fuller]);
        assert_eq!(series.cells, [Cell { maximum: 90, ..fuller }]);
    }

    proptest! {
        #[test]
        fn cells_merge_to_what_all_their_samples_give(
            samples in prop::collection::vec(0_u16..=10_000, 1..60),
            cut in 0_usize..60,
        ) {
            let cell_of = |samples: &[u16]| {
                samples.iter().fold(Cell::default(), |mut cell, sample| {
                    cell.merge(Cell::one(*sample));
                    cell
                })
            };
            let (left, right) = samples.split_at(cut.min(samples.len()));
            let mut merged = cell_of(left);
            merged.merge(cell_of(right));
            prop_assert_eq!(merged, cell_of(&samples));
            prop_assert_eq!(merged.minimum, i64::from(*samples.iter().min().unwrap()));
            prop_assert_eq!(merged.maximum, i64::from(*samples.iter().max().unwrap()));
            prop_assert_eq!(merged.samples, samples.len() as u64);
            let (low, high) = (from_hundredths(merged.minimum), from_hundredths(merged.maximum));
            prop_assert!((low..=high).contains(&merged.average()));
        }
    }
}
