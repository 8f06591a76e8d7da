//! Reads of file systems that may never answer, each on a thread of its own.
//!
//! A thread that hangs in the kernel cannot be ended, so a mount has one thread and at most one
//! read outstanding: what hangs costs one sleeping thread, however long it hangs.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use resources_core::contract::{Disk, Usage};

use super::mounts::Selected;
use super::{PERIOD, disk};

/// How long one sample waits, for all mounts together, before it goes without those that have
/// not answered. Those that missed it are not waited for until they are quick again.
const WAIT: Duration = Duration::from_millis(100);

/// A mount that has not answered for this long is reported.
const HUNG: Duration = Duration::from_secs(3);

/// Stack of a thread, in bytes: it makes one system call.
const STACK_BYTES: usize = 64 * 1024;

type Read = dyn Fn(&Path) -> io::Result<Option<Usage>> + Send + Sync;

/// What a thread found, and when.
#[derive(Debug)]
struct Answer {
    mount: u64,
    usage: io::Result<Option<Usage>>,
    at: Instant,
}

/// One mount and its thread.
#[derive(Debug)]
struct Mount {
    name: Box<str>,
    /// Ends the thread when dropped, as soon as its read comes back.
    requests: SyncSender<()>,
    asked: Option<Instant>,
    /// Its last answer took too long, or is still to come: no sample waits for the next one.
    late: bool,
    reported: bool,
    latest: Option<(Instant, Usage)>,
}

/// The mounts that may never answer.
pub(super) struct RemoteReads {
    read: Arc<Read>,
    mounts: HashMap<PathBuf, (u64, Mount)>,
    next: u64,
    answers: Receiver<Answer>,
    sender: SyncSender<Answer>,
}

impl std::fmt::Debug for RemoteReads {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RemoteReads").field("mounts", &self.mounts).finish_non_exhaustive()
    }
}

impl RemoteReads {
    pub(super) fn new(
        read: impl Fn(&Path) -> io::Result<Option<Usage>> + Send + Sync + 'static,
    ) -> Self {
        // Bounded by nature too: one answer a mount. A full channel only makes threads wait.
        let (sender, answers) = sync_channel(64);
        Self { read: Arc::new(read), mounts: HashMap::new(), next: 0, answers, sender }
    }

    /// Asks every mount that is not still busy with the last question, and forgets those that
    /// are not among `wanted`.
    pub(super) fn ask<'a>(&mut self, wanted: impl Iterator<Item = &'a Selected>) {
        let wanted: HashMap<&Path, &Selected> =
            wanted.map(|selected| (selected.path.as_path(), selected)).collect();
        self.mounts.retain(|path, _| wanted.contains_key(path.as_path()));
        for (path, selected) in wanted {
            if self.mounts.contains_key(path) {
                continue;
            }
            match self.start(selected) {
                Ok(mount) => {
                    self.mounts.insert(path.to_owned(), (self.next, mount));
                    self.next += 1;
                }
                Err(error) => {
                    tracing::debug!(%error, mount_point = %selected.name, "cannot start a thread");
                }
            }
        }
        self.take_all();
        let now = Instant::now();
        for (_, mount) in self.mounts.values_mut() {
            match mount.asked {
                None if mount.requests.try_send(()).is_ok() => mount.asked = Some(now),
                Some(asked) if now.duration_since(asked) >= HUNG && !mount.reported => {
                    mount.reported = true;
                    tracing::warn!(
                        mount_point = %mount.name,
                        "file system {} does not answer; its figures are left out until it does",
                        mount.name
                    );
                }
                _ => {}
            }
        }
    }

    /// What the mounts say, of those that answer in time.
    pub(super) fn answers(&mut self) -> Vec<Disk> {
        let until = Instant::now() + WAIT;
        while self.mounts.values().any(|(_, mount)| mount.asked.is_some() && !mount.late) {
            let left = until.saturating_duration_since(Instant::now());
            match self.answers.recv_timeout(left) {
                Ok(answer) => self.take(answer),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
            }
        }
        let now = Instant::now();
        let mut disks = Vec::new();
        for (_, mount) in self.mounts.values_mut() {
            mount.late |= mount.asked.is_some();
            let fresh = mount.latest.filter(|(at, _)| now.duration_since(*at) <= PERIOD);
            disks.extend(fresh.map(|(_, usage)| disk(mount.name.clone(), usage)));
        }
        disks
    }

    fn take_all(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            self.take(answer);
        }
    }

    fn take(&mut self, answer: Answer) {
        let Some((_, mount)) = self.mounts.values_mut().find(|(id, _)| *id == answer.mount) else {
            return; // Unmounted while it was asked.
        };
        let took = mount.asked.take().map(|asked| answer.at.saturating_duration_since(asked));
        mount.late = took.is_some_and(|took| took > WAIT);
        if std::mem::take(&mut mount.reported) {
            tracing::info!(
                mount_point = %mount.name,
                "file system {} answers again",
                mount.name
            );
        }
        mount.latest = match answer.usage {
            Ok(usage) => usage.map(|usage| (answer.at, usage)),
            Err(error) => {
                tracing::debug!(%error, mount_point = %mount.name, "cannot read a disk");
                None
            }
        };
    }

    fn start(&self, selected: &Selected) -> io::Result<Mount> {
        let (requests, asked) = sync_channel(1);
        let (id, path) = (self.next, selected.path.clone());
        let (read, answers) = (Arc::clone(&self.read), self.sender.clone());
        std::thread::Builder::new().name("disk-reader".into()).stack_size(STACK_BYTES).spawn(
            move || {
                while asked.recv().is_ok() {
                    let usage = read(&path);
                    if answers.send(Answer { mount: id, usage, at: Instant::now() }).is_err() {
                        return;
                    }
                }
            },
        )?;
        Ok(Mount {
            name: selected.name.clone(),
            requests,
            asked: None,
            late: false,
            reported: false,
            latest: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::sync::{Condvar, Mutex};

    use super::super::mounts::Place;
    use super::*;

    /// A network whose server can be taken away: reads below `/hung` block until it is back.
    #[derive(Default)]
    struct Server {
        gone: Mutex<bool>,
        back: Condvar,
        reads: AtomicU32,
    }

    impl Server {
        fn read(&self, path: &Path) -> Option<Usage> {
            if path.starts_with("/hung") {
                self.reads.fetch_add(1, Ordering::SeqCst);
                let gone = self.gone.lock().unwrap();
                drop(self.back.wait_while(gone, |gone| *gone).unwrap());
            }
            Some(Usage { total_bytes: 100, used_bytes: 40 })
        }

        fn set_gone(&self, gone: bool) {
            *self.gone.lock().unwrap() = gone;
            self.back.notify_all();
        }
    }

    fn mounts() -> Vec<Selected> {
        ["/hung", "/fine"]
            .map(|path| Selected { path: path.into(), name: path.into(), place: Place::Remote })
            .into()
    }

    fn sample(reads: &mut RemoteReads) -> Vec<String> {
        reads.ask(mounts().iter());
        let mut names: Vec<String> =
            reads.answers().into_iter().map(|disk| disk.mount_point.into()).collect();
        names.sort();
        names
    }

    /// Samples until the mounts are those; a busy machine may not answer in time at first.
    fn until(reads: &mut RemoteReads, wanted: &[&str], what: &str) {
        let begun = Instant::now();
        while sample(reads) != wanted {
            assert!(begun.elapsed() < Duration::from_secs(60), "{what}");
        }
    }

    #[test]
    fn a_mount_that_hangs_hides_no_other_and_comes_back() {
        let server = Arc::new(Server::default());
        let asked = Arc::clone(&server);
        let mut reads = RemoteReads::new(move |path| Ok(asked.read(path)));
        until(&mut reads, &["/fine", "/hung"], "a mount is not shown");

        server.set_gone(true);
        // The last answer counts while it is fresh; then the mount is left out.
        until(&mut reads, &["/fine"], "the hung mount is still shown");
        let asked = server.reads.load(Ordering::SeqCst);
        let begun = Instant::now();
        for _ in 0..100 {
            assert_eq!(sample(&mut reads), ["/fine"]);
        }
        assert!(begun.elapsed() < WAIT * 90, "samples waited for a mount known to hang");
        assert_eq!(server.reads.load(Ordering::SeqCst), asked, "more than one read outstanding");

        server.set_gone(false);
        until(&mut reads, &["/fine", "/hung"], "the mount did not come back");
    }

    #[test]
    fn a_mount_that_is_gone_is_forgotten() {
        let mut reads = RemoteReads::new(|_| Ok(Some(Usage { total_bytes: 2, used_bytes: 1 })));
        until(&mut reads, &["/fine", "/hung"], "a mount is not shown");
        reads.ask(mounts()[..1].iter());
        assert_eq!(reads.answers().len(), 1);
    }

    #[test]
    fn a_mount_that_answers_with_an_error_is_left_out() {
        let mut reads = RemoteReads::new(|_| Err(io::ErrorKind::PermissionDenied.into()));
        assert!(sample(&mut reads).is_empty());
    }
}
