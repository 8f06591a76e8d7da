//! A file of `/proc` that is read again and again: opened once, into a buffer that stays.

use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// Read in steps of this size, in bytes.
const STEP_BYTES: usize = 4096;

/// One file of `/proc`.
#[derive(Debug)]
pub(super) struct ProcFile {
    path: &'static str,
    file: Option<File>,
    buffer: Vec<u8>,
}

impl ProcFile {
    /// The file at `path`, opened at the first reading.
    pub(super) const fn new(path: &'static str) -> Self {
        Self { path, file: None, buffer: Vec::new() }
    }

    /// The file, open.
    pub(super) fn open(&mut self) -> io::Result<&File> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => none.insert(File::open(self.path)?),
        })
    }

    /// What the file says now.
    pub(super) fn bytes(&mut self) -> io::Result<&[u8]> {
        self.open()?;
        let Some(file) = &self.file else { return Ok(&[]) };
        let mut length = 0;
        // Reading at 0 makes the kernel write the text anew; it ends with an empty read, as a
        // short one only means that a record ended.
        loop {
            if self.buffer.len() < length + STEP_BYTES {
                self.buffer.resize(length + STEP_BYTES, 0);
            }
            match file.read_at(&mut self.buffer[length..], length as u64) {
                Ok(0) => return Ok(&self.buffer[..length]),
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The same as text.
    pub(super) fn text(&mut self) -> io::Result<Cow<'_, str>> {
        self.bytes().map(String::from_utf8_lossy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reading_is_whole_and_begins_anew() {
        // Longer than a step on any machine with a few mounts or symbols.
        let mut file = ProcFile::new("/proc/self/smaps");
        for _ in 0..2 {
            let text = file.text().unwrap().into_owned();
            assert!(text.len() > STEP_BYTES, "{} bytes", text.len());
            assert!(text.ends_with('\n'));
        }
    }

    #[test]
    fn a_missing_file_is_an_error_each_time() {
        let mut file = ProcFile::new("/proc/no-such-file");
        assert!(file.bytes().is_err());
        assert!(file.bytes().is_err());
    }
}
