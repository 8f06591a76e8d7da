//! The program as its users see it: everything in one process, and the tools over a broker.

mod audit;
mod doctor;
mod observability;
mod pipeline;
mod rejected;
mod support;
mod tools;
mod usage;
