//! What a field is compared with.

use std::cmp::Ordering;
use std::fmt;

use resources_core::contract::Level;
use serde::Deserialize;
use serde_json::{Number, Value};

/// A text in which stars stand for any characters; equal to a number when it is the same one.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Text {
    /// The pieces between the stars: one when there is no star.
    pieces: Vec<Box<str>>,
    /// The number it is, when it is one.
    number: Option<Number>,
}

impl Text {
    pub(super) fn new(pieces: Vec<Box<str>>) -> Self {
        let number = match pieces.as_slice() {
            [whole] => number(whole),
            _ => None,
        };
        Self { pieces, number }
    }

    /// Whether a number can be equal to it.
    pub(super) fn is_number_or_pattern(&self) -> bool {
        self.number.is_some() || self.pieces.len() > 1
    }

    /// Whether `value` is equal to it. Objects are equal only to a lone star.
    pub(super) fn is(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.takes(text),
            Value::Bool(true) => self.takes("true"),
            Value::Bool(false) => self.takes("false"),
            Value::Null => self.takes("null"),
            Value::Number(found) => match &self.number {
                Some(number) => compare(found, number) == Some(Ordering::Equal),
                None => self.takes(&found.to_string()),
            },
            Value::Array(_) | Value::Object(_) => {
                self.pieces.len() > 1 && self.pieces.iter().all(|piece| piece.is_empty())
            }
        }
    }

    /// Each piece is looked for behind the one before; that the first found place is as good as
    /// any later one keeps it linear in the number of stars.
    fn takes(&self, text: &str) -> bool {
        let [first, between @ .., last] = self.pieces.as_slice() else {
            return self.pieces.first().is_some_and(|whole| **whole == *text);
        };
        let Some(text) = text.strip_prefix(&**first) else { return false };
        let Some(mut rest) = text.strip_suffix(&**last) else { return false };
        between.iter().all(|piece| {
            let found = rest.find(&**piece);
            rest = found.map_or("", |at| &rest[at + piece.len()..]);
            found.is_some()
        })
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needs_quotes = |c: char| c.is_whitespace() || "\"|*".contains(c);
        let plain = self.pieces.iter().all(|piece| !piece.contains(needs_quotes))
            && !self.pieces[0].starts_with(['=', '<', '>', '!'])
            && (self.pieces.len() > 1 || !self.pieces[0].is_empty());
        if plain {
            return f.write_str(&self.pieces.join("*"));
        }
        f.write_str("\"")?;
        for (at, piece) in self.pieces.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { "*" })?;
            for c in piece.chars() {
                let backslash = if "\"\\*".contains(c) { "\\" } else { "" };
                write!(f, "{backslash}{c}")?;
            }
        }
        f.write_str("\"")
    }
}

/// A side of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Below,
    AtMost,
    Above,
    AtLeast,
}

impl Order {
    pub(super) fn named(operator: &str) -> Option<Self> {
        match operator {
            "<" => Some(Self::Below),
            "<=" => Some(Self::AtMost),
            ">" => Some(Self::Above),
            ">=" => Some(Self::AtLeast),
            _ => None,
        }
    }

    const fn holds(self, found: Ordering) -> bool {
        match self {
            Self::Below => found.is_lt(),
            Self::AtMost => found.is_le(),
            Self::Above => found.is_gt(),
            Self::AtLeast => found.is_ge(),
        }
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Below => "<",
            Self::AtMost => "<=",
            Self::Above => ">",
            Self::AtLeast => ">=",
        })
    }
}

/// What has an order.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Number(Number),
    Level(Level),
}

impl Operand {
    pub(super) fn read(text: &str) -> Option<Self> {
        number(text).map(Self::Number).or_else(|| level(text).map(Self::Level))
    }

    pub(super) fn holds(&self, order: Order, value: &Value) -> bool {
        let found = match (self, value) {
            (Self::Number(number), Value::Number(found)) => compare(found, number),
            (Self::Level(than), Value::String(text)) => level(text).map(|found| found.cmp(than)),
            _ => None,
        };
        found.is_some_and(|found| order.holds(found))
    }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Level(level) => write!(f, "{level}"),
        }
    }
}

fn number(text: &str) -> Option<Number> {
    text.parse().ok()
}

fn level(text: &str) -> Option<Level> {
    use serde::de::IntoDeserializer;
    use serde::de::value::{Error, StrDeserializer};

    let text: StrDeserializer<'_, Error> = text.into_deserializer();
    Level::deserialize(text).ok()
}

/// Integers exactly, whatever is not one as the nearest float.
fn compare(left: &Number, right: &Number) -> Option<Ordering> {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => Some(left.cmp(&right)),
        _ => left.as_f64()?.partial_cmp(&right.as_f64()?),
    }
}
