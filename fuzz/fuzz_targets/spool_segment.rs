//! A file of a tracker's spool.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _samples: usize = resources_tracker::fuzz::spool_segment(bytes);
});
