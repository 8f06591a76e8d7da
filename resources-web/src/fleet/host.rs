//! The latest analysis of one host, as far as the page needs it.

use resources_core::contract::{Analysis, HostName, Level, ResourceLevel, Usage};
use serde::Serialize;

use super::Age;
use super::late::LateSamples;

/// A host's clock may be set back, and its tracker started anew: then every sample of the new
/// run is older by its timestamp than the last of the old one. When nothing newer came for this
/// long, what comes is the newest there is, whatever its timestamp says.
const CLOCK_PATIENCE_MS: u64 = 60_000;

/// `Host` of docs/api.md, without its points.
#[derive(Debug, Serialize)]
pub(crate) struct Host {
    pub(super) host: HostName,
    pub(super) level: Level,
    cpu_result: Level,
    cpu_percentage: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    load_average: Option<[f64; 3]>,
    pub(super) resources: Vec<ResourceLevel>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) uptime_seconds: Option<u64>,
    pub(super) timestamp_ms: u64,
    pub(super) received_ms: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interval_ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Box<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<u64>,
    #[serde(flatten, skip_serializing_if = "LateSamples::is_none")]
    pub(super) late: LateSamples,
}

impl Host {
    pub(super) fn new(analysis: Analysis, received_ms: u64) -> Self {
        Self {
            host: analysis.host,
            level: analysis.level,
            cpu_result: analysis.cpu_result,
            cpu_percentage: analysis.cpu_percentage,
            // Nothing can be in use of nothing, and no percentage made of it.
            memory: analysis.memory.filter(|memory| memory.total_bytes > 0),
            load_average: analysis.load_average,
            resources: analysis.resources,
            uptime_seconds: analysis.uptime_seconds,
            timestamp_ms: analysis.timestamp_ms,
            received_ms,
            interval_ms: analysis.interval_ms.filter(|interval| *interval > 0),
            run: analysis.run,
            sequence: analysis.sequence,
            late: LateSamples::default(),
        }
    }

    /// Takes a newer analysis of the same host.
    pub(super) fn succeed(&mut self, analysis: Analysis, received_ms: u64) {
        *self = Self { late: self.late, ..Self::new(analysis, received_ms) };
    }

    /// Notes a sample older than this one.
    pub(super) fn note_late(&mut self, timestamp_ms: u64, received_ms: u64) {
        let behind_ms = self.timestamp_ms.saturating_sub(timestamp_ms);
        self.late.note(behind_ms, received_ms);
    }

    /// How `analysis` relates to this one: within one run the sequence decides, otherwise the
    /// timestamp.
    pub(super) fn age_of(&self, analysis: &Analysis, received_ms: u64) -> Age {
        let same_run = self.run.is_some() && self.run == analysis.run;
        let order = match (self.sequence, analysis.sequence) {
            (Some(known), Some(new)) if same_run => new.cmp(&known),
            _ => {
                let order = analysis.timestamp_ms.cmp(&self.timestamp_ms);
                let waited_ms = received_ms.saturating_sub(self.received_ms);
                if order.is_lt() && waited_ms > CLOCK_PATIENCE_MS {
                    return Age::Newer;
                }
                order
            }
        };
        match order {
            std::cmp::Ordering::Less => Age::Older,
            std::cmp::Ordering::Equal => Age::Same,
            std::cmp::Ordering::Greater => Age::Newer,
        }
    }
}
