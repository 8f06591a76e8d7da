//! The figures of an analysis, as rows tell them.

use resources_core::contract::{Analysis, Level};

use crate::protocol::{Field, Figures};

/// Beyond this a page could not hold a whole number exactly.
const LARGEST: f64 = 9_007_199_254_740_991.0;

/// What a row tells of `analysis`, received at `received_ms`.
pub(super) fn figures(analysis: &Analysis, received_ms: u64) -> Figures {
    let mut figures = Figures::new(analysis.timestamp_ms, received_ms);
    figures.set(Field::Level, Some(rank(analysis.level)));
    figures.set(Field::Cpu, Some(tenths(analysis.cpu_percentage)));
    figures.set(Field::CpuLevel, Some(rank(analysis.cpu_result)));
    for resource in &analysis.resources {
        let fields = match &*resource.name {
            "memory" => (Field::Memory, Field::MemoryLevel),
            "swap" => (Field::Swap, Field::SwapLevel),
            name if name.starts_with("disk:") => (Field::Disk, Field::DiskLevel),
            _ => continue,
        };
        // Of several disks the fullest counts, and the highest level.
        let usage = Some(tenths(resource.percentage));
        figures.set(fields.0, figures.get(fields.0).max(usage));
        figures.set(fields.1, figures.get(fields.1).max(Some(rank(resource.level))));
    }
    let load = analysis.load_average.map(|load| rounded(load[0] * 100.0));
    figures.set(Field::Load, load);
    if !analysis.networks.is_empty() {
        let received = analysis.networks.iter().map(|network| network.received_bytes_per_second);
        let sent = analysis.networks.iter().map(|network| network.transmitted_bytes_per_second);
        figures.set(Field::ReceivedBytesPerSecond, Some(rounded(received.sum())));
        figures.set(Field::TransmittedBytesPerSecond, Some(rounded(sent.sum())));
    }
    let sensors = analysis.temperatures.iter().map(|sensor| sensor.celsius);
    figures.set(Field::Temperature, sensors.reduce(f64::max).map(rounded));
    figures
}

/// Tenths of a percent.
pub(super) fn tenths(percentage: f64) -> i64 {
    rounded(percentage * 10.0)
}

fn rank(level: Level) -> i64 {
    match level {
        Level::Low => 0,
        Level::Medium => 1,
        Level::High => 2,
    }
}

fn rounded(value: f64) -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "it is in range")]
    let rounded = value.round().clamp(-LARGEST, LARGEST) as i64;
    rounded
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_figure_has_its_unit() {
        let analysis = serde_json::from_value(json!({
            "host": "web-1", "timestamp_ms": 5, "cpu_percentage": 25.25, "cpu_result": "MEDIUM",
            "level": "HIGH",
            "resources": [
                {"name": "cpu", "percentage": 25.25, "level": "MEDIUM"},
                {"name": "memory", "percentage": 30.04, "level": "MEDIUM"},
                {"name": "swap", "percentage": 0, "level": "LOW"},
                {"name": "disk:/", "percentage": 80, "level": "LOW"},
                {"name": "disk:/var", "percentage": 20, "level": "HIGH"},
                {"name": "invented", "percentage": 99, "level": "HIGH"},
            ],
            "load_average": [0.416, 1, 2],
            "networks": [
                {"interface": "a", "received_bytes_per_second": 10.4,
                 "transmitted_bytes_per_second": 1},
                {"interface": "b", "received_bytes_per_second": 1.2e9,
                 "transmitted_bytes_per_second": 2},
            ],
            "temperatures": [{"label": "a", "celsius": -3.2}, {"label": "b", "celsius": 41.5}],
        }));
        let figures = figures(&analysis.unwrap(), 6);
        let values = Field::ALL.map(|field| figures.get(field));
        let expected = [5, 6, 2, 253, 300, 0, 800, 42, 1_200_000_010, 3, 42, 1, 1, 0, 2];
        assert_eq!(values, expected.map(Some));
    }

    #[test]
    fn what_is_not_sent_is_not_there() {
        let analysis = serde_json::from_value(json!({
            "host": "a", "timestamp_ms": 5, "cpu_percentage": 0, "cpu_result": "LOW", "level": "LOW",
        }));
        let figures = figures(&analysis.unwrap(), 6);
        let there = Field::ALL.into_iter().filter(|field| figures.get(*field).is_some());
        let expected =
            [Field::Timestamp, Field::Received, Field::Level, Field::Cpu, Field::CpuLevel];
        assert!(there.eq(expected));
    }
}
