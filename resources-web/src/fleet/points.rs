//! The last points of one host, for its small chart.

use std::collections::VecDeque;

use super::Place;

/// Points kept of each host.
pub(crate) const POINTS_KEPT: usize = 120;

/// The last [`POINTS_KEPT`] points in ascending time, one for each instant; the last of them is
/// the host's latest sample.
#[derive(Debug, Default)]
pub(super) struct Points(VecDeque<Point>);

/// CPU in use at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) timestamp_ms: u64,
    /// Tenths of a percent.
    pub(crate) cpu: u16,
    /// Whether no batch of changes has told it yet.
    is_untold: bool,
}

impl Point {
    fn new(timestamp_ms: u64, cpu_percentage: f64) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a percentage is 0–100"
        )]
        let cpu = (cpu_percentage * 10.0).round().clamp(0.0, 1_000.0) as u16;
        Self { timestamp_ms, cpu, is_untold: true }
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

    /// Gives each point that no batch has told yet to `tell`, oldest first, and takes them as told.
    pub(super) fn tell(&mut self, mut tell: impl FnMut(Point)) {
        for point in &mut self.0 {
            if std::mem::take(&mut point.is_untold) {
                tell(*point);
            }
        }
    }

    /// The points that were told, oldest first.
    pub(super) fn told(&self) -> impl Iterator<Item = Point> + '_ {
        self.0.iter().filter(|point| !point.is_untold).copied()
    }

    #[cfg(test)]
    pub(super) fn timestamps(&self) -> Vec<u64> {
        self.0.iter().map(|point| point.timestamp_ms).collect()
    }
}
