//! Health of a service that serves no HTTP: a small file it keeps true, and the check that
//! reads it.
//!
//! The file says which state the link is in and what troubles the parts of the service, and is
//! written anew every few seconds, so a check run by another process (a container's health check,
//! a cron job) can tell a healthy service from a broken link, from one that cannot do its work, and
//! from a process that hangs or is gone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Failure, now_ms, parts};
use crate::bus::Link;

/// How often the file is written while nothing changes.
const REFRESH: Duration = Duration::from_secs(5);

/// A file older than this belongs to a process that hangs or is gone.
const STALE_MS: u64 = 15_000;

/// How others may check on this service.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Health")]
pub struct HealthArgs {
    /// Keep the state of the link to the broker in this file, for `--health-check`.
    #[arg(long, value_name = "FILE", env = "RESOURCES_HEALTH_FILE")]
    pub health_file: Option<PathBuf>,

    /// Check a running service by its health file instead of starting one: exit code 0 when
    /// its link to the broker is up and nothing keeps it from its work, else 1.
    #[arg(long, requires = "health_file")]
    pub health_check: bool,
}

/// Keeps the health file of this process true.
#[derive(Debug)]
pub struct HealthFile {
    path: PathBuf,
}

impl HealthFile {
    /// Writes the file for the first time.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn create(path: &Path, link: &Link) -> Result<Self, Failure> {
        let this = Self { path: path.to_owned() };
        this.write(link).map_err(|error| {
            Failure::settings(format!("--health-file {}: {error}", path.display()))
        })?;
        Ok(this)
    }

    /// Keeps the file true until `stop`, then removes it.
    pub async fn keep(self, mut link: watch::Receiver<Link>, stop: CancellationToken) {
        loop {
            let now = link.borrow_and_update().clone();
            if let Err(error) = self.write(&now) {
                tracing::warn!(%error, path = %self.path.display(), "cannot write the health file");
            }
            tokio::select! {
                () = stop.cancelled() => break,
                changed = link.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(REFRESH) => {}
            }
        }
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::debug!(%error, path = %self.path.display(), "cannot remove the health file");
        }
    }

    /// Replaces the file in one step, so that no reader sees half of it.
    fn write(&self, link: &Link) -> std::io::Result<()> {
        let link = serde_json::to_value(link)?;
        let troubles = parts::troubles();
        let health =
            serde_json::json!({ "written_ms": now_ms(), "link": link, "troubles": troubles });
        let next = self.path.with_extension("next");
        std::fs::write(&next, health.to_string())?;
        std::fs::rename(&next, &self.path)
    }
}

/// Reads the health file of another process: what a container's health check runs.
///
/// # Errors
/// Says why the service is not healthy.
pub fn check_health(path: &Path) -> Result<(), Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
    judge(&text, now_ms()).map_err(Failure::failed)
}

fn judge(text: &str, now_ms: u64) -> Result<(), String> {
    let health: serde_json::Value =
        serde_json::from_str(text).map_err(|error| format!("not a health file: {error}"))?;
    let written_ms = health["written_ms"].as_u64().ok_or("not a health file")?;
    let age_ms = now_ms.saturating_sub(written_ms);
    if age_ms > STALE_MS {
        return Err(format!("not written for {} s: the service hangs or is gone", age_ms / 1000));
    }
    match (health["link"]["state"].as_str(), health["link"]["reason"].as_str()) {
        (Some("up"), _) => {
            let troubles = health["troubles"].as_array().into_iter().flatten();
            let troubles: Vec<_> = troubles.filter_map(serde_json::Value::as_str).collect();
            if troubles.is_empty() { Ok(()) } else { Err(troubles.join("; ")) }
        }
        (Some(state), Some(reason)) => Err(format!("the link to the broker is {state}: {reason}")),
        (Some(state), None) => Err(format!("the link to the broker is {state}")),
        (None, _) => Err("not a health file".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn healthy_is_a_fresh_file_with_the_link_up() {
        let file = |state: &str| format!(r#"{{"written_ms":1000,"link":{{"state":"{state}"}}}}"#);
        assert_eq!(judge(&file("up"), 2_000), Ok(()));
        assert!(judge(&file("down"), 2_000).unwrap_err().contains("down"));
        assert!(judge(&file("up"), 60_000).unwrap_err().contains("59 s"));
        let troubled =
            r#"{"written_ms":1,"link":{"state":"up"},"troubles":["a: full","b: hangs"]}"#;
        assert_eq!(judge(troubled, 1), Err("a: full; b: hangs".to_owned()));
        for text in ["", "{}", "[]", r#"{"written_ms":1}"#] {
            assert!(judge(text, 1).is_err(), "{text:?}");
        }
    }
}
