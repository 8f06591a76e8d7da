//! The last messages to all browsers, each with its number.

use std::collections::VecDeque;

use axum::extract::ws::Utf8Bytes;
use tokio::time::Instant;

/// Most messages kept. At a dozen batches a second this is much longer than any browser is waited
/// for; it matters when every change is a batch.
const MAX_MESSAGES: usize = 1024;

/// Most bytes kept, shared by all browsers: about 15 s of ten thousand hosts.
const MAX_BYTES: usize = 8 << 20;

/// Messages in order, bounded; the oldest go first.
#[derive(Debug)]
pub(super) struct Journal {
    max_messages: usize,
    messages: VecDeque<Kept>,
    bytes: usize,
    /// How many there were.
    end: u64,
}

/// A message, and when it came in.
#[derive(Debug)]
struct Kept {
    text: Utf8Bytes,
    pushed_at: Instant,
}

/// What the journal holds for a reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Next {
    /// The message asked for.
    Message(Utf8Bytes),
    /// Nothing yet: it is still to come.
    NotYet,
    /// It is gone: the reader was too slow.
    Lost,
}

impl Default for Journal {
    fn default() -> Self {
        Self { max_messages: MAX_MESSAGES, messages: VecDeque::new(), bytes: 0, end: 0 }
    }
}

impl Journal {
    /// Keeps at most so many messages from here on.
    #[cfg(test)]
    pub(super) const fn keep(&mut self, max_messages: usize) {
        self.max_messages = max_messages;
    }

    /// Adds a message and gives the journal's new end.
    pub(super) fn push(&mut self, text: Utf8Bytes) -> u64 {
        self.bytes += text.len();
        self.messages.push_back(Kept { text, pushed_at: Instant::now() });
        self.end += 1;
        // The newest stays whatever its size, so that readers who keep up lose nothing.
        while self.messages.len() > 1
            && (self.messages.len() > self.max_messages || self.bytes > MAX_BYTES)
        {
            self.bytes -= self.messages.pop_front().map_or(0, |gone| gone.text.len());
        }
        self.end
    }

    /// How many messages there were; where the next one will be.
    pub(super) const fn end(&self) -> u64 {
        self.end
    }

    /// Number the next message has to have: they count from 1.
    pub(super) const fn next_number(&self) -> u64 {
        self.end + 1
    }

    /// The message after the first `cursor`.
    pub(super) fn next(&self, cursor: u64) -> Next {
        self.next_since(cursor, None)
    }

    /// The message after the first `cursor`; one that came in before `since` counts as lost.
    pub(super) fn next_since(&self, cursor: u64, since: Option<Instant>) -> Next {
        if cursor >= self.end {
            return Next::NotYet;
        }
        // How many messages before the end; those kept are the last ones.
        let from_end = usize::try_from(self.end - cursor).unwrap_or(usize::MAX);
        match self.messages.len().checked_sub(from_end).and_then(|i| self.messages.get(i)) {
            Some(kept) if since.is_none_or(|since| kept.pushed_at >= since) => {
                Next::Message(kept.text.clone())
            }
            Some(_) | None => Next::Lost,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn gives_each_message_by_its_number() {
        let mut journal = Journal::default();
        assert_eq!(journal.next(0), Next::NotYet);
        journal.push("a".into());
        journal.push("b".into());
        assert_eq!(journal.next(0), Next::Message("a".into()));
        assert_eq!(journal.next(1), Next::Message("b".into()));
        assert_eq!(journal.next(2), Next::NotYet);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_from_before_the_time_asked_for_counts_as_lost() {
        let mut journal = Journal::default();
        journal.push("a".into());
        tokio::time::advance(Duration::from_millis(1)).await;
        let since = Some(Instant::now());
        journal.push("b".into());
        assert_eq!(journal.next_since(0, since), Next::Lost);
        assert_eq!(journal.next_since(1, since), Next::Message("b".into()));
        assert_eq!(journal.next_since(2, since), Next::NotYet);
        assert_eq!(journal.next(0), Next::Message("a".into()));
    }

    #[test]
    fn the_oldest_are_lost_above_the_number_of_messages() {
        let mut journal = Journal::default();
        for number in 0..=MAX_MESSAGES {
            journal.push(number.to_string().into());
        }
        assert_eq!(journal.next(0), Next::Lost);
        assert_eq!(journal.next(1), Next::Message("1".into()));
        assert_eq!(journal.messages.len(), MAX_MESSAGES);
    }

    #[test]
    fn the_oldest_are_lost_above_the_number_of_bytes_but_never_the_newest() {
        let mut journal = Journal::default();
        let half = "x".repeat(MAX_BYTES / 2 + 1);
        journal.push(half.clone().into());
        journal.push(half.into());
        assert_eq!(journal.next(0), Next::Lost);
        assert!(journal.bytes <= MAX_BYTES);
        journal.push("x".repeat(MAX_BYTES * 2).into());
        assert_eq!(journal.next(1), Next::Lost);
        assert!(matches!(journal.next(2), Next::Message(_)));
    }
}
