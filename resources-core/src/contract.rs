//! The words services exchange: names, routing keys and messages, with their validation.
//!
//! Nothing here does I/O or reads a clock. `docs/contract.md` describes the same for people;
//! `tests/golden` freezes the bytes.

mod acknowledgement;
mod alert;
mod analysis;
mod host;
mod labels;
mod level;
mod measure;
mod rejection;
mod routing_key;
mod silence;
mod trace;
mod validate;

pub use acknowledgement::Acknowledgement;
pub use alert::{Alert, AlertKind, AlertState};
pub use analysis::{Analysis, Levels, ResourceLevel, ResourceThresholds};
pub use host::{HostName, HostNameError, MAX_HOST_BYTES};
pub use labels::{LabelError, Labels};
pub use level::{Level, Thresholds, ThresholdsError};
pub use measure::{Disk, Measure, Network, Process, ReceivedMeasure, System, Temperature, Usage};
pub use rejection::Rejection;
pub use routing_key::{Kind, RoutingKey, Topic, TopicError};
pub use silence::Silence;
pub use trace::{TRACE_HEADER, TraceIdText, TraceParent, TraceParentError};

/// Largest message body any part accepts, in bytes (256 KiB).
pub const MAX_BODY_BYTES: usize = 256 * 1024;

/// Largest integer a message may hold: 2^53 − 1, so that every JSON reader holds it exactly.
pub const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Latest time a message may tell, in milliseconds since the Unix epoch: the end of the year 9999.
/// What is later is no date to many a reader, browsers among them.
pub const MAX_TIME_MS: u64 = 253_402_300_799_999;
