//! Settings of the observer, checked before anything starts.

use std::path::{Path, PathBuf};

use clap::Args;
use resources_core::service::Failure;

use crate::alerts::Rules;
use crate::database::Location;
use crate::reactions::Reactions;

/// What to watch for, and where to remember it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Alerts")]
pub struct ObserverArgs {
    /// A TOML file of rules: what is worth an alert, for which hosts, and what is done about it.
    /// Without it every host has the usual rules and nothing is done; `resources observer check`
    /// says them in words.
    #[arg(long, value_name = "FILE", env = "RESOURCES_RULES")]
    pub rules: Option<PathBuf>,

    /// Where to keep what is known of each host between starts: a file, which is made when it is
    /// not there, or `memory`. What reactions know is kept beside it, in `<FILE>.reactions`.
    #[arg(
        long,
        value_name = "FILE",
        env = "RESOURCES_OBSERVER_STATE",
        default_value = Self::STATE_FILE
    )]
    pub state: PathBuf,

    /// Publish and send nothing, and say in the log what would be sent. Keeps no state, so that
    /// it may run beside an observer that works.
    #[arg(long)]
    pub dry_run: bool,
}

/// Settings of the observer, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What is worth an alert.
    pub rules: Rules,
    /// What is done about it.
    pub reactions: Reactions,
    /// Where to remember.
    pub state: Location,
    /// Whether to say what would be sent instead of sending it.
    pub dry_run: bool,
}

impl ObserverArgs {
    /// Where state is kept unless told otherwise.
    pub const STATE_FILE: &str = "resources-observer.sqlite";

    /// Reads the rules and checks everything.
    ///
    /// # Errors
    /// Names the setting, or the file and its line, and what is allowed.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let (rules, reactions) =
            self.rules.as_deref().map(read_rules).transpose()?.unwrap_or_default();
        let state = match self.state.to_str() {
            _ if self.dry_run => Location::Memory,
            Some("memory") => Location::Memory,
            _ => Location::File(self.state.clone()),
        };
        Ok(Settings { rules, reactions, state, dry_run: self.dry_run })
    }
}

/// Reads a file of rules: what is worth an alert, and what is done about it.
///
/// # Errors
/// Names the file, and the line and what is allowed there.
pub fn read_rules(path: &Path) -> Result<(Rules, Reactions), Failure> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::settings(format_args!("rules file {name}: {error}")))?;
    let rules = Rules::parse(&name, &text).map_err(Failure::settings)?;
    let reactions = Reactions::parse(&name, &text).map_err(Failure::settings)?;
    Ok((rules, reactions))
}
