//! The series of an analysis: what of it is kept, and under which names. Pure.

use std::fmt::Write as _;

use resources_core::contract::Analysis;

/// Gives each series of `analysis` to `each`, with its name as in the table `resource` and its
/// value. `name` is scratch space, kept to be used again.
pub(super) fn each_series(analysis: &Analysis, name: &mut String, mut each: impl FnMut(&str, f64)) {
    for resource in &analysis.resources {
        each(&resource.name, resource.percentage);
    }
    // An analyzer that lists no resources still tells its CPU figure.
    if !analysis.resources.iter().any(|resource| &*resource.name == "cpu") {
        each("cpu", analysis.cpu_percentage);
    }
    if let Some([load_1m, ..]) = analysis.load_average {
        each("load_1m", load_1m);
    }
    let mut named = |parts: std::fmt::Arguments<'_>, value| {
        name.clear();
        // Writing to a string does not fail.
        if name.write_fmt(parts).is_ok() {
            each(name, value);
        }
    };
    for network in &analysis.networks {
        let interface = &network.interface;
        named(format_args!("network:{interface}:received"), network.received_bytes_per_second);
        named(
            format_args!("network:{interface}:transmitted"),
            network.transmitted_bytes_per_second,
        );
    }
    for temperature in &analysis.temperatures {
        named(format_args!("temperature:{}", temperature.label), temperature.celsius);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(body: &str) -> Vec<(String, f64)> {
        let analysis = Analysis::decode("a.analysis", body.as_bytes()).unwrap();
        let mut all = Vec::new();
        each_series(&analysis, &mut String::new(), |name, value| {
            all.push((name.to_owned(), value));
        });
        all
    }

    #[test]
    fn every_figure_that_is_kept_has_its_name() {
        let found = series(
            r#"{"host":"a","timestamp_ms":1,"cpu_percentage":40.0,"cpu_result":"LOW","level":"LOW",
            "resources":[{"name":"cpu","percentage":40.0,"level":"LOW"},
                {"name":"disk:/var","percentage":80.5,"level":"HIGH"}],
            "load_average":[1.5,2.0,3.0],
            "networks":[{"interface":"eth0","received_bytes_per_second":10.25,
                "transmitted_bytes_per_second":20.0}],
            "temperatures":[{"label":"Core 0","celsius":-3.5}]}"#,
        );
        let expected = [
            ("cpu", 40.0),
            ("disk:/var", 80.5),
            ("load_1m", 1.5),
            ("network:eth0:received", 10.25),
            ("network:eth0:transmitted", 20.0),
            ("temperature:Core 0", -3.5),
        ];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
    }

    #[test]
    fn the_smallest_analysis_has_its_cpu() {
        let found = series(
            r#"{"host":"a","timestamp_ms":1,"cpu_percentage":7.0,"cpu_result":"LOW","level":"LOW"}"#,
        );
        assert_eq!(found, [("cpu".to_owned(), 7.0)]);
    }
}
