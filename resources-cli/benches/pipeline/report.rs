//! The table, on standard output and in the documentation.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

/// The document, with `{machine}` and `{table}` where they belong.
const TEMPLATE: &str = include_str!("benchmarks.md");

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

/// One figure.
#[derive(Debug, Default)]
pub(crate) struct Row {
    /// What it is of.
    pub(crate) figure: String,
    /// What the program took.
    pub(crate) ours: String,
    /// What the bare program beside it took; empty without one.
    pub(crate) bare: String,
    /// Ours to bare.
    pub(crate) ratio: Option<f64>,
    /// What it should be, and whether it is.
    pub(crate) target: Option<(&'static str, bool)>,
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        say(&format!("  {}", row.line()));
        self.rows.push(row);
    }

    fn table(&self) -> String {
        let mut table =
            "| figure | measured | bare | ratio | target | |\n|---|---|---|---|---|---|\n"
                .to_owned();
        for row in &self.rows {
            table.push_str(&row.line());
            table.push('\n');
        }
        table
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        write!(std::io::stdout(), "{}", self.table()).context("cannot print the table")
    }

    /// Writes docs/benchmarks.md.
    pub(crate) fn write(&self, machine: &str) -> anyhow::Result<()> {
        let package = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let path = PathBuf::from(package).join("../docs/benchmarks.md");
        let text = TEMPLATE.replace("{machine}", machine).replace("{table}", &self.table());
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Row {
    fn line(&self) -> String {
        let Self { figure, ours, bare, ratio, target } = self;
        let ratio = ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
        let (target, verdict) = match target {
            Some((target, true)) => (*target, "met"),
            Some((target, false)) => (*target, "**missed**"),
            None => ("", ""),
        };
        format!("| {figure} | {ours} | {bare} | {ratio} | {target} | {verdict} |")
    }
}

/// Says how it goes on standard error, which is not part of the table.
#[expect(clippy::print_stderr, reason = "the progress of a benchmark")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
