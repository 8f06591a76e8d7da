//! Samples on disk: what is not confirmed for a while survives the end of this process.
//!
//! A spool is a folder of segment files, each appended to until it has its size, never changed
//! otherwise, and deleted once none of its samples is needed any more. All of them together stay
//! below a bound; to make room the oldest goes.
//!
//! **What it promises.** A sample is in the hands of the kernel when [`Spool::append`] returns, so
//! it survives this process, however that ends. What was appended is forced to the disk at once
//! when nothing was for [`unsynced::SYNC_PERIOD`], else when that is over. So a power cut costs samples of
//! five seconds at most, and an outage costs the disk one forced write in five seconds, whatever
//! the interval of sampling: one for each sample would wear a flash card for hours to save a few
//! seconds that a machine without power has no samples of anyway. Forcing may take long, so it is
//! done beside the sampling; appending goes to the kernel's memory and is done in line.
//!
//! **What it expects.** A file may end anywhere after a power cut, in garbage or in zeroes. A
//! segment found at the start is never appended to again.

mod folder;
mod segment;
mod unsynced;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use crate::outbox::Sample;

use self::unsynced::{Sync, Unsynced};

pub use self::folder::SpoolError;

/// How long a spool that cannot be written is left alone.
const RETRY_PERIOD: Duration = Duration::from_secs(5);

/// Size at which a segment is full, in bytes: what is sent twice, at most, after a crash during
/// a replay, and what is dropped at once when the spool is full.
const SEGMENT_BYTES: u64 = 256 << 10;

/// A spool has room for at least this many segments, so that dropping one drops little.
const LEAST_SEGMENTS: u64 = 16;

/// Where samples are kept on disk, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolSettings {
    /// The folder, which must exist. One spool at a time uses it.
    pub folder: PathBuf,
    /// Most the segments take together, in bytes; at least [`SpoolSettings::LEAST_BYTES`].
    pub limit_bytes: u64,
}

impl SpoolSettings {
    /// Smallest bound, in bytes.
    pub const LEAST_BYTES: u64 = 1 << 20;
    /// Largest bound, in bytes. What is on disk takes about a tenth of that in memory, to be found
    /// again.
    pub const MOST_BYTES: u64 = 1 << 30;

    /// Checks that the folder could be used now, so that a mistake is told before anything else
    /// is done.
    ///
    /// # Errors
    /// When it is missing, cannot be written, or is in use.
    pub fn check(&self) -> Result<(), SpoolError> {
        folder::take(&self.folder).map(drop)
    }
}

/// Where a sample is on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// Number of its segment; older ones have lower numbers.
    pub(crate) segment: u64,
    offset: u32,
    bytes: u32,
}

/// A sample found on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) place: Place,
    /// The count of dropped samples it tells.
    pub(crate) dropped: u64,
}

/// What an earlier run left.
#[derive(Debug, Default)]
pub(crate) struct Left {
    /// Samples, oldest first.
    pub(crate) samples: Vec<Stored>,
    /// Samples that did not fit into the bound.
    pub(crate) dropped: u64,
    /// The dropped samples that those told of.
    pub(crate) told: u64,
}

/// One segment file.
#[derive(Debug)]
struct Segment {
    bytes: u64,
    /// Samples in it that are still needed.
    needed: u64,
}

/// The segment that is written.
#[derive(Debug)]
struct Open {
    number: u64,
    file: File,
}

/// Samples on disk, bounded.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    limit_bytes: u64,
    /// Locked as long as this spool is used.
    _lock: File,
    segments: BTreeMap<u64, Segment>,
    bytes: u64,
    next_number: u64,
    open: Option<Open>,
    /// The segment last read from.
    reader: Option<Open>,
    unsynced: Unsynced,
    /// It could not be written, and nothing has reached the disk since.
    troubled: bool,
    /// While it is left alone because it could not be written: when to try again.
    retry_at: Option<Instant>,
    /// Segments dropped to make room, until told.
    dropped_segments: Vec<u64>,
}

impl Spool {
    /// Takes the folder and reads what an earlier run left there.
    ///
    /// # Errors
    /// Says what is wrong with the folder: missing, not writable, or used by another tracker.
    pub(crate) fn open(settings: &SpoolSettings) -> Result<(Self, Left), SpoolError> {
        let folder = settings.folder.clone();
        let lock = folder::take(&folder)?;
        let mut spool = Self {
            folder,
            limit_bytes: settings.limit_bytes.max(SpoolSettings::LEAST_BYTES),
            _lock: lock,
            segments: BTreeMap::new(),
            bytes: 0,
            next_number: 0,
            open: None,
            reader: None,
            unsynced: Unsynced::default(),
            troubled: false,
            retry_at: None,
            dropped_segments: Vec::new(),
        };
        let left = spool.read_left()?;
        Ok((spool, left))
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) const fn limit_bytes(&self) -> u64 {
        self.limit_bytes
    }

    fn read_left(&mut self) -> Result<Left, SpoolError> {
        let found = folder::read(&self.folder)?;
        self.next_number = found.next_number;
        let mut left = Left::default();
        for (number, segment) in found.segments {
            let file = Segment { bytes: segment.bytes, needed: segment.records.len() as u64 };
            self.bytes += file.bytes;
            self.segments.insert(number, file);
            left.samples.extend(segment.records.iter().map(|record| Stored {
                place: Place { segment: number, offset: record.offset, bytes: record.bytes },
                dropped: record.dropped,
            }));
        }
        self.make_room(0);
        let dropped = self.take_dropped_segments();
        left.samples.retain(|sample| {
            let gone = dropped.contains(&sample.place.segment);
            if gone {
                left.dropped += 1;
                left.told += sample.dropped;
            }
            !gone
        });
        Ok(left)
    }

    /// Puts `sample` on disk, dropping the oldest segments when it would not fit otherwise; see
    /// [`take_dropped_segments`](Self::take_dropped_segments). `None` when the disk does not take
    /// it now, which is logged once, or when it is larger than any message may be.
    pub(crate) fn append(&mut self, sample: &Sample, now: Instant) -> Option<Place> {
        if self.retry_at.is_some_and(|retry_at| now < retry_at) {
            return None;
        }
        let record = segment::encode(sample)?;
        let bytes = record.len() as u64;
        self.close_full(bytes);
        self.make_room(bytes + segment::MAGIC.len() as u64);
        match self.write(&record) {
            Ok(place) => {
                self.unsynced.appended();
                self.retry_at = None;
                Some(place)
            }
            Err(error) => {
                self.trouble(&error, now);
                None
            }
        }
    }

    /// Ends the open segment when `more` bytes would take it over its size.
    fn close_full(&mut self, more: u64) {
        let Some(open) = &self.open else { return };
        let full = self.limit_bytes.div_euclid(LEAST_SEGMENTS).min(SEGMENT_BYTES);
        if self.segments.get(&open.number).is_some_and(|segment| segment.bytes + more > full) {
            self.close();
        }
    }

    /// Ends the open segment: what follows goes into another.
    fn close(&mut self) {
        if let Some(Open { file, .. }) = self.open.take() {
            self.unsynced.closed(file);
        }
    }

    fn make_room(&mut self, more: u64) {
        while self.bytes + more > self.limit_bytes {
            let Some((&oldest, _)) = self.segments.first_key_value() else { return };
            self.remove(oldest);
            self.dropped_segments.push(oldest);
        }
    }

    fn write(&mut self, record: &[u8]) -> io::Result<Place> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.create()?,
        };
        let segment = self.segments.entry(open.number).or_insert(Segment { bytes: 0, needed: 0 });
        let begin = segment.bytes;
        if let Err(error) = open.file.write_all(record) {
            if segment.needed == 0 {
                self.remove(open.number);
            } else {
                // Best effort: what is there of the record is a torn tail, and read as one.
                open.file.set_len(begin).ok();
                self.open = Some(open);
            }
            return Err(error);
        }
        let place = Place {
            segment: open.number,
            offset: u32::try_from(begin).map_err(io::Error::other)?,
            bytes: u32::try_from(record.len()).map_err(io::Error::other)?,
        };
        segment.bytes += record.len() as u64;
        segment.needed += 1;
        self.bytes += record.len() as u64;
        self.open = Some(open);
        Ok(place)
    }

    /// A new segment, with its first bytes.
    fn create(&mut self) -> io::Result<Open> {
        let number = self.next_number;
        // Whatever happens: a name that is taken must not be in the way for ever.
        self.next_number += 1;
        let path = folder::segment_path(&self.folder, number);
        let mut file = File::options().write(true).create_new(true).open(&path)?;
        self.unsynced.made();
        if let Err(error) = file.write_all(segment::MAGIC) {
            drop(file);
            // Empty, so at worst it is found to be torn at the next start.
            fs::remove_file(path).ok();
            return Err(error);
        }
        let bytes = segment::MAGIC.len() as u64;
        self.segments.insert(number, Segment { bytes, needed: 0 });
        self.bytes += bytes;
        Ok(Open { number, file })
    }

    /// Takes note that the disk did not take something, and says so the first time.
    fn trouble(&mut self, error: &io::Error, now: Instant) {
        self.close();
        self.retry_at = Some(now + RETRY_PERIOD);
        if !std::mem::replace(&mut self.troubled, true) {
            tracing::warn!(
                %error,
                "cannot write samples to {}: {error}; they are kept in memory only until it can \
                 be written again",
                self.folder.display()
            );
        }
    }

    /// The segments dropped since this was last asked, whose samples are no longer on disk.
    pub(crate) fn take_dropped_segments(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.dropped_segments)
    }

    /// When to try again, while the disk takes nothing.
    pub(crate) const fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Tries the disk with the next sample from `now` on, although it took nothing a moment ago.
    pub(crate) fn try_again(&mut self, now: Instant) {
        if let Some(retry_at) = &mut self.retry_at {
            *retry_at = (*retry_at).min(now);
        }
    }

    /// The sample at `place`.
    ///
    /// # Errors
    /// When it cannot be read, or is no longer what was written.
    pub(crate) fn read(&mut self, place: Place) -> io::Result<Sample> {
        let mut reader = match self.reader.take() {
            Some(reader) if reader.number == place.segment => reader,
            _ => {
                let path = folder::segment_path(&self.folder, place.segment);
                Open { number: place.segment, file: File::open(path)? }
            }
        };
        reader.file.seek(SeekFrom::Start(place.offset.into()))?;
        let mut record = vec![0; place.bytes as usize];
        reader.file.read_exact(&mut record)?;
        self.reader = Some(reader);
        segment::decode(&record)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "its checksum is wrong"))
    }

    /// The sample at `place` is no longer needed. With its last one a segment is deleted.
    pub(crate) fn release(&mut self, place: Place) {
        let Some(segment) = self.segments.get_mut(&place.segment) else { return };
        segment.needed = segment.needed.saturating_sub(1);
        if segment.needed == 0 {
            self.remove(place.segment);
        }
    }

    fn remove(&mut self, number: u64) {
        if self.open.take_if(|open| open.number == number).is_some() {
            self.unsynced.deleted();
        }
        self.reader.take_if(|reader| reader.number == number);
        let Some(segment) = self.segments.remove(&number) else { return };
        self.bytes -= segment.bytes;
        let path = folder::segment_path(&self.folder, number);
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            // Its samples would come again after a restart, which receivers see.
            tracing::debug!(%error, "cannot delete {}", path.display());
        }
    }

    /// When something must be forced to the disk; `None` when all of it is there.
    pub(crate) fn sync_at(&self, now: Instant) -> Option<Instant> {
        self.unsynced.due_at(now)
    }

    /// The work of forcing to the disk what is not there yet.
    pub(crate) fn begin_sync(&mut self, now: Instant) -> Sync {
        let open = self.open.as_ref().map(|open| &open.file);
        self.unsynced.begin(&self.folder, open, now).unwrap_or_else(|error| {
            self.trouble(&error, now);
            Sync::default()
        })
    }

    /// How that work ended.
    pub(crate) fn end_sync(&mut self, outcome: io::Result<()>, now: Instant) {
        match outcome {
            Err(error) => self.trouble(&error, now),
            // What was forced to the disk may be from before the trouble.
            Ok(()) if self.retry_at.is_some() => {}
            Ok(()) => {
                if std::mem::take(&mut self.troubled) {
                    let folder = self.folder.display();
                    tracing::info!("samples can be written to {folder} again");
                }
            }
        }
    }
}

/// Reads `bytes` as a segment and every sample in it, for fuzzing; gives how many there are.
pub(crate) fn read_segment(bytes: &[u8]) -> usize {
    let whole = |at: &segment::RecordAt| {
        let record = usize::try_from(at.offset)
            .ok()
            .zip(usize::try_from(at.bytes).ok())
            .and_then(|(offset, length)| bytes.get(offset..)?.get(..length))?;
        segment::decode(record)
    };
    segment::read(bytes).records.iter().filter_map(whole).count()
}

#[cfg(test)]
mod tests;
