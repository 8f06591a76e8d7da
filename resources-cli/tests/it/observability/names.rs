//! Names of figures: told, documented, and used by what is deployed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

type Names = BTreeSet<String>;

fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Names in the first column of the tables of docs/observability.md.
pub(super) fn documented() -> Names {
    let text = read(&in_repository("docs/observability.md"));
    let names = text.lines().filter_map(|line| {
        let name = line.strip_prefix("| `")?.split(['`', '{']).next()?;
        is_ours(name).then(|| name.to_owned())
    });
    names.collect()
}

fn is_ours(name: &str) -> bool {
    name.starts_with("resources_") || name.starts_with("process_")
}

/// Names that `body` tells of, each with its type and its help; those of tests left out.
pub(super) fn told(body: &str) -> Names {
    let named = |line: &str, what: &str| {
        let rest = line.strip_prefix(what)?;
        rest.split(' ').next().map(str::to_owned)
    };
    let types: Names = body.lines().filter_map(|line| named(line, "# TYPE ")).collect();
    let helps: Names = body.lines().filter_map(|line| named(line, "# HELP ")).collect();
    assert_eq!(types, helps);
    for name in &types {
        let is_in_base_units = !name.ends_with("_ms") && !name.ends_with("_percentage");
        assert!(is_in_base_units, "{name}");
    }
    types
}

/// Each file for Prometheus and Grafana with the names it uses.
pub(super) fn used_in_deployment() -> Vec<(String, Names)> {
    let mut files = Vec::new();
    collect(&in_repository("deploy/observability"), &mut files);
    assert!(files.len() >= 4, "{files:?}");
    files.iter().map(|file| (file.display().to_string(), used(&read(file)))).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}

/// Services of docker-compose.yml that Prometheus is to scrape on a port of their own, and whether
/// they serve figures there; the page serves them with everything else, and the tracker where it
/// is told to.
pub(super) fn scraped_in_compose() -> Vec<(String, bool)> {
    let scrape = read(&in_repository("deploy/observability/prometheus.yml"));
    let compose = read(&in_repository("docker-compose.yml"));
    let names = scrape.lines().filter_map(|line| {
        let list = line.trim().strip_prefix("- { names: [")?;
        list.split(']').next().map(str::to_owned)
    });
    let serves = |name: &str| {
        let section = compose.split_once(&format!("\n  {name}:\n")).map(|(_, rest)| rest);
        let lines = section.unwrap_or_default().lines();
        let mut own = lines.take_while(|line| line.is_empty() || line.starts_with("   "));
        own.any(|line| line.trim() == "RESOURCES_METRICS_LISTEN: 0.0.0.0:9464")
    };
    names.map(|name| (name.clone(), serves(&name))).collect()
}

/// Words that name a figure, or a part of a histogram.
fn used(text: &str) -> Names {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let base = |word: &str| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        part.unwrap_or(word).to_owned()
    };
    words.filter(|word| is_ours(word)).map(base).collect()
}
