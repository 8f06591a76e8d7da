//! Mounted file systems.
//!
//! Mounts are listed from the kernel's table, which touches none of them (sysinfo's listing asks
//! each, and would hang with the first network mount that does). Local ones are then asked
//! directly, those that something beyond the kernel answers for each on a thread of its own.

mod mounts;
mod remote;

use std::io;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use resources_core::contract::{Disk, MAX_INTEGER, Usage};
use rustix::event::{PollFd, PollFlags, poll};

use self::mounts::{Place, Selected};
use self::remote::RemoteReads;
use super::proc_file::ProcFile;
use super::{MOST_LISTED, due};
use crate::filter::NameFilter;

/// How often disks are read: a disk in a sample is at most this old.
pub(super) const PERIOD: Duration = Duration::from_secs(1);

/// The table of mounts is read anew at least this often, should the kernel not tell of changes.
const LIST_PERIOD: Duration = Duration::from_secs(60);

/// Reads the disks of this machine.
#[derive(Debug)]
pub(super) struct Disks {
    table: ProcFile,
    filter: NameFilter,
    host_root: Option<PathBuf>,
    mounts: Vec<Selected>,
    listed: Option<Instant>,
    remote: RemoteReads,
    read: Option<Instant>,
    last: Vec<Disk>,
    warned: bool,
}

impl Disks {
    pub(super) fn new(filter: NameFilter, host_root: Option<PathBuf>) -> Self {
        Self {
            table: ProcFile::new("/proc/self/mountinfo"),
            filter,
            host_root,
            mounts: Vec::new(),
            listed: None,
            remote: RemoteReads::new(space),
            read: None,
            last: Vec::new(),
            warned: false,
        }
    }

    /// The disks, at most [`PERIOD`] old, by mount point.
    pub(super) fn read(&mut self, now: Instant) -> &[Disk] {
        if due(self.read, now, PERIOD) {
            self.read = Some(now);
            self.list(now);
            self.remote.ask(self.mounts.iter().filter(|mount| mount.place == Place::Remote));
            let local = self.mounts.iter().filter(|mount| mount.place == Place::Local);
            let mut disks: Vec<Disk> = local.filter_map(read_local).collect();
            disks.extend(self.remote.answers());
            disks.sort_by(|a, b| a.mount_point.cmp(&b.mount_point));
            self.last = disks;
        }
        &self.last
    }

    /// Reads the table of mounts when it changed.
    fn list(&mut self, now: Instant) {
        if !due(self.listed, now, LIST_PERIOD) && !changed(&mut self.table).unwrap_or(true) {
            return;
        }
        self.listed = Some(now);
        let mounts = match self.table.bytes() {
            Ok(table) => mounts::parse(table),
            Err(error) => {
                tracing::debug!(%error, "cannot read the table of mounts");
                return;
            }
        };
        let mut selected = mounts::select(&mounts, self.host_root.as_deref(), &self.filter);
        let count = selected.len();
        selected.truncate(MOST_LISTED);
        self.mounts = selected;
        if !self.warned {
            self.warn(count);
        }
    }

    fn warn(&mut self, count: usize) {
        self.warned = true;
        if count > MOST_LISTED {
            tracing::warn!(
                count,
                most = MOST_LISTED,
                "{count} file systems are mounted, only {MOST_LISTED} are sent; choose with \
                 --disks-include and --disks-exclude"
            );
        } else if let (0, Some(root)) = (count, &self.host_root) {
            tracing::warn!(
                host_root = %root.display(),
                "no disk is mounted at or below --host-root {}; mount the host's / there",
                root.display()
            );
        } else {
            self.warned = false;
        }
    }
}

/// Whether the table of mounts changed since it was last asked: the kernel says so on the open
/// file, which spares reading and parsing it.
fn changed(table: &mut ProcFile) -> io::Result<bool> {
    let file = table.open()?;
    let mut asked = [PollFd::from_borrowed_fd(file.as_fd(), PollFlags::PRI)];
    let no_wait = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut asked, Some(&no_wait))?;
    Ok(asked[0].revents().intersects(PollFlags::PRI | PollFlags::ERR))
}

fn read_local(mount: &Selected) -> Option<Disk> {
    match space(&mount.path) {
        Ok(usage) => usage.map(|usage| disk(mount.name.clone(), usage)),
        Err(error) => {
            tracing::debug!(%error, mount_point = %mount.name, "cannot read a disk");
            None
        }
    }
}

fn disk(mount_point: Box<str>, usage: Usage) -> Disk {
    Disk { mount_point, total_bytes: usage.total_bytes, used_bytes: usage.used_bytes }
}

/// Asks the file system mounted at `path`; `None` when it has no size of its own.
fn space(path: &Path) -> io::Result<Option<Usage>> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(usage(stat.f_frsize, stat.f_blocks, stat.f_bfree, stat.f_bavail))
}

/// As `df` counts: used is what is not free, and the total is used plus what ordinary users
/// may still use, so that a disk they cannot write to any more is full at 100 %, whatever is
/// set aside for the system.
fn usage(block_bytes: u64, blocks: u64, free: u64, available: u64) -> Option<Usage> {
    let used = blocks.checked_sub(free)?;
    let total = used.checked_add(available)?;
    let total_bytes = total.checked_mul(block_bytes).filter(|bytes| *bytes <= MAX_INTEGER)?;
    (total > 0).then(|| Usage { total_bytes, used_bytes: used * block_bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_ordinary_users_can_write_no_more() {
        let usage = |blocks, free, available| usage(4096, blocks, free, available);
        let half = usage(100, 50, 45).unwrap();
        assert_eq!(half, Usage { total_bytes: 95 * 4096, used_bytes: 50 * 4096 });
        assert!((usage(100, 5, 0).unwrap().percentage() - 100.0).abs() < 1e-9);
    }

    #[test]
    fn what_has_no_size_or_does_not_fit_is_left_out() {
        assert_eq!(usage(4096, 0, 0, 0), None);
        assert_eq!(usage(4096, 10, 11, 0), None, "more free than there is");
        assert_eq!(usage(4096, 10, 5, u64::MAX - 1), None, "more available than can be");
        assert_eq!(usage(u64::MAX, 10, 5, 5), None);
    }

    #[test]
    fn the_table_of_mounts_says_when_it_changed_and_only_then() {
        let mut table = ProcFile::new("/proc/self/mountinfo");
        table.bytes().unwrap();
        changed(&mut table).unwrap();
        assert!(!changed(&mut table).unwrap(), "no mount came or went in between");
    }

    #[test]
    fn a_sample_within_the_period_carries_the_last_reading() {
        let mut disks = Disks::new(NameFilter::default(), None);
        let begun = Instant::now();
        disks.read(begun);
        disks.last.push(disk("/marker".into(), Usage { total_bytes: 1, used_bytes: 1 }));
        let kept = |disks: &[Disk]| disks.iter().any(|disk| &*disk.mount_point == "/marker");
        assert!(kept(disks.read(begun + Duration::from_millis(100))));
        assert!(!kept(disks.read(begun + PERIOD)));
    }
}
