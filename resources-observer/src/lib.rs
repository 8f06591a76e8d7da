//! Reacts to what is published: whoever writes a reaction names the events it is for, and never
//! thinks of the infrastructure.
//!
//! - [`filter`] says which events count, by their fields.
//! - [`observer`] gives events to functions: [`Observer::on`].
//! - [`program`] runs programs of others for events, within bounds.
//! - [`alerts`] judges analyses and publishes what is worth a reaction as `<host>.alert`.

pub mod alerts;
pub mod filter;
pub mod observer;
pub mod program;

pub use observer::{Event, Events, Observer, ObserverError, Reject, SendError, Sender};

/// The examples of the page for whoever writes a reaction.
#[cfg(doctest)]
#[doc = include_str!("../../docs/observer.md")]
struct Documented;
