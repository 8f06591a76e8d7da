//! What the parts of this process say of themselves, for whoever checks its health.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::bus::lock;

/// A part that has not shown itself for this long hangs.
const HANGS_AFTER: Duration = Duration::from_secs(30);

/// All of this process.
static PARTS: Mutex<Vec<Arc<Mutex<Shown>>>> = Mutex::new(Vec::new());

/// A part of this process, which says how it is until it is dropped.
///
/// It has to say so at least every few seconds: one that was not heard for 30 s is taken to hang.
#[derive(Debug)]
pub struct PartHealth(Arc<Mutex<Shown>>);

#[derive(Debug)]
struct Shown {
    name: &'static str,
    at: Instant,
    trouble: Option<String>,
}

impl PartHealth {
    /// A part that is well, under the name by which its troubles are told.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        let shown = Shown { name, at: Instant::now(), trouble: None };
        let this = Arc::new(Mutex::new(shown));
        lock(&PARTS).push(Arc::clone(&this));
        Self(this)
    }

    /// It goes on with its work, whatever its trouble.
    pub fn alive(&self) {
        lock(&self.0).at = Instant::now();
    }

    /// Its trouble from now on, in words; `None` when it has none.
    pub fn show(&self, trouble: Option<String>) {
        let mut shown = lock(&self.0);
        shown.trouble = trouble;
        shown.at = Instant::now();
    }
}

impl Drop for PartHealth {
    fn drop(&mut self) {
        lock(&PARTS).retain(|part| !Arc::ptr_eq(part, &self.0));
    }
}

impl Shown {
    fn told(&self, now: Instant) -> Option<String> {
        let Self { name, at, trouble } = self;
        let silent = now.saturating_duration_since(*at);
        if let Some(trouble) = trouble {
            Some(format!("{name}: {trouble}"))
        } else if silent >= HANGS_AFTER {
            Some(format!("{name}: nothing was done for {} s: it hangs", silent.as_secs()))
        } else {
            None
        }
    }
}

/// What troubles the parts of this process, in words.
pub(super) fn troubles() -> Vec<String> {
    let now = Instant::now();
    lock(&PARTS).iter().filter_map(|part| lock(part).told(now)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_tells_its_trouble_until_it_has_none_or_is_gone() {
        let ours = || troubles().into_iter().filter(|told| told.starts_with("test: ")).count();
        let part = PartHealth::new("test");
        assert_eq!(ours(), 0);
        part.show(Some("the disk is full".to_owned()));
        part.alive();
        assert!(troubles().contains(&"test: the disk is full".to_owned()));
        part.show(None);
        assert_eq!(ours(), 0);
        part.show(Some("again".to_owned()));
        drop(part);
        assert_eq!(ours(), 0);
    }

    #[test]
    fn a_part_that_is_not_heard_hangs() {
        let at = Instant::now();
        let shown = Shown { name: "judging", at, trouble: None };
        assert_eq!(shown.told(at + Duration::from_secs(29)), None);
        let told = shown.told(at + Duration::from_secs(31)).unwrap();
        assert!(told.contains("judging") && told.contains("31 s"), "{told}");
    }
}
