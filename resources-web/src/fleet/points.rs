//! The last points of one host, for its small chart.

use std::collections::VecDeque;

use super::Place;

/// Points kept of each host.
pub(crate) const POINTS_KEPT: usize = 120;

/// The last [`POINTS_KEPT`] points in ascending time, one for each instant; the last of them is
/// the host's latest sample.
#[derive(Debug, Default)]
pub(super) struct Points(VecDeque<Point>);

#[derive(Debug, Clone, Copy)]
struct Point {
    timestamp_ms: u64,
    /// Half the digits of the figure itself are enough for a line.
    cpu_percentage: f32,
    /// Whether no batch of changes has told it yet.
    is_untold: bool,
}

impl Point {
    fn new(timestamp_ms: u64, cpu_percentage: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a chart shows no more digits")]
        let cpu_percentage = cpu_percentage as f32;
        Self { timestamp_ms, cpu_percentage, is_untold: true }
    }

    const fn pair(&self) -> (u64, f32) {
        (self.timestamp_ms, self.cpu_percentage)
    }
}

impl Points {
    /// Adds the point of the newest sample. Points that are not older than it were made before
    /// the host's clock was set back; they would keep the chart from moving on.
    pub(super) fn push_newest(&mut self, timestamp_ms: u64, cpu_percentage: f64) {
        while self.0.back().is_some_and(|last| last.timestamp_ms >= timestamp_ms) {
            self.0.pop_back();
        }
        if self.0.len() == POINTS_KEPT {
            self.0.pop_front();
        }
        self.0.push_back(Point::new(timestamp_ms, cpu_percentage));
    }

    /// Puts the point of an older sample where it belongs.
    pub(super) fn insert_late(&mut self, timestamp_ms: u64, cpu_percentage: f64) -> Place {
        let index = self.0.partition_point(|point| point.timestamp_ms < timestamp_ms);
        let is_full = self.0.len() == POINTS_KEPT;
        match self.0.get(index) {
            None => return Place::Ahead,
            Some(next) if next.timestamp_ms == timestamp_ms => return Place::Known,
            Some(_) if is_full && index == 0 => return Place::TooOld,
            Some(_) => self.0.insert(index, Point::new(timestamp_ms, cpu_percentage)),
        }
        if is_full {
            self.0.pop_front();
        }
        Place::Taken
    }

    /// Marks every point as told.
    pub(super) fn mark_told(&mut self) {
        for point in &mut self.0 {
            point.is_untold = false;
        }
    }

    /// Points no batch has told yet, oldest first.
    pub(super) fn untold(&self) -> impl Iterator<Item = (u64, f32)> + '_ {
        self.0.iter().filter(|point| point.is_untold).map(Point::pair)
    }

    /// The last points that were told, at most `most`, oldest first.
    pub(super) fn told(&self, most: usize) -> impl Iterator<Item = (u64, f32)> + '_ {
        let told = || self.0.iter().filter(|point| !point.is_untold);
        told().skip(told().count().saturating_sub(most)).map(Point::pair)
    }

    #[cfg(test)]
    pub(super) fn timestamps(&self) -> Vec<u64> {
        self.0.iter().map(|point| point.timestamp_ms).collect()
    }
}
