//! The figures of every host as Prometheus reads them: all hosts of one figure together, then
//! those of the next, a page at a time.

use std::fmt::{Display, Write as _};

use resources_core::contract::{Disk, HostName, Level, Network, Usage};
use resources_core::telemetry::metrics::seconds_between;
use serde::Deserialize;

use crate::live::Live;

/// Hosts read from their analyses at a time, in less than a millisecond: what is live goes first.
const HOSTS_READ: usize = 64;

/// Hosts of a page: about 50 KB of text.
const HOSTS_A_PAGE: usize = 500;

/// What a scrape tells of one host.
#[derive(Debug)]
pub(super) struct HostFigures {
    host: HostName,
    received_ms: u64,
    told: Told,
}

/// The part of an analysis that is told.
#[derive(Debug, Deserialize)]
struct Told {
    level: Level,
    cpu_percentage: f64,
    memory: Option<Usage>,
    swap: Option<Usage>,
    #[serde(default)]
    disks: Vec<Disk>,
    #[serde(default)]
    networks: Vec<Network>,
}

/// One figure, and what writes it for one host.
struct Family {
    name: &'static str,
    help: &'static str,
    write: fn(&HostFigures, &mut Lines<'_>),
}

/// Every figure of a host.
const FAMILIES: [Family; 11] = [
    Family {
        name: "resources_host_cpu_ratio",
        help: "CPU of the host in use, all cores together, 0-1",
        write: |host, lines| lines.add(host, host.told.cpu_percentage / 100.0),
    },
    Family {
        name: "resources_host_memory_used_bytes",
        help: "Memory of the host in use",
        write: |host, lines| lines.add_some(host, host.told.memory.map(|m| m.used_bytes)),
    },
    Family {
        name: "resources_host_memory_total_bytes",
        help: "Memory of the host",
        write: |host, lines| lines.add_some(host, host.told.memory.map(|m| m.total_bytes)),
    },
    Family {
        name: "resources_host_swap_used_bytes",
        help: "Swap of the host in use",
        write: |host, lines| lines.add_some(host, host.told.swap.map(|swap| swap.used_bytes)),
    },
    Family {
        name: "resources_host_swap_total_bytes",
        help: "Swap of the host",
        write: |host, lines| lines.add_some(host, host.told.swap.map(|swap| swap.total_bytes)),
    },
    Family {
        name: "resources_host_disk_used_bytes",
        help: "Space of a disk of the host in use",
        write: |host, lines| {
            for disk in &host.told.disks {
                lines.add_of(host, "mount_point", &disk.mount_point, disk.used_bytes);
            }
        },
    },
    Family {
        name: "resources_host_disk_total_bytes",
        help: "Space of a disk of the host",
        write: |host, lines| {
            for disk in &host.told.disks {
                lines.add_of(host, "mount_point", &disk.mount_point, disk.total_bytes);
            }
        },
    },
    Family {
        name: "resources_host_network_receive_bytes_per_second",
        help: "What an interface of the host received a second, since the sample before",
        write: |host, lines| {
            for network in &host.told.networks {
                let value = network.received_bytes_per_second;
                lines.add_of(host, "interface", &network.interface, value);
            }
        },
    },
    Family {
        name: "resources_host_network_transmit_bytes_per_second",
        help: "What an interface of the host sent a second, since the sample before",
        write: |host, lines| {
            for network in &host.told.networks {
                let value = network.transmitted_bytes_per_second;
                lines.add_of(host, "interface", &network.interface, value);
            }
        },
    },
    Family {
        name: "resources_host_level",
        help: "Highest level of the host's resources: 0 LOW, 1 MEDIUM, 2 HIGH",
        write: |host, lines| lines.add(host, host.told.level as u8),
    },
    Family {
        name: "resources_host_last_seen_timestamp_seconds",
        help: "When the last sample of the host came, in seconds since the Unix epoch",
        write: |host, lines| lines.add(host, seconds_between(0, host.received_ms)),
    },
];

/// Lines of one figure.
struct Lines<'a> {
    name: &'a str,
    text: &'a mut String,
}

impl Lines<'_> {
    fn add(&mut self, host: &HostFigures, value: impl Display) {
        let Self { name, .. } = *self;
        self.line(format_args!("{name}{{host=\"{}\"}} {value}", host.host));
    }

    fn add_some(&mut self, host: &HostFigures, value: Option<impl Display>) {
        if let Some(value) = value {
            self.add(host, value);
        }
    }

    fn add_of(&mut self, host: &HostFigures, label: &str, value_of: &str, value: impl Display) {
        let Self { name, .. } = *self;
        let value_of = Escaped(value_of);
        self.line(format_args!("{name}{{host=\"{}\",{label}=\"{value_of}\"}} {value}", host.host));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a text does not fail.
        if writeln!(self.text, "{line}").is_err() {
            tracing::debug!("a line of metrics was cut short");
        }
    }
}

/// The value of a label, with what would end it escaped.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// The figures of every host, in order of their names, without holding up what is live.
pub(super) async fn read(live: &Live) -> Vec<HostFigures> {
    let mut figures: Vec<HostFigures> = Vec::with_capacity(live.host_count());
    loop {
        let after = figures.last().map(|last| &last.host);
        let latest = live.latest_after(after, HOSTS_READ);
        let is_last = latest.len() < HOSTS_READ;
        let read = latest.into_iter().filter_map(|(host, body, received_ms)| {
            // It was read as a whole when it came.
            let told = serde_json::from_slice(&body).ok()?;
            Some(HostFigures { host, received_ms, told })
        });
        let before = figures.len();
        figures.extend(read);
        if is_last || figures.len() == before {
            return figures;
        }
        tokio::task::yield_now().await;
    }
}

/// Every figure of `hosts`, a page at a time, each made when it is asked for.
pub(super) fn pages(hosts: Vec<HostFigures>) -> impl Iterator<Item = String> {
    let pages = hosts.len().div_ceil(HOSTS_A_PAGE);
    (0..FAMILIES.len() * pages).map(move |number| {
        let (family, page) = (&FAMILIES[number / pages], number % pages);
        let mut text = String::new();
        let mut lines = Lines { name: family.name, text: &mut text };
        if page == 0 {
            let Family { name, help, .. } = family;
            lines.line(format_args!("# HELP {name} {help}\n# TYPE {name} gauge"));
        }
        let hosts = hosts.iter().skip(page * HOSTS_A_PAGE).take(HOSTS_A_PAGE);
        hosts.for_each(|host| (family.write)(host, &mut lines));
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(number: usize) -> HostFigures {
        HostFigures {
            host: HostName::new(&format!("web-{number:04}")).unwrap(),
            received_ms: 1_700_000_000_500,
            told: serde_json::from_str(
                r#"{"level": "HIGH", "cpu_percentage": 12.5, "ignored": {},
                    "memory": {"total_bytes": 1000, "used_bytes": 250},
                    "disks": [{"mount_point": "/a \"b\\", "total_bytes": 7, "used_bytes": 3}],
                    "networks": [{"interface": "e0", "received_bytes_per_second": 1.5,
                                  "transmitted_bytes_per_second": 0}]}"#,
            )
            .unwrap(),
        }
    }

    #[test]
    fn each_figure_is_one_group_over_all_pages() {
        let hosts = HOSTS_A_PAGE * 2 + 1;
        let text: String = pages((0..hosts).map(host).collect()).collect();
        let lines = text.lines().map(|line| Ok(line.to_owned()));
        let scrape = prometheus_parse::Scrape::parse(lines).unwrap();
        // All but swap, which they do not have.
        assert_eq!(scrape.samples.len(), hosts * (FAMILIES.len() - 2));
        for Family { name, .. } in &FAMILIES {
            let is_of = |line: &&str| line.starts_with(name) && line[name.len()..].starts_with('{');
            let places: Vec<usize> =
                (0..).zip(text.lines()).filter(|(_, line)| is_of(line)).map(|(i, _)| i).collect();
            assert!(places.windows(2).all(|pair| pair[0] + 1 == pair[1]), "{name} is scattered");
            assert_eq!(text.matches(&format!("# TYPE {name} gauge\n")).count(), 1);
        }
        assert!(text.contains("resources_host_cpu_ratio{host=\"web-0000\"} 0.125\n"));
        assert!(text.contains("resources_host_level{host=\"web-1000\"} 2\n"));
        assert!(text.contains(
            r#"resources_host_disk_used_bytes{host="web-0000",mount_point="/a \"b\\"} 3"#
        ));
        let seen = "resources_host_last_seen_timestamp_seconds{host=\"web-0007\"} 1700000000.5\n";
        assert!(text.contains(seen));
    }

    #[test]
    fn no_hosts_are_no_lines() {
        assert_eq!(pages(Vec::new()).count(), 0);
    }
}
