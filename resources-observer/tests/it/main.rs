//! The observer around a real broker.

mod at_least_once;
mod hostile;
mod kill;
mod links;
mod lost_state;
mod observer;
mod program;
mod react;
mod receivers;
mod refused_aside;
mod rights;
mod service_rights;
mod started;
mod terminator;
mod tls;
mod traces;
mod unheard;
