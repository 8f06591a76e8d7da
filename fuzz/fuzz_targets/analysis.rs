//! The body of a message of kind analysis.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resources_core::contract::Analysis;

fuzz_target!(|body: &[u8]| {
    let Ok(taken) = Analysis::decode("web.analysis", body) else { return };
    // What was taken can be told to others, who take it as the same.
    let written = serde_json::to_vec(&taken).expect("it is JSON");
    let body = &written[..];
    assert_eq!(Analysis::decode("web.analysis", body), Ok(taken));
});
