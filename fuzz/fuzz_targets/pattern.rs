//! A pattern and a key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resources_core::bus::Pattern;

fuzz_target!(|text: &str| {
    let (pattern, key) = text.split_once('\n').unwrap_or((text, text));
    let Ok(taken) = Pattern::new(pattern) else { return };
    let matches = taken.matches(key);
    if pattern == "#" {
        assert!(matches, "# takes everything");
    }
    if !pattern.contains(['*', '#']) {
        assert_eq!(matches, pattern == key, "without * and # it is the key itself");
    }
});
