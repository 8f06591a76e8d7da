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
