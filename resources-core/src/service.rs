//! What every program needs around its work: command line, logs, the stop signal, exit codes.

mod exit;
mod health;
mod logs;
mod parts;
mod rejections;
mod run;
mod stop;

use std::time::{SystemTime, UNIX_EPOCH};

pub use exit::{Failure, parse, report};
pub use health::{HealthArgs, HealthFile, check_health};
pub use logs::{LogArgs, LogFormat};
pub use parts::PartHealth;
pub use rejections::RejectionLog;
pub use run::run_over_bus;
pub use stop::{stop_on_signal, within};

/// How long a service may take to finish what it holds once it is asked to stop. Below the
/// 10 s after which container engines kill.
pub const GRACE: std::time::Duration = std::time::Duration::from_secs(8);

/// The time now: milliseconds since the Unix epoch, UTC.
#[must_use]
pub fn now_ms() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a duration such as `500ms`, `2s`, `1m 30s` or `1h`; a bare number counts seconds.
///
/// # Errors
/// Says how to write one.
pub fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| seconds.is_finite() && *seconds >= 0.0);
    match seconds {
        Some(seconds) => std::time::Duration::try_from_secs_f64(seconds)
            .map_err(|_| format!("{text:?} is too long")),
        None => humantime::parse_duration(text)
            .map_err(|_| format!("{text:?} is no duration; write 500ms, 2s, 1m 30s or 1h")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn durations_have_units_or_count_seconds() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("2"), Ok(Duration::from_secs(2)));
        assert_eq!(parse_duration("0.5"), Ok(Duration::from_millis(500)));
        for text in ["", "-1", "x", "5 parsecs", "nan", "inf", "1e300"] {
            assert!(parse_duration(text).is_err(), "{text:?}");
        }
    }
}
