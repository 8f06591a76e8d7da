//! Starts a program.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::config::{Mistake, SHORTEST_TIMEOUT, limited};
use super::file::ExecTable;
use super::notification::{Listed, Notification};
use super::secret::{Hidden, Secrets};
use super::sender::SendError;
use crate::program::{MAX_OUTPUT_BYTES, Program, ProgramError};

/// How long a program may run unless a reaction says so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest that a program may be allowed to run.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How much of what a program prints is logged, in bytes of each output.
const LOGGED_BYTES: usize = 4 * 1024;

/// Variables of the observer that programs get, too. Others may be secrets.
const INHERITED: [&str; 6] = ["HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"];

/// A program with its arguments. No shell has a hand in it.
#[derive(Clone)]
pub(super) struct Exec {
    program: Program,
    environment: BTreeMap<String, Hidden>,
    /// What nobody may see in a log, though the program print it.
    secrets: Secrets,
    timeout: Duration,
}

impl std::fmt::Debug for Exec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exec").field("program", &self.program).finish_non_exhaustive()
    }
}

impl Exec {
    pub(super) fn new(table: ExecTable) -> Result<Self, Mistake> {
        let ExecTable { command, env, folder, timeout } = table;
        let words = command.get_ref();
        let (Some((path, arguments)), false) =
            (words.split_first(), words.iter().any(|word| word.contains('\0')))
        else {
            let allowed =
                "command is a program and its arguments: [\"/usr/local/bin/page\", \"-v\"]";
            return Err(Mistake::of(&command, allowed));
        };
        let (mut environment, mut secrets) = (BTreeMap::new(), Secrets::default());
        for (name, origin) in env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(Mistake::of(&origin, format!("{name:?} is no name of a variable")));
            }
            let value = origin.get_ref().clone().fetch();
            let value = value.map_err(|reason| Mistake::of(&origin, reason))?;
            secrets.add(value.reveal());
            environment.insert(name, value);
        }
        let timeout = limited("timeout", timeout, TIMEOUT, SHORTEST_TIMEOUT..=LONGEST_TIMEOUT)?;
        let arguments = arguments.iter().map(Into::into).collect();
        let program = Program::new(Path::new(path), arguments, timeout, folder)
            .map_err(|error| Mistake::of(&command, format!("command: {error}")))?
            .inheriting(&INHERITED);
        Ok(Self { program, environment, secrets, timeout })
    }

    /// The program, for people.
    pub(super) fn program(&self) -> String {
        self.program.path().display().to_string()
    }

    /// How long one try may take.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(super) async fn send(&self, notification: &Notification) -> Result<String, SendError> {
        let body = serde_json::to_vec(notification).map_err(SendError::unwritable)?;
        let own = self.environment.iter().map(|(name, value)| (&**name, value.reveal().to_owned()));
        let variables = variables(notification).into_iter().chain(own);
        let (printed, outcome) = self.program.run(&body, variables).await;
        let program = self.program();
        let (output, errors) = (self.screened(&printed.output), self.screened(&printed.errors));
        log(notification, &program, &output, &errors);
        match outcome {
            Ok(()) => Ok(format!("{program} ended with exit code 0")),
            Err(error) => {
                let last = last_line(if errors.is_empty() { &output } else { &errors });
                Err(SendError::passing(class_of(&error), format!("{error}{last}")))
            }
        }
    }

    /// What a program printed, without its secrets.
    fn screened(&self, printed: &[u8]) -> String {
        let text = String::from_utf8_lossy(printed);
        let is_cut_off = printed.len() >= MAX_OUTPUT_BYTES;
        // Its last line may end within a secret.
        let whole = if is_cut_off { text.rsplit_once('\n').unwrap_or_default().0 } else { &text };
        self.secrets.screened(whole)
    }
}

const fn class_of(error: &ProgramError) -> &'static str {
    match error {
        ProgramError::Start { .. } => "start",
        ProgramError::Ended { .. } => "exit_code",
        ProgramError::TookTooLong { .. } => "timeout",
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
    if let Some(Listed { alert: first, .. }) = notification.alerts.first() {
        add("RESOURCES_ALERT", Some(first.id.to_string()));
        add("RESOURCES_HOST", Some(first.host.to_string()));
        add("RESOURCES_STATE", word(first.state));
        add("RESOURCES_KIND", word(first.kind));
        add("RESOURCES_RESOURCE", first.resource.as_deref().map(str::to_owned));
        add("RESOURCES_LEVEL", first.level.map(|level| level.to_string()));
    }
    for (_, value) in &mut variables {
        // It ends a variable, and whoever names a resource may put one in.
        value.retain(|c| c != '\0');
    }
    variables
}

/// What JSON says for one of several.
fn word(one: impl Serialize) -> Option<String> {
    serde_json::to_value(one).ok()?.as_str().map(str::to_owned)
}

fn log(notification: &Notification, program: &str, output: &str, errors: &str) {
    let shown = |text: &str| text[..text.floor_char_boundary(LOGGED_BYTES)].to_owned();
    if !(output.is_empty() && errors.is_empty()) {
        tracing::info!(
            reaction = &*notification.reaction,
            notification = &*notification.id,
            trace_id = notification.trace_id(),
            stdout = shown(output),
            stderr = shown(errors),
            "{program} printed something"
        );
    }
}

/// The last line of what a program printed, to be added to a cause.
fn last_line(text: &str) -> String {
    match text.trim_end().lines().next_back() {
        None | Some("") => String::new(),
        Some(line) => {
            let shown = |c: char| if c.is_control() { ' ' } else { c };
            format!(": {}", line.chars().map(shown).take(200).collect::<String>())
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_knows_the_kind_and_what_it_prints_of_its_secrets_is_not_told() {
        let text = "env.TOKEN = 'T0ken-1'\ncommand = ['sh', '-c', '''\
                    echo no: $TOKEN >&2; [ $RESOURCES_KIND = silent ] && exit 3''']";
        let exec = Exec::new(toml::from_str(text).unwrap()).ok().unwrap();
        let mut notification = Notification::made_up("page", 0, None, true);
        notification.alerts.remove(0);
        let SendError { class, cause, .. } = exec.send(&notification).await.unwrap_err();
        assert!(cause.ends_with("exit status: 3: (a line with a secret is not shown)"), "{cause}");
        assert_eq!(class, "exit_code");
        assert_eq!(
            exec.screened(b"begun\n+ curl -H T0ken-1\n"),
            "begun\n(a line with a secret is not shown)"
        );
        let mut cut_off = vec![b'\n'; MAX_OUTPUT_BYTES - 5];
        cut_off.extend(b"T0ken");
        assert!(!exec.screened(&cut_off).contains("T0k"));
    }
}
