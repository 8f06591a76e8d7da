//! Starts a program.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use resources_core::contract::AlertState;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{ChildStdin, Command};
use tokio::time::timeout;

use super::config::Mistake;
use super::file::ExecTable;
use super::notification::Notification;
use super::secret::Hidden;
use super::sender::SendError;
use crate::alerts::Time;

/// How long a program may run unless a reaction says so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest that a program may be allowed to run.
const MAX_TIMEOUT_MS: u64 = 60 * 60 * 1_000;

/// Most that is kept of what a program writes, in bytes; the rest is read and dropped.
const KEPT_BYTES: usize = 4 * 1024;

/// How long is waited for the last of the output of a program that has ended: one that it left
/// running may hold it open.
const LAST_OUTPUT: Duration = Duration::from_millis(500);

/// Variables of the observer that programs get, too. Others may be secrets.
const INHERITED: [&str; 6] = ["HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"];

/// A program with its arguments. No shell has a hand in it.
#[derive(Debug, Clone)]
pub(super) struct Exec {
    program: String,
    arguments: Vec<String>,
    environment: BTreeMap<String, Hidden>,
    folder: Option<PathBuf>,
    timeout: Duration,
}

impl Exec {
    pub(super) fn new(table: ExecTable) -> Result<Self, Mistake> {
        let ExecTable { command, env, folder, timeout } = table;
        let words = command.get_ref();
        let (Some((program, arguments)), false) =
            (words.split_first(), words.iter().any(|word| word.contains('\0')))
        else {
            let allowed =
                "command is a program and its arguments: [\"/usr/local/bin/page\", \"-v\"]";
            return Err(Mistake::of(&command, allowed));
        };
        if program.is_empty() {
            return Err(Mistake::of(&command, "the name of the program is empty"));
        }
        let mut environment = BTreeMap::new();
        for (name, origin) in env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(Mistake::of(&origin, format!("{name:?} is no name of a variable")));
            }
            let value = origin.get_ref().clone().fetch();
            let value = value.map_err(|reason| Mistake::of(&origin, reason))?;
            environment.insert(name, value);
        }
        Ok(Self {
            program: program.clone(),
            arguments: arguments.to_vec(),
            environment,
            folder,
            timeout: timeout
                .map_or(TIMEOUT, |Time(ms)| Duration::from_millis(ms.clamp(1, MAX_TIMEOUT_MS))),
        })
    }

    /// The program, for people.
    pub(super) fn program(&self) -> &str {
        &self.program
    }

    pub(super) async fn send(&self, notification: &Notification) -> Result<String, SendError> {
        let body = serde_json::to_vec(notification).map_err(SendError::lasting)?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(INHERITED.iter().filter_map(|name| Some((name, std::env::var_os(name)?))))
            .envs(variables(notification))
            .envs(self.environment.iter().map(|(name, value)| (name, value.reveal())))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // A group of its own, so that it ends with all that it started.
            .process_group(0);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let program = &self.program;
        let mut child = command
            .spawn()
            .map_err(|error| SendError::passing(format!("{program} cannot be started: {error}")))?;
        let group = Group::of(child.id());
        let input = child.stdin.take();
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let reading = async {
            tokio::join!(read(stdout, &mut output), read(stderr, &mut errors));
        };
        let waiting = async {
            tokio::select! {
                ended = child.wait() => ended,
                // It need not read what it is told.
                never = write(input, &body) => match never {},
            }
        };
        let ended = timeout(self.timeout, until_ended(waiting, reading)).await;
        log(notification, program, &output, &errors);
        let said = last_line(if errors.is_empty() { &output } else { &errors });
        let Ok(ended) = ended else {
            // With it ends all that it started.
            drop(group);
            let limit = humantime::format_duration(self.timeout);
            return Err(SendError::passing(format!("{program} was ended after {limit}{said}")));
        };
        group.leave();
        match ended {
            Ok(status) if status.success() => Ok(format!("{program} ended with exit code 0")),
            Ok(status) => {
                Err(SendError::passing(format!("{program} ended with {}{said}", words(status))))
            }
            Err(error) => Err(SendError::passing(format!("{program}: {error}"))),
        }
    }
}

/// Waits for the end of a program, and a moment longer for the last of what it wrote.
async fn until_ended<T>(waiting: impl Future<Output = T>, reading: impl Future<Output = ()>) -> T {
    let (mut waiting, mut reading) = (pin!(waiting), pin!(reading));
    tokio::select! {
        ended = &mut waiting => {
            // A program that it left running may go on writing.
            timeout(LAST_OUTPUT, reading).await.ok();
            ended
        }
        () = &mut reading => waiting.await,
    }
}

async fn write(input: Option<ChildStdin>, body: &[u8]) -> Infallible {
    if let Some(mut input) = input {
        // It may end, or close its input, before it has read all.
        input.write_all(body).await.ok();
    }
    std::future::pending().await
}

/// Reads to the end, and keeps the beginning.
async fn read(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut chunk = [0; 8 * 1024];
    while let Ok(count @ 1..) = from.read(&mut chunk).await {
        let room = KEPT_BYTES.saturating_sub(kept.len());
        kept.extend_from_slice(&chunk[..count.min(room)]);
    }
}

/// A program and all that it started; ended when dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(id: Option<u32>) -> Self {
        Self(id.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }

    /// Lets what still runs go on.
    fn leave(mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may have ended by itself.
            kill_process_group(group, Signal::KILL).ok();
        }
    }
}

/// What a program can know without reading JSON. Where there are several alerts, host, resource,
/// kind and the like are those of the first.
fn variables(notification: &Notification) -> Vec<(&'static str, String)> {
    let counts = notification.group;
    let mut variables = vec![
        ("RESOURCES_NOTIFICATION", notification.id.to_string()),
        ("RESOURCES_REACTION", notification.reaction.to_string()),
        ("RESOURCES_COUNT", counts.count.to_string()),
        ("RESOURCES_RAISED", counts.raised.to_string()),
        ("RESOURCES_CLEARED", counts.cleared.to_string()),
        ("RESOURCES_SUBJECT", notification.subject()),
    ];
    let mut add = |name, value: Option<String>| {
        if let Some(value) = value {
            variables.push((name, value));
        }
    };
    add("TRACEPARENT", notification.traceparent.as_deref().map(str::to_owned));
    add("RESOURCES_PAGE_URL", notification.page_url.as_deref().map(str::to_owned));
    if let Some(first) = notification.alerts.first() {
        let state = if first.state == AlertState::Raised { "raised" } else { "cleared" };
        add("RESOURCES_ALERT", Some(first.id.to_string()));
        add("RESOURCES_HOST", Some(first.host.to_string()));
        add("RESOURCES_STATE", Some(state.to_owned()));
        add("RESOURCES_RESOURCE", first.resource.as_deref().map(str::to_owned));
        add("RESOURCES_LEVEL", first.level.map(|level| level.to_string()));
    }
    for (_, value) in &mut variables {
        // It ends a variable, and whoever names a resource may put one in.
        value.retain(|c| c != '\0');
    }
    variables
}

fn log(notification: &Notification, program: &str, output: &[u8], errors: &[u8]) {
    if output.is_empty() && errors.is_empty() {
        return;
    }
    tracing::info!(
        reaction = &*notification.reaction,
        notification = &*notification.id,
        stdout = &*String::from_utf8_lossy(output),
        stderr = &*String::from_utf8_lossy(errors),
        "{program} wrote something"
    );
}

/// The last line of what was kept of an output, to be added to a cause.
fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    match text.trim_end().lines().next_back() {
        None | Some("") => String::new(),
        Some(line) => {
            let shown = |c: char| if c.is_control() { ' ' } else { c };
            format!(": {}", line.chars().map(shown).take(200).collect::<String>())
        }
    }
}

fn words(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit code".to_owned(),
    }
}
