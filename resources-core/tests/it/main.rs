//! Tests of the core from outside.

mod bus_suite;
mod contract_golden;
mod link;
