//! One row as text.

use std::io;

use serde::Serialize;

use crate::error::ApiError;
use crate::history::read::{Row, from_hundredths};

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Comma-separated values with a line of names first, as RFC 4180 has it.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// A row as it is told.
#[derive(Serialize)]
struct Line<'a> {
    host: &'a str,
    resource: &'a str,
    timestamp_ms: u64,
    minimum: f64,
    average: f64,
    maximum: f64,
    samples: u64,
}

impl Format {
    /// The format of this name; CSV when none is given.
    pub(super) fn asked(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            None | Some("csv") => Ok(Self::Csv),
            Some("jsonl") => Ok(Self::JsonLines),
            Some(other) => {
                Err(ApiError::bad_request(format!("format must be csv or jsonl, not {other:?}")))
            }
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8; header=present",
            Self::JsonLines => "application/jsonl",
        }
    }

    /// What the name of a file ends in.
    pub(super) const fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
        }
    }

    /// What comes before the first row.
    pub(super) const fn head(self) -> &'static [u8] {
        match self {
            Self::Csv => b"host,resource,timestamp_ms,minimum,average,maximum,samples\r\n",
            Self::JsonLines => b"",
        }
    }

    /// Adds rows to `text`.
    pub(super) fn writer(self, text: Vec<u8>) -> RowWriter {
        match self {
            Self::Csv => RowWriter::Csv(Box::new(
                csv::WriterBuilder::new()
                    .has_headers(false)
                    .terminator(csv::Terminator::CRLF)
                    .from_writer(text),
            )),
            Self::JsonLines => RowWriter::JsonLines(text),
        }
    }
}

/// Rows as they become text.
pub(super) enum RowWriter {
    Csv(Box<csv::Writer<Vec<u8>>>),
    JsonLines(Vec<u8>),
}

impl RowWriter {
    pub(super) fn write(&mut self, row: &Row<'_>) -> io::Result<()> {
        let line = Line {
            host: row.host,
            resource: row.resource,
            timestamp_ms: row.bucket_s.saturating_mul(1000),
            minimum: from_hundredths(row.cell.minimum),
            average: row.cell.average(),
            maximum: from_hundredths(row.cell.maximum),
            samples: row.cell.samples,
        };
        match self {
            Self::Csv(csv) => csv.serialize(line).map_err(io::Error::other),
            Self::JsonLines(text) => {
                serde_json::to_writer(&mut *text, &line)?;
                text.push(b'\n');
                Ok(())
            }
        }
    }

    /// The text so far.
    pub(super) fn into_text(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Csv(csv) => csv.into_inner().map_err(|error| io::Error::other(error.to_string())),
            Self::JsonLines(text) => Ok(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::read::Cell;

    fn written(format: Format, resource: &str) -> String {
        let cell = Cell { minimum: 0, maximum: 10_000, total: 12_345.0, samples: 2 };
        let row = Row { host: "web-1", resource, bucket_s: 60, cell };
        let mut rows = format.writer(format.head().to_vec());
        rows.write(&row).unwrap();
        String::from_utf8(rows.into_text().unwrap()).unwrap()
    }

    #[test]
    fn a_row_of_csv_has_the_fields_of_the_first_line() {
        let expected = "host,resource,timestamp_ms,minimum,average,maximum,samples\r\n\
                        web-1,cpu,60000,0.0,61.73,100.0,2\r\n";
        assert_eq!(written(Format::Csv, "cpu"), expected);
    }

    #[test]
    fn a_name_may_hold_what_separates_fields() {
        assert!(
            written(Format::Csv, "disk:/a,\"b\"\n").contains(",\"disk:/a,\"\"b\"\"\n\",60000,")
        );
        assert!(written(Format::JsonLines, "disk:/a,\"b\"\n").ends_with("}\n"));
    }

    #[test]
    fn a_row_of_json_is_one_line() {
        let expected = "{\"host\":\"web-1\",\"resource\":\"cpu\",\"timestamp_ms\":60000,\
                        \"minimum\":0.0,\"average\":61.73,\"maximum\":100.0,\"samples\":2}\n";
        assert_eq!(written(Format::JsonLines, "cpu"), expected);
    }
}
