//! Settings of history: where it is kept, and for how long.

use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use clap::Args;
use resources_core::service::{Failure, parse_duration};

use crate::history::{Location, Retention};

/// Shortest time the finest tier may be kept.
const LEAST_KEPT: Duration = Duration::from_secs(3_600);

/// Longest time a tier may be kept: 100 years.
const MOST_KEPT: Duration = Duration::from_secs(36_525 * 24 * 3_600);

/// Name of the database in a folder of ours.
const FILE_NAME: &str = "history.sqlite";

/// Settings of history as given on the command line or in the environment.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "History")]
pub struct HistoryArgs {
    /// Where to keep what hosts reported: `off`, `memory` (lost when the program ends), or a
    /// file, which is made when it is not there.
    ///
    /// By default `history.sqlite` in the folder systemd gives (STATE_DIRECTORY), or else
    /// `resources/history.sqlite` in XDG_STATE_HOME or ~/.local/state.
    #[arg(long, value_name = "off|memory|PATH", env = "RESOURCES_HISTORY")]
    pub history: Option<HistoryPlace>,

    /// How long to keep buckets of 10 seconds, at least 1h.
    #[arg(
        long,
        value_name = "DURATION",
        env = "RESOURCES_HISTORY_KEEP_10S",
        default_value = "24h",
        value_parser = parse_duration
    )]
    pub history_keep_10s: Duration,

    /// How long to keep buckets of a minute; at least as long as those of 10 seconds.
    #[arg(
        long,
        value_name = "DURATION",
        env = "RESOURCES_HISTORY_KEEP_1M",
        default_value = "14d",
        value_parser = parse_duration
    )]
    pub history_keep_1m: Duration,

    /// How long to keep buckets of an hour; at least as long as those of a minute.
    #[arg(
        long,
        value_name = "DURATION",
        env = "RESOURCES_HISTORY_KEEP_1H",
        default_value = "730d",
        value_parser = parse_duration
    )]
    pub history_keep_1h: Duration,
}

/// Where to keep history, as it is written in a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryPlace {
    /// `off`: nowhere.
    Off,
    /// `memory`: for as long as the program runs.
    Memory,
    /// Anything else is a file; `./off` is one named `off`. Nothing at all is the default.
    File(PathBuf),
}

impl FromStr for HistoryPlace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "off" => Self::Off,
            "memory" => Self::Memory,
            path => Self::File(path.into()),
        })
    }
}

impl HistoryArgs {
    /// Where to keep history; `None` when it is off.
    pub(super) fn location(&self) -> Result<Option<Location>, Failure> {
        Ok(match &self.history {
            Some(HistoryPlace::Off) => None,
            Some(HistoryPlace::Memory) => Some(Location::Memory),
            // A variable that is set and empty is one that is not set.
            Some(HistoryPlace::File(path)) if !path.as_os_str().is_empty() => {
                Some(Location::File(path.clone()))
            }
            _ => Some(Location::File(usual_file(|name| std::env::var_os(name))?)),
        })
    }

    pub(super) fn retention(&self) -> Result<Retention, Failure> {
        let show = humantime::format_duration;
        let mut least = LEAST_KEPT;
        for (name, kept) in [
            ("--history-keep-10s", self.history_keep_10s),
            ("--history-keep-1m", self.history_keep_1m),
            ("--history-keep-1h", self.history_keep_1h),
        ] {
            if !(least..=MOST_KEPT).contains(&kept) {
                return Err(Failure::settings(format!(
                    "{name} {} cannot be used; at least {}, and at most {}",
                    show(kept),
                    show(least),
                    show(MOST_KEPT)
                )));
            }
            // What is coarser reaches at least as far back.
            least = kept;
        }
        Ok(Retention {
            ten_seconds: self.history_keep_10s,
            minute: self.history_keep_1m,
            hour: self.history_keep_1h,
        })
    }
}

/// Where history is kept when no setting says so, by the `variable`s of the environment.
fn usual_file(variable: impl Fn(&str) -> Option<OsString>) -> Result<PathBuf, Failure> {
    let folder = |name| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
    // systemd lists several with colons between them.
    let given = variable("STATE_DIRECTORY")
        .and_then(|folders| std::env::split_paths(&folders).find(|path| path.is_absolute()));
    let of_user = || {
        folder("XDG_STATE_HOME")
            .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
            .map(|state| state.join("resources"))
    };
    given.or_else(of_user).map(|folder| folder.join(FILE_NAME)).ok_or_else(|| {
        Failure::settings(
            "there is no folder to keep history in: name a file with --history \
             (RESOURCES_HISTORY), or give --history off",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usual(variables: &[(&str, &str)]) -> Result<PathBuf, Failure> {
        usual_file(|name| {
            let found = variables.iter().find(|(given, _)| *given == name);
            found.map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn without_a_setting_the_file_is_where_the_system_keeps_state() {
        let systemd = ("STATE_DIRECTORY", "/var/lib/resources:/var/lib/other");
        let state = ("XDG_STATE_HOME", "/state");
        let home = ("HOME", "/home/me");
        for (variables, file) in [
            (&[systemd, state, home][..], "/var/lib/resources/history.sqlite"),
            (&[state, home], "/state/resources/history.sqlite"),
            (&[home], "/home/me/.local/state/resources/history.sqlite"),
            (
                &[("XDG_STATE_HOME", "not/absolute"), home],
                "/home/me/.local/state/resources/history.sqlite",
            ),
        ] {
            assert_eq!(usual(variables).unwrap(), PathBuf::from(file), "{variables:?}");
        }
        assert!(usual(&[]).unwrap_err().to_string().contains("--history"));
    }

    #[test]
    fn a_place_is_off_memory_or_a_file() {
        for (text, place) in [
            ("off", HistoryPlace::Off),
            ("memory", HistoryPlace::Memory),
            ("./off", HistoryPlace::File("./off".into())),
            ("/a/b.sqlite", HistoryPlace::File("/a/b.sqlite".into())),
        ] {
            assert_eq!(text.parse(), Ok(place));
        }
    }
}
