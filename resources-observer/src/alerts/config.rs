//! Settings of the observer, checked before anything starts.

use std::path::{Path, PathBuf};

use clap::Args;
use resources_core::service::Failure;

use super::checkpoint::Location;
use super::rules::Rules;

/// What to watch for, and where to remember it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Alerts")]
pub struct ObserverArgs {
    /// A TOML file of rules: what is worth an alert, for which hosts. Without it every host has
    /// the usual ones; `resources observer check` says them in words.
    #[arg(long, value_name = "FILE", env = "RESOURCES_RULES")]
    pub rules: Option<PathBuf>,

    /// Where to keep what is known of each host between starts: a file, which is made when it is
    /// not there, or `memory`.
    #[arg(
        long,
        value_name = "FILE",
        env = "RESOURCES_OBSERVER_STATE",
        default_value = "resources-observer.sqlite"
    )]
    pub state: PathBuf,
}

/// Settings of the observer, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is worth an alert.
    pub rules: Rules,
    /// Where to remember.
    pub state: Location,
}

impl ObserverArgs {
    /// Reads the rules and checks everything.
    ///
    /// # Errors
    /// Names the setting, or the file and its line, and what is allowed.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let rules = self.rules.as_deref().map(Rules::read).transpose()?.unwrap_or_default();
        let state = match self.state.to_str() {
            Some("memory") => Location::Memory,
            _ => Location::File(self.state.clone()),
        };
        Ok(Settings { rules, state })
    }
}

impl Rules {
    /// Reads a file of rules.
    ///
    /// # Errors
    /// Names the file, and the line and what is allowed there.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::settings(format_args!("rules file {name}: {error}")))?;
        Self::parse(&name, &text).map_err(Failure::settings)
    }
}
