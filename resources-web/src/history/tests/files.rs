//! Files that are opened, and files that are refused and left alone.

use super::*;
use crate::history::{OpenError, Reader};

#[test]
fn a_folder_that_is_not_there_is_made() {
    let place = Place::new();
    let file = place.folder.path().join("a/b/history.sqlite");
    drop(Recorder::open(&Location::File(file.clone()), LIMITS).unwrap());
    assert!(file.is_file());
}

#[test]
fn a_recorder_that_ends_leaves_a_database_and_its_lock() {
    let place = Place::new();
    let mut recorder = place.recorder();
    recorder.take_sample(&Sample::of("a", 0, now_ms()), 0);
    recorder.commit(now_ms()).unwrap();
    drop(recorder);
    assert_eq!(place.files(), ["history.sqlite", "history.sqlite.lock"]);
}

#[test]
fn a_second_server_on_the_same_file_is_refused() {
    let place = Place::new();
    let first = place.recorder();
    let second = Recorder::open(&place.location(), LIMITS).unwrap_err();
    assert!(matches!(second, OpenError::InUse(_)), "{second}");
    assert!(second.to_string().contains("history.sqlite"), "{second}");
    drop(first);
    drop(place.recorder());
}

#[test]
fn what_is_not_ours_is_refused_and_not_touched() {
    let database = |application_id: u32, version: u32| {
        let place = Place::new();
        drop(place.recorder());
        let beside = place.beside();
        beside.pragma_update(None, "application_id", application_id).unwrap();
        beside.pragma_update(None, "user_version", version).unwrap();
        drop(beside);
        bytes_of(&place.file())
    };
    let ours = 0x5273_7263;
    for (bytes, said) in [
        (b"notes to myself\n".to_vec(), "not a database"),
        (b"SQLite format 3\0 and then nothing".to_vec(), "damaged"),
        (database(7, 1), "another program"),
        (database(ours, 3), "newer version"),
    ] {
        let place = Place::new();
        std::fs::write(place.file(), &bytes).unwrap();
        let refused = Recorder::open(&place.location(), LIMITS).unwrap_err().to_string();
        assert!(refused.contains(said) && refused.contains("history.sqlite"), "{refused}");
        assert_eq!(bytes_of(&place.file()), bytes, "{said}");
        assert_eq!(place.files(), ["history.sqlite"], "{said}");
    }
}

#[test]
fn a_database_from_before_there_were_alerts_is_given_their_tables() {
    let place = Place::new();
    let mut recorder = place.recorder();
    recorder.take_sample(&Sample::of("a", 0, now_ms()), 0);
    recorder.commit(now_ms()).unwrap();
    drop(recorder);
    let before = "DROP TABLE alert; DROP TABLE silence; DROP TABLE alert_position;
                  PRAGMA user_version = 1";
    place.beside().execute_batch(before).unwrap();
    drop(place.recorder());
    let count = |table| {
        let sql = format!("SELECT count(*) FROM {table}");
        place.beside().query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!((count("alert"), count("silence"), count("host")), (0, 0, 1));
    drop(place.recorder());
}

#[test]
fn a_damaged_database_is_refused_and_not_touched() {
    let whole = {
        let place = Place::new();
        let mut recorder = place.recorder();
        for sequence in 0..500 {
            let host = ["a", "b", "c", "d"][usize::try_from(sequence % 4).unwrap()];
            let sample = Sample::of(host, sequence, this_hour_ms() - sequence * 60_000);
            recorder.take_sample(&sample, sequence);
        }
        recorder.commit(now_ms()).unwrap();
        drop(recorder);
        bytes_of(&place.file())
    };
    let middle = whole.len() / 2 / 4_096 * 4_096;
    let cut = whole[..middle].to_vec();
    let mut overwritten = whole;
    overwritten[middle..middle + 4_096].fill(0xa5);
    let other_tables = {
        let place = Place::new();
        drop(place.recorder());
        place.beside().execute_batch("ALTER TABLE run RENAME COLUMN name TO title").unwrap();
        bytes_of(&place.file())
    };
    for (bytes, what) in [(cut, "cut"), (overwritten, "overwritten"), (other_tables, "tables")] {
        let place = Place::new();
        std::fs::write(place.file(), &bytes).unwrap();
        let refused = Recorder::open(&place.location(), LIMITS).expect_err(what);
        assert!(matches!(refused, OpenError::Damaged { .. }), "{what}: {refused}");
        assert_eq!(bytes_of(&place.file()), bytes, "{what}");
        assert_eq!(place.files(), ["history.sqlite", "history.sqlite.lock"], "{what}");
    }
}

#[test]
fn a_server_that_was_killed_left_a_log_that_is_read() {
    let killed = Place::new();
    let mut recorder = killed.recorder();
    recorder.take_sample(&Sample::of("a", 0, now_ms()), 0);
    recorder.commit(now_ms()).unwrap();
    // Copied while it is open: as a power cut would leave it.
    let place = Place::new();
    for ending in ["", "-wal"] {
        let name = format!("history.sqlite{ending}");
        std::fs::copy(killed.folder.path().join(&name), place.folder.path().join(&name)).unwrap();
    }
    let recorder = place.recorder();
    assert_eq!(recorder.position().map(|position| position.offset), Some(0));
    assert_eq!(counted(&place.beside(), "a"), [1; 3]);
}

#[tokio::test]
async fn readers_see_what_is_committed_in_a_file_and_in_memory() {
    let place = Place::new();
    for location in [place.location(), Location::Memory, Location::Memory] {
        let mut recorder = Recorder::open(&location, LIMITS).unwrap();
        let reader = Reader::new(std::sync::Arc::clone(recorder.database()));
        let count = async || reader.read(|beside| Ok(counted(beside, "a"))).await.unwrap();
        assert_eq!(count().await, [0; 3]);
        recorder.take_sample(&Sample::of("a", 0, now_ms()), 0);
        assert_eq!(count().await, [0; 3]);
        recorder.commit(now_ms()).unwrap();
        assert_eq!(count().await, [1; 3]);
        let write = reader.read(|beside| beside.execute("DELETE FROM host", [])).await;
        assert!(write.is_err(), "{write:?}");
    }
}
