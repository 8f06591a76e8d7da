//! Settings of the tracker, checked before anything starts.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use resources_core::contract::{HostName, Labels};
use resources_core::service::{Failure, parse_duration};

use crate::collect::{CollectSettings, ProcessSettings};
use crate::filter::NameFilter;
use crate::outbox::OutboxSettings;
use crate::size;
use crate::spool::SpoolSettings;

/// Shortest and longest interval between samples.
const INTERVALS: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);

/// Fewest samples that are kept while the broker cannot be reached.
const LEAST_BUFFER: u32 = 128;

const HOUR_MS: u64 = 60 * 60 * 1000;

/// What to sample, how often, and under which name.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tracker")]
pub struct TrackerArgs {
    /// Name of this machine in all messages: 1–200 letters, digits, `-`, `_` and `.` [default:
    /// the system's host name]
    ///
    /// In a container the system's name is the container's id: set it there.
    #[arg(long, value_name = "NAME", env = "RESOURCES_HOST")]
    pub host: Option<String>,

    /// What this machine is, for grouping and finding hosts, such as `role=web`; may be given
    /// several times, or as a list with commas, for at most 16 labels.
    ///
    /// A name has 1–63 letters, digits, `-`, `_`, `.` and `/`; a value at most 128 characters.
    #[arg(long, value_name = "NAME=VALUE", env = "RESOURCES_LABELS", value_delimiter = ',')]
    pub label: Vec<String>,

    /// Time between two samples, from 100ms to 1h.
    ///
    /// Samples are taken when the wall clock is at a multiple of it: with 1s at whole seconds.
    #[arg(
        long,
        value_name = "DURATION",
        env = "RESOURCES_INTERVAL",
        default_value = "1s",
        value_parser = parse_duration
    )]
    pub interval: Duration,

    /// Samples kept while the broker cannot be reached, 128–1000000; then the oldest are dropped
    /// [default: those of an hour, 128 at least]
    ///
    /// A sample takes 1–2 KiB of memory. With --spool-dir the oldest stay on disk instead.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_BUFFER",
        value_parser = clap::value_parser!(u32).range(i64::from(LEAST_BUFFER)..=1_000_000)
    )]
    pub buffer: Option<u32>,

    /// Samples of the backlog sent a second when the broker is back, 1–10000. What is sampled
    /// from then on goes first and does not count.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_REPLAY_RATE",
        default_value_t = OutboxSettings::REPLAY_RATE,
        value_parser = replay_rate
    )]
    pub replay_rate: NonZeroU32,

    /// Keep samples the broker does not confirm in this folder too, so that they survive a
    /// restart of the tracker or of the machine [default: only in memory]
    ///
    /// The folder must exist; each tracker needs its own. While the broker confirms in time
    /// nothing is written to it.
    #[arg(long, value_name = "FOLDER", env = "RESOURCES_SPOOL_DIR")]
    pub spool_dir: Option<PathBuf>,

    /// Most that folder holds, 1MiB to 1GiB; then the oldest samples are dropped.
    #[arg(
        long,
        value_name = "SIZE",
        env = "RESOURCES_SPOOL_BYTES",
        default_value = "64MiB",
        value_parser = spool_bytes
    )]
    pub spool_bytes: u64,

    /// Send the processes that use most CPU while the CPU of all cores is at or above this
    /// percentage, 0–100.
    #[arg(
        long,
        value_name = "PERCENT",
        env = "RESOURCES_PROCESSES_ABOVE",
        default_value_t = 75.0,
        value_parser = percentage
    )]
    pub processes_above: f64,

    /// How many processes to send then, at most 100; 0 never reads them.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_TOP_PROCESSES",
        default_value_t = 5,
        value_parser = clap::value_parser!(u8).range(..=100)
    )]
    pub top_processes: u8,

    /// Mount points of disks to send, as globs such as `/` or `/mnt/**` [default: all]
    #[arg(long, value_name = "GLOB", env = "RESOURCES_DISKS_INCLUDE", value_delimiter = ',')]
    pub disks_include: Vec<String>,

    /// Mount points of disks not to send, as globs [default: none]
    #[arg(long, value_name = "GLOB", env = "RESOURCES_DISKS_EXCLUDE", value_delimiter = ',')]
    pub disks_exclude: Vec<String>,

    /// Network interfaces to send, as globs [default: all]
    #[arg(long, value_name = "GLOB", env = "RESOURCES_NETWORKS_INCLUDE", value_delimiter = ',')]
    pub networks_include: Vec<String>,

    /// Network interfaces not to send, as globs.
    #[arg(
        long,
        value_name = "GLOB",
        env = "RESOURCES_NETWORKS_EXCLUDE",
        value_delimiter = ',',
        default_value = "lo,veth*,docker*,br-*,virbr*,cni*,flannel*,cali*,tap*"
    )]
    pub networks_exclude: Vec<String>,

    /// Where the host's `/` is mounted, when the tracker runs in a container: then only what is
    /// mounted at or below it counts as disk, under the host's names.
    ///
    /// Mount it with slave propagation, so that disks mounted later are seen. For the host's
    /// network interfaces and processes it must share the host's network and process namespaces.
    #[arg(long, value_name = "FOLDER", env = "RESOURCES_HOST_ROOT")]
    pub host_root: Option<PathBuf>,
}

/// Settings of the tracker, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) host: HostName,
    pub(crate) labels: Labels,
    pub(crate) interval: Interval,
    pub(crate) buffer: usize,
    pub(crate) replay_rate: NonZeroU32,
    pub(crate) spool: Option<SpoolSettings>,
    pub(crate) collect: CollectSettings,
}

impl Settings {
    /// Name of this machine.
    #[must_use]
    pub const fn host(&self) -> &HostName {
        &self.host
    }

    /// Time between two samples, in milliseconds.
    #[must_use]
    pub const fn interval_ms(&self) -> u64 {
        self.interval.0
    }

    /// Samples kept while the broker cannot be reached.
    #[must_use]
    pub const fn buffer(&self) -> usize {
        self.buffer
    }

    /// Where samples are kept on disk as well, if anywhere.
    #[must_use]
    pub const fn spool(&self) -> Option<&SpoolSettings> {
        self.spool.as_ref()
    }

    /// How much the outbox holds, and how fast it lets go of it.
    pub(crate) fn outbox(&self) -> OutboxSettings {
        OutboxSettings {
            replay_rate: self.replay_rate,
            spool: self.spool.clone(),
            ..OutboxSettings::new(self.buffer)
        }
    }
}

/// Samples of an hour, within what `--buffer` takes.
fn an_hour_of(interval: Interval) -> u32 {
    let samples = HOUR_MS.div_ceil(interval.as_ms());
    u32::try_from(samples).unwrap_or(u32::MAX).max(LEAST_BUFFER)
}

/// Time between two samples: 100–3,600,000 whole milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval(u64);

impl Interval {
    pub(crate) fn new(interval: Duration) -> Option<Self> {
        let fits =
            INTERVALS.contains(&interval) && interval.subsec_nanos().is_multiple_of(1_000_000);
        fits.then(|| u64::try_from(interval.as_millis()).ok().map(Self)).flatten()
    }

    pub(crate) const fn as_ms(self) -> u64 {
        self.0
    }
}

impl TrackerArgs {
    /// Checks everything and gives the settings of the tracker.
    ///
    /// # Errors
    /// Names the setting that cannot be used and what is allowed.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let interval = Interval::new(self.interval).ok_or_else(|| {
            Failure::settings(format_args!(
                "--interval {:?}: use 100ms to 1h, in whole milliseconds",
                self.interval
            ))
        })?;
        Ok(Settings {
            host: self.host_name()?,
            labels: self.labels()?,
            interval,
            buffer: usize::try_from(self.buffer.unwrap_or_else(|| an_hour_of(interval)))
                .map_err(Failure::settings)?,
            replay_rate: self.replay_rate,
            spool: self
                .spool_dir
                .clone()
                .map(|folder| SpoolSettings { folder, limit_bytes: self.spool_bytes }),
            collect: self.collect_settings()?,
        })
    }

    fn labels(&self) -> Result<Labels, Failure> {
        // An empty variable, or a comma at the end of a list, is no label.
        let given = self.label.iter().map(|label| label.trim()).filter(|label| !label.is_empty());
        Labels::parse(given).map_err(|error| Failure::settings(format!("--label: {error}")))
    }

    fn host_name(&self) -> Result<HostName, Failure> {
        let system = || sysinfo::System::host_name().map_err(|error| error.to_string());
        let host = host_name(self.host.as_deref(), system).map_err(Failure::settings)?;
        if self.host.is_none() && in_container() && is_container_id(host.as_str()) {
            tracing::warn!(
                %host,
                "running in a container under its id {host}; name the machine with --host or \
                 RESOURCES_HOST"
            );
        }
        Ok(host)
    }

    fn collect_settings(&self) -> Result<CollectSettings, Failure> {
        let filter = |what: &str, include: &[String], exclude: &[String]| {
            NameFilter::new(include, exclude).map_err(|error| {
                Failure::settings(format!("--{what}-include or -exclude: {error}"))
            })
        };
        let processes = (self.top_processes > 0).then(|| ProcessSettings {
            above_percentage: self.processes_above,
            count: usize::from(self.top_processes),
        });
        if let Some(root) = self.host_root.as_ref().filter(|root| !is_host_root(root)) {
            return Err(Failure::settings(format!(
                "--host-root {}: give the absolute path of a folder that exists",
                root.display()
            )));
        }
        Ok(CollectSettings {
            disks: filter("disks", &self.disks_include, &self.disks_exclude)?,
            networks: filter("networks", &self.networks_include, &self.networks_exclude)?,
            host_root: self.host_root.clone(),
            processes,
        })
    }
}

fn is_host_root(path: &Path) -> bool {
    path.is_absolute() && path.is_dir()
}

/// The given name, else the system's.
fn host_name(
    given: Option<&str>,
    system: impl FnOnce() -> Result<String, String>,
) -> Result<HostName, String> {
    if let Some(name) = given {
        return HostName::new(name).map_err(|error| format!("--host: {error}"));
    }
    system().and_then(|name| HostName::new(&name).map_err(|error| error.to_string())).map_err(
        |error| {
            format!("the system's host name cannot be used ({error}); name the machine with --host")
        },
    )
}

/// Whether a name is what engines name a container after: the first 12 digits of its id.
fn is_container_id(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Whether this process runs in a container, by the marks that engines leave.
fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|mark| Path::new(mark).exists())
        || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some()
}

fn replay_rate(text: &str) -> Result<NonZeroU32, String> {
    let rate = text.parse::<u32>().ok().filter(|rate| *rate <= 10_000);
    rate.and_then(NonZeroU32::new).ok_or_else(|| "give 1–10000 samples a second".to_owned())
}

fn spool_bytes(text: &str) -> Result<u64, String> {
    let bytes = size::parse(text)?;
    if (SpoolSettings::LEAST_BYTES..=SpoolSettings::MOST_BYTES).contains(&bytes) {
        Ok(bytes)
    } else {
        Err("give 1MiB to 1GiB".to_owned())
    }
}

fn percentage(text: &str) -> Result<f64, String> {
    let value = text.parse::<f64>().ok().filter(|value| (0.0..=100.0).contains(value));
    value.ok_or_else(|| "give a percentage, 0–100".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        tracker: TrackerArgs,
    }

    fn settings(line: &str) -> Result<Settings, String> {
        let line = Line::try_parse_from(std::iter::once("test").chain(line.split_whitespace()));
        line.map_err(|error| error.to_string())?
            .tracker
            .settings()
            .map_err(|failure| failure.to_string())
    }

    #[test]
    fn defaults_are_a_second_an_hour_of_samples_and_five_processes() {
        let settings = settings("--host me").unwrap();
        assert_eq!((settings.interval_ms(), settings.buffer()), (1000, 3600));
        for (interval, samples) in [("100ms", 36_000), ("7s", 515), ("1h", 128)] {
            let line = format!("--host me --interval {interval}");
            assert_eq!(self::settings(&line).unwrap().buffer(), samples, "{interval}");
        }
        let processes = settings.collect.processes.unwrap();
        assert!((processes.above_percentage - 75.0).abs() < f64::EPSILON && processes.count == 5);
        for name in ["lo", "veth12ab", "docker0", "br-01ef", "tap0"] {
            assert!(!settings.collect.networks.admits(name), "{name}");
        }
        assert!(settings.collect.networks.admits("eth0"));
    }

    #[test]
    fn globs_may_be_repeated_or_separated_by_commas() {
        let settings = settings(
            "--host me --disks-include /,/home --disks-include /var --networks-exclude wg*",
        )
        .unwrap();
        for name in ["/", "/home", "/var"] {
            assert!(settings.collect.disks.admits(name), "{name}");
        }
        assert!(!settings.collect.disks.admits("/srv"));
        assert!(settings.collect.networks.admits("lo"), "an own list replaces the default");
    }

    #[test]
    fn labels_may_be_repeated_or_separated_by_commas() {
        let labels =
            settings("--host me --label role=web,zone=eu-1, --label rack=").unwrap().labels;
        let seen: Vec<_> = labels.iter().collect();
        assert_eq!(seen, [("rack", ""), ("role", "web"), ("zone", "eu-1")]);
        assert!(settings("--host me").unwrap().labels.is_empty());
    }

    #[test]
    fn samples_are_kept_in_memory_unless_a_folder_is_given() {
        let outbox = settings("--host me").unwrap().outbox();
        assert_eq!((outbox.capacity, outbox.replay_rate.get(), outbox.spool), (3600, 10, None));
        let line = "--host me --spool-dir /var/spool/x --replay-rate 10000";
        let outbox = settings(line).unwrap().outbox();
        let expected = SpoolSettings { folder: "/var/spool/x".into(), limit_bytes: 64 << 20 };
        assert_eq!((outbox.replay_rate.get(), outbox.spool), (10_000, Some(expected)));
    }

    #[test]
    fn no_processes_are_wanted_with_a_count_of_zero() {
        assert!(settings("--host me --top-processes 0").unwrap().collect.processes.is_none());
    }

    #[test]
    fn a_setting_that_cannot_be_used_is_named_with_what_is_allowed() {
        for (line, named, allowed) in [
            ("--host me --interval 1ms", "--interval 1ms", "100ms to 1h"),
            ("--host me --interval 2h", "--interval 7200s", "100ms to 1h"),
            ("--host me --interval 0.1005", "--interval", "whole milliseconds"),
            ("--host a*b", "--host", "letters, digits"),
            ("--host me --label web", "--label", "name=value"),
            ("--host me --label rôle=web", "--label", "allowed are letters"),
            ("--host me --label a=1,a=2", "--label", "twice"),
            ("--host me --buffer 5", "--buffer", "128"),
            ("--host me --replay-rate 0", "--replay-rate", "1–10000"),
            ("--host me --replay-rate 10001", "--replay-rate", "1–10000"),
            ("--host me --spool-bytes 64MB", "--spool-bytes", "64MiB"),
            ("--host me --spool-bytes 1KiB", "--spool-bytes", "1MiB to 1GiB"),
            ("--host me --processes-above 101", "--processes-above", "0–100"),
            ("--host me --disks-include [a", "--disks-include", "[a"),
            ("--host me --host-root relative", "--host-root relative", "absolute path"),
            ("--host me --host-root /no/such/folder", "--host-root /no", "exists"),
        ] {
            let error = settings(line).unwrap_err();
            assert!(error.contains(named) && error.contains(allowed), "{line}: {error}");
        }
    }

    #[test]
    fn a_system_name_that_cannot_be_used_leads_to_the_setting() {
        assert_eq!(host_name(None, || Ok("web-1".into())).unwrap().as_str(), "web-1");
        assert_eq!(host_name(Some("a"), || Err("no".into())).unwrap().as_str(), "a");
        for name in [Ok("my pc".to_owned()), Ok(String::new()), Err("unreadable".to_owned())] {
            let error = host_name(None, || name.clone()).unwrap_err();
            assert!(error.contains("--host"), "{error}");
        }
    }
}
