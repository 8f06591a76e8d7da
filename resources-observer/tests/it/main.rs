//! The observer around a real broker.

mod kill;
mod program;
mod rights;
