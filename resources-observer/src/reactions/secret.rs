//! Values that nobody may see: read from the environment or from a file, and never shown.

use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;

/// Longest secret in a file, in bytes.
const MAX_BYTES: usize = 16 * 1024;

/// A text that is sent and never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Hidden(Box<str>);

impl Hidden {
    /// The text, for whoever sends it.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a value comes from, as it is written in a rules file.
#[derive(Clone, Deserialize)]
#[serde(
    untagged,
    deny_unknown_fields,
    expecting = "a text, { env = \"NAME\" } or { file = \"PATH\" }"
)]
pub(super) enum Origin {
    /// Here.
    Text(String),
    /// In a variable of the environment.
    Env { env: String },
    /// In a file, without the line end at its end.
    File { file: PathBuf },
}

impl Origin {
    /// Fetches the value.
    ///
    /// # Errors
    /// Names the variable or the file.
    pub(super) fn fetch(self) -> Result<Hidden, String> {
        let (value, place) = match self {
            Self::Text(text) => (text, "the text".to_owned()),
            Self::Env { env } => {
                // A name with `=` or a zero byte is no variable, which the lookup says, too.
                let place = format!("environment variable {env}");
                let value = std::env::var(&env).map_err(|_| {
                    format!("{place} is not set; set it for the observer, or name another")
                })?;
                (value, place)
            }
            Self::File { file } => {
                let place = format!("file {}", file.display());
                let text =
                    std::fs::read_to_string(&file).map_err(|error| format!("{place}: {error}"))?;
                (text.trim_end_matches(['\r', '\n']).to_owned(), place)
            }
        };
        match value.len() {
            0 => Err(format!("{place} is empty")),
            1..=MAX_BYTES => Ok(Hidden(value.into())),
            _ => Err(format!("{place} has more than {MAX_BYTES} bytes")),
        }
    }
}

/// Shortest part of a secret that is looked for, in letters and digits.
const SHORTEST_PART: usize = 4;

/// Secrets that somebody was sent, to be found in what comes back.
#[derive(Clone, Default)]
pub(super) struct Secrets(Vec<Box<str>>);

impl Secrets {
    /// Adds a secret: each part of it that stands between spaces or marks of a URL.
    pub(super) fn add(&mut self, secret: &str) {
        let parts = secret.split(|c: char| c.is_whitespace() || "/?&=#:@;,".contains(c));
        let parts = parts.map(plain).filter(|part| part.len() >= SHORTEST_PART);
        self.0.extend(parts.map(String::into_boxed_str));
    }

    /// Whether a part of one is in `text`, whatever marks were put into it or left out.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let text = plain(text);
        self.0.iter().any(|part| text.contains(&**part))
    }
}

/// Stands for a line that holds a secret.
const SCREENED: &str = "(a line with a secret is not shown)";

impl Secrets {
    /// `text` without the lines that hold a part of one; nothing of it when one is spread over
    /// several lines.
    pub(super) fn screened(&self, text: &str) -> String {
        let (mut screened, mut kept) = (Vec::new(), String::new());
        for line in text.lines() {
            if self.are_in(line) {
                screened.push(SCREENED);
            } else {
                screened.push(line);
                kept.push_str(line);
            }
        }
        if self.are_in(&kept) { SCREENED.to_owned() } else { screened.join("\n") }
    }
}

/// The letters and digits of a text, as other marks may be escaped.
fn plain(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(text: &str) -> Result<Hidden, String> {
        #[derive(Deserialize)]
        struct Table {
            value: Origin,
        }
        toml::from_str::<Table>(text).map_err(|error| error.message().to_owned())?.value.fetch()
    }

    #[test]
    fn a_secret_is_found_in_an_answer_however_it_is_written() {
        let mut secrets = Secrets::default();
        assert!(!secrets.are_in("anything"));
        secrets.add("/services/T0ken-1/x?key=a+b-c-d");
        secrets.add("Bearer s3cret");
        for text in
            ["no T0KEN-1 here", "\\/services\\/y", "t0ken%2D1? T0ken\\-1", "(s3cret)", "A+B-C-D"]
        {
            assert!(secrets.are_in(text), "{text}");
        }
        for text in ["", "invalid_payload", "no room at all: x"] {
            assert!(!secrets.are_in(text), "{text}");
        }
    }

    #[test]
    fn a_line_that_holds_a_secret_is_left_out() {
        let mut secrets = Secrets::default();
        assert_eq!(secrets.screened("as it is\n\nof two"), "as it is\n\nof two");
        secrets.add("T0ken-1");
        let printed = "begun\n+ curl -H 'Bearer T0ken-1'\nno room";
        assert_eq!(secrets.screened(printed), format!("begun\n{SCREENED}\nno room"));
        assert_eq!(secrets.screened("begun T0k\nen1"), SCREENED);
    }

    #[test]
    fn a_value_is_found_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "s3cret\n").unwrap();
        let hidden = fetch(&format!("value = {{ file = {:?} }}", file.path())).unwrap();
        assert_eq!(hidden.reveal(), "s3cret");
        assert_eq!(format!("{hidden:?}"), "***");
        assert!(fetch("value = { env = \"PATH\" }").is_ok());
        for (text, words) in [
            ("value = { env = \"NO_SUCH_VARIABLE\" }", "NO_SUCH_VARIABLE is not set"),
            ("value = { file = \"/no/such\" }", "file /no/such: "),
            ("value = { vault = \"x\" }", "{ env = \"NAME\" }"),
            ("value = 5", "{ file = \"PATH\" }"),
            ("value = \"\"", "is empty"),
        ] {
            let error = fetch(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
