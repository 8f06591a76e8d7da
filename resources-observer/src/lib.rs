//! Reacts to what is published: whoever writes a reaction names the events it is for, and never
//! thinks of the infrastructure.
//!
//! - [`filter`] says which events count, by their fields.
//! - [`observer`] gives events to functions: [`Observer::on`].
//! - [`program`] runs programs of others for events, within bounds.
//! - [`alerts`] judges analyses and publishes what is worth a reaction as `<host>.alert`.
//! - [`reactions`] do something about alerts: call a web hook, run a program, write an e-mail.
//! - [`run`] is the service that does both.

pub mod alerts;
mod config;
mod database;
pub mod filter;
mod keeping;
pub mod observer;
pub mod program;
pub mod reactions;
mod service;

pub use config::{ObserverArgs, Settings, read_rules};
pub use database::{Location, OpenError};
pub use observer::{Event, Events, Observer, ObserverError, Reject, SendError, Sender};
pub use service::run;

/// The examples of the page for whoever writes a reaction.
#[cfg(doctest)]
#[doc = include_str!("../../docs/observer.md")]
struct Documented;
