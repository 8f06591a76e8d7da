//! The part of an address behind the question mark, checked.

use resources_core::contract::MAX_TIME_MS;
use url::form_urlencoded;

use crate::error::ApiError;
use crate::history::Tier;
use crate::history::read::{Range, tier_name};

/// Resources or hosts one question may name.
pub(crate) const MAX_NAMES: usize = 64;

/// Parameters, each of them known and given once.
#[derive(Debug)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Reads what was sent. `known` are the parameters of the address.
    ///
    /// # Errors
    /// Names the parameter that is not known, or was given twice.
    pub(crate) fn parse(sent: Option<&str>, known: &[&str]) -> Result<Self, ApiError> {
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(sent.unwrap_or_default().as_bytes()) {
            if !known.contains(&&*name) {
                return Err(ApiError::bad_request(format!(
                    "there is no parameter {name:?} here; known are {}",
                    known.join(", ")
                )));
            }
            if parameters.iter().any(|(given, _)| *given == name) {
                return Err(ApiError::bad_request(format!("{name} may be given only once")));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter, when it was given.
    pub(crate) fn value(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(given, _)| given == name).map(|(_, value)| &**value)
    }

    /// A whole number in a range.
    pub(super) fn number(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.value(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            ApiError::bad_request(format!(
                "{name} must be a whole number from {} to {}, not {value:?}",
                range.start(),
                range.end()
            ))
        })
    }

    /// A time.
    pub(super) fn time(&self, name: &str) -> Result<Option<u64>, ApiError> {
        self.number(name, 0..=MAX_TIME_MS)
    }

    /// `from` and `to`, where what is missing is taken from `default`, which is given the end.
    pub(super) fn range(
        &self,
        default_to_ms: u64,
        default_from_ms: impl FnOnce(u64) -> u64,
    ) -> Result<Range, ApiError> {
        let to_ms = self.number("to", 0..=MAX_TIME_MS)?.unwrap_or(default_to_ms);
        let from_ms = match self.number("from", 0..=MAX_TIME_MS)? {
            Some(from_ms) => from_ms,
            None => default_from_ms(to_ms),
        };
        if from_ms >= to_ms {
            return Err(ApiError::bad_request(format!(
                "from ({from_ms}) must be earlier than to ({to_ms}); both are milliseconds since \
                 1970, UTC"
            )));
        }
        Ok(Range { from_ms, to_ms })
    }

    /// Names with commas between them, each once.
    pub(super) fn names(&self, name: &str) -> Result<Vec<Box<str>>, ApiError> {
        let mut names: Vec<Box<str>> = Vec::new();
        let Some(value) = self.value(name) else { return Ok(names) };
        for one in value.split(',') {
            if one.is_empty() {
                return Err(ApiError::bad_request(format!(
                    "{name} must be names with commas between them"
                )));
            }
            if names.iter().any(|known| &**known == one) {
                continue;
            }
            if names.len() == MAX_NAMES {
                return Err(ApiError::bad_request(format!(
                    "{name} may hold at most {MAX_NAMES} names"
                )));
            }
            names.push(one.into());
        }
        Ok(names)
    }

    /// A tier.
    pub(super) fn tier(&self) -> Result<Option<Tier>, ApiError> {
        let Some(value) = self.value("tier") else { return Ok(None) };
        let tier = Tier::ALL.into_iter().find(|tier| tier_name(*tier) == value);
        tier.map(Some).ok_or_else(|| {
            ApiError::bad_request(format!("tier must be 10s, 1m or 1h, not {value:?}"))
        })
    }
}
