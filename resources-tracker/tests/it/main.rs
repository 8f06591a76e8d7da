//! The tracker as its users meet it: over a bus, and as a program.
#![expect(clippy::unwrap_used, reason = "tests end when their ground gives way")]

mod over_the_bus;
mod program;
mod spool;
mod telemetry;
