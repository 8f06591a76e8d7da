//! The pure part: a measure and thresholds in, levels out.

use resources_core::contract::{Level, Levels, Measure, ResourceLevel, ResourceThresholds};

use crate::thresholds::{HostThresholds, Resource, ThresholdRules};

/// Gives every resource of `measure` its level by the thresholds that hold for its host.
///
/// A level is judged by the exact percentage; `resources` shows it rounded to 2 decimals. The
/// thresholds are told with a measure that tells what hardly ever changes, and only then.
#[must_use]
pub fn classify(measure: &Measure, thresholds: &ThresholdRules) -> Levels {
    let thresholds = thresholds.for_host(&measure.host);
    let judge = |(resource, percentage)| judge(resource, percentage, &thresholds);
    let resources: Vec<_> = used(measure).map(judge).collect();
    // The CPU is always the first.
    let cpu_result = resources.first().map_or(Level::Low, |cpu| cpu.level);
    let level = resources.iter().map(|resource| resource.level).max().unwrap_or(cpu_result);
    let told = |(resource, _): (Resource<'_>, f64)| {
        ResourceThresholds::new(resource.name(), thresholds.of(resource))
    };
    let thresholds =
        if measure.system.is_some() { used(measure).map(told).collect() } else { Vec::new() };
    Levels { cpu_result, level, resources, thresholds }
}

/// Every resource of `measure` with its exact percentage, the CPU first.
fn used(measure: &Measure) -> impl Iterator<Item = (Resource<'_>, f64)> {
    let memory = measure.memory.iter().map(|memory| (Resource::Memory, memory.percentage()));
    let swap = measure.swap.iter().map(|swap| (Resource::Swap, swap.percentage()));
    let disks =
        measure.disks.iter().map(|disk| (Resource::Disk(&disk.mount_point), disk.percentage()));
    std::iter::once((Resource::Cpu, measure.cpu_percentage)).chain(memory).chain(swap).chain(disks)
}

fn judge(
    resource: Resource<'_>,
    percentage: f64,
    thresholds: &HostThresholds<'_>,
) -> ResourceLevel {
    let level = thresholds.of(resource).level(percentage);
    ResourceLevel { name: resource.name(), percentage: (percentage * 100.0).round() / 100.0, level }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use resources_core::contract::{
        Analysis, Disk, HostName, ReceivedMeasure, Rejection, System, Thresholds, Usage,
    };

    use super::*;
    use crate::thresholds::Table;

    const NOW_MS: u64 = 1_767_225_600_000;

    fn measure(cpu_percentage: f64) -> Measure {
        Measure::new(HostName::new("web").unwrap(), 1_000, cpu_percentage)
    }

    /// The body of the analysis of a measure that came on `key`.
    fn analysed(key: &str, body: &str, rules: &ThresholdRules) -> Result<String, Rejection> {
        let received = ReceivedMeasure::decode(key, body.as_bytes(), NOW_MS)?;
        let analysis = received.analysis(&classify(received.measure(), rules))?;
        Ok(String::from_utf8(analysis).unwrap())
    }

    #[test]
    fn the_smallest_measure_has_one_resource() {
        let levels = classify(&measure(80.0), &ThresholdRules::default());
        assert_eq!((levels.cpu_result, levels.level), (Level::High, Level::High));
        let names: Vec<_> = levels.resources.iter().map(|r| &*r.name).collect();
        assert_eq!(names, ["cpu"]);
    }

    #[test]
    fn every_resource_has_its_level_and_the_host_the_highest() {
        let levels = classify(
            &Measure {
                memory: Some(Usage { total_bytes: 3, used_bytes: 1 }),
                swap: Some(Usage { total_bytes: 0, used_bytes: 0 }),
                disks: vec![Disk { mount_point: "/".into(), total_bytes: 100, used_bytes: 75 }],
                ..measure(12.345_6)
            },
            &ThresholdRules::default(),
        );
        let seen: Vec<_> =
            levels.resources.iter().map(|r| (&*r.name, r.percentage, r.level)).collect();
        let wanted = [
            ("cpu", 12.35, Level::Low),
            ("memory", 33.33, Level::Medium),
            ("swap", 0.0, Level::Low),
            ("disk:/", 75.0, Level::High),
        ];
        assert_eq!(seen, wanted);
        assert_eq!((levels.cpu_result, levels.level), (Level::Low, Level::High));
    }

    #[test]
    fn thresholds_are_told_of_each_resource_with_what_hardly_ever_changes() {
        let rules = ThresholdRules::uniform(Table {
            memory: Some(Thresholds::new(60.0, 90.0).unwrap()),
            mount_points: vec![("/".into(), Thresholds::new(1.0, 2.0).unwrap())],
            ..Table::default()
        });
        let without = Measure {
            memory: Some(Usage { total_bytes: 3, used_bytes: 1 }),
            disks: vec![Disk { mount_point: "/".into(), total_bytes: 100, used_bytes: 75 }],
            ..measure(5.0)
        };
        assert_eq!(classify(&without, &rules).thresholds, []);
        let with = Measure { system: Some(System::default()), ..without };
        let levels = classify(&with, &rules);
        let told: Vec<_> =
            levels.thresholds.iter().map(|t| (&*t.resource, t.medium, t.high)).collect();
        assert_eq!(told, [("cpu", 25.0, 75.0), ("memory", 60.0, 90.0), ("disk:/", 1.0, 2.0)]);
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
            let given = analysed(key, measure, &ThresholdRules::default()).unwrap();
            assert_eq!(given.trim_end(), analysis.trim_end());
        }
    }

    #[test]
    fn what_a_newer_tracker_tells_is_passed_on_in_its_own_words() {
        let body = r#" { "invented_later" : [1.10, {"a": null}],"cpu_percentage":1e1 } "#;
        let given = analysed("web.measure", body, &ThresholdRules::default()).unwrap();
        assert!(given.contains(r#""invented_later" : [1.10, {"a": null}],"#), "{given}");
        assert_eq!(
            Analysis::decode("web.analysis", given.as_bytes()).unwrap().cpu_percentage,
            10.0
        );
    }

    #[test]
    fn a_measure_cannot_bring_levels_of_its_own() {
        for claimed in [
            r#""level":"LOW""#,
            r#""cpu_result":null"#,
            r#""resources":[{"name":"cpu"}],"level":{"a":[1]}"#,
            r#""l\u0065vel":"LOW""#,
            r#""thresholds":[{"resource":"cpu","medium":99,"high":100}]"#,
        ] {
            let body = format!(r#"{{{claimed},"cpu_percentage":80,"kept":true}}"#);
            let given = analysed("web.measure", &body, &ThresholdRules::default()).unwrap();
            let analysis = Analysis::decode("web.analysis", given.as_bytes()).unwrap();
            assert_eq!((analysis.level, analysis.resources.len()), (Level::High, 1), "{given}");
            assert_eq!(given.matches("level").count(), 2, "{given}");
            assert!(given.contains("kept") && !given.contains("thresholds"), "{given}");
        }
    }

    #[test]
    fn an_analysis_over_the_limit_is_refused() {
        let limit = resources_core::contract::MAX_BODY_BYTES;
        let body = |room: usize| {
            let start = r#"{"cpu_percentage":1,"more":""#;
            format!("{start}{}\"}}", "x".repeat(room - start.len() - 2))
        };
        let rules = ThresholdRules::default();
        assert!(analysed("web.measure", &body(limit - 512), &rules).is_ok());
        let refused = analysed("web.measure", &body(limit), &rules).unwrap_err();
        assert!(matches!(refused, Rejection::TooLarge { bytes } if bytes > limit), "{refused}");
    }

    #[test]
    fn rounding_never_lifts_a_level() {
        let levels = classify(&measure(74.999), &ThresholdRules::default());
        assert_eq!(levels.resources[0].percentage, 75.0);
        assert_eq!(levels.cpu_result, Level::Medium);
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
            let body = serde_json::to_string(&measure).unwrap();
            let analysis = analysed("web.measure", &body, &rules).unwrap();
            let analysis = Analysis::decode("web.analysis", analysis.as_bytes()).unwrap();
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
