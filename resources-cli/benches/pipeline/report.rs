//! The tables, on standard output and in the documentation.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::Context as _;

/// The document, with `{machine}`, and the name of each part in braces, where they belong.
const TEMPLATE: &str = include_str!("benchmarks.md");

/// Stands in the document behind each table; before it stands a comment with the part's name.
const END: &str = "<!-- end -->";

/// What was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    parts: Vec<Part>,
}

/// What was measured together.
#[derive(Debug)]
struct Part {
    name: String,
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
    /// What is added from here on belongs to this part.
    pub(crate) fn begin(&mut self, name: &str) {
        self.parts.push(Part { name: name.to_owned(), rows: Vec::new() });
    }

    pub(crate) fn add(&mut self, row: Row) {
        say(&format!("  {}", row.line()));
        if let Some(part) = self.parts.last_mut() {
            part.rows.push(row);
        }
    }

    pub(crate) fn print(&self) -> anyhow::Result<()> {
        for part in &self.parts {
            writeln!(std::io::stdout(), "{}", part.table()).context("cannot print the table")?;
        }
        Ok(())
    }

    /// Writes docs/benchmarks.md. Of `names`, the parts that were not measured stay as they are.
    pub(crate) fn write(&self, names: &[String], machine: &str, when: &str) -> anyhow::Result<()> {
        let package = std::env::var("CARGO_MANIFEST_DIR")
            .unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
        let path = PathBuf::from(package).join("../docs/benchmarks.md");
        let before = std::fs::read_to_string(&path).unwrap_or_default();
        let mut text = TEMPLATE.replace("{machine}", machine);
        for name in names {
            let begin = format!("<!-- {name} -->");
            let measured =
                self.parts.iter().find(|part| part.name == *name && !part.rows.is_empty());
            let figures = match measured {
                Some(part) => format!("{}\n{when}", part.table()),
                None => between(&before, &begin, END).unwrap_or("Not measured yet.").to_owned(),
            };
            text = text
                .replace(&format!("{{{name}}}"), &format!("{begin}\n\n{}\n{END}", figures.trim()));
        }
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    }
}

impl Part {
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
}

/// What stands in `text` behind `begin`, up to the next `end`.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(begin)?;
    Some(rest.split_once(end)?.0)
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
