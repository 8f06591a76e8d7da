//! How a program ends: what it prints and with which code.

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

/// Why a program ended other than by being asked to.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A setting cannot be used; the program did not start. Exit code 2.
    #[error("{0}")]
    Settings(String),
    /// Something went wrong that no setting check could foresee. Exit code 1.
    #[error("{0}")]
    Failed(String),
}

impl Failure {
    /// A setting that cannot be used.
    pub fn settings(reason: impl ToString) -> Self {
        Self::Settings(reason.to_string())
    }

    /// A failure while running.
    pub fn failed(reason: impl ToString) -> Self {
        Self::Failed(reason.to_string())
    }
}

/// Reads the command line and the environment. On `--help` and `--version` prints and exits
/// with 0; on a mistake prints one line that names it and exits with 2.
#[must_use]
pub fn parse<T: Parser>() -> T {
    T::try_parse().unwrap_or_else(|error| {
        if !error.use_stderr() {
            error.exit();
        }
        if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            // Whoever types just the name wants to know what there is.
            error.exit();
        }
        let text = error.to_string();
        print_error(&T::command(), &one_line(&text));
        std::process::exit(2);
    })
}

/// The message of a parser error in one line: its first paragraph and its tips, without usage.
fn one_line(text: &str) -> String {
    let wanted = |line: &&str| !line.is_empty() && !line.starts_with("Usage:");
    let parts: Vec<&str> = text
        .lines()
        .map(str::trim)
        .filter(wanted)
        .filter(|line| !line.starts_with("For more information"))
        .collect();
    let line = hide_logins(&parts.join(" "));
    format!("{} (see --help)", line.trim_start_matches("error: "))
}

/// Hides what stands before an `@`: an argument in the wrong place, or a URL that lacks its scheme,
/// may hold a password.
fn hide_logins(line: &str) -> String {
    let word = |word: &str| {
        let Some(at) = word.rfind('@') else { return word.to_owned() };
        let scheme = word.find("://").map(|scheme| scheme + 3).filter(|start| *start <= at);
        let start = scheme.unwrap_or_else(|| usize::from(word.starts_with('\'')));
        format!("{}***{}", &word[..start], &word[at..])
    };
    line.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

#[expect(clippy::print_stderr, reason = "the last words of a program, before any log")]
fn print_error(command: &clap::Command, line: &str) {
    eprintln!("{}: {line}", command.get_name());
}

/// Turns the outcome of a program into its exit code, after one line on standard error:
/// 0 when it was asked to end, 2 for a setting, 1 for anything else.
#[expect(clippy::print_stderr, reason = "the last words of a program, for whoever started it")]
pub fn report(program: &str, outcome: Result<(), Failure>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{program}: {failure}");
            ExitCode::from(if matches!(failure, Failure::Settings(_)) { 2 } else { 1 })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misplaced_url_is_shown_without_its_login() {
        let line = one_line("error: unexpected argument 'amqp://u:s3cr@t@h/%2f' found");
        assert_eq!(line, "unexpected argument 'amqp://***@h/%2f' found (see --help)");
        let line = one_line("error: invalid value 'anna:s3cr@t@h:4318' for '--url <URL>'");
        assert_eq!(line, "invalid value '***@h:4318' for '--url <URL>' (see --help)");
    }

    #[test]
    fn a_parser_error_becomes_one_line() {
        let text = "error: unexpected argument '--x' found\n\n  tip: a similar argument exists: \
                    '--y'\n\nUsage: tool [OPTIONS]\n\nFor more information, try '--help'.\n";
        let line = one_line(text);
        assert_eq!(
            line,
            "unexpected argument '--x' found tip: a similar argument exists: '--y' (see --help)"
        );
    }
}
