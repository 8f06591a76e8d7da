//! Whatever bytes arrive, a decoder gives a message that holds every rule or says what is wrong.
//! The same with far more cases: `fuzz/`.

use proptest::prelude::*;
use resources_core::bus::Pattern;
use resources_core::contract::{
    Acknowledgement, Alert, Analysis, Measure, RoutingKey, Silence, Topic,
};
use serde::Serialize;

/// Bodies that are nearly right: those of the golden files with a few bytes changed.
fn nearly_right() -> impl Strategy<Value = Vec<u8>> {
    let golden = prop::sample::select(vec![
        include_str!("../golden/measure_full.json"),
        include_str!("../golden/measure_smallest.json"),
        include_str!("../golden/analysis_full.json"),
        include_str!("../golden/alert_raised.json"),
        include_str!("../golden/acknowledgement_full.json"),
        include_str!("../golden/silence_full.json"),
    ]);
    let pieces = prop::sample::select(vec![
        "",
        "0",
        "-",
        "e999",
        "null",
        "\"",
        "{",
        "}",
        "[",
        "]",
        ",",
        "\\u0000",
        "1e-400",
        "true",
        "18446744073709551616",
        "\u{fffd}",
    ]);
    let changes = prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, pieces), 0..4);
    (golden, changes).prop_map(|(golden, changes)| {
        let mut body = golden.as_bytes().to_vec();
        for (place, gone, piece) in changes {
            let start = place.index(body.len());
            let end = (start + gone).min(body.len());
            body.splice(start..end, piece.bytes());
            if body.is_empty() {
                body.push(b' ');
            }
        }
        body
    })
}

fn bodies() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![nearly_right(), prop::collection::vec(any::<u8>(), 0..200)]
}

/// What was taken can be told to others, who take it as the same.
fn is_told_on<T: Serialize + PartialEq + std::fmt::Debug>(
    taken: T,
    decode: impl Fn(&[u8]) -> Option<T>,
) {
    let written = serde_json::to_vec(&taken).unwrap();
    assert_eq!(decode(&written), Some(taken));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_measure_is_whole_or_refused(body in bodies()) {
        let decode = |body: &[u8]| Measure::decode("web.measure", body, 7).ok();
        if let Some(measure) = decode(&body) {
            prop_assert_eq!(measure.validate(), Ok(()));
            is_told_on(measure, decode);
        }
    }

    #[test]
    fn an_analysis_is_whole_or_refused(body in bodies()) {
        let decode = |body: &[u8]| Analysis::decode("web.analysis", body).ok();
        if let Some(analysis) = decode(&body) {
            is_told_on(analysis, decode);
        }
    }

    #[test]
    fn an_alert_is_whole_or_refused(body in bodies()) {
        let decode = |body: &[u8]| Alert::decode("web.alert", body).ok();
        if let Some(alert) = decode(&body) {
            is_told_on(alert, decode);
        }
    }

    #[test]
    fn what_people_say_of_alerts_is_whole_or_refused(body in bodies()) {
        let decode = |body: &[u8]| Acknowledgement::decode("web.acknowledgement", body).ok();
        if let Some(acknowledgement) = decode(&body) {
            is_told_on(acknowledgement, decode);
        }
        let decode = |body: &[u8]| Silence::decode("web.silence", body).ok();
        if let Some(silence) = decode(&body) {
            is_told_on(silence, decode);
        }
    }

    #[test]
    fn a_key_is_what_it_was_read_from(text in "([a-z0-9_.*#-]{0,20}|.{0,20})(\\.measure)?") {
        if let Ok(key) = text.parse::<RoutingKey>() {
            prop_assert_eq!(key.to_string(), text.clone());
            let topic = Topic::from(key);
            prop_assert_eq!(topic.as_str(), &*text);
        }
    }

    #[test]
    fn any_text_is_a_pattern_that_matches_or_is_refused(
        pattern in "([a-b*#.]{0,12}|.{0,12})", key in "([a-b.]{0,12}|.{0,12})",
    ) {
        if let Ok(taken) = Pattern::new(&pattern) {
            let matches = taken.matches(&key);
            if !pattern.contains(['*', '#']) {
                prop_assert_eq!(matches, pattern == key);
            }
        }
    }
}
