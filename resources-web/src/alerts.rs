//! What is wrong with hosts, as the observer says, and what people say to it.
//!
//! The truth is the stream of alerts: `feed` reads it on from where the database ends, `board` is
//! what follows from it, pure, and `store` keeps that, with the place in the stream, in one
//! transaction. Whoever acknowledges or silences publishes an event (`say`), and it counts once it
//! comes back through the stream; so several servers agree, and none forgets.

mod board;
mod feed;
mod say;
mod store;

use resources_core::bus::Delivery;
use resources_core::contract::{Acknowledgement, Alert, Kind, Rejection, RoutingKey, Silence};

pub(crate) use board::{Board, Filter};
pub(crate) use feed::{Keeping, run};
pub(crate) use say::{SayError, say};
pub(crate) use store::{Cleared, Page, read_cleared, read_entry};

/// One message of the stream of alerts.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Event {
    Alert(Alert),
    Acknowledgement(Acknowledgement),
    Silence(Silence),
}

impl Event {
    /// When it was published, by the clock of who did.
    const fn timestamp_ms(&self) -> u64 {
        match self {
            Self::Alert(alert) => alert.timestamp_ms,
            Self::Acknowledgement(acknowledgement) => acknowledgement.timestamp_ms,
            Self::Silence(silence) => silence.timestamp_ms,
        }
    }

    /// Reads a message of any kind that is kept with alerts.
    fn decode(delivery: &Delivery) -> Result<Self, Rejection> {
        let (key, body) = (&delivery.topic, &delivery.body);
        match key.parse::<RoutingKey>().map(|key| key.kind) {
            Ok(Kind::Acknowledgement) => {
                Acknowledgement::decode(key, body).map(Self::Acknowledgement)
            }
            Ok(Kind::Silence) => Silence::decode(key, body).map(Self::Silence),
            // Of any other kind there should be none; its reason says so.
            _ => Alert::decode(key, body).map(Self::Alert),
        }
    }
}
