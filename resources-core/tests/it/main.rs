//! Tests of the core from outside.
#![expect(clippy::unwrap_used, reason = "a test ends when its ground gives way")]

mod any_bytes;
mod bus_suite;
mod contract_golden;
mod inspect;
mod link;
mod readme;
mod refusals;
mod tls;
