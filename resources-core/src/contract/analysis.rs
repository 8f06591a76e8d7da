//! One reading, classified.

use serde::{Deserialize, Serialize};

use super::measure::{Figures, Identity, is_false};
use super::validate::{self, percentage, text, thresholds};
use super::{
    Disk, HostName, Kind, Labels, Level, Network, Process, Rejection, System, Temperature,
    Thresholds, Usage,
};

/// One measure with its levels, as an analyzer publishes it to `<host>.analysis`.
///
/// Carries every figure of the measure on, so that whoever shows or judges a host needs to
/// listen to `#.analysis` only.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct Analysis {
    /// Level of the CPU.
    pub cpu_result: Level,
    /// The highest level of all resources.
    pub level: Level,
    /// Each resource with its level: `cpu`, `memory`, `swap`, `disk:<mount point>`.
    #[serde(default)]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub resources: Vec<ResourceLevel>,
    /// The thresholds by which they have their levels; with `system` only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub thresholds: Vec<ResourceThresholds>,
    /// The host read.
    pub host: HostName,
    /// The tracker's run; see [`Measure::run`](super::Measure::run).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<str>>,
    /// Number of the sample in its run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When the host was read, by its own clock: milliseconds since the Unix epoch, UTC.
    pub timestamp_ms: u64,
    /// Time between samples that the tracker promises, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Samples its tracker had to drop; see [`Measure::dropped`](super::Measure::dropped).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// Whether its tracker stops; see [`Measure::stopping`](super::Measure::stopping).
    #[serde(default, deserialize_with = "validate::or_false", skip_serializing_if = "is_false")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub stopping: bool,
    /// CPU in use, all cores together, 0–100.
    pub cpu_percentage: f64,
    /// The same for each core, 0–100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub cores_percentage: Vec<f64>,
    /// Load average over 1, 5 and 15 minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// Main memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Usage>,
    /// Swap.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swap: Option<Usage>,
    /// Mounted file systems.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub disks: Vec<Disk>,
    /// Network interfaces.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub networks: Vec<Network>,
    /// Temperature sensors.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub temperatures: Vec<Temperature>,
    /// Time since the host started, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uptime_seconds: Option<u64>,
    /// The few processes that use most CPU.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub processes: Vec<Process>,
    /// What hardly ever changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// All labels of the host; with `system` only, see [`Measure::labels`](super::Measure::labels).
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    #[cfg_attr(feature = "typescript", ts(as = "Option<_>", optional))]
    pub labels: Labels,
}

/// What an analyzer adds to a measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Levels {
    /// Level of the CPU.
    pub cpu_result: Level,
    /// The highest level of all resources.
    pub level: Level,
    /// Each resource with its level: `cpu`, `memory`, `swap`, `disk:<mount point>`.
    pub resources: Vec<ResourceLevel>,
    /// The thresholds by which they have their levels, for a measure with `system`; else none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub thresholds: Vec<ResourceThresholds>,
}

/// One resource and how heavily it is used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ResourceLevel {
    /// `cpu`, `memory`, `swap` or `disk:<mount point>`.
    pub name: Box<str>,
    /// Its usage, 0–100.
    pub percentage: f64,
    /// Its level by the thresholds that hold for this host.
    pub level: Level,
}

/// From which percentages one resource counts as MEDIUM and as HIGH.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct ResourceThresholds {
    /// Name of the resource, as in [`ResourceLevel::name`].
    pub resource: Box<str>,
    /// Percentage from which it is MEDIUM; at most `high`.
    pub medium: f64,
    /// Percentage from which it is HIGH.
    pub high: f64,
}

impl ResourceThresholds {
    /// `thresholds` of the resource called `resource`.
    #[must_use]
    pub const fn new(resource: Box<str>, thresholds: Thresholds) -> Self {
        Self { resource, medium: thresholds.medium(), high: thresholds.high() }
    }
}

/// Longest name of a resource, in bytes: that of a disk.
const MAX_NAME_BYTES: usize = 4200;

impl Analysis {
    /// Reads and checks a message received on routing key `key`.
    ///
    /// # Errors
    /// Says why the message does not follow the contract.
    pub fn decode(key: &str, body: &[u8]) -> Result<Self, Rejection> {
        let key_host = validate::host_of(key, Kind::Analysis, body)?;
        let analysis: Self = validate::object(body)?;
        validate::same_host(&analysis.host, &key_host)?;
        analysis.validate()?;
        Ok(analysis)
    }

    /// Checks every figure against its range.
    ///
    /// # Errors
    /// Names the first field that is out of its range.
    pub fn validate(&self) -> Result<(), Rejection> {
        Identity {
            run: self.run.as_deref(),
            sequence: self.sequence,
            timestamp_ms: self.timestamp_ms,
            interval_ms: self.interval_ms,
            dropped: self.dropped,
        }
        .validate()?;
        percentage(self.cpu_percentage, || "cpu_percentage".into())?;
        for (i, resource) in self.resources.iter().enumerate() {
            text(&resource.name, MAX_NAME_BYTES, "at most 4200 bytes", || {
                format!("resources[{i}].name")
            })?;
            percentage(resource.percentage, || format!("resources[{i}].percentage"))?;
        }
        for (i, ResourceThresholds { resource, medium, high }) in self.thresholds.iter().enumerate()
        {
            text(resource, MAX_NAME_BYTES, "at most 4200 bytes", || {
                format!("thresholds[{i}].resource")
            })?;
            thresholds(*medium, *high, || format!("thresholds[{i}]"))?;
        }
        Figures {
            cores_percentage: &self.cores_percentage,
            load_average: self.load_average.as_ref(),
            memory: self.memory.as_ref(),
            swap: self.swap.as_ref(),
            disks: &self.disks,
            networks: &self.networks,
            temperatures: &self.temperatures,
            uptime_seconds: self.uptime_seconds,
            processes: &self.processes,
            system: self.system.as_ref(),
        }
        .validate()
    }
}
