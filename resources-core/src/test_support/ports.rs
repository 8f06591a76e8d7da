//! Ports of programs that are told which to listen on.

use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that a system gives to whoever does not ask for one by its number: a port that is
/// free stays free while the program it is for starts, and while that is down.
const PORTS: Range<u16> = 20_000..32_000;

/// A free port of the loopback, another one each time.
///
/// # Panics
/// When none is free.
#[must_use]
pub fn free_port() -> u16 {
    // Other processes look for ports, too, and begin elsewhere.
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..)));
    let count = PORTS.end - PORTS.start;
    let ports = (0..count).map(|_| PORTS.start + NEXT.fetch_add(1, Ordering::Relaxed) % count);
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    ports.into_iter().find(is_free).expect("a free port")
}
