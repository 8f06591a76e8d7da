//! The page's types, written from those here: `UPDATE_TYPES=1 cargo test -p resources-web types`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use resources_core::contract::{Acknowledgement, Analysis, MAX_HOST_BYTES, MAX_TIME_MS, Silence};
use ts_rs::{Config, TS};

use super::{
    AlertList, Field, MAX_ACTIVE, Message, NewAcknowledgement, NewSilence, PROTOCOL, PageMessage,
    Silences, look,
};
use crate::api::{MAX_FIGURES, MAX_NAMES};
use crate::fleet::{CLOSEST_MS, POINTS_KEPT};

const HEADER: &str =
    "// Written by `UPDATE_TYPES=1 cargo test -p resources-web types`; do not edit.\n";

/// Where the page has them.
fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../static/src/lib/generated")
}

/// The constants that server and page must agree on.
fn constants() -> String {
    let mut text = HEADER.to_owned();
    for (name, value, what) in [
        ("PROTOCOL", u64::from(PROTOCOL), "Version of the protocol."),
        ("MAX_TIME_MS", MAX_TIME_MS, "The latest time a message may tell, and one may ask for."),
        ("MAX_HOST_BYTES", MAX_HOST_BYTES as u64, "Longest name of a host; it is ASCII."),
        ("MAX_ACTIVE", MAX_ACTIVE as u64, "Most active alerts that are told."),
        ("MAX_LOOK_ROWS", look::MAX_ROWS as u64, "Most rows one look may name."),
        ("MAX_LOOK_DETAILS", look::MAX_DETAILS as u64, "Most hosts in detail one look may name."),
        ("POINTS_KEPT", POINTS_KEPT as u64, "Points kept of each host."),
        (
            "CLOSEST_POINTS_MS",
            CLOSEST_MS,
            "A point goes when those on either side of it are less than this apart.",
        ),
        ("MAX_HISTORY_NAMES", MAX_NAMES as u64, "Most resources one question to history may name."),
        (
            "MAX_HISTORY_FIGURES",
            MAX_FIGURES as u64,
            "Most points times resources one question to history may ask for.",
        ),
        ("MAX_SILENCE_MS", Silence::MAX_LENGTH_MS, "Longest silence."),
        (
            "MAX_BY_CHARACTERS",
            Acknowledgement::MAX_BY_CHARACTERS as u64,
            "Longest name of who acknowledges or silences.",
        ),
        (
            "MAX_NOTE_CHARACTERS",
            Acknowledgement::MAX_NOTE_CHARACTERS.min(Silence::MAX_REASON_CHARACTERS) as u64,
            "Longest note to an alert, and reason of a silence.",
        ),
    ] {
        text += &format!("\n/** {what} */\nexport const {name} = {value};\n");
    }
    text += "\n/** What a row may tell; the place of each is its bit in the mask. */\n";
    text += "export const ROW_FIELDS = [\n";
    for field in Field::ALL {
        text += &format!("  '{}',\n", field.name());
    }
    text += "] as const;\n\nexport type RowField = (typeof ROW_FIELDS)[number];\n";
    text
}

/// Every file by its name.
fn files() -> BTreeMap<String, String> {
    let written = tempfile::tempdir().unwrap();
    let config = Config::new().with_large_int("number").with_out_dir(written.path());
    Message::<Analysis>::export_all(&config).unwrap();
    PageMessage::export_all(&config).unwrap();
    AlertList::export_all(&config).unwrap();
    NewAcknowledgement::export_all(&config).unwrap();
    NewSilence::export_all(&config).unwrap();
    Silences::export_all(&config).unwrap();
    let mut files = BTreeMap::new();
    for file in fs::read_dir(written.path()).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        let text = text.split_once('\n').unwrap().1.trim_start();
        files.insert(file.file_name().into_string().unwrap(), format!("{HEADER}{text}"));
    }
    files.insert("constants.ts".to_owned(), constants());
    files
}

#[test]
fn the_page_has_the_types_of_the_server() {
    let (folder, files) = (folder(), files());
    if std::env::var_os("UPDATE_TYPES").is_some() {
        if folder.is_dir() {
            fs::remove_dir_all(&folder).unwrap();
        }
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in &files {
            fs::write(folder.join(name), text).unwrap();
        }
    }
    let mut found = BTreeMap::new();
    for file in fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        let text = fs::read_to_string(file.path()).unwrap();
        found.insert(file.file_name().into_string().unwrap(), text);
    }
    let hint = "run `UPDATE_TYPES=1 cargo test -p resources-web types`";
    assert!(found.keys().eq(files.keys()), "other files in {}: {hint}", folder.display());
    for (name, text) in &files {
        assert_eq!(&found[name], text, "{name} is not of these types: {hint}");
    }
}
