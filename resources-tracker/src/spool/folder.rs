//! The folder of a spool: whose it is, and which segments are in it.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::segment::{self, MAGIC, MOST_RECORD_BYTES, RecordAt};

/// How the names of segments end.
const SUFFIX: &str = ".segment";

/// Largest segment there can be, in bytes: more of a file is not read.
const MOST_SEGMENT_BYTES: u64 = super::SEGMENT_BYTES + MOST_RECORD_BYTES as u64;

/// Why a folder cannot be used as a spool.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SpoolError {
    /// It is not there, is no folder, or cannot be written.
    #[error("--spool-dir {}: {source}; give a folder that exists and can be written", folder.display())]
    Unusable {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process uses it.
    #[error("--spool-dir {}: another tracker uses it; give each its own", folder.display())]
    InUse {
        /// The folder.
        folder: PathBuf,
    },
}

/// Takes `folder` for this process alone, as long as the file that is given back stays open.
pub(super) fn take(folder: &Path) -> Result<File, SpoolError> {
    let unusable = |source| SpoolError::Unusable { folder: folder.to_owned(), source };
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(folder.join("lock"))
        .map_err(unusable)?;
    lock.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => SpoolError::InUse { folder: folder.to_owned() },
        TryLockError::Error(source) => unusable(source),
    })?;
    // The lock may be an old file in a folder that cannot be written any more.
    let probe = folder.join("probe");
    fs::write(&probe, b"").and_then(|()| fs::remove_file(&probe)).map_err(unusable)?;
    Ok(lock)
}

/// Where segment `number` is.
pub(super) fn segment_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}{SUFFIX}"))
}

/// The number of a segment, from the name of its file.
fn segment_number(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let ours = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    ours.then(|| digits.parse().ok()).flatten()
}

/// One segment with whole records.
#[derive(Debug)]
pub(super) struct FoundSegment {
    pub(super) bytes: u64,
    pub(super) records: Vec<RecordAt>,
}

/// What is in a folder.
#[derive(Debug)]
pub(super) struct FoundSegments {
    /// Segments with whole records, oldest first.
    pub(super) segments: Vec<(u64, FoundSegment)>,
    /// The number of the next segment.
    pub(super) next_number: u64,
}

/// What was not as it had been written.
#[derive(Debug, Default)]
struct Damage {
    torn_segments: u64,
    torn_bytes: u64,
    damaged_records: u64,
}

/// Reads every segment in `folder`, cuts off torn tails, and says in one line what was found.
pub(super) fn read(folder: &Path) -> Result<FoundSegments, SpoolError> {
    let unusable = |source| SpoolError::Unusable { folder: folder.to_owned(), source };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(unusable)? {
        let name = entry.map_err(unusable)?.file_name();
        numbers.extend(name.to_str().and_then(segment_number));
    }
    numbers.sort_unstable();
    let next_number = numbers.last().map_or(0, |last| last.saturating_add(1));
    let mut damage = Damage::default();
    let mut segments = Vec::new();
    for number in numbers {
        let path = segment_path(folder, number);
        match read_segment(&path, &mut damage) {
            Ok(Some(segment)) => segments.push((number, segment)),
            Ok(None) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot read {}, left as it is: {error}", path.display());
            }
        }
    }
    say_found(folder, &segments, &damage);
    Ok(FoundSegments { segments, next_number })
}

/// Reads the segment at `path`; one without a whole record is deleted.
fn read_segment(path: &Path, damage: &mut Damage) -> io::Result<Option<FoundSegment>> {
    let mut file = File::options().read(true).write(true).open(path)?;
    let length = file.metadata()?.len();
    let mut bytes = Vec::new();
    file.by_ref().take(MOST_SEGMENT_BYTES).read_to_end(&mut bytes)?;
    if is_of_another_version(&bytes) {
        return Err(io::Error::other("it was written by another version"));
    }
    let found = segment::read(&bytes);
    damage.damaged_records += found.damaged;
    let end = found.end as u64;
    if end < length {
        damage.torn_segments += 1;
        damage.torn_bytes += length - end;
    }
    if found.records.is_empty() {
        drop(file);
        fs::remove_file(path)?;
        return Ok(None);
    }
    if end < length {
        file.set_len(end)?;
    }
    Ok(Some(FoundSegment { bytes: end, records: found.records }))
}

/// Whether these are the bytes of a segment in another format than ours.
fn is_of_another_version(bytes: &[u8]) -> bool {
    let name = &MAGIC[..MAGIC.len() - 1];
    bytes.len() >= MAGIC.len() && bytes.starts_with(name) && !bytes.starts_with(MAGIC)
}

fn say_found(folder: &Path, segments: &[(u64, FoundSegment)], damage: &Damage) {
    let samples: usize = segments.iter().map(|(_, segment)| segment.records.len()).sum();
    let Damage { torn_segments, torn_bytes, damaged_records } = *damage;
    let folder = folder.display();
    if torn_segments + damaged_records > 0 {
        tracing::warn!(
            samples,
            torn_segments,
            torn_bytes,
            damaged_records,
            "{samples} samples of an earlier run are in {folder}; the torn ends of {torn_segments} \
             files were cut off ({torn_bytes} bytes) and {damaged_records} damaged samples left out"
        );
    } else if samples > 0 {
        tracing::info!(samples, "{samples} samples of an earlier run are in {folder}");
    }
}

/// Forces the names of new files to the disk.
pub(super) fn sync(folder: &Path) -> io::Result<()> {
    // Elsewhere a folder cannot be opened, and file systems there do it by themselves.
    if cfg!(unix) { File::open(folder)?.sync_all() } else { Ok(()) }
}
