//! What every browser is told of alerts.

use resources_core::service::now_ms;

use super::message::text;
use super::{Live, ServerMessage, State, Utf8Bytes};
use crate::alerts::Board;

impl Live {
    /// Looks at the alerts.
    pub(crate) fn alerts<T>(&self, look: impl FnOnce(&mut Board) -> T) -> T {
        look(&mut self.state().alerts)
    }

    /// Changes the alerts, and has every browser told what came of it.
    pub(crate) fn change_alerts(&self, change: impl FnOnce(&mut Board)) {
        let has_news = self.alerts(|board| {
            change(board);
            board.has_news()
        });
        if has_news {
            self.changed.notify_one();
        }
    }

    /// Tells every browser which alerts changed since the last call.
    pub(super) fn push_alerts(&self, server_time_ms: u64) {
        let end = self.state().push_alerts(server_time_ms);
        if let Some(end) = end {
            self.tell_end(end);
        }
    }
}

impl State {
    /// Adds to the journal which alerts changed since the last call, if any did; gives its end.
    pub(super) fn push_alerts(&mut self, server_time_ms: u64) -> Option<u64> {
        if !self.alerts.has_news() {
            return None;
        }
        let number = self.journal.next_number();
        let alerts = self.alerts.take_news(number, server_time_ms);
        Some(self.push(&ServerMessage::Alerts(alerts)))
    }
}

/// The message with all alerts, which follows a snapshot.
pub(super) fn all(board: &Board) -> Utf8Bytes {
    text(&ServerMessage::Alerts(board.all(now_ms())))
}

#[cfg(test)]
mod tests;
