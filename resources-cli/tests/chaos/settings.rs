//! How long, how many and with which seed: from the environment, as `make chaos` passes it.

use std::str::FromStr;
use std::time::Duration;

/// One run.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// How long faults strike.
    pub(crate) duration: Duration,
    /// How long the broker is down in the test of a long outage.
    pub(crate) outage: Duration,
    /// The same seed strikes with the same faults in the same order.
    pub(crate) seed: u64,
    /// Simulated hosts.
    pub(crate) hosts: u32,
    /// Time between two samples of a host, as the programs take it.
    pub(crate) interval: String,
    /// For how long simulated hosts are busy and away by turns, if they are.
    pub(crate) episodes: Option<Duration>,
}

impl Settings {
    /// A short run, whatever the environment says.
    pub(crate) fn usual() -> Self {
        Self {
            duration: Duration::from_secs(45),
            outage: Duration::from_secs(30),
            seed: 1,
            hosts: 20,
            interval: "200ms".to_owned(),
            episodes: None,
        }
    }

    /// A short run unless the environment says otherwise.
    pub(crate) fn from_environment() -> Self {
        let minutes = |name: &str, usual: Duration| {
            Duration::from_secs_f64(variable(name, usual.as_secs_f64() / 60.0) * 60.0)
        };
        let usual = Self::usual();
        Self {
            duration: minutes("CHAOS_MINUTES", usual.duration),
            outage: minutes("CHAOS_OUTAGE_MINUTES", usual.outage),
            seed: variable("CHAOS_SEED", usual.seed),
            hosts: variable("CHAOS_HOSTS", usual.hosts),
            interval: variable("CHAOS_INTERVAL", usual.interval),
            episodes: None,
        }
    }

    /// With episodes, also for a while after the last fault.
    pub(crate) fn with_episodes(self) -> Self {
        let after = (self.duration / 3).max(Duration::from_secs(45));
        Self { episodes: Some(self.duration + after), ..self }
    }
}

fn variable<T: FromStr>(name: &str, default: T) -> T {
    match std::env::var(name) {
        Err(_) => default,
        Ok(text) if text.is_empty() => default,
        Ok(text) => match text.parse() {
            Ok(value) => value,
            Err(_) => panic!("{name}={text:?} cannot be used"),
        },
    }
}
