//! Starts a program.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use resources_core::contract::AlertState;

use super::config::{Mistake, SHORTEST_TIMEOUT, limited};
use super::file::ExecTable;
use super::notification::Notification;
use super::secret::Hidden;
use super::sender::SendError;
use crate::program::{Printed, Program};

/// How long a program may run unless a reaction says so.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Longest that a program may be allowed to run.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// How much of what a program prints is logged, in bytes of each output.
const LOGGED_BYTES: usize = 4 * 1024;

/// Variables of the observer that programs get, too. Others may be secrets.
const INHERITED: [&str; 6] = ["HOME", "LANG", "LC_ALL", "PATH", "TMPDIR", "TZ"];

/// A program with its arguments. No shell has a hand in it.
#[derive(Debug, Clone)]
pub(super) struct Exec {
    program: Program,
    environment: BTreeMap<String, Hidden>,
    timeout: Duration,
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
        let mut environment = BTreeMap::new();
        for (name, origin) in env {
            if name.is_empty() || name.contains(['=', '\0']) {
                return Err(Mistake::of(&origin, format!("{name:?} is no name of a variable")));
            }
            let value = origin.get_ref().clone().fetch();
            let value = value.map_err(|reason| Mistake::of(&origin, reason))?;
            environment.insert(name, value);
        }
        let timeout = limited("timeout", timeout, TIMEOUT, SHORTEST_TIMEOUT..=LONGEST_TIMEOUT)?;
        let arguments = arguments.iter().map(Into::into).collect();
        let program = Program::new(Path::new(path), arguments, timeout, folder)
            .map_err(|error| Mistake::of(&command, format!("command: {error}")))?
            .inheriting(&INHERITED);
        Ok(Self { program, environment, timeout })
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
        let body = serde_json::to_vec(notification).map_err(SendError::lasting)?;
        let own = self.environment.iter().map(|(name, value)| (&**name, value.reveal().to_owned()));
        let variables = variables(notification).into_iter().chain(own);
        let (printed, outcome) = self.program.run(&body, variables).await;
        let program = self.program();
        log(notification, &program, &printed);
        match outcome {
            Ok(()) => Ok(format!("{program} ended with exit code 0")),
            Err(error) => Err(SendError::passing(format!("{error}{}", last_line(&printed)))),
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

fn log(notification: &Notification, program: &str, printed: &Printed) {
    let shown = |bytes: &[u8]| {
        String::from_utf8_lossy(&bytes[..bytes.len().min(LOGGED_BYTES)]).into_owned()
    };
    if *printed != Printed::default() {
        tracing::info!(
            reaction = &*notification.reaction,
            notification = &*notification.id,
            trace_id = notification.trace_id(),
            stdout = shown(&printed.output),
            stderr = shown(&printed.errors),
            "{program} printed something"
        );
    }
}

/// The last line of what was kept of its errors, or else of its output, to be added to a cause.
fn last_line(Printed { output, errors }: &Printed) -> String {
    let text = String::from_utf8_lossy(if errors.is_empty() { output } else { errors });
    match text.trim_end().lines().next_back() {
        None | Some("") => String::new(),
        Some(line) => {
            let shown = |c: char| if c.is_control() { ' ' } else { c };
            format!(": {}", line.chars().map(shown).take(200).collect::<String>())
        }
    }
}
