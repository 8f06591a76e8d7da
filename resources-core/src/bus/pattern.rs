//! Topic patterns: which routing keys a binding takes.

use std::fmt;
use std::str::FromStr;

/// A binding pattern: words between dots, where `*` stands for exactly one word and `#` for any
/// number of words, none included.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern(Box<str>);

/// Why a text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a pattern: {reason}")]
pub struct PatternError {
    text: String,
    reason: &'static str,
}

impl Pattern {
    /// Checks `text` and keeps it.
    ///
    /// # Errors
    /// Says which rule the text breaks.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let refuse = |reason| Err(PatternError { text: text.chars().take(300).collect(), reason });
        match text {
            "" => refuse("it is empty; `#` takes everything"),
            _ if text.len() > 255 => refuse("it has more than 255 bytes"),
            _ if text.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                refuse("it holds white space or control characters")
            }
            _ if text.split('.').any(|word| word.len() > 1 && word.contains(['*', '#'])) => {
                refuse("`*` and `#` stand for whole words, as in `*.measure` or `#.measure`")
            }
            _ => Ok(Self(text.into())),
        }
    }

    /// The pattern as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the pattern takes a message with routing key `key`, as RabbitMQ's topic exchange
    /// decides it.
    #[must_use]
    pub fn matches(&self, key: &str) -> bool {
        matches(&self.0, key)
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::new(text)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Greedy matching with one point of return: after a `#`, the only choice that can still matter
/// is how many words the last `#` took, so time is at most words × words and nothing recurses.
pub(super) fn matches(pattern: &str, key: &str) -> bool {
    // The empty key has no word, unlike a key of empty words.
    let words: Vec<&str> = if key.is_empty() { Vec::new() } else { key.split('.').collect() };
    let pattern: Vec<&str> = pattern.split('.').collect();
    let (mut at_pattern, mut at_word) = (0, 0);
    // Where to go on when a later word does not fit: after the last `#`, one word further.
    let mut retry: Option<(usize, usize)> = None;
    while at_word < words.len() {
        match pattern.get(at_pattern) {
            Some(&"#") => {
                retry = Some((at_pattern + 1, at_word));
                at_pattern += 1;
            }
            Some(&word) if word == "*" || word == words[at_word] => {
                at_pattern += 1;
                at_word += 1;
            }
            _ => match &mut retry {
                Some((after_hash, taken)) => {
                    *taken += 1;
                    (at_pattern, at_word) = (*after_hash, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|word| *word == "#")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn matches_as_the_broker_does() {
        for (pattern, key, expected) in [
            ("#.measure", "web.measure", true),
            ("#.measure", "web-1.eu.example.com.measure", true),
            ("#.measure", "measure", true),
            ("#.measure", "web.measures", false),
            ("*.measure", "web.measure", true),
            ("*.measure", "a.b.measure", false),
            ("*.measure", "measure", false),
            ("#", "", true),
            ("#", "a.b.c", true),
            ("a.#", "a", true),
            ("a.#.c", "a.c", true),
            ("a.#.c", "a.b.b.c", true),
            ("a.#.c", "a.c.b", false),
            ("#.a.#", "b.a.b", true),
            ("#.*", "", false),
            ("*.#.*", "a", false),
            ("*.#.*", "a.b", true),
            ("a.b", "a.b", true),
            ("a.b", "a.b.c", false),
            ("#.a.*.b", "a.a.x.b", true),
        ] {
            assert_eq!(matches(pattern, key), expected, "{pattern} on {key}");
        }
    }

    #[test]
    fn refuses_wildcards_inside_words() {
        for text in ["", "web*.measure", "#measure", "a b", "**"] {
            assert!(Pattern::new(text).is_err(), "{text:?} must be refused");
        }
    }

    /// The definition itself: slow, obviously right.
    fn by_definition(pattern: &[&str], words: &[&str]) -> bool {
        match (pattern, words) {
            ([], []) => true,
            (["#", rest @ ..], _) => (0..=words.len()).any(|n| by_definition(rest, &words[n..])),
            ([word, rest @ ..], [first, others @ ..]) if *word == "*" || word == first => {
                by_definition(rest, others)
            }
            _ => false,
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_definition(
            pattern in prop::collection::vec(prop::sample::select(vec!["a", "b", "*", "#"]), 1..7),
            words in prop::collection::vec(prop::sample::select(vec!["a", "b"]), 0..8),
        ) {
            prop_assert_eq!(
                matches(&pattern.join("."), &words.join(".")),
                by_definition(&pattern, &words)
            );
        }

        #[test]
        fn never_panics(pattern in ".{0,40}", key in ".{0,40}") {
            let _: bool = matches(&pattern, &key);
        }
    }
}
