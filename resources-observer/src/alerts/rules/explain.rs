//! Rules in words, for whoever wrote them.

use std::fmt::Write as _;
use std::time::Duration;

use resources_core::contract::{HostName, Labels};

use super::effective::{HostRules, LevelRule};
use super::values::Threshold;
use super::{PipelineRule, Rules};

impl Rules {
    /// Says in words what holds for a host that no group names, and which tables change it.
    #[must_use]
    pub fn explain(&self) -> String {
        let mut text =
            String::from("Every host, unless a group or its own table says otherwise:\n");
        HostRules::of(std::iter::once(&self.file.default)).explain(&mut text);
        let PipelineRule { enabled, after_ms } = self.pipeline();
        let after = time(after_ms);
        let told = if enabled { "one alert" } else { "no alert, and no host is called silent" };
        line(&mut text, "pipeline", &format!("nothing from any host for {after}: {told}"));
        for group in &self.file.group {
            let group = group.get_ref();
            let hosts = group.hosts.iter().flat_map(|hosts| &hosts.0);
            let hosts = hosts.map(|glob| glob.glob().to_owned());
            let labels = group.labels.iter().map(|(name, value)| format!("{name}={value}"));
            let hosts = join(hosts, " or ");
            let labels = join(labels, " and ");
            let who = match (hosts.is_empty(), labels.is_empty()) {
                (false, false) => format!("{hosts} with {labels}"),
                (false, true) => hosts,
                _ => labels,
            };
            say(&mut text, format_args!("\nHosts {who}, where it differs:\n"));
            self.explain_difference(&[&self.file.default], &group.rules, &mut text);
        }
        for (host, table) in &self.file.host {
            say(&mut text, format_args!("\nHost {host}, where it differs:\n"));
            self.explain_difference(&[&self.file.default], table, &mut text);
        }
        text
    }

    /// Says in words what holds for one host with these labels.
    #[must_use]
    pub fn explain_host(&self, host: &HostName, labels: &Labels) -> String {
        let mut text = format!("Host {host}");
        let names = labels.iter().map(|(name, value)| format!("{name}={value}"));
        let names = join(names, ", ");
        if !names.is_empty() {
            say(&mut text, format_args!(" with {names}"));
        }
        let membership = self.membership(host, labels);
        let groups = membership.groups.iter().map(|number| format!("group {}", number + 1));
        let tables = join(
            std::iter::once("default".to_owned())
                .chain(groups)
                .chain(membership.own.then(|| format!("host.{host}"))),
            ", ",
        );
        say(&mut text, format_args!(" (from {tables}):\n"));
        self.for_host(host, labels).explain(&mut text);
        text
    }

    fn explain_difference(
        &self,
        before: &[&super::Table],
        table: &super::Table,
        text: &mut String,
    ) {
        let (mut usual, mut changed) = (String::new(), String::new());
        HostRules::of(before.iter().copied()).explain(&mut usual);
        HostRules::of(before.iter().copied().chain([table])).explain(&mut changed);
        let differs = |line: &&str| !usual.lines().any(|usual| usual == *line);
        for line in changed.lines().filter(differs) {
            say(text, format_args!("{line}\n"));
        }
    }
}

impl HostRules {
    fn explain(&self, text: &mut String) {
        for (name, rule) in [
            ("cpu", &self.cpu),
            ("memory", &self.memory),
            ("swap", &self.swap),
            ("each disk", &self.disk),
        ] {
            line(text, name, &rule.explain());
        }
        for (mount_point, rule) in &self.disks {
            line(text, &format!("disk {mount_point}"), &rule.explain());
        }
        let flapping = self.flapping;
        line(
            text,
            "flapping",
            &if flapping.enabled {
                format!(
                    "{} changes within {} are told once, until there is none for {}",
                    flapping.changes,
                    time(flapping.window_ms),
                    time(flapping.calm_ms)
                )
            } else {
                "every change is told".to_owned()
            },
        );
        let silent = self.silent;
        let repeat = |repeat_ms| repeated(repeat_ms);
        line(
            text,
            "silent",
            &match (silent.enabled, self.expected_offline) {
                (false, _) => "no alert".to_owned(),
                (_, true) => "no alert: it is expected to be off at times".to_owned(),
                _ => format!(
                    "raised after {} intervals without a sample, and at least {}, cleared by \
                     samples {}{}",
                    silent.intervals,
                    time(silent.at_least_ms),
                    held(silent.clear_hold_ms),
                    repeat(silent.repeat_ms)
                ),
            },
        );
        let stopped = self.stopped;
        line(
            text,
            "stopped",
            &match (stopped.enabled, self.expected_offline) {
                (false, _) => "no alert".to_owned(),
                (_, true) => "no alert: it is expected to be off at times".to_owned(),
                _ => format!(
                    "raised when its tracker was stopped and is not back within {}{}",
                    time(stopped.hold_ms),
                    repeat(stopped.repeat_ms)
                ),
            },
        );
        line(
            text,
            "restarted",
            &if self.restarted.enabled {
                let clear_after = time(self.restarted.clear_after_ms);
                format!("raised when it or its tracker started anew, cleared after {clear_after}")
            } else {
                "no alert".to_owned()
            },
        );
        let clock = self.clock;
        line(
            text,
            "clock",
            &if clock.enabled {
                format!(
                    "raised when its clock is off by more than {} for {}, cleared after {}{}",
                    time(clock.tolerance_ms),
                    time(clock.hold_ms),
                    time(clock.clear_hold_ms),
                    repeat(clock.repeat_ms)
                )
            } else {
                "no alert".to_owned()
            },
        );
        if !self.quiet.is_empty() {
            let hours = join(self.quiet.iter().map(ToString::to_string), ", ");
            line(text, "quiet", &format!("nothing is raised {hours}"));
        }
    }
}

impl LevelRule {
    fn explain(&self) -> String {
        if !self.enabled {
            return "no alert".to_owned();
        }
        let (from, below) = match (self.raise, self.clear) {
            (Threshold::Percentage(_), clear) => {
                (format!("from {}", self.raise), format!("below {clear}"))
            }
            (_, clear) => (format!("at {}", self.raise), format!("at {clear} or lower")),
        };
        format!(
            "raised {from} {}, cleared {below} {}{}",
            held(self.hold_ms),
            held(self.clear_hold_ms),
            repeated(self.repeat_ms)
        )
    }
}

fn repeated(repeat_ms: Option<u64>) -> String {
    repeat_ms.map_or_else(String::new, |ms| format!(", told again every {}", time(ms)))
}

fn held(hold_ms: u64) -> String {
    match hold_ms {
        0 => "at once".to_owned(),
        _ => format!("for {}", time(hold_ms)),
    }
}

fn time(ms: u64) -> String {
    let (number, unit) = match ms {
        0 => (0, "s"),
        _ if ms.is_multiple_of(3_600_000) => (ms / 3_600_000, "h"),
        _ if ms.is_multiple_of(60_000) => (ms / 60_000, "min"),
        _ if ms.is_multiple_of(1000) => (ms / 1000, "s"),
        _ => return format!("{:?}", Duration::from_millis(ms)),
    };
    format!("{number} {unit}")
}

fn line(text: &mut String, name: &str, what: &str) {
    say(text, format_args!("  {name:<10} {what}\n"));
}

fn join(parts: impl Iterator<Item = String>, between: &str) -> String {
    parts.collect::<Vec<_>>().join(between)
}

/// Writing to a text does not fail.
fn say(text: &mut String, what: std::fmt::Arguments<'_>) {
    text.write_fmt(what).unwrap_or_default();
}
