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

/// Words that name a figure, or a part of a histogram.
fn used(text: &str) -> Names {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let base = |word: &str| {
        let part = ["_bucket", "_sum", "_count"].iter().find_map(|end| word.strip_suffix(end));
        part.unwrap_or(word).to_owned()
    };
    words.filter(|word| is_ours(word)).map(base).collect()
}
