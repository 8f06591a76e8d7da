//! The file of thresholds: TOML, checked by hand so that every mistake has its line.

use std::fmt::Display;

use globset::Glob;
use resources_core::contract::Thresholds;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Table;

/// Why a thresholds file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}, line {line}: {reason}")]
pub struct ThresholdFileError {
    path: String,
    line: usize,
    reason: String,
}

impl ThresholdFileError {
    pub(super) fn new(path: &str, line: usize, reason: impl Display) -> Self {
        Self { path: path.to_owned(), line, reason: reason.to_string() }
    }
}

/// A mistake at a byte of the text.
struct Mistake {
    at: usize,
    reason: String,
}

fn mistake<T>(at: &Spanned<impl Sized>, reason: impl Display) -> Result<T, Mistake> {
    Err(Mistake { at: at.span().start, reason: reason.to_string() })
}

const RESOURCES: &str = "cpu, memory, swap, disk and \"disk:<mount point>\"";

/// The default table and the tables of hosts, in the order of the file.
pub(super) fn parse(
    path: &str,
    text: &str,
) -> Result<(Table, Vec<(Glob, Table)>), ThresholdFileError> {
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let document = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        // The parser's message may have several lines.
        let reason = error.message().lines().collect::<Vec<_>>().join("; ");
        ThresholdFileError::new(path, line(at), reason)
    })?;
    read(document.get_ref())
        .map_err(|Mistake { at, reason }| ThresholdFileError::new(path, line(at), reason))
}

fn read(document: &DeTable<'_>) -> Result<(Table, Vec<(Glob, Table)>), Mistake> {
    let mut default = Table::default();
    let mut hosts = Vec::new();
    for (key, value) in document {
        match (&**key.get_ref(), value.get_ref()) {
            ("default", DeValue::Table(table)) => {
                for (name, value) in table {
                    name_thresholds(&mut default, name, value)?;
                }
            }
            ("host", DeValue::Array(entries)) => {
                for entry in entries {
                    let DeValue::Table(table) = entry.get_ref() else {
                        return mistake(entry, "each host is a table: write [[host]]");
                    };
                    hosts.push(host(entry, table)?);
                }
            }
            ("default", _) => return mistake(key, "default is a table: write [default]"),
            ("host", _) => return mistake(key, "hosts are a list of tables: write [[host]]"),
            (other, _) => {
                let allowed = "allowed are [default] and [[host]]";
                return mistake(key, format_args!("{other:?} is not known; {allowed}"));
            }
        }
    }
    Ok((default, hosts))
}

fn host<'i>(entry: &Spanned<DeValue<'i>>, table: &DeTable<'i>) -> Result<(Glob, Table), Mistake> {
    let mut pattern = None;
    let mut thresholds = Table::default();
    for (name, value) in table {
        if &**name.get_ref() != "pattern" {
            name_thresholds(&mut thresholds, name, value)?;
            continue;
        }
        let Some(text) = value.get_ref().as_str().filter(|text| !text.is_empty()) else {
            return mistake(value, "a pattern is a text such as \"db-*\"");
        };
        match Glob::new(text) {
            Ok(glob) => pattern = Some(glob),
            Err(error) => {
                return mistake(value, format_args!("pattern {text:?}: {}", error.kind()));
            }
        }
    }
    match pattern {
        Some(pattern) => Ok((pattern, thresholds)),
        None => mistake(entry, "a [[host]] needs a pattern of host names, such as \"db-*\""),
    }
}

/// Puts the thresholds `value` into the place of `table` that `name` names.
fn name_thresholds<'i>(
    table: &mut Table,
    name: &Spanned<impl AsRef<str>>,
    value: &Spanned<DeValue<'i>>,
) -> Result<(), Mistake> {
    let thresholds = pair(value)?;
    match name.get_ref().as_ref() {
        "cpu" => table.cpu = Some(thresholds),
        "memory" => table.memory = Some(thresholds),
        "swap" => table.swap = Some(thresholds),
        "disk" => table.disk = Some(thresholds),
        other => match other.strip_prefix("disk:") {
            Some(mount_point) if !mount_point.is_empty() => {
                table.mount_points.push((mount_point.into(), thresholds));
            }
            _ => {
                return mistake(
                    name,
                    format_args!("{other:?} is no resource; known are {RESOURCES}"),
                );
            }
        },
    }
    Ok(())
}

/// `{ medium = …, high = … }`
fn pair(value: &Spanned<DeValue<'_>>) -> Result<Thresholds, Mistake> {
    const FORM: &str = "thresholds are written { medium = 25, high = 75 }";
    let DeValue::Table(table) = value.get_ref() else { return mistake(value, FORM) };
    let (mut medium, mut high) = (None, None);
    for (key, number) in table {
        let place = match &**key.get_ref() {
            "medium" => &mut medium,
            "high" => &mut high,
            other => return mistake(key, format_args!("{other:?} is not known; {FORM}")),
        };
        *place = Some(percentage(number)?);
    }
    let (Some(medium), Some(high)) = (medium, high) else { return mistake(value, FORM) };
    Thresholds::new(medium, high).or_else(|error| mistake(value, error))
}

fn percentage(value: &Spanned<DeValue<'_>>) -> Result<f64, Mistake> {
    let number: Option<f64> = match value.get_ref() {
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str().parse().ok(),
        DeValue::Float(float) => float.as_str().parse().ok(),
        _ => None,
    };
    match number {
        Some(number) => Ok(number),
        None => mistake(value, "a threshold is a number from 0 to 100"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse("t.toml", text).expect_err(text).to_string()
    }

    #[test]
    fn the_example_file_can_be_used() {
        let (default, hosts) =
            parse("example", include_str!("../../thresholds.example.toml")).unwrap();
        assert!(default.cpu.is_some() && !default.mount_points.is_empty());
        assert!(hosts.len() >= 2);
    }

    #[test]
    fn an_empty_file_changes_nothing() {
        assert_eq!(parse("t.toml", "").unwrap().0, Table::default());
    }

    #[test]
    fn every_mistake_names_the_file_and_its_line_and_what_is_allowed() {
        for (text, line, wanted) in [
            ("[default]\ncpu = { medium = 80, high = 20 }", 2, "0 ≤ medium ≤ high ≤ 100"),
            ("[default]\n\ncpu = { medium = 8, high = 120 }", 3, "0 ≤ medium ≤ high ≤ 100"),
            ("[default]\ncpu = { medium = nan, high = 1 }", 2, "0 ≤ medium ≤ high ≤ 100"),
            ("[default]\ncpu = { medium = 8 }", 2, "{ medium = 25, high = 75 }"),
            ("[default]\ncpu = 8", 2, "{ medium = 25, high = 75 }"),
            ("[default]\ncpu = { medium = 8, hihg = 9 }", 2, "\"hihg\""),
            ("[default]\ncpu = { medium = \"a\", high = 9 }", 2, "a number from 0 to 100"),
            ("[default]\ngpu = { medium = 8, high = 9 }", 2, "known are cpu, memory"),
            ("[default]\n\"disk:\" = { medium = 8, high = 9 }", 2, "disk:<mount point>"),
            ("[defaults]\n", 1, "allowed are [default] and [[host]]"),
            ("\ndefault = 1\n", 2, "write [default]"),
            ("[host]\npattern = \"a\"", 1, "write [[host]]"),
            ("host = [1]", 1, "write [[host]]"),
            ("[[host]]\ncpu = { medium = 8, high = 9 }", 1, "needs a pattern"),
            ("[[host]]\npattern = 5", 2, "\"db-*\""),
            ("[[host]]\npattern = \"\"", 2, "\"db-*\""),
            ("[[host]]\npattern = \"a[\"", 2, "\"a[\""),
            ("[default\n", 1, ""),
            ("[default]\ncpu = { medium = 8, high = 9 }\ncpu = 1", 3, "duplicate key"),
        ] {
            let error = error(text);
            assert!(error.starts_with(&format!("t.toml, line {line}: ")), "{text}: {error}");
            assert!(error.contains(wanted), "{text}: {error}");
            assert_eq!(error.lines().count(), 1, "{error}");
        }
    }
}
