//! The body of a message of kind acknowledgement.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resources_core::contract::Acknowledgement;

fuzz_target!(|body: &[u8]| {
    let Ok(taken) = Acknowledgement::decode("web.acknowledgement", body) else { return };
    // What was taken can be told to others, who take it as the same.
    let written = serde_json::to_vec(&taken).expect("it is JSON");
    let body = &written[..];
    assert_eq!(Acknowledgement::decode("web.acknowledgement", body), Ok(taken));
});
