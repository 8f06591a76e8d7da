//! One reading of one host.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use super::validate::{self, at_most, celsius, integer, not_negative, percentage, text, time};
use super::{HostName, Kind, Labels, Levels, MAX_BODY_BYTES, Rejection};

/// One reading of one host, as a tracker publishes it to `<host>.measure`.
///
/// Only `cpu_percentage` must be in a received body; what is absent there is `None` or empty
/// here, except that the host is taken from the routing key and the time from the receipt.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// The host read.
    pub host: HostName,
    /// Identifies one run of the tracker; a new one at each start. At most 64 bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<Box<str>>,
    /// Number of the sample in its run: from 0, one more each sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u64>,
    /// When the host was read, by its own clock: milliseconds since the Unix epoch, UTC.
    pub timestamp_ms: u64,
    /// Time between samples that the tracker promises, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<u64>,
    /// Samples of this tracker that nobody will ever get, because its buffer was full, since the
    /// last sample that told such a number. The sum over a host's samples is all it lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// Whether this is the last sample of its run, because the tracker was asked to stop.
    #[serde(skip_serializing_if = "is_false")]
    pub stopping: bool,
    /// CPU in use over the last interval, all cores together, 0–100.
    pub cpu_percentage: f64,
    /// The same for each core, 0–100.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cores_percentage: Vec<f64>,
    /// Load average over 1, 5 and 15 minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_average: Option<[f64; 3]>,
    /// Main memory; used is total less available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Usage>,
    /// Swap; absent when the host has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub swap: Option<Usage>,
    /// Mounted file systems, each device once.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<Disk>,
    /// Network interfaces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<Network>,
    /// Temperature sensors.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub temperatures: Vec<Temperature>,
    /// Time since the host started, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uptime_seconds: Option<u64>,
    /// The few processes that use most CPU; only while the CPU is busy.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub processes: Vec<Process>,
    /// What hardly ever changes; sent at each connect and once a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system: Option<System>,
    /// All labels of the host, in each measure that has `system`; one that has it and no labels
    /// tells that there are none.
    #[serde(skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

/// What is false is left out of a message.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
pub(super) const fn is_false(flag: &bool) -> bool {
    !*flag
}

/// How much of something countable in bytes is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Usage {
    /// All there is, in bytes.
    pub total_bytes: u64,
    /// What is in use, in bytes; at most the total.
    pub used_bytes: u64,
}

impl Usage {
    /// Used as a percentage of the total, 0–100; 0 of nothing is 0.
    #[must_use]
    pub fn percentage(&self) -> f64 {
        percentage_of(self.used_bytes, self.total_bytes)
    }
}

/// One mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Disk {
    /// Where it is mounted.
    pub mount_point: Box<str>,
    /// Size, in bytes.
    pub total_bytes: u64,
    /// In use, in bytes; at most the total.
    pub used_bytes: u64,
}

impl Disk {
    /// Used as a percentage of the total, 0–100; 0 of nothing is 0.
    #[must_use]
    pub fn percentage(&self) -> f64 {
        percentage_of(self.used_bytes, self.total_bytes)
    }
}

fn percentage_of(used: u64, total: u64) -> f64 {
    if total == 0 {
        return 0.0;
    }
    // Exact below 2^53, which validation ensures.
    #[expect(clippy::cast_precision_loss, reason = "both are below 2^53")]
    let ratio = used as f64 / total as f64;
    (ratio * 100.0).min(100.0)
}

/// Traffic of one network interface.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Network {
    /// Name of the interface.
    pub interface: Box<str>,
    /// Received since the last sample, in bytes a second.
    pub received_bytes_per_second: f64,
    /// Transmitted since the last sample, in bytes a second.
    pub transmitted_bytes_per_second: f64,
}

/// One temperature sensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Temperature {
    /// What the sensor calls itself.
    pub label: Box<str>,
    /// Its reading, in degrees Celsius.
    pub celsius: f64,
}

/// One process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
pub struct Process {
    /// Process id.
    pub pid: u64,
    /// Name of the program.
    pub name: Box<str>,
    /// CPU it uses, as a percentage of all cores, 0–100.
    pub cpu_percentage: f64,
    /// Memory resident, in bytes.
    pub memory_bytes: u64,
}

/// What hardly ever changes about a host.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS), ts(optional_fields))]
pub struct System {
    /// Operating system and its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub os: Option<Box<str>>,
    /// Version of the kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Box<str>>,
    /// Model of the first CPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<Box<str>>,
    /// Number of logical cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// Version of the tracker that sent this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tracker_version: Option<Box<str>>,
}

/// A measure as it may arrive: all but the CPU figure optional.
#[derive(Deserialize)]
struct Body {
    // An analysis has both, added where they are missing: a `null` would make them two.
    #[serde(default, deserialize_with = "validate::not_null")]
    host: Option<HostName>,
    run: Option<Box<str>>,
    sequence: Option<u64>,
    #[serde(default, deserialize_with = "validate::not_null")]
    timestamp_ms: Option<u64>,
    interval_ms: Option<u64>,
    dropped: Option<u64>,
    stopping: Option<bool>,
    cpu_percentage: f64,
    #[serde(default)]
    cores_percentage: Vec<f64>,
    load_average: Option<[f64; 3]>,
    memory: Option<Usage>,
    swap: Option<Usage>,
    #[serde(default)]
    disks: Vec<Disk>,
    #[serde(default)]
    networks: Vec<Network>,
    #[serde(default)]
    temperatures: Vec<Temperature>,
    uptime_seconds: Option<u64>,
    #[serde(default)]
    processes: Vec<Process>,
    system: Option<System>,
    #[serde(default)]
    labels: Labels,
    // What an analysis adds; in a measure these are unknown fields like any other.
    #[serde(default, deserialize_with = "present")]
    cpu_result: bool,
    #[serde(default, deserialize_with = "present")]
    level: bool,
    #[serde(default, deserialize_with = "present")]
    resources: bool,
    #[serde(default, deserialize_with = "present")]
    thresholds: bool,
}

/// Reads past a value, whatever it is.
fn present<'de, D: Deserializer<'de>>(value: D) -> Result<bool, D::Error> {
    IgnoredAny::deserialize(value).map(|_| true)
}

/// A measure with the body it came in, from which its analysis is made.
#[derive(Debug)]
pub struct ReceivedMeasure<'a> {
    measure: Measure,
    body: &'a [u8],
    without_host: bool,
    without_timestamp: bool,
    with_levels: bool,
}

impl<'a> ReceivedMeasure<'a> {
    /// Reads and checks a message received on routing key `key` at `received_ms`.
    ///
    /// # Errors
    /// Says why the message does not follow the contract.
    pub fn decode(key: &str, body: &'a [u8], received_ms: u64) -> Result<Self, Rejection> {
        let host = validate::host_of(key, Kind::Measure, body)?;
        let read: Body = validate::object(body)?;
        if let Some(in_body) = &read.host {
            validate::same_host(in_body, &host)?;
        }
        let received = Self {
            body,
            without_host: read.host.is_none(),
            without_timestamp: read.timestamp_ms.is_none(),
            with_levels: read.cpu_result || read.level || read.resources || read.thresholds,
            measure: Measure {
                host,
                run: read.run,
                sequence: read.sequence,
                timestamp_ms: read.timestamp_ms.unwrap_or(received_ms),
                interval_ms: read.interval_ms,
                dropped: read.dropped,
                stopping: read.stopping.unwrap_or_default(),
                cpu_percentage: read.cpu_percentage,
                cores_percentage: read.cores_percentage,
                load_average: read.load_average,
                memory: read.memory,
                swap: read.swap,
                disks: read.disks,
                networks: read.networks,
                temperatures: read.temperatures,
                uptime_seconds: read.uptime_seconds,
                processes: read.processes,
                system: read.system,
                labels: read.labels,
            },
        };
        received.measure.validate()?;
        Ok(received)
    }

    /// The measure itself.
    #[must_use]
    pub const fn measure(&self) -> &Measure {
        &self.measure
    }

    /// The body of its analysis: the levels, then all that the body says in its own words, so
    /// that what a newer tracker tells reaches a newer reader through an older analyzer.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`] when the levels take the body over the limit.
    pub fn analysis(&self, levels: &Levels) -> Result<Vec<u8>, Rejection> {
        let cleaned;
        let body = if self.with_levels {
            cleaned = without_levels(self.body)?;
            &*cleaned
        } else {
            self.body
        };
        let mut analysis = Vec::with_capacity(body.len() + LEVELS_BYTES);
        let write = |analysis: &mut Vec<u8>| {
            serde_json::to_writer(&mut *analysis, levels)?;
            // The end of this object, and below the begin of the next, become one comma.
            analysis.pop();
            analysis.push(b',');
            if self.without_host {
                analysis.extend_from_slice(b"\"host\":");
                serde_json::to_writer(&mut *analysis, &self.measure.host)?;
                analysis.push(b',');
            }
            if self.without_timestamp {
                analysis.extend_from_slice(b"\"timestamp_ms\":");
                serde_json::to_writer(&mut *analysis, &self.measure.timestamp_ms)?;
                analysis.push(b',');
            }
            Ok(())
        };
        write(&mut analysis).map_err(|error| validate::malformed(&error))?;
        // An object with at least its CPU figure: that was checked when it was read.
        let rest = body.trim_ascii();
        analysis.extend_from_slice(rest.strip_prefix(b"{").unwrap_or(rest));
        if analysis.len() > MAX_BODY_BYTES {
            return Err(Rejection::TooLarge { bytes: analysis.len() });
        }
        Ok(analysis)
    }
}

/// Room for the levels of a few disks, in bytes.
const LEVELS_BYTES: usize = 512;

/// The body less the fields that only an analyzer may fill.
fn without_levels(body: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut fields: Map<String, Value> = validate::object(body)?;
    for name in ["cpu_result", "level", "resources", "thresholds"] {
        fields.remove(name);
    }
    serde_json::to_vec(&fields).map_err(|error| validate::malformed(&error))
}

impl Measure {
    /// The smallest measure: a host, a time and its CPU figure.
    #[must_use]
    pub fn new(host: HostName, timestamp_ms: u64, cpu_percentage: f64) -> Self {
        Self {
            host,
            run: None,
            sequence: None,
            timestamp_ms,
            interval_ms: None,
            dropped: None,
            stopping: false,
            cpu_percentage,
            cores_percentage: Vec::new(),
            load_average: None,
            memory: None,
            swap: None,
            disks: Vec::new(),
            networks: Vec::new(),
            temperatures: Vec::new(),
            uptime_seconds: None,
            processes: Vec::new(),
            system: None,
            labels: Labels::default(),
        }
    }

    /// Reads and checks a message received on routing key `key` at `received_ms`.
    ///
    /// # Errors
    /// Says why the message does not follow the contract.
    pub fn decode(key: &str, body: &[u8], received_ms: u64) -> Result<Self, Rejection> {
        ReceivedMeasure::decode(key, body, received_ms).map(|received| received.measure)
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

/// What a measure and its analysis say of the sample itself, borrowed for checking.
pub(super) struct Identity<'a> {
    pub(super) run: Option<&'a str>,
    pub(super) sequence: Option<u64>,
    pub(super) timestamp_ms: u64,
    pub(super) interval_ms: Option<u64>,
    pub(super) dropped: Option<u64>,
}

impl Identity<'_> {
    pub(super) fn validate(&self) -> Result<(), Rejection> {
        if let Some(run) = self.run {
            text(run, 64, "at most 64 bytes", || "run".into())?;
        }
        for (name, value) in [
            ("sequence", self.sequence),
            ("interval_ms", self.interval_ms),
            ("dropped", self.dropped),
        ] {
            if let Some(value) = value {
                integer(value, || name.into())?;
            }
        }
        time(self.timestamp_ms, || "timestamp_ms".into())
    }
}

/// The figures a measure and its analysis have in common, borrowed for checking.
pub(super) struct Figures<'a> {
    pub(super) cores_percentage: &'a [f64],
    pub(super) load_average: Option<&'a [f64; 3]>,
    pub(super) memory: Option<&'a Usage>,
    pub(super) swap: Option<&'a Usage>,
    pub(super) disks: &'a [Disk],
    pub(super) networks: &'a [Network],
    pub(super) temperatures: &'a [Temperature],
    pub(super) uptime_seconds: Option<u64>,
    pub(super) processes: &'a [Process],
    pub(super) system: Option<&'a System>,
}

impl Figures<'_> {
    pub(super) fn validate(&self) -> Result<(), Rejection> {
        for (i, core) in self.cores_percentage.iter().enumerate() {
            percentage(*core, || format!("cores_percentage[{i}]"))?;
        }
        for (i, load) in self.load_average.iter().flat_map(|load| load.iter()).enumerate() {
            not_negative(*load, || format!("load_average[{i}]"))?;
        }
        for (name, usage) in [("memory", self.memory), ("swap", self.swap)] {
            if let Some(usage) = usage {
                integer(usage.total_bytes, || format!("{name}.total_bytes"))?;
                at_most(usage.used_bytes, usage.total_bytes, || format!("{name}.used_bytes"))?;
            }
        }
        for (i, disk) in self.disks.iter().enumerate() {
            text(&disk.mount_point, 4096, "at most 4096 bytes", || {
                format!("disks[{i}].mount_point")
            })?;
            integer(disk.total_bytes, || format!("disks[{i}].total_bytes"))?;
            at_most(disk.used_bytes, disk.total_bytes, || format!("disks[{i}].used_bytes"))?;
        }
        for (i, network) in self.networks.iter().enumerate() {
            let rates = [
                ("received_bytes_per_second", network.received_bytes_per_second),
                ("transmitted_bytes_per_second", network.transmitted_bytes_per_second),
            ];
            for (name, rate) in rates {
                not_negative(rate, || format!("networks[{i}].{name}"))?;
            }
        }
        for (i, temperature) in self.temperatures.iter().enumerate() {
            celsius(temperature.celsius, || format!("temperatures[{i}].celsius"))?;
        }
        if let Some(uptime) = self.uptime_seconds {
            integer(uptime, || "uptime_seconds".into())?;
        }
        for (i, process) in self.processes.iter().enumerate() {
            percentage(process.cpu_percentage, || format!("processes[{i}].cpu_percentage"))?;
            integer(process.memory_bytes, || format!("processes[{i}].memory_bytes"))?;
            integer(process.pid, || format!("processes[{i}].pid"))?;
        }
        if let Some(cores) = self.system.and_then(|system| system.cores) {
            integer(cores, || "system.cores".into())?;
        }
        Ok(())
    }
}
