//! Reactions and routes as they are written in a rules file. A key that is not here is refused.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::outbox::{MAX_PARALLEL, Rate};
use super::secret::Origin;
use crate::alerts::Time;
use crate::filter::Filter;

/// Where alerts go.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RouteTable {
    /// Which alerts; all when it is absent.
    #[serde(rename = "where", default)]
    pub(super) filter: Option<Spanned<Filter>>,
    pub(super) to: Vec<Spanned<String>>,
    pub(super) group: Option<Spanned<Time>>,
    #[serde(default)]
    pub(super) stop: bool,
}

/// What every reaction takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct CommonTable {
    pub(super) rate: Option<RateText>,
    pub(super) retry_for: Option<Spanned<Time>>,
    pub(super) parallel: Option<Parallel>,
    pub(super) list: Option<Spanned<Listed>>,
}

/// The keys of [`CommonTable`].
pub(super) const COMMON_KEYS: [&str; 4] = ["rate", "retry_for", "parallel", "list"];

/// A rate as text: `"20/min"`, or `"off"`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct RateText(pub(super) Option<Rate>);

impl TryFrom<String> for RateText {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        if text == "off" {
            return Ok(Self(None));
        }
        let rate = text.split_once('/').and_then(|(count, period)| {
            let count = count.parse().ok().filter(|count| (1..=1_000).contains(count))?;
            let period_ms = match period {
                "s" => 1_000,
                "min" => 60_000,
                "h" => 3_600_000,
                "day" => 86_400_000,
                _ => return None,
            };
            Some(Rate { count, period_ms })
        });
        rate.map(|rate| Self(Some(rate))).ok_or_else(|| {
            format!("rate is \"off\" or 1 to 1000 per s, min, h or day, such as \"20/min\", not {text:?}")
        })
    }
}

/// How many at a time.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Parallel(pub(super) usize);

impl TryFrom<u64> for Parallel {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, &'static str> {
        let number =
            usize::try_from(number).ok().filter(|number| (1..=MAX_PARALLEL).contains(number));
        number.map(Self).ok_or("parallel is 1 to 64")
    }
}

/// How many alerts are listed.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(try_from = "u64")]
pub(super) struct Listed(pub(super) usize);

impl TryFrom<u64> for Listed {
    type Error = &'static str;

    fn try_from(number: u64) -> Result<Self, &'static str> {
        let number = usize::try_from(number).ok().filter(|number| (1..=1_000).contains(number));
        number.map(Self).ok_or("list is 1 to 1000")
    }
}

/// `type = "webhook"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WebhookTable {
    pub(super) url: Spanned<Origin>,
    #[serde(default)]
    pub(super) headers: BTreeMap<String, Spanned<Origin>>,
    pub(super) template: Option<Spanned<String>>,
    pub(super) content_type: Option<Spanned<String>>,
    pub(super) secret: Option<Spanned<Origin>>,
    pub(super) timeout: Option<Spanned<Time>>,
    pub(super) proxy: Option<Spanned<Origin>>,
}

/// `type = "exec"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecTable {
    pub(super) command: Spanned<Vec<String>>,
    #[serde(default)]
    pub(super) env: BTreeMap<String, Spanned<Origin>>,
    pub(super) folder: Option<PathBuf>,
    pub(super) timeout: Option<Spanned<Time>>,
}

/// `type = "email"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmailTable {
    pub(super) server: Spanned<String>,
    pub(super) port: Option<u16>,
    #[serde(default)]
    pub(super) tls: EmailTls,
    pub(super) user: Option<Spanned<Origin>>,
    pub(super) password: Option<Spanned<Origin>>,
    pub(super) from: Spanned<String>,
    pub(super) to: Vec<Spanned<String>>,
    pub(super) subject: Option<Spanned<String>>,
    pub(super) body: Option<Spanned<String>>,
    pub(super) timeout: Option<Spanned<Time>>,
}

/// How e-mail is kept private.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EmailTls {
    /// Plain at first, and nothing goes on without TLS.
    #[default]
    Starttls,
    /// From the first byte.
    Implicit,
    /// Not at all.
    None,
}

/// `type = "publish"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishTable {
    pub(super) key: Spanned<String>,
    pub(super) template: Option<Spanned<String>>,
}

/// `type = "log"`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LogTable {}
