//! Reads reactions and routes, and checks all of it before anything starts.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use url::Url;

use super::email::Email;
use super::exec::Exec;
use super::file::{
    COMMON_KEYS, CommonTable, EmailTable, ExecTable, LogTable, PublishTable, RouteTable,
    WebhookTable,
};
use super::outbox::{Limits, Rate};
use super::publish::PublishTo;
use super::route::Route;
use super::sender::Sender;
use super::webhook::Webhook;
use super::{Config, Reaction, Reactions};
use crate::alerts::{RulesError, Time};
use crate::filter::{Filter, Values};

/// What a reaction can be.
const TYPES: &str = "\"webhook\", \"exec\", \"email\", \"publish\" or \"log\"";

/// How long alerts wait for others unless a route says so, in milliseconds.
const GROUP_MS: u64 = 30_000;

/// Longest wait for others, in milliseconds.
const MAX_GROUP_MS: u64 = 24 * 60 * 60 * 1_000;

/// Longest time in which is tried again.
const LONGEST_RETRY: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Shortest time that one try may be allowed to take.
pub(super) const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);

/// Most alerts listed in all notifications that may be under way at a time: they are stored
/// together whenever one of them changes.
const MAX_LISTED_UNDER_WAY: usize = 2_000;

/// Alerts listed in one notification unless a reaction says so.
const LISTED: usize = 100;

/// Something that is wrong at a byte of the text.
pub(super) struct Mistake {
    at: Option<usize>,
    reason: String,
}

impl Mistake {
    fn at(at: usize, reason: impl ToString) -> Self {
        Self { at: Some(at), reason: reason.to_string() }
    }

    /// What is wrong with a value.
    pub(super) fn of<T>(value: &Spanned<T>, reason: impl ToString) -> Self {
        Self::at(value.span().start, reason)
    }
}

impl From<toml::de::Error> for Mistake {
    fn from(error: toml::de::Error) -> Self {
        let reason = error.message().lines().collect::<Vec<_>>().join("; ");
        Self { at: error.span().map(|span| span.start), reason }
    }
}

impl Reactions {
    /// Reads the reactions and routes of a rules file; `path` names it in errors.
    ///
    /// # Errors
    /// Names the file, the line and what is allowed there.
    pub fn parse(path: &str, text: &str) -> Result<Self, RulesError> {
        read(text)
            .map(|config| Self(config.into()))
            .map_err(|mistake| RulesError::at(path, text, mistake.at.unwrap_or(0), mistake.reason))
    }
}

fn read(text: &str) -> Result<Config, Mistake> {
    let mut file = DeTable::parse(text)?.into_inner();
    let page = take(&mut file, "page_url").map(|(_, value)| page_url(value)).transpose()?;
    let mut reactions = Vec::new();
    if let Some((_, table)) = take(&mut file, "reaction") {
        let at = table.span().start;
        let DeValue::Table(tables) = table.into_inner() else {
            return Err(Mistake::at(at, "a reaction is a table: [reaction.NAME]"));
        };
        for (name, table) in tables {
            let at = name.span().start;
            let read = reaction(name.get_ref(), table).map_err(|mistake| Mistake {
                at: mistake.at.or(Some(at)),
                reason: format!("reaction {}: {}", name.get_ref(), mistake.reason),
            })?;
            reactions.push(read);
        }
    }
    let mut routes = Vec::new();
    if let Some((_, tables)) = take(&mut file, "route") {
        let at = tables.span().start;
        let DeValue::Array(tables) = tables.into_inner() else {
            return Err(Mistake::at(at, "a route is a table of a list: [[route]]"));
        };
        for table in tables {
            let at = table.span().start;
            let table: RouteTable = typed(table).map_err(|mistake| located(mistake, at))?;
            routes.push(route(table, at, &reactions)?);
        }
    }
    Ok(Config { reactions, routes, page })
}

fn located(mistake: Mistake, at: usize) -> Mistake {
    Mistake { at: mistake.at.or(Some(at)), ..mistake }
}

type Entry<'i> = (Spanned<std::borrow::Cow<'i, str>>, Spanned<DeValue<'i>>);

fn take<'i>(table: &mut DeTable<'i>, name: &str) -> Option<Entry<'i>> {
    table.remove_entry(name)
}

fn typed<T: DeserializeOwned>(value: Spanned<DeValue<'_>>) -> Result<T, Mistake> {
    T::deserialize(ValueDeserializer::from(value)).map_err(Mistake::from)
}

fn page_url(value: Spanned<DeValue<'_>>) -> Result<Url, Mistake> {
    let at = value.span().start;
    let text: String = typed(value)?;
    http_url(&text).map_err(|reason| Mistake::at(at, format!("page_url: {reason}")))
}

/// An address of HTTP. What it is, is not shown: it may be a secret.
pub(super) fn http_url(text: &str) -> Result<Url, String> {
    let allowed = "write one such as \"https://chat.example.com/hook\"";
    let url: Url = text.parse().map_err(|error| format!("it is no URL ({error}); {allowed}"))?;
    if matches!(url.scheme(), "http" | "https") && url.has_host() {
        Ok(url)
    } else {
        Err(format!("a URL begins with http:// or https://; {allowed}"))
    }
}

/// A time within what is `allowed`, or `usual` when none is given.
pub(super) fn limited(
    name: &str,
    given: Option<Spanned<Time>>,
    usual: Duration,
    allowed: RangeInclusive<Duration>,
) -> Result<Duration, Mistake> {
    let Some(given) = given else { return Ok(usual) };
    let Time(ms) = *given.get_ref();
    let time = Duration::from_millis(ms);
    if allowed.contains(&time) {
        return Ok(time);
    }
    let [shortest, longest] =
        [allowed.start(), allowed.end()].map(|bound| humantime::format_duration(*bound));
    let time = humantime::format_duration(time);
    Err(Mistake::of(&given, format!("{name} is {shortest} to {longest}, not {time}")))
}

fn reaction(name: &str, table: Spanned<DeValue<'_>>) -> Result<Reaction, Mistake> {
    let span = table.span();
    let fits = (1..=64).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !fits {
        let allowed = "a name has 1 to 64 letters, digits, '-' and '_'";
        return Err(Mistake { at: None, reason: allowed.to_owned() });
    }
    let DeValue::Table(mut table) = table.into_inner() else {
        return Err(Mistake::at(span.start, format!("write a table: [reaction.{name}]")));
    };
    let Some((_, kind)) = take(&mut table, "type") else {
        return Err(Mistake { at: None, reason: format!("it needs a type: {TYPES}") });
    };
    let kind_at = kind.span().start;
    let kind: String = typed(kind)?;
    let mut common = DeTable::new();
    for key in COMMON_KEYS {
        if let Some((name, value)) = take(&mut table, key) {
            common.insert(name, value);
        }
    }
    let common: CommonTable = typed(Spanned::new(span.clone(), DeValue::Table(common)))?;
    let table = Spanned::new(span, DeValue::Table(table));
    let per_minute = |count| Some(Rate { count, period_ms: 60_000 });
    let hour = Duration::from_secs(60 * 60);
    let (sender, rate, retry_for) = match kind.as_str() {
        "webhook" => {
            let table: WebhookTable = keys(table)?;
            (Sender::Webhook(Webhook::new(table)?), per_minute(60), hour)
        }
        "exec" => {
            let table: ExecTable = keys(table)?;
            (Sender::Exec(Exec::new(table)?), per_minute(60), Duration::from_secs(60))
        }
        "email" => {
            let table: EmailTable = keys(table)?;
            (Sender::Email(Email::new(table)?.into()), per_minute(10), hour)
        }
        "publish" => {
            let table: PublishTable = keys(table)?;
            (Sender::Publish(PublishTo::new(table)?), None, hour)
        }
        "log" => {
            let LogTable {} = keys(table)?;
            (Sender::Log, None, hour)
        }
        other => return Err(Mistake::at(kind_at, format!("type is {TYPES}, not {other:?}"))),
    };
    let CommonTable { rate: own_rate, retry_for: own_retry, parallel, list } = common;
    let retry_for = limited("retry_for", own_retry, retry_for, Duration::ZERO..=LONGEST_RETRY)?;
    let parallel = parallel.map_or(1, |parallel| parallel.0);
    let listed = list.as_ref().map_or(LISTED, |list| list.get_ref().0);
    if parallel * listed > MAX_LISTED_UNDER_WAY {
        let at = list.map(|list| list.span().start);
        let reason = format!(
            "parallel times list is at most {MAX_LISTED_UNDER_WAY}, not {parallel} times {listed}; \
             with parallel = {parallel}, list is at most {}",
            MAX_LISTED_UNDER_WAY / parallel
        );
        return Err(Mistake { at, reason });
    }
    let rate = own_rate.map_or(rate, |rate| rate.0);
    Ok(Reaction { name: name.into(), sender, limits: Limits { rate, parallel, listed }, retry_for })
}

/// Reads the keys of one type of reaction.
fn keys<T: DeserializeOwned>(table: Spanned<DeValue<'_>>) -> Result<T, Mistake> {
    typed(table).map_err(|mut mistake| {
        if mistake.reason.starts_with("unknown field") {
            mistake.reason.push_str("; every reaction takes ");
            mistake.reason.push_str(&COMMON_KEYS.map(|key| format!("`{key}`")).join(", "));
        }
        mistake
    })
}

fn route(table: RouteTable, at: usize, reactions: &[Reaction]) -> Result<Route, Mistake> {
    let RouteTable { filter, to, group, stop } = table;
    if to.is_empty() {
        return Err(Mistake::at(at, "a route leads to a reaction: to = [\"NAME\"]"));
    }
    let mut named = Vec::new();
    for name in to {
        let place = reactions.iter().position(|reaction| *reaction.name == **name.get_ref());
        let Some(place) = place else {
            let known: BTreeMap<_, ()> =
                reactions.iter().map(|reaction| (&*reaction.name, ())).collect();
            let known = known.into_keys().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "none; write [reaction.NAME]" } else { &known };
            let reason = format!("there is no reaction {:?}; there is {known}", name.get_ref());
            return Err(Mistake::of(&name, reason));
        };
        named.push(place);
    }
    let (usual, longest) = (Duration::from_millis(GROUP_MS), Duration::from_millis(MAX_GROUP_MS));
    let group = limited("group", group, usual, Duration::ZERO..=longest)?;
    let group_ms = u64::try_from(group.as_millis()).unwrap_or(MAX_GROUP_MS);
    let filter = filter.map(checked).transpose()?.unwrap_or_default();
    Ok(Route { filter, to: named, group_ms, stop })
}

/// A filter that an alert can pass.
fn checked(filter: Spanned<Filter>) -> Result<Filter, Mistake> {
    match filter.get_ref().check("an alert", &FIELDS) {
        Ok(()) => Ok(filter.into_inner()),
        Err(reason) => Err(Mistake::of(&filter, reason)),
    }
}

/// The fields of an alert, and what can be in them.
const FIELDS: [(&str, Values); 11] = [
    ("id", Values::Text),
    ("host", Values::Text),
    ("resource", Values::Text),
    ("state", Values::Words(&["raised", "cleared"])),
    (
        "kind",
        Values::Words(&[
            "level",
            "silent",
            "flapping",
            "stopped",
            "restarted",
            "clock",
            "pipeline",
        ]),
    ),
    ("level", Values::Levels),
    ("percentage", Values::Number),
    ("repeat", Values::Number),
    ("since_ms", Values::Number),
    ("timestamp_ms", Values::Number),
    ("key", Values::Text),
];

#[cfg(test)]
mod tests;
