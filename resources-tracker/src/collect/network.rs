//! Traffic of network interfaces.
//!
//! One read of `/proc/net/dev` has it all, where sysinfo opens about twenty files an interface.

use std::collections::HashMap;
use std::time::Instant;

use resources_core::contract::Network;

use super::{MOST_LISTED, round, usable};
use crate::filter::NameFilter;

/// Bytes an interface has carried since it came up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counters {
    pub(super) received_bytes: u64,
    pub(super) transmitted_bytes: u64,
}

/// What the last reading saw of an interface that counts.
#[derive(Debug, Clone, Copy)]
struct Seen {
    counters: Counters,
    /// The reading that saw it.
    reading: u64,
}

/// Turns counters into rates over the time that really passed.
#[derive(Debug)]
pub(super) struct Rates {
    filter: NameFilter,
    /// By name; `None` for a name that does not count, so that each is matched once.
    interfaces: HashMap<Box<str>, Option<Seen>>,
    reading: u64,
    read: Option<Instant>,
}

/// Names kept at most; then all are forgotten and matched anew, as machines that run
/// containers bring up new names for ever.
const MOST_NAMES: usize = 4096;

impl Rates {
    pub(super) fn new(filter: NameFilter) -> Self {
        Self { filter, interfaces: HashMap::new(), reading: 0, read: None }
    }

    /// The rates since the last call, by name. An interface is left out when it is new, and
    /// when a counter went backwards, which means that it began anew.
    pub(super) fn update<'a>(
        &mut self,
        counters: impl Iterator<Item = (&'a str, Counters)>,
        now: Instant,
    ) -> Vec<Network> {
        let elapsed = self.read.map(|read| now.saturating_duration_since(read).as_secs_f64());
        let before = self.reading;
        self.reading += 1;
        self.read = Some(now);
        if self.interfaces.len() > MOST_NAMES {
            self.interfaces.clear();
        }
        let mut networks = Vec::new();
        for (name, counters) in counters {
            let seen = Seen { counters, reading: self.reading };
            let Some(known) = self.interfaces.get_mut(name) else {
                let seen = self.filter.admits(name).then_some(seen);
                self.interfaces.insert(name.into(), seen);
                continue;
            };
            let Some(last) = known else { continue };
            // Not in the reading before: it was gone in between, and may be another one now.
            let last = (last.reading == before).then_some(last.counters);
            *known = Some(seen);
            if let (Some(last), Some(elapsed)) = (last, elapsed) {
                networks.extend(rates(name, last, counters, elapsed));
            }
        }
        networks.sort_by(|a, b| a.interface.cmp(&b.interface));
        networks.truncate(MOST_LISTED);
        networks
    }
}

fn rates(name: &str, before: Counters, now: Counters, seconds: f64) -> Option<Network> {
    let rate = |before: u64, now: u64| {
        #[expect(clippy::cast_precision_loss, reason = "no link carries 2^53 bytes an interval")]
        let bytes = now.checked_sub(before)? as f64;
        usable(name, round(bytes / seconds), 0.0..=f64::MAX)
    };
    Some(Network {
        interface: name.into(),
        received_bytes_per_second: rate(before.received_bytes, now.received_bytes)?,
        transmitted_bytes_per_second: rate(before.transmitted_bytes, now.transmitted_bytes)?,
    })
}

#[cfg(target_os = "linux")]
pub(super) use linux::Networks;

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Instant;

    use resources_core::contract::Network;

    use super::super::proc_file::ProcFile;
    use super::{Counters, Rates};
    use crate::filter::NameFilter;

    /// Reads the traffic of this machine's interfaces.
    #[derive(Debug)]
    pub(in crate::collect) struct Networks {
        file: ProcFile,
        rates: Rates,
    }

    impl Networks {
        pub(in crate::collect) fn new(filter: NameFilter) -> Self {
            Self { file: ProcFile::new("/proc/net/dev"), rates: Rates::new(filter) }
        }

        pub(in crate::collect) fn read(&mut self, now: Instant) -> Vec<Network> {
            match self.file.text() {
                Ok(text) => self.rates.update(parse(&text), now),
                Err(error) => {
                    tracing::debug!(%error, "cannot read /proc/net/dev");
                    Vec::new()
                }
            }
        }
    }

    /// Each interface with its counters; a line that is none is left out.
    pub(super) fn parse(text: &str) -> impl Iterator<Item = (&str, Counters)> {
        text.lines().filter_map(|line| {
            // A name may hold a colon (an old-style alias), a number cannot.
            let (name, fields) = line.rsplit_once(':')?;
            let mut fields = fields.split_ascii_whitespace();
            let received_bytes = fields.next()?.parse().ok()?;
            let transmitted_bytes = fields.nth(7)?.parse().ok()?;
            Some((name.trim(), Counters { received_bytes, transmitted_bytes }))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[cfg(target_os = "linux")]
    const TEXT: &str = "\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 26143164    3676    0    0    0     0          0         0 26143164    3676    0    0    0     0       0          0
  eth0:571475809   17499    0    0    0     0          0         0  1214588   11106    0    0    0     0       0          0
eth0:1: 7 1 0 0 0 0 0 0 8 1 0 0 0 0 0 0
";

    #[cfg(target_os = "linux")]
    #[test]
    fn reads_each_interface_with_its_counters() {
        let counters =
            |received_bytes, transmitted_bytes| Counters { received_bytes, transmitted_bytes };
        let all: Vec<_> = linux::parse(TEXT).collect();
        assert_eq!(
            all,
            [
                ("lo", counters(26_143_164, 26_143_164)),
                ("eth0", counters(571_475_809, 1_214_588)),
                ("eth0:1", counters(7, 8)),
            ]
        );
    }

    fn rates() -> Rates {
        Rates::new(NameFilter::new(&[], &["lo".to_owned()]).unwrap())
    }

    fn at(received_bytes: u64, transmitted_bytes: u64) -> Counters {
        Counters { received_bytes, transmitted_bytes }
    }

    #[test]
    fn a_rate_is_over_the_time_that_really_passed() {
        let mut rates = rates();
        let begun = Instant::now();
        assert!(
            rates.update([("eth0", at(1000, 0)), ("lo", at(0, 0))].into_iter(), begun).is_empty()
        );
        let later = begun + Duration::from_millis(1500);
        let networks = rates.update([("eth0", at(4000, 100)), ("lo", at(9, 9))].into_iter(), later);
        assert_eq!(
            networks,
            [Network {
                interface: "eth0".into(),
                received_bytes_per_second: 2000.0,
                transmitted_bytes_per_second: 66.67,
            }]
        );
    }

    #[test]
    fn a_counter_that_went_backwards_is_a_gap_and_then_rates_go_on() {
        let mut rates = rates();
        let second = |n| Instant::now() + Duration::from_secs(n);
        rates.update([("eth0", at(1_000_000, 5))].into_iter(), second(0));
        assert!(rates.update([("eth0", at(10, 6))].into_iter(), second(1)).is_empty());
        assert_eq!(rates.update([("eth0", at(20, 7))].into_iter(), second(2)).len(), 1);
    }

    #[test]
    fn an_interface_that_was_gone_begins_anew() {
        let mut rates = rates();
        let begun = Instant::now();
        let second = |n| begun + Duration::from_secs(n);
        rates.update([("wg0", at(10, 10))].into_iter(), second(0));
        rates.update(std::iter::empty(), second(1));
        assert!(rates.update([("wg0", at(20, 20))].into_iter(), second(2)).is_empty());
        assert_eq!(rates.update([("wg0", at(30, 30))].into_iter(), second(3)).len(), 1);
    }

    #[test]
    fn no_time_between_two_readings_is_no_rate() {
        let mut rates = rates();
        let now = Instant::now();
        rates.update([("eth0", at(0, 0))].into_iter(), now);
        assert!(rates.update([("eth0", at(10, 0))].into_iter(), now).is_empty());
    }
}
