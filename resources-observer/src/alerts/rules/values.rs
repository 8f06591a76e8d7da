//! The values of a rules file, each checked as it is read.

use std::fmt;

use globset::Glob;
use resources_core::contract::Level;
use resources_core::service::parse_duration;
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Longest duration of a rule: a year, in milliseconds.
const LONGEST_MS: u64 = 366 * 24 * 60 * 60 * 1000;

/// A duration, such as `"30s"`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Time(pub(crate) u64);

impl TryFrom<String> for Time {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let ms = u64::try_from(parse_duration(&text)?.as_millis()).unwrap_or(u64::MAX);
        if ms > LONGEST_MS {
            return Err(format!("{text:?} is longer than a year"));
        }
        Ok(Self(ms))
    }
}

/// How often a raised alert is told again: a duration of at least a minute, or `"off"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Repeat(pub(crate) Option<u64>);

impl TryFrom<String> for Repeat {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        match Time::try_from(text.clone()) {
            Ok(Time(ms)) if ms >= 60_000 => Ok(Self(Some(ms))),
            _ => Err(format!("repeat is \"off\" or at least \"1m\", not {text:?}")),
        }
    }
}

/// From where on a resource counts: a percentage, or a level of its analysis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Threshold {
    /// 0–100.
    Percentage(f64),
    /// As the analyzer sees it.
    Level(Level),
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percentage(percentage) => write!(f, "{percentage} %"),
            Self::Level(level) => write!(f, "{level}"),
        }
    }
}

impl<'de> Deserialize<'de> for Threshold {
    fn deserialize<D: Deserializer<'de>>(value: D) -> Result<Self, D::Error> {
        value.deserialize_any(ThresholdVisitor)
    }
}

struct ThresholdVisitor;

impl Visitor<'_> for ThresholdVisitor {
    type Value = Threshold;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a percentage from 0 to 100, or \"LOW\", \"MEDIUM\" or \"HIGH\"")
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Threshold, E> {
        if (0.0..=100.0).contains(&number) {
            Ok(Threshold::Percentage(number))
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Threshold, E> {
        match u8::try_from(number) {
            Ok(small) if small <= 100 => Ok(Threshold::Percentage(f64::from(small))),
            _ => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Threshold, E> {
        match text {
            "LOW" => Ok(Threshold::Level(Level::Low)),
            "MEDIUM" => Ok(Threshold::Level(Level::Medium)),
            "HIGH" => Ok(Threshold::Level(Level::High)),
            _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
        }
    }
}

/// Patterns of host names: one, or a list.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "OneOrMany")]
pub(crate) struct Patterns(pub(crate) Vec<Glob>);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a pattern of host names such as \"db-*\", or a list of them")]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for Patterns {
    type Error = String;

    fn try_from(patterns: OneOrMany) -> Result<Self, String> {
        let patterns = match patterns {
            OneOrMany::One(pattern) => vec![pattern],
            OneOrMany::Many(patterns) => patterns,
        };
        if patterns.is_empty() || patterns.iter().any(String::is_empty) {
            return Err("a pattern of host names is a text such as \"db-*\"".to_owned());
        }
        let compiled = patterns.iter().map(|pattern| {
            Glob::new(pattern).map_err(|error| format!("pattern {pattern:?}: {}", error.kind()))
        });
        compiled.collect::<Result<_, _>>().map(Self)
    }
}
