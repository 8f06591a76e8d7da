//! What kind of machine a simulated host is: its labels, its system, and what runs on it.

use fastrand::Rng;
use resources_core::contract::{Labels, Process, System};

/// What the machines of one role are called and which of their programs use most CPU.
type Role = (&'static str, [&'static str; 5]);

const ROLES: [Role; 6] = [
    ("web", ["nginx", "node", "php-fpm", "varnishd", "fluent-bit"]),
    ("api", ["java", "envoy", "otelcol", "consul", "systemd-journald"]),
    ("database", ["postgres", "pgbouncer", "wal-g", "node_exporter", "rsyslogd"]),
    ("cache", ["redis-server", "memcached", "haproxy", "keepalived", "chronyd"]),
    ("worker", ["python3", "ffmpeg", "celery", "rabbitmq-server", "rsync"]),
    ("build", ["rustc", "ld.lld", "cargo", "dockerd", "git"]),
];

const ZONES: [&str; 5] = ["eu-1a", "eu-1b", "eu-2a", "us-1a", "us-1b"];

/// One host in this many is there for trying things out.
const STAGING_EVERY: usize = 8;

const SYSTEMS: [(&str, &str); 4] = [
    ("Debian GNU/Linux 13", "6.12.57+deb13-amd64"),
    ("Debian GNU/Linux 12", "6.1.0-41-amd64"),
    ("Ubuntu 24.04", "6.8.0-88-generic"),
    ("Fedora Linux 43", "6.17.8-300.fc43.x86_64"),
];

/// Logical cores, and a CPU that has as many.
const CPUS: [(u64, &str); 4] = [
    (4, "Intel(R) Xeon(R) E-2224 CPU @ 3.40GHz"),
    (8, "Intel(R) Xeon(R) E-2378 CPU @ 2.60GHz"),
    (8, "AMD EPYC 3201 8-Core Processor"),
    (16, "AMD Ryzen 9 5950X 16-Core Processor"),
];

/// How the CPU in use is shared by the programs that use most of it.
const SHARES: [f64; 5] = [0.55, 0.18, 0.09, 0.05, 0.02];

const MIB: u64 = 1 << 20;

/// What stays the same of a host.
#[derive(Debug)]
pub(super) struct Machine {
    role: &'static Role,
    labels: Labels,
    system: (&'static str, &'static str),
    cpu: (u64, &'static str),
    first_pid: u64,
}

impl Machine {
    pub(super) fn new(rng: &mut Rng) -> Self {
        let role = &ROLES[rng.usize(..ROLES.len())];
        let zone = ZONES[rng.usize(..ZONES.len())];
        let stage = if rng.usize(..STAGING_EVERY) == 0 { "staging" } else { "production" };
        let labels = [("role", role.0), ("zone", zone), ("stage", stage)]
            .map(|(name, value)| format!("{name}={value}"));
        Self {
            role,
            // All of them are fit for labels.
            labels: Labels::parse(labels.iter().map(String::as_str)).unwrap_or_default(),
            system: SYSTEMS[rng.usize(..SYSTEMS.len())],
            cpu: CPUS[rng.usize(..CPUS.len())],
            first_pid: rng.u64(400..30_000),
        }
    }

    /// Number of logical cores.
    pub(super) const fn cores(&self) -> u64 {
        self.cpu.0
    }

    /// What its operator says of it.
    pub(super) const fn labels(&self) -> &Labels {
        &self.labels
    }

    /// What a tracker tells of it once a minute.
    pub(super) fn system(&self) -> System {
        System {
            os: Some(self.system.0.into()),
            kernel: Some(self.system.1.into()),
            cpu_model: Some(self.cpu.1.into()),
            cores: Some(self.cores()),
            tracker_version: Some(env!("CARGO_PKG_VERSION").into()),
        }
    }

    /// The programs that use most of it, when `cpu` percent is in use.
    pub(super) fn processes(&self, cpu: f64, rng: &mut Rng) -> Vec<Process> {
        self.role
            .1
            .iter()
            .zip(SHARES)
            .zip(0..)
            .map(|((name, share), place)| Process {
                pid: self.first_pid + 37 * place,
                name: (*name).into(),
                cpu_percentage: super::round(cpu * share * (0.9 + 0.2 * rng.f64())),
                memory_bytes: (2_048 >> place) * MIB,
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn machines_are_of_every_role_and_zone() {
        let seen = |label: &str| {
            let machine = |seed| Machine::new(&mut Rng::with_seed(seed));
            let value = |seed| machine(seed).labels().get(label).unwrap().to_owned();
            (0..200).map(value).collect::<BTreeSet<_>>().len()
        };
        assert_eq!((seen("role"), seen("zone"), seen("stage")), (ROLES.len(), ZONES.len(), 2));
    }

    #[test]
    fn what_runs_uses_no_more_than_what_is_in_use() {
        let mut rng = Rng::with_seed(1);
        let machine = Machine::new(&mut rng);
        for _ in 0..100 {
            let processes = machine.processes(100.0, &mut rng);
            let together: f64 = processes.iter().map(|process| process.cpu_percentage).sum();
            assert!(processes.len() == 5 && (80.0..=100.0).contains(&together), "{together}");
        }
    }
}
