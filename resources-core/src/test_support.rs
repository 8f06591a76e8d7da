//! What tests of every crate share (being written).
