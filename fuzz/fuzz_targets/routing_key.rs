//! A routing key, and a topic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use resources_core::contract::{RoutingKey, Topic};

fuzz_target!(|text: &str| {
    if let Ok(key) = text.parse::<RoutingKey>() {
        assert_eq!(key.to_string(), text);
        assert_eq!(Topic::from(key).as_str(), text);
    }
    if let Ok(topic) = Topic::new(text) {
        assert_eq!(topic.as_str(), text);
        assert!(text.ends_with(topic.last_word()));
    }
});
