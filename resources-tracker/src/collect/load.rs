//! Load average, and time since the host started.

use sysinfo::{LoadAvg, System};

use super::{round, usable};

/// Load average over 1, 5 and 15 minutes.
pub(super) fn average() -> Option<[f64; 3]> {
    // Windows has none, which sysinfo says with zeros.
    if cfg!(windows) {
        return None;
    }
    match System::load_average() {
        Ok(load) => checked(&load),
        Err(error) => {
            tracing::debug!(%error, "cannot read the load average");
            None
        }
    }
}

fn checked(load: &LoadAvg) -> Option<[f64; 3]> {
    let one = |value| usable("load_average", round(value), 0.0..=f64::MAX);
    Some([one(load.one)?, one(load.five)?, one(load.fifteen)?])
}

/// Time since the host started, in seconds.
pub(super) fn uptime_seconds() -> Option<u64> {
    System::uptime().inspect_err(|error| tracing::debug!(%error, "cannot read the uptime")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_three_averages_or_none() {
        let load = |fifteen| LoadAvg { one: 0.5, five: 1.234_567, fifteen };
        assert_eq!(checked(&load(2.0)), Some([0.5, 1.23, 2.0]));
        for wrong in [f64::NAN, f64::INFINITY, -1.0] {
            assert_eq!(checked(&load(wrong)), None);
        }
    }

    #[test]
    fn this_machine_has_a_load_and_an_uptime() {
        assert!(average().is_some());
        assert!(uptime_seconds().unwrap() > 0);
    }
}
