//! The last points of one host, for its small chart.

use std::collections::VecDeque;

use super::Place;

/// Points kept of each host: two minutes at least, as every other one is [`CLOSEST_MS`] from the
/// next such.
pub(crate) const POINTS_KEPT: usize = 161;

/// A point goes when those on either side of it are less than this apart: of a host that is read
/// ten times a second all of them would be a few seconds.
pub(crate) const CLOSEST_MS: u64 = 1_500;

/// The last points in ascending time, one for each instant, [`POINTS_KEPT`] at most; the last of
/// them is the host's latest sample.
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
        self.0.push_back(Point::new(timestamp_ms, cpu_percentage));
        if let Some(before) = self.0.len().checked_sub(2) {
            self.thin(before);
        }
        self.forget_oldest();
    }

    /// Puts the point of an older sample where it belongs.
    pub(super) fn insert_late(&mut self, timestamp_ms: u64, cpu_percentage: f64) -> Place {
        let index = self.0.partition_point(|point| point.timestamp_ms < timestamp_ms);
        let is_full = self.0.len() == POINTS_KEPT;
        match self.0.get(index) {
            None => return Place::Ahead,
            Some(next) if next.timestamp_ms == timestamp_ms => return Place::Known,
            Some(_) if is_full && index == 0 => return Place::Unkept,
            Some(_) => self.0.insert(index, Point::new(timestamp_ms, cpu_percentage)),
        }
        if self.thin(index) {
            return Place::Unkept;
        }
        self.thin(index + 1);
        if let Some(before) = index.checked_sub(1) {
            self.thin(before);
        }
        self.forget_oldest();
        Place::Taken
    }

    /// Takes out the point at `index` when those beside it are close; whether they were.
    fn thin(&mut self, index: usize) -> bool {
        let at = |index: usize| self.0.get(index).map(|point| point.timestamp_ms);
        let around = index.checked_sub(1).and_then(at).zip(at(index + 1));
        let is_close = around.is_some_and(|(before, after)| after - before < CLOSEST_MS);
        if is_close {
            self.0.remove(index);
        }
        is_close
    }

    fn forget_oldest(&mut self) {
        if self.0.len() > POINTS_KEPT {
            self.0.pop_front();
        }
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
