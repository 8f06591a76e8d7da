//! The body of a message of kind silence.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resources_core::contract::Silence;

fuzz_target!(|body: &[u8]| {
    let Ok(taken) = Silence::decode("web.silence", body) else { return };
    // What was taken can be told to others, who take it as the same.
    let written = serde_json::to_vec(&taken).expect("it is JSON");
    let body = &written[..];
    assert_eq!(Silence::decode("web.silence", body), Ok(taken));
});
