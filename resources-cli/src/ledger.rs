//! The ledger: what was sampled, written down before it is published, so that what arrived in
//! history can be compared with it afterwards. One line of JSON a sample.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use resources_core::contract::Measure;
use serde::{Deserialize, Serialize};

use crate::sequences::Sequences;

/// One sample, as a line of the ledger.
#[derive(Debug, Serialize, Deserialize)]
struct Entry<'a> {
    host: &'a str,
    run: &'a str,
    sequence: u64,
}

/// A ledger that is being written. Lines are appended, each handed to the system at once: a
/// program that is killed leaves all it sampled.
#[derive(Debug)]
pub(crate) struct LedgerWriter {
    file: File,
    line: Vec<u8>,
}

impl LedgerWriter {
    /// Opens `path` to append to it; makes it when it is not there.
    pub(crate) fn append(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        end_last_line(&file)?;
        Ok(Self { file, line: Vec::new() })
    }

    /// Writes down that `measure` was sampled.
    pub(crate) fn write(&mut self, measure: &Measure) -> io::Result<()> {
        let (Some(run), Some(sequence)) = (measure.run.as_deref(), measure.sequence) else {
            return Ok(());
        };
        self.line.clear();
        serde_json::to_writer(
            &mut self.line,
            &Entry { host: measure.host.as_str(), run, sequence },
        )?;
        self.line.push(b'\n');
        self.file.write_all(&self.line)
    }
}

/// Longest line of a ledger, in bytes, with room to spare.
const MAX_LINE_BYTES: u64 = 1_024;

/// What every line of a ledger begins with.
const LINE_BEGIN: &[u8] = br#"{"host":""#;

/// Cuts a last line off that a lost machine or a full disk left unfinished: its sample was not
/// published, and what is appended must begin a line. Of anything else nothing is cut off.
fn end_last_line(mut file: &File) -> io::Result<()> {
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(());
    }
    let bytes = metadata.len();
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(bytes.saturating_sub(MAX_LINE_BYTES)))?;
    file.read_to_end(&mut tail)?;
    let newline = tail.iter().rposition(|byte| *byte == b'\n');
    let unfinished = &tail[newline.map_or(0, |newline| newline + 1)..];
    if unfinished.is_empty() {
        return Ok(());
    }
    let is_whole = newline.is_some() || bytes <= MAX_LINE_BYTES;
    if is_whole && unfinished.iter().zip(LINE_BEGIN).all(|(byte, begin)| byte == begin) {
        return file.set_len(bytes - unfinished.len() as u64);
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        "its last line is not one of a ledger; name a ledger, or a file that is not there yet",
    ))
}

/// What ledgers say was sampled: the sequences of each run of each host.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Ledger {
    hosts: BTreeMap<String, BTreeMap<String, Sequences>>,
}

/// Why a ledger cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LedgerError {
    #[error("cannot read the ledger {}: {source}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error(
        "{}, line {number}: not a line of a ledger ({source}); give files written by \
         `resources simulate --ledger`",
        path.display()
    )]
    Line { path: PathBuf, number: usize, source: serde_json::Error },
}

impl Ledger {
    /// Adds what the file at `path` says. A last line that was cut off, by a machine that lost
    /// its power, is left out: its sample was not published yet.
    pub(crate) fn read(&mut self, path: &Path) -> Result<(), LedgerError> {
        let unreadable = |source| LedgerError::File { path: path.to_owned(), source };
        let mut input = BufReader::new(File::open(path).map_err(unreadable)?);
        let mut line = Vec::new();
        for number in 1.. {
            line.clear();
            if input.read_until(b'\n', &mut line).map_err(unreadable)? == 0 {
                break;
            }
            match serde_json::from_slice::<Entry<'_>>(&line) {
                Ok(entry) => self.add(&entry),
                Err(_) if line.last() != Some(&b'\n') => break,
                Err(source) => {
                    return Err(LedgerError::Line { path: path.to_owned(), number, source });
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: &Entry<'_>) {
        // Looked up before it is made: nearly every line is of a known run.
        if !self.hosts.contains_key(entry.host) {
            self.hosts.insert(entry.host.to_owned(), BTreeMap::new());
        }
        let Some(runs) = self.hosts.get_mut(entry.host) else { return };
        if !runs.contains_key(entry.run) {
            runs.insert(entry.run.to_owned(), Sequences::default());
        }
        if let Some(sequences) = runs.get_mut(entry.run) {
            sequences.insert(entry.sequence);
        }
    }

    /// Every host and the sequences of each of its runs, by name.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = (&str, &BTreeMap<String, Sequences>)> {
        self.hosts.iter().map(|(host, runs)| (host.as_str(), runs))
    }
}

#[cfg(test)]
mod tests {
    use resources_core::contract::HostName;

    use super::*;

    fn sample(host: &str, run: &str, sequence: u64) -> Measure {
        Measure {
            run: Some(run.into()),
            sequence: Some(sequence),
            ..Measure::new(HostName::new(host).unwrap(), 1, 5.0)
        }
    }

    fn read(path: &Path) -> Result<Ledger, LedgerError> {
        let mut ledger = Ledger::default();
        ledger.read(path).map(|()| ledger)
    }

    fn counts(ledger: &Ledger) -> Vec<(&str, Vec<(&str, u64)>)> {
        ledger
            .hosts()
            .map(|(host, runs)| {
                (host, runs.iter().map(|(run, held)| (run.as_str(), held.len())).collect())
            })
            .collect()
    }

    #[test]
    fn what_was_written_is_read_also_from_several_runs_and_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let mut writer = LedgerWriter::append(&path).unwrap();
        for sequence in 0..10 {
            writer.write(&sample("a", "one", sequence)).unwrap();
            writer.write(&sample("b.c", "one", sequence)).unwrap();
        }
        // Opened again, it goes on behind what is there.
        let mut writer = LedgerWriter::append(&path).unwrap();
        writer.write(&sample("a", "two", 0)).unwrap();
        let mut ledger = read(&path).unwrap();
        assert_eq!(
            counts(&ledger),
            [("a", vec![("one", 10), ("two", 1)]), ("b.c", vec![("one", 10)])]
        );
        ledger.read(&path).unwrap();
        assert_eq!(ledger, read(&path).unwrap(), "the same file twice says nothing new");
    }

    #[test]
    fn an_unfinished_line_is_cut_off_and_nothing_else_is_touched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let good = "{\"host\":\"a\",\"run\":\"r\",\"sequence\":0}\n";
        for unfinished in ["", "{", "{\"host\":\"a\",\"ru"] {
            std::fs::write(&path, format!("{good}{unfinished}")).unwrap();
            LedgerWriter::append(&path).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), good);
        }
        let long = "x".repeat(5_000);
        let other = [r#"{"name":"mine"}"#, "a key without an end", &long, "{}\n\n{\"hosts\":1}"];
        for text in other {
            std::fs::write(&path, text).unwrap();
            let error = LedgerWriter::append(&path).unwrap_err().to_string();
            assert!(error.contains("not one of a ledger"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_file_has_nothing_to_cut_off() {
        let mut writer = LedgerWriter::append(Path::new("/dev/null")).unwrap();
        writer.write(&sample("a", "one", 0)).unwrap();
    }

    #[test]
    fn a_last_line_that_was_cut_off_is_left_out_and_any_other_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let good = "{\"host\":\"a\",\"run\":\"r\",\"sequence\":0}\n";
        std::fs::write(&path, format!("{good}{{\"host\":\"a\",\"ru")).unwrap();
        assert_eq!(counts(&read(&path).unwrap()), [("a", vec![("r", 1)])]);

        std::fs::write(&path, format!("{good}nonsense\n{good}")).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("--ledger"), "{error}");
        let error = read(&folder.path().join("none")).unwrap_err().to_string();
        assert!(error.contains("cannot read the ledger"), "{error}");
    }
}
