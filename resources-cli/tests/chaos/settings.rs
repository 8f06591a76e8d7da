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
}

impl Settings {
    /// A short run unless the environment says otherwise.
    pub(crate) fn from_environment() -> Self {
        let minutes = |minutes: f64| Duration::from_secs_f64(minutes * 60.0);
        Self {
            duration: minutes(variable("CHAOS_MINUTES", 0.4)),
            outage: minutes(variable("CHAOS_OUTAGE_MINUTES", 0.5)),
            seed: variable("CHAOS_SEED", 1),
            hosts: variable("CHAOS_HOSTS", 20),
            interval: variable("CHAOS_INTERVAL", "200ms".to_owned()),
        }
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
