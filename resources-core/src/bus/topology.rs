//! The names of exchanges and queues, and the bounds that hold for them.
//!
//! Every part declares all of it, so that start order does not matter.

/// Names of exchanges and queues, all made from the exchange's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    exchange: String,
}

impl Names {
    /// Names made from `exchange`; `None` unless it is 1–200 letters, digits, `-`, `_`, `.`
    /// or `:`.
    #[must_use]
    pub fn new(exchange: &str) -> Option<Self> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        // `amq.` belongs to the broker.
        let fits = (1..=200).contains(&exchange.len())
            && exchange.bytes().all(allowed)
            && !exchange.starts_with("amq.");
        fits.then(|| Self { exchange: exchange.to_owned() })
    }

    /// The topic exchange every message is published to.
    #[must_use]
    pub fn exchange(&self) -> &str {
        &self.exchange
    }

    /// The quorum queue of measures, shared by the analyzers.
    #[must_use]
    pub fn measures(&self) -> String {
        format!("{}.measures", self.exchange)
    }

    /// The stream of analyses.
    #[must_use]
    pub fn analyses(&self) -> String {
        format!("{}.analyses", self.exchange)
    }

    /// The stream of alerts, and of what people say to them: acknowledgements and silences.
    #[must_use]
    pub fn alerts(&self) -> String {
        format!("{}.alerts", self.exchange)
    }

    /// Both the exchange for messages that are set aside and the queue that keeps them.
    #[must_use]
    pub fn rejected(&self) -> String {
        format!("{}.rejected", self.exchange)
    }
}

impl Default for Names {
    fn default() -> Self {
        Self { exchange: "resources".to_owned() }
    }
}

/// Most the queue of measures holds, in bytes, before its oldest messages move to the rejected
/// queue: about a day of 10 hosts, or 15 minutes of 1,000, at one measure of 1 KB a second.
pub(crate) const MEASURES_MAX_BYTES: i64 = 1 << 30;

/// Deliveries of one measure before it is set aside: a message that ends every analyzer that
/// takes it must not do so for ever.
pub(crate) const MEASURES_DELIVERY_LIMIT: i64 = 20;

/// How long the stream of analyses keeps a message at least, in the broker's notation.
pub(crate) const ANALYSES_MAX_AGE: &str = "1D";

/// Most the stream of analyses holds, in bytes.
pub(crate) const ANALYSES_MAX_BYTES: i64 = 4 << 30;

/// Size of a segment file of the stream, in bytes; retention drops whole segments.
pub(crate) const ANALYSES_SEGMENT_BYTES: i64 = 64 << 20;

/// How long the stream of alerts keeps a message at least, in the broker's notation.
pub(crate) const ALERTS_MAX_AGE: &str = "7D";

/// Most the stream of alerts holds, in bytes: about a million alerts.
pub(crate) const ALERTS_MAX_BYTES: i64 = 256 << 20;

/// Size of a segment file of the stream of alerts, in bytes.
pub(crate) const ALERTS_SEGMENT_BYTES: i64 = 16 << 20;

/// Most the rejected queue holds, in bytes, before its oldest messages are dropped.
pub(crate) const REJECTED_MAX_BYTES: i64 = 64 << 20;

/// Deliveries of one rejected message before the broker drops it: as good as never, as whoever
/// looks at the queue takes its messages and gives them back. Newer brokers have a low default.
pub(crate) const REJECTED_DELIVERY_LIMIT: i64 = 1_000_000;

/// Most a subscription to patterns holds while its reader is slow, in messages.
pub(crate) const PATTERNS_MAX_MESSAGES: i64 = 100_000;
