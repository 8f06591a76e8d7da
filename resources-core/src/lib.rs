//! What the parts of Resources share, and nothing else:
//!
//! - [`contract`]: the words services exchange. No I/O.
//! - [`bus`]: how those words travel: over RabbitMQ, or inside one process.
//! - [`service`]: what every program needs around its work: settings, logs, the stop signal.
//! - [`telemetry`]: what every program tells of itself: metrics and spans.
//!
//! No part of Resources depends on another part; they meet only in these types.

pub mod bus;
pub mod contract;
pub mod service;
pub mod telemetry;
#[cfg(feature = "test-support")]
pub mod test_support;
