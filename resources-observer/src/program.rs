//! Programs of others, run for an event: never through a shell, within bounds.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Most that is kept of what a program prints, for each of its two outputs; the rest is read and
/// dropped.
pub const MAX_OUTPUT_BYTES: usize = 64 * 1024;

/// How long outputs may stay open once the program ended: in the hands of one that it started and
/// left behind.
const LEFT_OPEN_LIMIT: Duration = Duration::from_millis(500);

/// A program with its arguments, as they are.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    time_limit: Duration,
    folder: Option<PathBuf>,
    /// The only variables of this process that it gets; `None` is all.
    inherited: Option<&'static [&'static str]>,
}

/// What a program printed, the first [`MAX_OUTPUT_BYTES`] of each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printed {
    /// On standard output.
    pub output: Vec<u8>,
    /// On standard error.
    pub errors: Vec<u8>,
}

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// There is no such program, or it may not be run.
    #[error("cannot start {}: {source}", path.display())]
    Start {
        /// The program.
        path: PathBuf,
        /// The system's words.
        source: std::io::Error,
    },
    /// It said that it failed, or was ended.
    #[error("{} ended with {status}", path.display())]
    Ended {
        /// The program.
        path: PathBuf,
        /// Its exit status.
        status: ExitStatus,
    },
    /// It was ended because its time was over, and with it its process group: what it had started
    /// and did not leave the group.
    #[error("{} took longer than {limit:?} and was ended", path.display())]
    TookTooLong {
        /// The program.
        path: PathBuf,
        /// Its time.
        limit: Duration,
    },
}

impl Program {
    /// A program that is to end within `time_limit`, run in `folder` or else in that of this
    /// process. Looked up in `PATH` when it has no slash, and from that folder when it is relative.
    ///
    /// # Errors
    /// When there is no such program, or it is not one.
    pub fn new(
        path: &Path,
        arguments: Vec<OsString>,
        time_limit: Duration,
        folder: Option<PathBuf>,
    ) -> Result<Self, ProgramError> {
        match find(path, folder.as_deref()) {
            Ok(path) => Ok(Self { path, arguments, time_limit, folder, inherited: None }),
            Err(source) => Err(ProgramError::Start { path: path.to_owned(), source }),
        }
    }

    /// Gives it only these of the variables of this process: others may be secrets.
    #[must_use]
    pub fn inheriting(self, names: &'static [&'static str]) -> Self {
        Self { inherited: Some(names), ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs it once, with `input` on its standard input and `variables` besides those of this
    /// process in its environment. Gives what it printed, whatever its outcome. When this is
    /// dropped, the program is ended.
    pub async fn run<'a>(
        &self,
        input: &[u8],
        variables: impl IntoIterator<Item = (&'a str, String)>,
    ) -> (Printed, Result<(), ProgramError>) {
        let mut command = Command::new(&self.path);
        if let Some(names) = self.inherited {
            let kept = names.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
            command.env_clear().envs(kept);
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
            .args(&self.arguments)
            .envs(variables)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        #[cfg(unix)]
        command.process_group(0);
        let mut printed = Printed::default();
        let outcome = match command.spawn() {
            Ok(child) => self.attend(child, input, &mut printed).await,
            Err(source) => Err(ProgramError::Start { path: self.path.clone(), source }),
        };
        (printed, outcome)
    }

    async fn attend(
        &self,
        mut child: Child,
        input: &[u8],
        printed: &mut Printed,
    ) -> Result<(), ProgramError> {
        let mut group = Group::of(&child);
        let (stdin, stdout, stderr) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let feed = async {
            if let Some(mut stdin) = stdin {
                // One that does not read it, or not to its end, may have no use for it.
                stdin.write_all(input).await.ok();
            }
        };
        let Printed { output, errors } = printed;
        let pipes = async { tokio::join!(feed, keep(stdout, output), keep(stderr, errors)) };
        let mut pipes = std::pin::pin!(pipes);
        let mut open = true;
        let ended = timeout(self.time_limit, async {
            loop {
                tokio::select! {
                    status = child.wait() => break status,
                    _ = &mut pipes, if open => open = false,
                }
            }
        });
        let status = match ended.await {
            Ok(Ok(status)) => status,
            Ok(Err(source)) => return Err(ProgramError::Start { path: self.path.clone(), source }),
            Err(_) => {
                let (path, limit) = (self.path.clone(), self.time_limit);
                return Err(ProgramError::TookTooLong { path, limit });
            }
        };
        // What it left behind on purpose lives on.
        group.leader = None;
        if open {
            timeout(LEFT_OPEN_LIMIT, pipes).await.ok();
        }
        if status.success() {
            Ok(())
        } else {
            Err(ProgramError::Ended { path: self.path.clone(), status })
        }
    }
}

/// Keeps the beginning of what is read, and reads on to the end.
async fn keep(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut beginning = (&mut from).take(MAX_OUTPUT_BYTES as u64);
    if beginning.read_to_end(kept).await.is_ok() {
        tokio::io::copy(&mut from, &mut tokio::io::sink()).await.ok();
    }
}

/// The process group of a program that has not ended yet; dropping it ends all that is in it.
struct Group {
    leader: Option<i32>,
}

impl Group {
    fn of(child: &Child) -> Self {
        Self { leader: child.id().and_then(|id| i32::try_from(id).ok()) }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(leader) = self.leader.and_then(rustix::process::Pid::from_raw) {
            // It may have ended this very moment.
            rustix::process::kill_process_group(leader, rustix::process::Signal::KILL).ok();
        }
    }
}

/// Where the program is, so that a wrong name is said before it is needed.
fn find(path: &Path, folder: Option<&Path>) -> std::io::Result<PathBuf> {
    if path.components().count() != 1 || path.as_os_str().to_string_lossy().contains('/') {
        // Absolute: the system would look from one folder or the other.
        let path = std::path::absolute(folder.unwrap_or(Path::new("")).join(path))?;
        return runnable(&path).map(|()| path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join(path))
        .find(|path| runnable(path).is_ok())
        .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "not found in PATH"))
}

fn runnable(path: &Path) -> std::io::Result<()> {
    let found = std::fs::metadata(path)?;
    #[cfg(unix)]
    let executable = std::os::unix::fs::PermissionsExt::mode(&found.permissions()) & 0o111 != 0;
    #[cfg(not(unix))]
    let executable = true;
    if found.is_file() && executable {
        Ok(())
    } else {
        Err(std::io::Error::new(std::io::ErrorKind::PermissionDenied, "it is not executable"))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::time::Instant;

    use super::*;

    fn shell(script: &str, time_limit: Duration) -> Program {
        let arguments = ["-c", script].map(OsString::from).to_vec();
        Program::new(Path::new("sh"), arguments, time_limit, None).expect("there is a shell")
    }

    const LONG: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn gets_its_input_and_variables_and_gives_what_it_prints() {
        let program = shell("cat; echo \"$EVENT_KEY\"; echo oh >&2", LONG);
        let (printed, outcome) = program.run(b"{}\n", [("EVENT_KEY", "a b".to_owned())]).await;
        outcome.unwrap();
        assert_eq!(printed, Printed { output: b"{}\na b\n".to_vec(), errors: b"oh\n".to_vec() });
        // Arguments are never read by a shell.
        let echo = Program::new(Path::new("echo"), vec!["$HOME;".into()], LONG, None).unwrap();
        assert_eq!(echo.run(b"", []).await.0.output, b"$HOME;\n");
    }

    #[tokio::test]
    async fn one_that_fails_or_cannot_be_started_says_how() {
        let (printed, outcome) = shell("echo so far; exit 3", LONG).run(b"", []).await;
        assert_eq!(printed.output, b"so far\n");
        assert!(outcome.unwrap_err().to_string().ends_with("/sh ended with exit status: 3"));
        for (path, words) in [
            ("/nowhere/x", "No such file"),
            ("no-such-program", "PATH"),
            ("/etc/passwd", "not exec"),
        ] {
            let error =
                Program::new(Path::new(path), Vec::new(), LONG, None).unwrap_err().to_string();
            assert!(error.contains(words) && error.contains(path), "{error}");
        }
    }

    #[tokio::test]
    async fn a_relative_one_is_that_of_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let bin = folder.path().join("bin");
        std::fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink("/bin/pwd", bin.join("page")).unwrap();
        let relative = Path::new("bin/page");
        let here = Program::new(relative, Vec::new(), LONG, None).unwrap_err().to_string();
        assert!(here.contains("cannot start bin/page"), "{here}");
        let inside = Some(folder.path().to_owned());
        let program = Program::new(relative, vec!["-P".into()], LONG, inside).unwrap();
        assert_eq!(program.path(), bin.join("page"));
        let (printed, outcome) = program.run(b"", []).await;
        outcome.unwrap();
        let shown = String::from_utf8(printed.output).unwrap();
        assert_eq!(Path::new(shown.trim_end()), folder.path().canonicalize().unwrap());
    }

    #[tokio::test]
    async fn one_that_hangs_is_ended_with_what_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("child");
        let script = format!("sleep 300 & echo $! > {}; wait", file.display());
        let (begun, limit) = (Instant::now(), Duration::from_secs(1));
        let (_, outcome) = shell(&script, limit).run(b"", []).await;
        assert!(matches!(outcome, Err(ProgramError::TookTooLong { .. })));
        assert!(begun.elapsed() < Duration::from_secs(30));
        let child = std::fs::read_to_string(file).unwrap();
        let status = format!("/proc/{}/stat", child.trim());
        resources_core::test_support::eventually("what it started is gone", async || {
            // A zombie waits for whoever adopted it.
            std::fs::read_to_string(&status).map_or(true, |text| text.contains(") Z "))
        })
        .await;
    }

    #[tokio::test]
    async fn output_without_end_and_input_nobody_reads_are_bounded() {
        let script = "head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2";
        let (printed, outcome) = shell(script, LONG).run(&vec![b'x'; 1_000_000], []).await;
        outcome.unwrap();
        assert_eq!(printed.output.len(), MAX_OUTPUT_BYTES);
        assert_eq!(printed.errors.len(), MAX_OUTPUT_BYTES);
    }

    #[tokio::test]
    async fn one_that_leaves_a_child_with_its_output_does_not_hang() {
        let begun = Instant::now();
        let (printed, outcome) = shell("sleep 40 & echo done", LONG).run(b"", []).await;
        outcome.unwrap();
        assert_eq!(printed.output, b"done\n");
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
