//! A program under measurement: started, watched by its process id, and ended with its guard.

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;

/// How long a program may take to end when asked; beyond it it hangs.
const END_LIMIT: Duration = Duration::from_secs(15);

/// A running program. Dropping it kills it.
pub(crate) struct Program {
    name: String,
    child: Child,
    id: u32,
    /// CPU time of every thread seen so far, by its id, so that a thread that ended counts on.
    threads_ns: HashMap<u32, u64>,
}

/// Memory of a process, in bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Memory {
    /// In memory now.
    pub(crate) resident_bytes: u64,
    /// The most there ever was.
    pub(crate) peak_bytes: u64,
}

impl Program {
    /// Starts `command`; what it says on standard error is shown.
    pub(crate) fn start(name: &str, mut command: Command) -> anyhow::Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {name}"))?;
        let id = child.id().with_context(|| format!("{name} ended at once"))?;
        Ok(Self { name: name.to_owned(), child, id, threads_ns: HashMap::new() })
    }

    /// Its standard output; once.
    pub(crate) fn output(&mut self) -> anyhow::Result<ChildStdout> {
        self.child.stdout.take().context("its output was taken before")
    }

    /// CPU time it has used so far, user and system, to the nanosecond; of a thread that ended
    /// what was seen of it last.
    pub(crate) fn cpu(&mut self) -> anyhow::Result<Duration> {
        self.must_run()?;
        for task in std::fs::read_dir(self.file("task"))? {
            let task = task?;
            let Some(thread) = task.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            // A thread may end between being listed and being read.
            if let Ok(text) = std::fs::read_to_string(task.path().join("schedstat")) {
                let used = text.split(' ').next().and_then(|word| word.parse().ok());
                self.threads_ns.insert(thread, used.context("schedstat holds no number")?);
            }
        }
        Ok(Duration::from_nanos(self.threads_ns.values().sum()))
    }

    /// Memory it holds.
    pub(crate) fn memory(&mut self) -> anyhow::Result<Memory> {
        self.must_run()?;
        let text = std::fs::read_to_string(self.file("status"))?;
        let bytes = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let kibibytes = line.and_then(|line| line.split_whitespace().next());
            kibibytes
                .and_then(|number| number.parse::<u64>().ok())
                .map(|number| number * 1024)
                .with_context(|| format!("no {name} of {}", self.name))
        };
        Ok(Memory { resident_bytes: bytes("VmRSS:")?, peak_bytes: bytes("VmHWM:")? })
    }

    /// Asks it to end, waits, and checks that it ended well.
    pub(crate) async fn end(mut self) -> anyhow::Result<()> {
        self.must_run()?;
        let killed = Command::new("kill").arg(self.id.to_string()).status().await?;
        ensure!(killed.success(), "cannot signal {}", self.name);
        let status = timeout(END_LIMIT, self.child.wait())
            .await
            .with_context(|| format!("{} did not end within {END_LIMIT:?}", self.name))??;
        ensure!(status.success(), "{} ended with {status}", self.name);
        Ok(())
    }

    /// Waits until it ends by itself.
    pub(crate) async fn wait(mut self, limit: Duration) -> anyhow::Result<ExitStatus> {
        let ended = timeout(limit, self.child.wait()).await;
        Ok(ended.with_context(|| format!("{} did not end within {limit:?}", self.name))??)
    }

    fn must_run(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            Some(status) => bail!("{} ended early with {status}", self.name),
            None => Ok(()),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/{name}", self.id))
    }
}
