//! The programs under test, as real processes.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use resources_core::test_support::eventually;
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a program may take to end when asked.
const END_LIMIT: Duration = Duration::from_secs(12 * 60);

/// A program that may be killed and started again. Dropping it kills it.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) name: String,
    path: PathBuf,
    arguments: Vec<String>,
    log: PathBuf,
    child: Child,
    started: Instant,
    /// Bytes of its memory that were resident, and how long it had run then: when everything had
    /// just begun, before each time it was killed, and in the end.
    resident: Vec<(u64, Duration)>,
}

impl Program {
    /// Starts `program` with `arguments`, as `name`; what it says goes to a file in `folder`.
    pub(crate) fn start(folder: &Path, name: &str, program: &str, arguments: &[&str]) -> Self {
        let (path, log) = (beside_this_test(program), folder.join(format!("{name}.log")));
        let arguments: Vec<String> = arguments.iter().map(|&text| text.to_owned()).collect();
        let child = spawn(&path, &arguments, &log);
        let (started, resident) = (Instant::now(), Vec::new());
        Self { name: name.to_owned(), path, arguments, log, child, started, resident }
    }

    /// Waits until its log has a line with both.
    pub(crate) async fn must_say(&self, what: &str, of: &str) {
        let is_said = async || {
            let log = std::fs::read_to_string(&self.log).expect("its log");
            log.lines().any(|line| line.contains(what) && line.contains(of))
        };
        eventually(&format!("{} says {what:?} of {of:?}", self.name), is_said).await;
    }

    /// Ends it at once, as the system does when memory is short.
    pub(crate) async fn kill(&mut self) {
        self.note_resident();
        self.child.kill().await.expect("a running program can be killed");
    }

    /// Starts it again after a kill.
    pub(crate) fn start_again(&mut self) {
        self.child = spawn(&self.path, &self.arguments, &self.log);
        self.started = Instant::now();
    }

    /// Asks it to stop and waits until it has; it must end well.
    pub(crate) async fn end(&mut self) {
        self.must_run();
        let id = self.child.id().expect("it runs").to_string();
        let asked = Command::new("kill").args(["-TERM", &id]).status().await.expect("kill runs");
        assert!(asked.success(), "kill -TERM {id}");
        let status = timeout(END_LIMIT, self.child.wait()).await;
        let status = status.expect("it ends when asked").expect("it can be waited for");
        assert!(status.success(), "{} ended with {status}: see {}", self.name, self.log.display());
    }

    /// Notes how much of its memory is resident.
    pub(crate) fn note_resident(&mut self) {
        self.must_run();
        let id = self.child.id().expect("it runs");
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        let kibibytes = line.split_whitespace().next().expect("a number");
        let bytes = kibibytes.parse::<u64>().expect("a number") << 10;
        self.resident.push((bytes, self.started.elapsed()));
    }

    /// What was noted of its memory, in words.
    pub(crate) fn resident(&self) -> String {
        let noted = |(bytes, life): &(u64, Duration)| {
            format!("{} MiB after {} s", bytes >> 20, life.as_secs())
        };
        let noted: Vec<_> = self.resident.iter().map(noted).collect();
        format!("{}: resident {}", self.name, noted.join(", "))
    }

    /// Panics when it ended by itself, which no fault may make it do.
    pub(crate) fn must_run(&mut self) {
        let ended = self.child.try_wait().expect("it can be asked");
        assert!(ended.is_none(), "{} ended by itself: see {}", self.name, self.log.display());
    }
}

fn spawn(path: &Path, arguments: &[String], log: &Path) -> Child {
    let log = File::options().append(true).create(true).open(log).expect("a log file");
    Command::new(path)
        .args(arguments)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(log.try_clone().expect("a second handle"))
        .stderr(log)
        .kill_on_drop(true)
        .spawn()
        .expect("the program starts")
}

/// The program that was built together with this test.
pub(crate) fn beside_this_test(program: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_resources")).with_file_name(program);
    assert!(
        path.exists(),
        "no {}: build all programs first (`cargo build --workspace`, with the same profile)",
        path.display()
    );
    path
}
