//! The pure part: a measure and thresholds in, an analysis out.

use resources_core::contract::{Analysis, Level, Measure, ResourceLevel};

use crate::thresholds::{HostThresholds, Resource, ThresholdRules};

/// Gives every resource of `measure` its level by the thresholds that hold for its host, and
/// passes every figure on.
///
/// A level is judged by the exact percentage; `resources` shows it rounded to 2 decimals.
#[must_use]
pub fn classify(measure: Measure, thresholds: &ThresholdRules) -> Analysis {
    // Taken apart by name, so that a figure added to measures must be passed on to compile.
    let Measure {
        host,
        run,
        sequence,
        timestamp_ms,
        interval_ms,
        cpu_percentage,
        cores_percentage,
        load_average,
        memory,
        swap,
        disks,
        networks,
        temperatures,
        uptime_seconds,
        processes,
        system,
    } = measure;

    let thresholds = thresholds.for_host(&host);
    let cpu = judge(Resource::Cpu, cpu_percentage, &thresholds);
    let cpu_result = cpu.level;
    let mut resources = Vec::with_capacity(3 + disks.len());
    resources.push(cpu);
    if let Some(memory) = &memory {
        resources.push(judge(Resource::Memory, memory.percentage(), &thresholds));
    }
    if let Some(swap) = &swap {
        resources.push(judge(Resource::Swap, swap.percentage(), &thresholds));
    }
    for disk in &disks {
        resources.push(judge(Resource::Disk(&disk.mount_point), disk.percentage(), &thresholds));
    }
    let level = resources.iter().map(|resource| resource.level).max().unwrap_or(cpu_result);
    // The thresholds borrow the host, which moves on.
    drop(thresholds);

    Analysis {
        host,
        run,
        sequence,
        timestamp_ms,
        interval_ms,
        cpu_result,
        level,
        resources,
        cpu_percentage,
        cores_percentage,
        load_average,
        memory,
        swap,
        disks,
        networks,
        temperatures,
        uptime_seconds,
        processes,
        system,
    }
}

fn judge(
    resource: Resource<'_>,
    percentage: f64,
    thresholds: &HostThresholds<'_>,
) -> ResourceLevel {
    let level: Level = thresholds.of(resource).level(percentage);
    ResourceLevel { name: resource.name(), percentage: (percentage * 100.0).round() / 100.0, level }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use resources_core::contract::{Disk, HostName, Thresholds, Usage};

    use super::*;
    use crate::thresholds::Table;

    fn measure(cpu_percentage: f64) -> Measure {
        Measure::new(HostName::new("web").unwrap(), 1_000, cpu_percentage)
    }

    #[test]
    fn the_smallest_measure_has_one_resource() {
        let analysis = classify(measure(80.0), &ThresholdRules::default());
        assert_eq!((analysis.cpu_result, analysis.level), (Level::High, Level::High));
        let names: Vec<_> = analysis.resources.iter().map(|r| &*r.name).collect();
        assert_eq!(names, ["cpu"]);
    }

    #[test]
    fn every_resource_has_its_level_and_the_host_the_highest() {
        let analysis = classify(
            Measure {
                memory: Some(Usage { total_bytes: 3, used_bytes: 1 }),
                swap: Some(Usage { total_bytes: 0, used_bytes: 0 }),
                disks: vec![Disk { mount_point: "/".into(), total_bytes: 100, used_bytes: 75 }],
                ..measure(12.345_6)
            },
            &ThresholdRules::default(),
        );
        let seen: Vec<_> =
            analysis.resources.iter().map(|r| (&*r.name, r.percentage, r.level)).collect();
        let wanted = [
            ("cpu", 12.35, Level::Low),
            ("memory", 33.33, Level::Medium),
            ("swap", 0.0, Level::Low),
            ("disk:/", 75.0, Level::High),
        ];
        assert_eq!(seen, wanted);
        assert_eq!((analysis.cpu_result, analysis.level), (Level::Low, Level::High));
    }

    #[test]
    fn the_golden_measure_gives_the_golden_analysis() {
        for (key, measure, analysis) in [
            (
                "web-1.eu.example.com.measure",
                include_str!("../../resources-core/tests/golden/measure_full.json"),
                include_str!("../../resources-core/tests/golden/analysis_full.json"),
            ),
            (
                "web.measure",
                include_str!("../../resources-core/tests/golden/measure_smallest.json"),
                include_str!("../../resources-core/tests/golden/analysis_smallest.json"),
            ),
        ] {
            let measure = Measure::decode(key, measure.as_bytes(), 1_767_225_600_000).unwrap();
            let given = classify(measure, &ThresholdRules::default());
            assert_eq!(serde_json::to_string(&given).unwrap(), analysis.trim_end());
        }
    }

    #[test]
    fn rounding_never_lifts_a_level() {
        let analysis = classify(measure(74.999), &ThresholdRules::default());
        assert_eq!(analysis.resources[0].percentage, 75.0);
        assert_eq!(analysis.cpu_result, Level::Medium);
    }

    proptest! {
        #[test]
        fn any_valid_measure_gives_a_valid_analysis_of_the_same_figures(
            cpu in 0.0..=100.0f64,
            memory in proptest::option::of((0..1u64 << 53, 0..1u64 << 53)),
            disks in proptest::collection::vec((".{0,12}", 0..1u64 << 53, 0..1u64 << 53), 0..5),
            (a, b) in (0.0..=100.0f64, 0.0..=100.0f64),
        ) {
            let rules = ThresholdRules::uniform(Table {
                cpu: Some(Thresholds::new(a.min(b), a.max(b)).unwrap()),
                ..Table::default()
            });
            let measure = Measure {
                memory: memory.map(|(x, y)| Usage { total_bytes: x.max(y), used_bytes: x.min(y) }),
                disks: disks.into_iter().map(|(mount_point, x, y)| Disk {
                    mount_point: mount_point.into(),
                    total_bytes: x.max(y),
                    used_bytes: x.min(y),
                }).collect(),
                ..measure(cpu)
            };
            let analysis = classify(measure.clone(), &rules);
            prop_assert_eq!(analysis.validate(), Ok(()));
            prop_assert_eq!(analysis.resources.iter().map(|r| r.level).max(), Some(analysis.level));
            prop_assert_eq!(analysis.cpu_result, analysis.resources[0].level);
            let listed = 1 + usize::from(measure.memory.is_some()) + measure.disks.len();
            prop_assert_eq!(analysis.resources.len(), listed);
            // All that a measure tells is told by its analysis in the same words.
            let told = serde_json::to_value(&measure).unwrap();
            let passed_on = serde_json::to_value(&analysis).unwrap();
            for (name, value) in told.as_object().unwrap() {
                prop_assert_eq!(passed_on.get(name), Some(value), "{}", name);
            }
        }
    }
}
