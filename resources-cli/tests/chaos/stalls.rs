//! When the machine of the tests stood still: nobody did, so nobody may be blamed for what it did
//! to the programs.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use resources_core::service::now_ms;

use super::faults::{Span, say};

/// How often it is looked whether time goes on.
const EACH: Duration = Duration::from_millis(250);

/// A pause that is longer than this was none of ours.
const NOTED: Duration = Duration::from_secs(2);

/// Notes each time at which a thread that only sleeps was kept from going on.
#[derive(Debug)]
pub(crate) struct Stalls(Arc<Mutex<Vec<Span>>>);

impl Stalls {
    /// Watches for as long as somebody wants to know.
    pub(crate) fn watch() -> Self {
        let spans = Arc::<Mutex<Vec<Span>>>::default();
        let watched = Arc::downgrade(&spans);
        std::thread::spawn(move || {
            let mut before = Instant::now();
            loop {
                std::thread::sleep(EACH);
                let Some(spans) = watched.upgrade() else { return };
                let paused = before.elapsed();
                before = Instant::now();
                if paused > NOTED {
                    let paused_ms = u64::try_from(paused.as_millis()).expect("no such pause");
                    let span = Span::since(now_ms().saturating_sub(paused_ms));
                    spans.lock().expect("no panic while it is held").push(span);
                }
            }
        });
        Self(spans)
    }

    /// Those there were.
    pub(crate) fn so_far(&self) -> Vec<Span> {
        let spans = self.0.lock().expect("no panic while it is held").clone();
        if !spans.is_empty() {
            say(&format_args!("the machine stood still {} times: {spans:?}", spans.len()));
        }
        spans
    }
}
