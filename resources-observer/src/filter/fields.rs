//! Whether a filter can hold at all for events whose fields are known.

use serde_json::Value;

use super::value::Operand;
use super::{Condition, Filter, Term};

/// What can be in a field.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values {
    Text,
    Number,
    Levels,
    /// One of these.
    Words(&'static [&'static str]),
}

const LEVELS: &[&str] = &["LOW", "MEDIUM", "HIGH"];

impl Filter {
    /// Says which term could never hold, or always would, for `event`, which has these fields.
    ///
    /// # Errors
    /// Names the term and what is allowed.
    pub(crate) fn check(&self, event: &str, fields: &[(&str, Values)]) -> Result<(), String> {
        self.0.iter().try_for_each(|term| term.check(event, fields))
    }
}

impl Term {
    fn check(&self, event: &str, fields: &[(&str, Values)]) -> Result<(), String> {
        let field = &*self.field;
        let Some((_, values)) = fields.iter().find(|(name, _)| *name == field) else {
            let names: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            return Err(format!("filter: `{self}`: {event} has no field {field}; it has {names}"));
        };
        let refuse = |allowed: String| Err(format!("filter: `{self}`: {allowed}"));
        let words = match values {
            Values::Words(words) => words,
            Values::Levels => LEVELS,
            Values::Text | Values::Number => &[],
        };
        match (&self.condition, values) {
            (Condition::Ordered(_, Operand::Number(_)), Values::Number)
            | (Condition::Ordered(_, Operand::Level(_)), Values::Levels)
            | (Condition::Is(_) | Condition::IsNot(_), Values::Text) => Ok(()),
            (Condition::Ordered(..), Values::Number) => {
                refuse(format!("{field} is compared with a number"))
            }
            (Condition::Ordered(..), Values::Levels) => {
                refuse(format!("{field} is compared with {}", LEVELS.join(", ")))
            }
            (Condition::Ordered(..), _) => refuse(format!("{field} has no order; write = or !=")),
            (Condition::Is(texts) | Condition::IsNot(texts), Values::Number) => {
                if texts.iter().all(|text| text.is_number_or_pattern()) {
                    Ok(())
                } else {
                    refuse(format!("{field} is a number"))
                }
            }
            (Condition::Is(texts) | Condition::IsNot(texts), _) => {
                let known = |word: &str| Value::from(word);
                let can_be =
                    texts.iter().all(|text| words.iter().any(|word| text.is(&known(word))));
                if can_be {
                    Ok(())
                } else {
                    refuse(format!("{field} is one of {}", words.join(", ")))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [(&str, Values); 4] = [
        ("host", Values::Text),
        ("state", Values::Words(&["raised", "cleared"])),
        ("level", Values::Levels),
        ("percentage", Values::Number),
    ];

    fn check(text: &str) -> Result<(), String> {
        text.parse::<Filter>().unwrap().check("an alert", &FIELDS)
    }

    #[test]
    fn a_term_that_can_never_hold_is_named_with_what_is_allowed() {
        for text in [
            "host=web-*|db",
            "state=raised level!=LOW|MEDIUM",
            "level>=MEDIUM percentage>90",
            "level!=* state=*ed",
            "percentage=9* percentage!=5",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
        for (text, expected) in [
            ("levl=HIGH", "`levl=HIGH`: an alert has no field levl; it has host, state, level"),
            ("host=a labels.role=db", "has no field labels.role"),
            ("level=high", "`level=high`: level is one of LOW, MEDIUM, HIGH"),
            ("level=HIGH|hi*", "level is one of"),
            ("level!=high", "level is one of"),
            ("level>90", "level is compared with LOW, MEDIUM, HIGH"),
            ("state=open", "state is one of raised, cleared"),
            ("state>5", "state has no order"),
            ("percentage>HIGH", "percentage is compared with a number"),
            ("percentage=much", "percentage is a number"),
            ("host>5", "host has no order"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
