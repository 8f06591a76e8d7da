//! Sample messages.

use crate::contract::{
    Disk, HostName, Labels, Measure, Network, Process, System, Temperature, Usage,
};

/// A measure of `host` with every figure set, of the size a real host sends.
#[must_use]
pub fn full_measure(host: &str, sequence: u64) -> Measure {
    Measure {
        host: HostName::new(host).expect("a host name"),
        run: Some("0123456789abcdef".into()),
        sequence: Some(sequence),
        timestamp_ms: 1_800_000_000_000 + sequence * 1000,
        interval_ms: Some(1000),
        dropped: None,
        stopping: false,
        cpu_percentage: 37.5,
        cores_percentage: vec![50.0, 25.0, 12.5, 62.5],
        load_average: Some([0.52, 0.41, 0.33]),
        memory: Some(Usage { total_bytes: 16_777_216_000, used_bytes: 5_033_164_800 }),
        swap: Some(Usage { total_bytes: 2_147_483_648, used_bytes: 0 }),
        disks: vec![
            Disk {
                mount_point: "/".into(),
                total_bytes: 107_374_182_400,
                used_bytes: 85_899_345_920,
            },
            Disk {
                mount_point: "/var".into(),
                total_bytes: 53_687_091_200,
                used_bytes: 10_737_418_240,
            },
        ],
        networks: vec![Network {
            interface: "eth0".into(),
            received_bytes_per_second: 12_345.5,
            transmitted_bytes_per_second: 6_789.25,
        }],
        temperatures: vec![Temperature { label: "Package id 0".into(), celsius: 54.0 }],
        uptime_seconds: Some(86_400),
        processes: vec![Process {
            pid: 4242,
            name: "postgres".into(),
            cpu_percentage: 22.5,
            memory_bytes: 268_435_456,
        }],
        system: Some(System {
            os: Some("Debian GNU/Linux 12".into()),
            kernel: Some("6.1.0".into()),
            cpu_model: Some("Example CPU".into()),
            cores: Some(4),
            tracker_version: Some("0.1.0".into()),
        }),
        labels: Labels::parse(["role=web", "zone=eu-1"]).expect("labels"),
    }
}
