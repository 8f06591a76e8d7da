//! The dashboard as a whole: a real socket, a bus inside the process, and clients.
#![expect(clippy::unwrap_used, reason = "a test ends when its ground gives way")]

mod alerts;
mod alerts_trouble;
mod any_frames;
mod api;
mod archive;
mod assets;
mod broker;
mod dashboard;
mod feed;
mod history;
mod live;
mod metrics;
mod openapi;
mod program;
mod proxy;
mod recording;
mod security;
