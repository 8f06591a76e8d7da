//! All that is kept of one host, and what of it was told.

use bytes::Bytes;
use resources_core::contract::{Analysis, Level};

use super::clock::ClockOffset;
use super::figures::figures;
use super::points::Points;
use super::rare::Rare;
use super::recent::{Recent, Sample};
use super::{Age, Applied, Arrival, Host, Known, Place, Receipt, RecentSamples};
use crate::protocol::{Changes, Figures, Info, Row, Series};

/// The start of a host is told anew when it moves by more than this: its uptime is in whole
/// seconds, and its clock is set now and then.
const BOOTED_ACCURACY_MS: u64 = 5_000;

/// One host.
#[derive(Debug)]
pub(super) struct Entry {
    latest: Host,
    /// What `latest` was read from.
    body: Bytes,
    /// Another one for each analysis that told something newer of any host.
    revision: u64,
    figures: Figures,
    /// The figures told last; `None` before the first were.
    told: Option<Figures>,
    /// Number of the message that told those first.
    introduced: u64,
    points: Points,
    recent: Recent,
    rare: Rare,
    clock: ClockOffset,
    booted_ms: Option<u64>,
    causes: Vec<Box<str>>,
    dropped_samples: u64,
    /// Whether its index is among those to be told.
    is_changed: bool,
    is_info_due: bool,
    is_row_due: bool,
}

impl Entry {
    /// What the first analysis of a host tells.
    pub(super) fn new(analysis: Analysis, body: Bytes, receipt: Receipt, revision: u64) -> Self {
        let mut entry = Self {
            figures: Figures::new(0, 0),
            revision,
            told: None,
            introduced: 0,
            points: Points::default(),
            recent: Recent::default(),
            rare: Rare::default(),
            clock: ClockOffset::default(),
            booted_ms: None,
            causes: Vec::new(),
            dropped_samples: 0,
            is_changed: false,
            is_info_due: true,
            is_row_due: true,
            body: Bytes::new(),
            latest: Host::new(analysis.clone(), receipt.received_ms),
        };
        entry.succeed(analysis, body, receipt, revision);
        entry
    }

    pub(super) const fn latest(&self) -> &Host {
        &self.latest
    }

    /// The newest analysis as it came.
    pub(super) const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Takes in a further analysis.
    pub(super) fn take(
        &mut self,
        analysis: Analysis,
        body: Bytes,
        receipt: Receipt,
        arrival: Arrival,
        revision: u64,
    ) -> Applied {
        match self.latest.age_of(&analysis, receipt.received_ms) {
            Age::Same => Applied::Nothing,
            Age::Newer => {
                self.succeed(analysis, body, receipt, revision);
                Applied::Newest
            }
            Age::Older => self.take_late(&analysis, receipt, arrival, revision),
        }
    }

    fn succeed(&mut self, analysis: Analysis, body: Bytes, receipt: Receipt, revision: u64) {
        self.points.push_newest(analysis.timestamp_ms, analysis.cpu_percentage);
        self.recent.push_newest(Sample::of(&analysis));
        self.figures = figures(&analysis, receipt.received_ms);
        if let Some(read_ms) = receipt.read_ms {
            self.clock.note(analysis.timestamp_ms, read_ms);
        }
        self.note_dropped(&analysis);
        self.note_boot(&analysis);
        self.note_causes(&analysis);
        let are_labels_others = self.rare.take(&analysis);
        let before = (self.latest.interval_ms, self.latest.memory.map(|memory| memory.total_bytes));
        self.latest.succeed(analysis, receipt.received_ms);
        let after = (self.latest.interval_ms, self.latest.memory.map(|memory| memory.total_bytes));
        self.is_info_due |=
            are_labels_others || before != after || self.latest.late.is_due(receipt.received_ms);
        self.is_row_due = true;
        self.body = body;
        self.revision = revision;
    }

    fn take_late(
        &mut self,
        analysis: &Analysis,
        receipt: Receipt,
        arrival: Arrival,
        revision: u64,
    ) -> Applied {
        let timestamp_ms = analysis.timestamp_ms;
        let point = self.points.insert_late(timestamp_ms, analysis.cpu_percentage);
        let sample = self.recent.insert_late(Sample::of(analysis));
        let is = |place| point == place || sample == place;
        if is(Place::Known) || is(Place::Ahead) {
            return Applied::Nothing;
        }
        // The latest may have come before any that told it, as after a start.
        if self.rare.is_older_than(analysis) {
            self.is_info_due |= self.rare.take(analysis);
            self.revision = revision;
        }
        // What is too old for what is kept may have come before this process was started.
        if is(Place::Taken) || arrival == Arrival::Now {
            self.note_dropped(analysis);
        }
        if arrival == Arrival::Now {
            self.latest.note_late(timestamp_ms, receipt.received_ms);
            self.is_info_due |= self.latest.late.is_due(receipt.received_ms);
        }
        Applied::Late { is_to_tell: self.is_info_due || point == Place::Taken }
    }

    fn note_dropped(&mut self, analysis: &Analysis) {
        if let Some(dropped) = analysis.dropped.filter(|dropped| *dropped > 0) {
            self.dropped_samples = self.dropped_samples.saturating_add(dropped);
            self.is_info_due = true;
        }
    }

    fn note_boot(&mut self, analysis: &Analysis) {
        let up_ms = analysis.uptime_seconds.map(|seconds| seconds.saturating_mul(1_000));
        let booted_ms = up_ms.map(|up_ms| analysis.timestamp_ms.saturating_sub(up_ms));
        let is_same = match (self.booted_ms, booted_ms) {
            (Some(known), Some(new)) => known.abs_diff(new) <= BOOTED_ACCURACY_MS,
            (known, new) => known == new,
        };
        if !is_same {
            self.booted_ms = booted_ms;
            self.is_info_due = true;
        }
    }

    fn note_causes(&mut self, analysis: &Analysis) {
        let level = analysis.level;
        let has_level = |name: &str| name != "cpu" && level > Level::Low;
        let mut resources = analysis.resources.iter().filter(|resource| resource.level == level);
        let is_cpu_alone = !resources.clone().any(|resource| has_level(&resource.name));
        let causes = || resources.clone().map(|resource| &resource.name);
        let is_same =
            if is_cpu_alone { self.causes.is_empty() } else { causes().eq(self.causes.iter()) };
        if !is_same {
            self.causes.clear();
            if !is_cpu_alone {
                self.causes.extend(resources.by_ref().map(|resource| resource.name.clone()));
            }
            self.is_info_due = true;
        }
    }

    /// Takes note that it is to be told; `false` when it was noted before.
    pub(super) fn is_newly_changed(&mut self) -> bool {
        !std::mem::replace(&mut self.is_changed, true)
    }

    /// Whether a page may know of it.
    pub(super) const fn is_told(&self) -> bool {
        self.told.is_some()
    }

    /// Whether a page knows of it that has all messages up to `number`.
    pub(super) const fn is_told_by(&self, number: u64) -> bool {
        self.is_told() && self.introduced <= number
    }

    /// Adds what was not told of it to `changes`, and takes that as told.
    pub(super) fn tell(&mut self, index: u32, changes: &mut Changes) {
        let at_ms = changes.server_time_ms;
        self.is_changed = false;
        if std::mem::take(&mut self.is_info_due) {
            changes.hosts.push((index, self.info()));
        }
        if std::mem::take(&mut self.is_row_due) {
            let row = match &self.told {
                None => {
                    self.introduced = changes.number;
                    self.figures.row(index, at_ms)
                }
                Some(told) => self.figures.row_since(told, index, self.latest.interval_ms, at_ms),
            };
            changes.rows.push(row);
            self.told = Some(self.figures);
        }
        let in_row_ms = self.figures.timestamp_ms();
        self.points.tell(|point| {
            if point.timestamp_ms != in_row_ms {
                changes.points.push((index, point.timestamp_ms, point.cpu));
            }
        });
    }

    /// What hardly ever changes.
    pub(super) fn info(&self) -> Info {
        Info {
            host: self.latest.host.clone(),
            interval_ms: self.latest.interval_ms,
            labels: self.rare.labels.clone(),
            memory_total_bytes: self.latest.memory.map(|memory| memory.total_bytes),
            booted_ms: self.booted_ms,
            causes: self.causes.clone(),
            late_samples: self.latest.late.count(),
            late_ms: self.latest.late.last_ms(),
            dropped_samples: (self.dropped_samples > 0).then_some(self.dropped_samples),
        }
    }

    /// The row that tells all figures that were told; `None` before any were.
    pub(super) fn told_row(&self, index: u32, server_time_ms: u64) -> Option<Row> {
        self.told.map(|told| told.row(index, server_time_ms))
    }

    /// The last points that were told.
    pub(super) fn series(&self) -> Series {
        let mut before_ms = 0;
        let mut numbers = Vec::new();
        for point in self.points.told() {
            numbers.push(point.timestamp_ms - before_ms);
            numbers.push(point.cpu.into());
            before_ms = point.timestamp_ms;
        }
        Series(numbers)
    }

    pub(super) const fn revision(&self) -> u64 {
        self.revision
    }

    /// All that is known now.
    pub(super) fn known(&self) -> Known {
        Known {
            revision: self.revision,
            body: self.body.clone(),
            received_ms: self.latest.received_ms,
            system: self.rare.system.clone(),
            labels: self.rare.labels.clone(),
            thresholds: self.rare.thresholds.clone(),
            clock_offset_ms: self.clock.milliseconds(),
            late_samples: self.latest.late.count().unwrap_or_default(),
            dropped_samples: self.dropped_samples,
        }
    }

    pub(super) fn recent(&self, from_ms: u64, to_ms: u64) -> RecentSamples {
        RecentSamples {
            since_ms: self.recent.since_ms(),
            interval_ms: self.latest.interval_ms,
            samples: self.recent.between(from_ms, to_ms),
        }
    }

    #[cfg(test)]
    pub(super) const fn figures(&self) -> Figures {
        self.figures
    }

    #[cfg(test)]
    pub(super) fn point_times(&self) -> Vec<u64> {
        self.points.timestamps()
    }
}
