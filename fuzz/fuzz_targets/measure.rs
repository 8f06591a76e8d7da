//! The body of a message of kind measure.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resources_core::contract::Measure;

fuzz_target!(|body: &[u8]| {
    let Ok(taken) = Measure::decode("web.measure", body, 0) else { return };
    // What was taken can be told to others, who take it as the same.
    let written = serde_json::to_vec(&taken).expect("it is JSON");
    let body = &written[..];
    assert_eq!(Measure::decode("web.measure", body, 0), Ok(taken));
});
