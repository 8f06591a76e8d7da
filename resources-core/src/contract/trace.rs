//! The thread that ties one sample to all that follows from it.

use std::fmt;
use std::str::FromStr;

/// Name of the message header that carries it.
pub const TRACE_HEADER: &str = "traceparent";

/// A W3C trace context, version 00: the trace a message belongs to and the step that sent it.
///
/// Text form as in <https://www.w3.org/TR/trace-context/>: `00-<trace id>-<span id>-<flags>`.
#[derive(Debug, Clone, Copy)]
pub struct TraceParent {
    trace_id: u128,
    span_id: u64,
    flags: u8,
    /// The step before this one, 0 when it is not known here: it does not travel.
    parent_id: u64,
}

/// The flag that says the trace is to be recorded.
const SAMPLED: u8 = 1;

impl TraceParent {
    /// Begins a new trace, not sampled.
    #[must_use]
    pub fn begin() -> Self {
        // All zero is invalid in both ids.
        let (trace_id, span_id) = (fastrand::u128(1..), fastrand::u64(1..));
        Self { trace_id, span_id, flags: 0, parent_id: 0 }
    }

    /// Begins a new trace that every part is to record.
    #[must_use]
    pub fn begin_sampled() -> Self {
        Self { flags: SAMPLED, ..Self::begin() }
    }

    /// The next step of the same trace.
    #[must_use]
    pub fn next_step(&self) -> Self {
        Self { span_id: fastrand::u64(1..), parent_id: self.span_id, ..*self }
    }

    /// Another step that follows from what this one does.
    #[must_use]
    pub(crate) fn beside(&self) -> Self {
        Self { span_id: fastrand::u64(1..), ..*self }
    }

    /// Identifies the trace, the same for all that follows from one sample.
    #[must_use]
    pub const fn trace_id(&self) -> u128 {
        self.trace_id
    }

    /// The same as 32 hexadecimal digits, as logs and tools write it.
    #[must_use]
    pub const fn trace_id_text(&self) -> TraceIdText {
        TraceIdText(self.trace_id)
    }

    /// Identifies the step within its trace.
    #[must_use]
    pub const fn span_id(&self) -> u64 {
        self.span_id
    }

    /// The step before it, when that was made in this process.
    #[must_use]
    pub const fn parent_id(&self) -> Option<u64> {
        if self.parent_id == 0 { None } else { Some(self.parent_id) }
    }

    /// Whether the trace is to be recorded.
    #[must_use]
    pub const fn is_sampled(&self) -> bool {
        self.flags & SAMPLED != 0
    }
}

/// Two are the same step when their texts are the same.
impl PartialEq for TraceParent {
    fn eq(&self, other: &Self) -> bool {
        let text = |step: &Self| (step.trace_id, step.span_id, step.flags);
        text(self) == text(other)
    }
}

impl Eq for TraceParent {}

/// The id of a trace as 32 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceIdText(u128);

impl fmt::Display for TraceIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace_id, self.span_id, self.flags)
    }
}

/// The text is not a trace context of version 00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C trace context of version 00")]
pub struct TraceParentError;

impl FromStr for TraceParent {
    type Err = TraceParentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        fn hex(text: &str, digits: usize) -> Result<u128, TraceParentError> {
            let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            if text.len() != digits || !text.bytes().all(lower) {
                return Err(TraceParentError);
            }
            u128::from_str_radix(text, 16).map_err(|_| TraceParentError)
        }
        let mut parts = text.split('-');
        let mut part = || parts.next().ok_or(TraceParentError);
        if part()? != "00" {
            return Err(TraceParentError);
        }
        let trace_id = hex(part()?, 32)?;
        let span_id = u64::try_from(hex(part()?, 16)?).map_err(|_| TraceParentError)?;
        let flags = u8::try_from(hex(part()?, 2)?).map_err(|_| TraceParentError)?;
        if parts.next().is_some() || trace_id == 0 || span_id == 0 {
            return Err(TraceParentError);
        }
        Ok(Self { trace_id, span_id, flags, parent_id: 0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes_and_keeps_the_trace_over_steps() {
        let first = TraceParent::begin();
        let second = first.next_step();
        assert_eq!(first.to_string().parse(), Ok(first));
        assert_eq!(second.trace_id(), first.trace_id());
        assert_ne!(second, first);
        assert_eq!(second.to_string().parse(), Ok(second), "its parent does not travel");
        assert_eq!((first.parent_id(), second.parent_id()), (None, Some(first.span_id())));
        let beside = second.beside();
        assert_ne!(beside, second);
        assert_eq!(beside.parent_id(), second.parent_id());
    }

    #[test]
    fn the_flag_of_the_first_step_holds_for_all_that_follow() {
        let sampled = TraceParent::begin_sampled().next_step();
        assert!(sampled.is_sampled() && sampled.to_string().ends_with("-01"));
        assert!(!TraceParent::begin().next_step().is_sampled());
    }

    #[test]
    fn refuses_foreign_text() {
        for text in [
            "",
            "00-0-0-0",
            "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert!(text.parse::<TraceParent>().is_err(), "{text:?}");
        }
    }
}
