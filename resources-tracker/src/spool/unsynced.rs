//! What the kernel has and the disk may not.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::folder;

/// Least time between two writes that are forced to the disk.
pub(super) const SYNC_PERIOD: Duration = Duration::from_secs(5);

/// Most full segments that wait to be forced to the disk. When a disk is that slow, the others
/// are left to the kernel, which does so within half a minute.
const MOST_FULL: usize = 16;

/// Keeps account of what is to be forced to the disk, and when.
#[derive(Debug, Default)]
pub(super) struct Unsynced {
    /// Segments that nothing is appended to any more.
    full: Vec<File>,
    /// Something was appended to the open segment.
    open: bool,
    /// A file was made.
    folder: bool,
    last: Option<Instant>,
}

impl Unsynced {
    /// Something was appended to the open segment.
    pub(super) const fn appended(&mut self) {
        self.open = true;
    }

    /// A file was made.
    pub(super) const fn made(&mut self) {
        self.folder = true;
    }

    /// Nothing is appended to the open segment any more.
    pub(super) fn closed(&mut self, file: File) {
        if std::mem::take(&mut self.open) && self.full.len() < MOST_FULL {
            self.full.push(file);
        }
    }

    /// The open segment was deleted.
    pub(super) const fn deleted(&mut self) {
        self.open = false;
    }

    /// When something must be forced to the disk; `None` when all of it is there.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        let any = self.open || !self.full.is_empty();
        any.then(|| self.last.map_or(now, |last| last + SYNC_PERIOD))
    }

    /// Hands over what there is, with the open segment.
    pub(super) fn begin(
        &mut self,
        folder: &Path,
        open: Option<&File>,
        now: Instant,
    ) -> io::Result<Sync> {
        self.last = Some(now);
        let open = open.filter(|_| self.open).map(File::try_clone).transpose()?;
        self.open = false;
        let files = std::mem::take(&mut self.full).into_iter().chain(open).collect();
        let folder = std::mem::take(&mut self.folder).then(|| folder.to_owned());
        Ok(Sync { files, folder })
    }
}

/// Work that may block for long: forcing files to the disk.
#[derive(Debug, Default)]
pub(crate) struct Sync {
    pub(super) files: Vec<File>,
    pub(super) folder: Option<PathBuf>,
}

impl Sync {
    /// Blocks until the disk has everything.
    pub(crate) fn run(self) -> io::Result<()> {
        self.files.iter().try_for_each(File::sync_data)?;
        self.folder.as_deref().map_or(Ok(()), folder::sync)
    }
}
