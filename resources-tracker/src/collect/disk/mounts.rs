//! The table of mounts: which of them are disks, each device once.

use std::collections::HashMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use crate::filter::NameFilter;

/// One line of `/proc/self/mountinfo`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    /// `major:minor` of the file system; the same for all mounts of it, subvolumes included.
    device: Box<str>,
    mount_point: PathBuf,
    fs_type: Box<str>,
    /// What is mounted: a device, a share, or any word.
    source: Box<str>,
}

/// Who answers for a file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The kernel, from memory.
    Local,
    /// A server or another process, which may never answer.
    Remote,
}

/// A mount that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selected {
    /// Where to ask for it.
    pub(super) path: PathBuf,
    /// What it is called in a measure.
    pub(super) name: Box<str>,
    pub(super) place: Place,
}

/// Reads the table; a line that does not parse is left out.
pub(super) fn parse(table: &[u8]) -> Vec<Mount> {
    table.split(|byte| *byte == b'\n').filter_map(parse_line).collect()
}

/// `<id> <parent> <major:minor> <root> <mount point> <options> <tags>… - <type> <source> …`
fn parse_line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = text(fields.nth(2)?);
    let mount_point = PathBuf::from(OsString::from_vec(unescape(fields.nth(1)?)));
    fields.find(|field| *field == b"-")?;
    let fs_type = text(fields.next()?);
    let source = text(fields.next()?);
    Some(Mount { device, mount_point, fs_type, source })
}

fn text(field: &[u8]) -> Box<str> {
    String::from_utf8_lossy(&unescape(field)).into()
}

/// Undoes the kernel's octal escapes for space, tab, newline and backslash.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let [first, tail @ ..] = rest {
        let octal = |digits: &[u8]| {
            digits.iter().try_fold(0u16, |value, digit| match digit {
                b'0'..=b'7' => Some(value * 8 + u16::from(digit - b'0')),
                _ => None,
            })
        };
        let escaped = (*first == b'\\')
            .then(|| tail.get(..3).and_then(octal).and_then(|value| u8::try_from(value).ok()))
            .flatten();
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}

/// Types that a server or another process answers for, besides everything of FUSE.
const REMOTE_TYPES: &[&str] = &[
    "9p",
    "acfs",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "drvfs",
    "fuse",
    "fuseblk",
    "glusterfs",
    "gpfs",
    "lustre",
    "ncpfs",
    "nfs",
    "nfs4",
    "orangefs",
    "panfs",
    "prl_fs",
    "pvfs2",
    "smb3",
    "smbfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];

/// FUSE file systems that show something else than what they store.
const FUSE_VIEWS: &[&str] = &[
    "fuse.fuse-overlayfs",
    "fuse.gvfsd-fuse",
    "fuse.lxcfs",
    "fuse.portal",
    "fuse.snapfuse",
    "fuse.squashfuse",
    "fuse.squashfuse_ll",
];

/// Types on a device that are views, memory, or images that are full by nature.
const NO_DISKS: &[&str] = &[
    "autofs", "cramfs", "devfs", "devpts", "devtmpfs", "erofs", "iso9660", "overlay", "proc",
    "ramfs", "romfs", "rootfs", "squashfs", "swap", "sysfs", "tmpfs", "udf",
];

/// Types that store on what is not named `/dev/…`.
const LOCAL_TYPES: &[&str] = &["jffs2", "ubifs", "yaffs2", "zfs"];

/// Single files that container engines mount into every container.
const CONTAINER_FILES: &[&str] =
    &["/dev/termination-log", "/etc/hostname", "/etc/hosts", "/etc/resolv.conf"];

impl Mount {
    /// Where its figures come from; `None` when it is no disk.
    fn place(&self) -> Option<Place> {
        let fs_type = &*self.fs_type;
        if REMOTE_TYPES.contains(&fs_type) || fs_type.starts_with("fuse.") {
            (!FUSE_VIEWS.contains(&fs_type)).then_some(Place::Remote)
        } else if LOCAL_TYPES.contains(&fs_type) {
            Some(Place::Local)
        } else {
            let on_device = self.source.starts_with("/dev/") && !NO_DISKS.contains(&fs_type);
            on_device.then_some(Place::Local)
        }
    }

    /// What a measure calls it: its mount point, as the host sees it.
    fn name(&self, host_root: Option<&Path>) -> Option<String> {
        let Some(root) = host_root else {
            let name = self.mount_point.to_string_lossy().into_owned();
            return (!CONTAINER_FILES.contains(&name.as_str())).then_some(name);
        };
        let below = self.mount_point.strip_prefix(root).ok()?;
        Some(format!("/{}", below.to_string_lossy()))
    }
}

/// The mounts that count, by name: disks that `filter` admits, each device once, under its
/// shortest mount point. With `host_root` only what is mounted at or below it, named without.
pub(super) fn select(
    mounts: &[Mount],
    host_root: Option<&Path>,
    filter: &NameFilter,
) -> Vec<Selected> {
    // Of several mounts at one point only the last is to be seen.
    let mut visible: HashMap<&Path, &Mount> = HashMap::new();
    for mount in mounts {
        visible.insert(&mount.mount_point, mount);
    }
    // The way to what is mounted below a network mount leads through it, and hangs with it.
    let below_remote = |path: &Path| {
        path.ancestors().skip(1).any(|above| {
            visible.get(above).is_some_and(|mount| matches!(mount.place(), Some(Place::Remote)))
        })
    };
    let mut devices: HashMap<&str, Selected> = HashMap::new();
    for mount in visible.values() {
        let Some(place) = mount.place() else { continue };
        let place = if below_remote(&mount.mount_point) { Place::Remote } else { place };
        let Some(name) = mount.name(host_root).filter(|name| filter.admits(name)) else { continue };
        let rank = |name: &str| (name.len(), name.to_owned());
        let known = devices.get(&*mount.device);
        if known.is_none_or(|known| rank(&name) < rank(&known.name)) {
            let path = mount.mount_point.clone();
            devices.insert(&mount.device, Selected { path, name: name.into(), place });
        }
    }
    let mut selected: Vec<Selected> = devices.into_values().collect();
    selected.sort_by(|a, b| a.name.cmp(&b.name));
    selected
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A desktop: btrfs subvolumes, a bind mount, network mounts, images, things without a disk.
    const DESKTOP: &str = r"22 27 0:21 / /proc rw,relatime shared:12 - proc proc rw
23 27 0:22 / /sys rw,relatime shared:7 - sysfs sysfs rw
24 27 0:6 / /dev rw,relatime shared:2 - devtmpfs udev rw,size=12334460k
25 24 0:23 / /dev/shm rw,relatime shared:3 - tmpfs tmpfs rw
1 1 0:2 / / rw - rootfs rootfs rw
27 1 0:30 /@ / rw,relatime shared:1 - btrfs /dev/nvme0n1p2 rw,subvol=/@
40 27 0:30 /@home /home rw,relatime shared:30 - btrfs /dev/nvme0n1p2 rw,subvol=/@home
41 27 259:1 / /boot/efi rw,relatime shared:31 - vfat /dev/nvme0n1p1 rw
42 27 7:1 / /snap/core/1 ro,nodev,relatime shared:32 - squashfs /dev/loop1 ro
43 27 8:1 / /srv/My\040Files rw,relatime shared:33 - ext4 /dev/sda1 rw
44 40 8:1 /photos /home/me/photos rw,relatime shared:33 - ext4 /dev/sda1 rw
45 27 0:50 / /mnt/nas rw,relatime shared:34 - nfs4 nas:/export rw,vers=4.2
46 27 0:51 / /mnt/remote rw,relatime shared:35 - fuse.sshfs me@there:/ rw
47 27 0:52 / /run/user/1000/gvfs rw,relatime shared:36 - fuse.gvfsd-fuse gvfsd-fuse rw
48 27 0:53 / /var/lib/docker/overlay2/x/merged rw,relatime shared:37 - overlay overlay rw
49 27 11:0 / /media/cdrom ro,relatime shared:38 - iso9660 /dev/sr0 ro
50 27 0:54 / /tank rw,relatime shared:39 - zfs tank rw
51 27 0:55 / /net rw,relatime shared:40 - autofs systemd-1 rw
52 27 0:56 / /sys/fs/cgroup rw,relatime shared:41 - cgroup2 cgroup2 rw
";

    /// A container that sees the host's `/` at `/host`.
    const CONTAINER: &str = "\
600 500 0:60 / / rw,relatime master:1 - overlay overlay rw,lowerdir=/x
601 600 0:61 / /proc rw,nosuid - proc proc rw
610 600 254:1 / /host ro,relatime master:1 - ext4 /dev/vda1 rw
611 610 254:2 / /host/home ro,relatime master:2 - xfs /dev/vda2 rw
612 610 0:23 / /host/run ro,nosuid master:3 - tmpfs tmpfs rw
613 610 254:1 /var/lib/docker /host/srv/docker ro,relatime master:1 - ext4 /dev/vda1 rw
620 600 254:1 /var/lib/docker/containers/c/hosts /etc/hosts rw,relatime - ext4 /dev/vda1 rw
621 600 254:1 /var/lib/docker/containers/c/resolv.conf /etc/resolv.conf rw - ext4 /dev/vda1 rw
622 600 254:3 / /hostile rw,relatime - ext4 /dev/vda3 rw
";

    fn names(table: &str, host_root: Option<&str>, filter: &NameFilter) -> Vec<String> {
        select(&parse(table.as_bytes()), host_root.map(Path::new), filter)
            .into_iter()
            .map(|selected| {
                let mark = if selected.place == Place::Remote { " (remote)" } else { "" };
                format!("{}{mark}", selected.name)
            })
            .collect()
    }

    fn filter(include: &str, exclude: &str) -> NameFilter {
        NameFilter::new(&[include.to_owned()], &[exclude.to_owned()]).unwrap()
    }

    #[test]
    fn only_disks_count_and_each_device_once() {
        assert_eq!(
            names(DESKTOP, None, &NameFilter::default()),
            [
                "/",
                "/boot/efi",
                "/mnt/nas (remote)",
                "/mnt/remote (remote)",
                "/srv/My Files",
                "/tank"
            ]
        );
    }

    #[test]
    fn globs_choose_before_twins_are_dropped() {
        assert_eq!(names(DESKTOP, None, &filter("/home/**", "")), ["/home/me/photos"]);
        assert_eq!(
            names(DESKTOP, None, &filter("", "/mnt/**")),
            ["/", "/boot/efi", "/srv/My Files", "/tank"]
        );
    }

    #[test]
    fn below_a_host_root_only_the_hosts_mounts_count_under_the_hosts_names() {
        assert_eq!(names(CONTAINER, Some("/host"), &NameFilter::default()), ["/", "/home"]);
        let selected =
            select(&parse(CONTAINER.as_bytes()), Some(Path::new("/host")), &NameFilter::default());
        assert_eq!(selected[1].path, Path::new("/host/home"), "asked where it is mounted here");
    }

    #[test]
    fn the_files_an_engine_mounts_into_a_container_are_no_disks() {
        let own = "600 500 0:60 / / rw - overlay overlay rw\n\
                   620 600 254:1 /c/hosts /etc/hosts rw - ext4 /dev/vda1 rw\n";
        assert!(names(own, None, &NameFilter::default()).is_empty());
    }

    #[test]
    fn of_mounts_at_one_point_only_the_last_is_to_be_seen() {
        let table = "30 1 8:1 / /data rw - ext4 /dev/sda1 rw\n\
                     31 30 0:40 / /data rw - tmpfs tmpfs rw\n";
        assert!(names(table, None, &NameFilter::default()).is_empty());
    }

    #[test]
    fn escapes_of_the_kernel_are_undone_and_nothing_else() {
        assert_eq!(unescape(br"a\040b\011c\134d"), b"a b\tc\\d");
        assert_eq!(unescape(br"\8\04"), br"\8\04");
        assert_eq!(unescape(br"\777"), br"\777", "no byte has this value");
    }

    #[test]
    fn a_line_that_is_cut_short_is_left_out() {
        assert!(parse(b"27 1 8:1 / /\n\n1 2 3\n27 1 8:1 / / rw - ext4\n").is_empty());
    }

    #[test]
    fn this_machine_has_a_table_of_mounts() {
        assert!(!parse(&std::fs::read("/proc/self/mountinfo").unwrap()).is_empty());
    }

    proptest! {
        #[test]
        fn any_table_is_read_without_panic(
            table in prop::collection::vec(prop::sample::select(b" -\\0\n:/a7".to_vec()), 0..200),
        ) {
            select(&parse(&table), None, &NameFilter::default());
        }
    }
}
