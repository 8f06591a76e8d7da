//! The program as its users see it: everything in one process, and the tools over a broker.

mod pipeline;
mod support;
mod tools;
mod usage;
