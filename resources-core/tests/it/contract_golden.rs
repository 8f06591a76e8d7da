//! The bytes of the contract, frozen: golden files that every version must read and write, the
//! exact reasons for which bad messages are refused, and properties over any input.

use std::collections::BTreeMap;

use proptest::prelude::*;
use resources_core::contract::{
    Acknowledgement, Alert, Analysis, Disk, HostName, Labels, Level, Levels, MAX_BODY_BYTES,
    MAX_TIME_MS, Measure, Network, Process, ReceivedMeasure, Rejection, Silence, System,
    Temperature, Usage,
};
use serde::Serialize;

/// Reads a golden file without the line end that closes it.
macro_rules! golden {
    ($name:literal) => {
        include_str!(concat!("../golden/", $name, ".json")).trim_end_matches('\n')
    };
}

fn encoded(message: &impl Serialize) -> String {
    serde_json::to_string(message).expect("messages hold nothing JSON cannot")
}

#[test]
fn measures_are_read_and_written_byte_for_byte() {
    for (key, golden) in [
        ("web-1.eu.example.com.measure", golden!("measure_full")),
        ("web.measure", golden!("measure_plain")),
        ("web.measure", golden!("measure_last")),
    ] {
        let measure = Measure::decode(key, golden.as_bytes(), 0).unwrap();
        assert_eq!(encoded(&measure), golden);
    }
}

#[test]
fn the_smallest_measure_takes_its_host_from_the_key_and_its_time_from_the_receipt() {
    let golden = golden!("measure_smallest");
    let measure = Measure::decode("web.measure", golden.as_bytes(), 1_767_225_600_000).unwrap();
    assert_eq!(encoded(&measure), golden!("measure_plain"));
}

#[test]
fn analyses_are_read_and_written_byte_for_byte() {
    for (key, golden) in [
        ("web-1.eu.example.com.analysis", golden!("analysis_full")),
        ("web.analysis", golden!("analysis_smallest")),
    ] {
        let analysis = Analysis::decode(key, golden.as_bytes()).unwrap();
        assert_eq!(encoded(&analysis), golden);
    }
}

#[test]
fn alerts_are_read_and_written_byte_for_byte() {
    for (key, golden) in [
        ("web-1.eu.example.com.alert", golden!("alert_raised")),
        ("web-1.eu.example.com.alert", golden!("alert_cleared")),
        ("web.alert", golden!("alert_silent")),
        ("web.alert", golden!("alert_repeated")),
        ("resources.pipeline.alert", golden!("alert_pipeline")),
    ] {
        let alert = Alert::decode(key, golden.as_bytes()).unwrap();
        assert_eq!(encoded(&alert), golden);
    }
}

#[test]
fn acknowledgements_are_read_and_written_byte_for_byte() {
    for (key, golden) in [
        ("web-1.eu.example.com.acknowledgement", golden!("acknowledgement_full")),
        ("web.acknowledgement", golden!("acknowledgement_smallest")),
    ] {
        let acknowledgement = Acknowledgement::decode(key, golden.as_bytes()).unwrap();
        assert_eq!(encoded(&acknowledgement), golden);
    }
}

#[test]
fn silences_are_read_and_written_byte_for_byte() {
    for (key, golden) in [
        ("web-1.eu.example.com.silence", golden!("silence_full")),
        ("web.silence", golden!("silence_smallest")),
        ("web.silence", golden!("silence_ended")),
    ] {
        let silence = Silence::decode(key, golden.as_bytes()).unwrap();
        assert_eq!(encoded(&silence), golden);
    }
}

#[test]
fn the_document_shows_exactly_these_examples() {
    let document = include_str!("../../../docs/contract.md");
    for golden in [
        golden!("measure_full"),
        golden!("measure_smallest"),
        golden!("measure_last"),
        golden!("analysis_full"),
        golden!("analysis_smallest"),
        golden!("alert_raised"),
        golden!("alert_cleared"),
        golden!("alert_silent"),
        golden!("alert_repeated"),
        golden!("alert_pipeline"),
        golden!("acknowledgement_full"),
        golden!("acknowledgement_smallest"),
        golden!("silence_full"),
        golden!("silence_smallest"),
        golden!("silence_ended"),
    ] {
        assert!(document.lines().any(|line| line == golden), "docs/contract.md lacks {golden}");
    }
}

#[test]
fn a_newer_sender_may_say_more() {
    let newer = golden!("measure_full").replacen('{', r#"{"invented_later":[{"a":1}],"#, 1);
    let measure = Measure::decode("web-1.eu.example.com.measure", newer.as_bytes(), 0).unwrap();
    assert_eq!(encoded(&measure), golden!("measure_full"));
}

/// `tests/golden/rejections.txt`: three lines each, key, body, reason.
#[test]
fn bad_messages_are_refused_with_exactly_these_words() {
    let lines: Vec<&str> = include_str!("../golden/rejections.txt").lines().collect();
    assert!(lines.len() > 60 && lines.len().is_multiple_of(3), "{} lines", lines.len());
    for case in lines.chunks(3) {
        let [key, body, reason] = case else { unreachable!("chunks of three") };
        let refused = match key.rsplit('.').next() {
            Some("analysis") => Analysis::decode(key, body.as_bytes()).map(|_| ()),
            Some("alert") => Alert::decode(key, body.as_bytes()).map(|_| ()),
            Some("acknowledgement") => Acknowledgement::decode(key, body.as_bytes()).map(|_| ()),
            Some("silence") => Silence::decode(key, body.as_bytes()).map(|_| ()),
            _ => Measure::decode(key, body.as_bytes(), 0).map(|_| ()),
        };
        let refused = refused.expect_err(body).to_string();
        assert_eq!(refused, *reason, "{key} {body}");
    }
}

#[test]
fn each_receiver_takes_its_own_kind_only_and_no_more_than_the_limit() {
    let full = golden!("measure_full").as_bytes();
    let wrong = Measure::decode("web.alert", full, 0).unwrap_err();
    assert_eq!(wrong.to_string(), "expected a message of kind measure, the routing key says alert");
    let mut large = full.to_vec();
    large.resize(MAX_BODY_BYTES, b' ');
    let key = "web-1.eu.example.com.measure";
    assert!(Measure::decode(key, &large, 0).is_ok(), "white space up to the limit is harmless");
    large.push(b' ');
    let refused = Measure::decode(key, &large, 0).unwrap_err();
    assert_eq!(refused, Rejection::TooLarge { bytes: MAX_BODY_BYTES + 1 });
}

#[test]
fn a_body_cut_anywhere_is_refused() {
    let full = golden!("measure_full");
    for end in 0..full.len() {
        let cut = &full.as_bytes()[..end];
        let refused = Measure::decode("web-1.eu.example.com.measure", cut, 0).unwrap_err();
        assert!(matches!(refused, Rejection::Malformed(_)), "{end}: {refused}");
    }
}

/// Decodes a measure; whatever is taken makes an analysis that every reader takes.
fn decode_and_pass_on(body: &[u8]) -> Result<(), Rejection> {
    let received = ReceivedMeasure::decode("web.measure", body, 7)?;
    let levels = Levels {
        cpu_result: Level::Low,
        level: Level::High,
        resources: Vec::new(),
        thresholds: Vec::new(),
    };
    let analysis = received.analysis(&levels)?;
    let passed_on = Analysis::decode("web.analysis", &analysis).expect("it can be read");
    assert_eq!(passed_on.cpu_percentage, received.measure().cpu_percentage);
    assert_eq!(passed_on.timestamp_ms, received.measure().timestamp_ms);
    assert_eq!((passed_on.cpu_result, passed_on.level), (Level::Low, Level::High));
    Ok(())
}

#[test]
fn what_could_not_be_passed_on_is_refused() {
    for body in [
        &br#"{"host":null,"cpu_percentage":5}"#[..],
        br#"{"timestamp_ms":null,"cpu_percentage":5}"#,
        b"{\"cpu_percentage\":5,\"unknown\":\"\xff\"}",
    ] {
        assert!(matches!(decode_and_pass_on(body), Err(Rejection::Malformed(_))), "{body:?}");
    }
    for body in [
        &br#"{"cpu_percentage":5,"unknown":null,"memory":null}"#[..],
        br#"{"level":null,"host":"web","cpu_percentage":5}"#,
        br#" { "cpu_percentage" : 5 , "run" : null } "#,
    ] {
        decode_and_pass_on(body).unwrap();
    }
}

/// Decodes as every kind. The reason travels in a message header, so it stays short.
fn decode_as_all(body: &[u8]) {
    let reasons = [
        decode_and_pass_on(body).err(),
        Analysis::decode("web.analysis", body).err(),
        Alert::decode("web.alert", body).err(),
        Acknowledgement::decode("web.acknowledgement", body).err(),
        Silence::decode("web.silence", body).err(),
    ];
    for reason in reasons.into_iter().flatten() {
        assert!(reason.to_string().len() <= 1_000, "{reason}");
    }
}

#[test]
fn a_reason_stays_short_whatever_it_quotes() {
    let long = "ä".repeat(50_000);
    for body in [
        format!(r#"{{"cpu_percentage":"{long}"}}"#),
        format!(r#"{{"cpu_percentage":1,"host":"{long}"}}"#),
        format!(r#"{{"cpu_percentage":1,"run":"{long}"}}"#),
        format!(r#"{{"cpu_percentage":1,"host":"web","cpu_result":"{long}"}}"#),
        format!(r#""{long}""#),
    ] {
        decode_as_all(body.as_bytes());
    }
}

/// Any JSON, with the names of the contract among its keys.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<f64>().prop_map(Into::into),
        ".{0,12}".prop_map(Into::into),
        "web|LOW|HIGH|raised|level".prop_map(Into::into),
    ];
    let name = "host|cpu_percentage|memory|disks|total_bytes|timestamp_ms|level|resources|system|\
                labels|thresholds|id|by|note|reason|from_ms|until_ms|.{0,4}";
    leaf.prop_recursive(4, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(Into::into),
            prop::collection::btree_map(name, inner, 0..8)
                .prop_map(|object| object.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn integer() -> impl Strategy<Value = u64> {
    0..1u64 << 53
}

fn percentage() -> impl Strategy<Value = f64> {
    0.0..=100.0f64
}

fn usage() -> impl Strategy<Value = Usage> {
    (integer(), integer()).prop_map(|(a, b)| Usage { total_bytes: a.max(b), used_bytes: a.min(b) })
}

fn few<S: Strategy>(element: S) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(element, 0..4)
}

fn text() -> impl Strategy<Value = Box<str>> {
    any::<String>().prop_map(Into::into)
}

fn maybe<S: Strategy>(value: S) -> impl Strategy<Value = Option<S::Value>> {
    prop::option::of(value)
}

fn any_measure() -> impl Strategy<Value = Measure> {
    let host = "[a-z0-9_-]{1,20}(\\.[a-z0-9_-]{1,20}){0,3}";
    let told = (maybe(integer()), maybe(integer()), any::<bool>());
    let identity = (host, maybe("[ -~]{0,64}"), maybe(integer()), 0..=MAX_TIME_MS, told);
    let rate = || 0.0..1e15f64;
    let cpu = (percentage(), few(percentage()), maybe([rate(), rate(), rate()]));
    let disk = (text(), usage()).prop_map(|(mount_point, Usage { total_bytes, used_bytes })| {
        Disk { mount_point, total_bytes, used_bytes }
    });
    let network = (text(), rate(), rate()).prop_map(|(interface, received, transmitted)| Network {
        interface,
        received_bytes_per_second: received,
        transmitted_bytes_per_second: transmitted,
    });
    let temperature =
        (text(), -273.15..10_000.0f64).prop_map(|(label, celsius)| Temperature { label, celsius });
    let process = (integer(), text(), percentage(), integer()).prop_map(
        |(pid, name, cpu_percentage, memory_bytes)| Process {
            pid,
            name,
            cpu_percentage,
            memory_bytes,
        },
    );
    let system = (maybe(text()), maybe(text()), maybe(text()), maybe(integer()), maybe(text()))
        .prop_map(|(os, kernel, cpu_model, cores, tracker_version)| System {
            os,
            kernel,
            cpu_model,
            cores,
            tracker_version,
        });
    let room = (maybe(usage()), maybe(usage()), few(disk), few(network));
    let labels = prop::collection::btree_map("[a-zA-Z0-9_./-]{1,63}", "[ -~äß🦀]{0,128}", 0..17)
        .prop_map(|labels| {
            let boxed = labels.into_iter().map(|(name, value)| (name.into(), value.into()));
            Labels::try_from(boxed.collect::<BTreeMap<_, _>>()).expect("within the bounds")
        });
    let rest = (few(temperature), maybe(integer()), few(process), maybe(system), labels);
    (identity, cpu, room, rest).prop_map(|(identity, cpu, room, rest)| {
        let (host, run, sequence, timestamp_ms, (interval_ms, dropped, stopping)) = identity;
        let (cpu_percentage, cores_percentage, load_average) = cpu;
        let (memory, swap, disks, networks) = room;
        let (temperatures, uptime_seconds, processes, system, labels) = rest;
        Measure {
            host: HostName::new(&host).expect("the pattern makes host names"),
            run: run.map(Into::into),
            sequence,
            timestamp_ms,
            interval_ms,
            dropped,
            stopping,
            cpu_percentage,
            cores_percentage,
            load_average,
            memory,
            swap,
            disks,
            networks,
            temperatures,
            uptime_seconds,
            processes,
            system,
            labels,
        }
    })
}

proptest! {
    #[test]
    fn any_bytes_are_decoded_or_refused_without_panic(body in any::<Vec<u8>>()) {
        decode_as_all(&body);
    }

    #[test]
    fn any_json_is_decoded_or_refused_without_panic(body in any_json()) {
        decode_as_all(body.to_string().as_bytes());
    }

    #[test]
    fn any_measure_that_is_taken_can_be_passed_on(body in any_json(), cpu in percentage()) {
        if let serde_json::Value::Object(mut fields) = body {
            fields.insert("cpu_percentage".to_owned(), cpu.into());
            drop(decode_and_pass_on(serde_json::Value::Object(fields).to_string().as_bytes()));
        }
    }

    #[test]
    fn any_routing_key_is_taken_or_refused_without_panic(key in any::<String>()) {
        let key = format!("{key}.measure");
        if let Ok(measure) = Measure::decode(&key, br#"{"cpu_percentage":1}"#, 0) {
            prop_assert_eq!(key, format!("{}.measure", measure.host));
        }
    }

    #[test]
    fn any_valid_measure_survives_its_journey_unchanged(measure in any_measure()) {
        prop_assert_eq!(measure.validate(), Ok(()));
        let key = format!("{}.measure", measure.host);
        let received = Measure::decode(&key, encoded(&measure).as_bytes(), 0);
        prop_assert_eq!(received, Ok(measure));
    }
}
