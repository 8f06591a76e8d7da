//! What an operator says of a host: a few words by which hosts are told apart and grouped.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize, Serializer};

/// Most labels of one host.
const MAX_LABELS: usize = 16;

/// Longest name of a label, in bytes.
const MAX_NAME_BYTES: usize = 63;

/// Longest value of a label, in characters.
const MAX_VALUE_CHARACTERS: usize = 128;

/// The labels of a host, such as `role=web`, by name.
///
/// The only way to hold labels, so whoever has them may show them without checking again: there
/// are at most 16, a name is 1–63 ASCII letters, digits, `-`, `_`, `.` and `/`, a value at most
/// 128 characters, none of which is a control character or turns the direction of text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "BTreeMap<Box<str>, Box<str>>")]
#[cfg_attr(feature = "typescript", derive(ts_rs::TS))]
#[cfg_attr(feature = "typescript", ts(type = "{ [name: string]: string }"))]
pub struct Labels(BTreeMap<Box<str>, Box<str>>);

/// Why something cannot be a label.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// There are too many.
    #[error("a host has at most {MAX_LABELS} labels, not {0}")]
    TooMany(usize),
    /// It is not written `name=value`.
    #[error("a label is written name=value, such as role=web, not {0:?}")]
    NoValue(String),
    /// The name is empty or too long.
    #[error("a label's name has 1–{MAX_NAME_BYTES} bytes, not {0}")]
    NameLength(usize),
    /// The name holds a character outside the allowed set.
    #[error(
        "label name {name:?} holds {character:?}; allowed are letters, digits, '-', '_', '.' and \
         '/'"
    )]
    NameCharacter {
        /// The refused name.
        name: String,
        /// The first character that is not allowed.
        character: char,
    },
    /// The value is too long.
    #[error("the value of label {name} has at most {MAX_VALUE_CHARACTERS} characters, not {count}")]
    ValueLength {
        /// Name of the label.
        name: Box<str>,
        /// Characters of its value.
        count: usize,
    },
    /// The value holds a character that cannot be shown.
    #[error("the value of label {name} holds {character:?}, which cannot be shown")]
    ValueCharacter {
        /// Name of the label.
        name: Box<str>,
        /// The first character that is not allowed.
        character: char,
    },
    /// The same name was given before.
    #[error("label {0} is given twice")]
    Twice(Box<str>),
}

impl Labels {
    /// Reads labels written `name=value`, each name once.
    ///
    /// # Errors
    /// Says which label cannot be used, and what is allowed.
    pub fn parse<'a>(labels: impl IntoIterator<Item = &'a str>) -> Result<Self, LabelError> {
        let mut read = BTreeMap::<Box<str>, Box<str>>::new();
        for label in labels {
            let (name, value) =
                label.split_once('=').ok_or_else(|| LabelError::NoValue(label.to_owned()))?;
            match read.entry(name.into()) {
                Entry::Vacant(place) => place.insert(value.into()),
                Entry::Occupied(there) => return Err(LabelError::Twice(there.key().clone())),
            };
        }
        read.try_into()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The value of one of them.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value)
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}

impl TryFrom<BTreeMap<Box<str>, Box<str>>> for Labels {
    type Error = LabelError;

    fn try_from(labels: BTreeMap<Box<str>, Box<str>>) -> Result<Self, LabelError> {
        if labels.len() > MAX_LABELS {
            return Err(LabelError::TooMany(labels.len()));
        }
        for (name, value) in &labels {
            check_name(name)?;
            check_value(name, value)?;
        }
        Ok(Self(labels))
    }
}

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

fn check_name(name: &str) -> Result<(), LabelError> {
    if !(1..=MAX_NAME_BYTES).contains(&name.len()) {
        return Err(LabelError::NameLength(name.len()));
    }
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    match name.chars().find(|character| !is_allowed(*character)) {
        None => Ok(()),
        Some(character) => Err(LabelError::NameCharacter { name: name.to_owned(), character }),
    }
}

fn check_value(name: &str, value: &str) -> Result<(), LabelError> {
    let count = value.chars().count();
    if count > MAX_VALUE_CHARACTERS {
        return Err(LabelError::ValueLength { name: name.into(), count });
    }
    match value.chars().find(|character| !is_shown(*character)) {
        None => Ok(()),
        Some(character) => Err(LabelError::ValueCharacter { name: name.into(), character }),
    }
}

/// Whether a character is seen where it stands: it is no control character, ends no line, and
/// does not turn the direction of what follows, by which one value could look like another.
fn is_shown(character: char) -> bool {
    !character.is_control()
        && !matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_read_in_any_order_and_kept_by_name() {
        let labels =
            Labels::parse(["zone=eu-1", "role=web", "example.com/team=", "a=b=c"]).unwrap();
        let seen: Vec<_> = labels.iter().collect();
        assert_eq!(
            seen,
            [("a", "b=c"), ("example.com/team", ""), ("role", "web"), ("zone", "eu-1")]
        );
        assert_eq!((labels.get("role"), labels.get("none")), (Some("web"), None));
        let json = serde_json::to_string(&labels).unwrap();
        assert_eq!(json, r#"{"a":"b=c","example.com/team":"","role":"web","zone":"eu-1"}"#);
        assert_eq!(serde_json::from_str::<Labels>(&json).unwrap(), labels);
        assert!(Labels::parse([]).unwrap().is_empty());
    }

    #[test]
    fn bounds_are_allowed_and_what_is_beyond_them_is_named() {
        let long_name = format!("{}=x", "n".repeat(63));
        let long_value = format!("v={}", "ä".repeat(128));
        assert!(Labels::parse([&*long_name, &long_value]).is_ok());
        let sixteen: Vec<_> = (0..16).map(|i| format!("l{i}=")).collect();
        assert!(Labels::parse(sixteen.iter().map(|label| &**label)).is_ok());

        for (labels, words) in [
            (vec!["web".to_owned()], "written name=value, such as role=web, not \"web\""),
            (vec!["=web".to_owned()], "1–63 bytes, not 0"),
            (vec![format!("n{long_name}")], "1–63 bytes, not 64"),
            (vec!["a b=c".to_owned()], "holds ' '; allowed are letters, digits"),
            (vec!["rôle=web".to_owned()], "holds 'ô'"),
            (vec![format!("{long_value}x")], "label v has at most 128 characters, not 129"),
            (vec!["v=a\nb".to_owned()], "label v holds '\\n'"),
            (vec!["v=\u{202e}cba".to_owned()], "label v holds '\\u{202e}'"),
            (vec!["v=1".to_owned(), "v=2".to_owned()], "label v is given twice"),
            ((0..17).map(|i| format!("l{i}=")).collect(), "at most 16 labels, not 17"),
        ] {
            let error = Labels::parse(labels.iter().map(|label| &**label)).unwrap_err();
            assert!(error.to_string().contains(words), "{labels:?}: {error}");
        }
    }
}
