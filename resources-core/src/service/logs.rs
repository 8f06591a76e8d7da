//! Logs: to standard error, as text for people or JSON for machines.

use std::io::IsTerminal as _;
use std::str::FromStr as _;

use clap::{Args, ValueEnum};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

use super::Failure;

/// What to log and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub struct LogArgs {
    /// What to log: `error`, `warn`, `info`, `debug` or `trace`, or one for each target, such
    /// as `info,resources_core=debug`.
    #[arg(long, value_name = "FILTER", env = "RESOURCES_LOG", default_value = "info")]
    pub log: String,

    /// How to write it.
    #[arg(long, value_name = "FORMAT", env = "RESOURCES_LOG_FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogArgs {
    /// Starts logging to standard error, for the whole process.
    ///
    /// # Errors
    /// When the filter does not parse or logging was started before.
    pub fn init(&self) -> Result<(), Failure> {
        let filter = parse_filter(&self.log)?;
        // What the AMQP library sees is reported, once, by the code that uses it.
        let quiet = ["lapin", "amq_protocol", "async_rs", "rustls"]
            .into_iter()
            .filter(|target| !self.log.contains(target))
            .fold(filter, |filter, target| filter.with_target(target, LevelFilter::OFF));
        let registry = tracing_subscriber::registry();
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let done = match self.log_format {
            LogFormat::Text => registry
                .with(
                    fmt::layer().with_ansi(colours).with_writer(std::io::stderr).with_filter(quiet),
                )
                .try_init(),
            LogFormat::Json => registry
                .with(
                    fmt::layer()
                        .json()
                        .flatten_event(true)
                        .with_writer(std::io::stderr)
                        .with_filter(quiet),
                )
                .try_init(),
        };
        done.map_err(Failure::failed)
    }
}

/// Reads a filter. The library would take any word for the name of a target, so that a level
/// misspelt would switch all logs off.
fn parse_filter(text: &str) -> Result<Targets, Failure> {
    let refuse = |reason: &dyn std::fmt::Display| {
        Failure::settings(format!(
            "--log {text:?}: {reason}; write `info` or `info,resources_core=debug`"
        ))
    };
    for part in text.split(',') {
        let level = match part.split_once('=') {
            Some(("", _)) => return Err(refuse(&"a target has a name before the `=`")),
            Some((_, level)) => level,
            None => part,
        };
        if LevelFilter::from_str(level.trim()).is_err() || level.trim().is_empty() {
            return Err(refuse(&format_args!("{level:?} is no level")));
        }
    }
    Targets::from_str(text).map_err(|error| refuse(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_a_level_or_a_level_for_each_target() {
        for text in ["info", "OFF", "warn,resources_core=debug", "resources_core::bus=trace"] {
            assert!(parse_filter(text).is_ok(), "{text:?}");
        }
        for text in ["", "=", "=debug", "verbose", "resources_core", "a=", "info,", "info,=warn"] {
            let error = parse_filter(text).unwrap_err().to_string();
            assert!(error.contains(&format!("--log {text:?}")), "{error}");
        }
    }
}
