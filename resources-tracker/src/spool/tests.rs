use std::collections::BTreeSet;

use proptest::prelude::*;
use resources_core::bus::Message;
use resources_core::contract::{Topic, TraceParent};
use tempfile::TempDir;

use super::unsynced::SYNC_PERIOD;
use super::*;

fn sample(number: u64, body_bytes: usize) -> Sample {
    let message = Message {
        topic: Topic::new("me.measure").unwrap(),
        body: vec![b'x'; body_bytes].into(),
        timestamp_ms: number,
        trace: TraceParent::begin(),
    };
    Sample { message, dropped: 0 }
}

fn settings(folder: &TempDir) -> SpoolSettings {
    SpoolSettings { folder: folder.path().to_owned(), limit_bytes: SpoolSettings::LEAST_BYTES }
}

fn open(folder: &TempDir) -> (Spool, Left) {
    Spool::open(&settings(folder)).unwrap()
}

/// The numbers of the samples at `places`, read from disk.
fn numbers<'a>(spool: &mut Spool, places: impl IntoIterator<Item = &'a Place>) -> Vec<u64> {
    places.into_iter().map(|place| spool.read(*place).unwrap().message.timestamp_ms).collect()
}

fn left_numbers(spool: &mut Spool, left: &Left) -> Vec<u64> {
    let places: Vec<Place> = left.samples.iter().map(|sample| sample.place).collect();
    numbers(spool, &places)
}

/// The segment files, by name.
fn files(folder: &TempDir) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "segment"));
    files.sort();
    files
}

#[test]
fn what_was_appended_is_there_after_a_restart_in_order() {
    let folder = TempDir::new().unwrap();
    let (mut spool, left) = open(&folder);
    assert!(left.samples.is_empty());
    let now = Instant::now();
    let places: Vec<Place> =
        (0..5).map(|number| spool.append(&sample(number, 10), now).unwrap()).collect();
    assert_eq!(numbers(&mut spool, &places), [0, 1, 2, 3, 4]);
    drop(spool);

    let (mut spool, left) = open(&folder);
    assert_eq!(left_numbers(&mut spool, &left), [0, 1, 2, 3, 4]);
    spool.append(&sample(5, 10), now).unwrap();
    drop(spool);
    let (mut spool, left) = open(&folder);
    assert_eq!(left_numbers(&mut spool, &left), [0, 1, 2, 3, 4, 5]);
}

#[test]
fn a_segment_goes_with_the_last_of_its_samples() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder);
    let now = Instant::now();
    let places: Vec<Place> =
        (0..100).map(|number| spool.append(&sample(number, 2000), now).unwrap()).collect();
    assert!(files(&folder).len() > 2, "{:?}", files(&folder));
    let (last, others) = places.split_last().unwrap();
    for place in others {
        spool.release(*place);
    }
    assert_eq!(files(&folder).len(), 1);
    spool.release(*last);
    assert!(files(&folder).is_empty());
    assert_eq!(spool.bytes, 0);
}

#[test]
fn a_full_spool_drops_its_oldest_segment() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder);
    let mut gone = BTreeSet::new();
    let mut places = Vec::new();
    for number in 0..1000 {
        places.push(spool.append(&sample(number, 2000), Instant::now()).unwrap());
        gone.extend(spool.take_dropped_segments());
    }
    let bytes: u64 = files(&folder).iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!(bytes, spool.bytes);
    assert!(bytes <= SpoolSettings::LEAST_BYTES && bytes > SpoolSettings::LEAST_BYTES * 9 / 10);
    places.retain(|place| !gone.contains(&place.segment));
    let kept = numbers(&mut spool, &places);
    assert_eq!(kept, (1000 - kept.len() as u64..1000).collect::<Vec<_>>());
}

#[test]
fn a_bound_that_was_lowered_drops_the_oldest_at_the_next_start() {
    let folder = TempDir::new().unwrap();
    let large = SpoolSettings { limit_bytes: 4 << 20, ..settings(&folder) };
    let (mut spool, _) = Spool::open(&large).unwrap();
    for number in 0..1000 {
        spool.append(&sample(number, 2000), Instant::now()).unwrap();
    }
    drop(spool);
    let (mut spool, left) = open(&folder);
    assert_eq!(left.dropped + left.samples.len() as u64, 1000);
    assert_eq!(left_numbers(&mut spool, &left).first(), Some(&left.dropped));
}

#[test]
fn one_folder_is_for_one_tracker() {
    let folder = TempDir::new().unwrap();
    let (spool, _) = open(&folder);
    let error = Spool::open(&settings(&folder)).unwrap_err().to_string();
    assert!(error.contains("another tracker uses it"), "{error}");
    drop(spool);
    drop(open(&folder));
}

#[test]
fn a_folder_that_cannot_be_used_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for folder in ["/no/such/folder".into(), "/proc".into(), file.path().to_owned()] {
        let settings = SpoolSettings { folder: folder.clone(), limit_bytes: 1 << 20 };
        let error = Spool::open(&settings).unwrap_err().to_string();
        assert!(error.contains(&folder.display().to_string()), "{error}");
        assert!(error.contains("give a folder"), "{error}");
        assert_eq!(error.lines().count(), 1);
    }
}

#[test]
fn a_torn_end_is_cut_off_once_and_what_follows_goes_elsewhere() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder);
    for number in 0..3 {
        spool.append(&sample(number, 100), Instant::now()).unwrap();
    }
    drop(spool);
    let path = files(&folder).remove(0);
    let length = path.metadata().unwrap().len();
    File::options().write(true).open(&path).unwrap().set_len(length - 5).unwrap();

    let (mut spool, left) = open(&folder);
    assert_eq!(left_numbers(&mut spool, &left), [0, 1]);
    assert_eq!(path.metadata().unwrap().len(), spool.bytes, "the torn end is gone");
    spool.append(&sample(3, 100), Instant::now()).unwrap();
    drop(spool);
    let (mut spool, left) = open(&folder);
    assert_eq!(left_numbers(&mut spool, &left), [0, 1, 3]);
}

#[test]
fn files_of_others_and_of_other_versions_are_left_alone() {
    let folder = TempDir::new().unwrap();
    let other = segment_file(&folder, 7);
    fs::write(&other, b"samples2 and whatever follows").unwrap();
    fs::write(folder.path().join("notes.txt"), b"mine").unwrap();
    fs::write(segment_file(&folder, 8), b"sam").unwrap();
    let (mut spool, left) = open(&folder);
    assert!(left.samples.is_empty());
    let place = spool.append(&sample(1, 1), Instant::now()).unwrap();
    assert_eq!(place.segment, 9, "numbers go on behind what is there");
    assert!(other.exists() && folder.path().join("notes.txt").exists());
    assert!(!segment_file(&folder, 8).exists(), "nothing is in it");
}

fn segment_file(folder: &TempDir, number: u64) -> PathBuf {
    folder::segment_path(folder.path(), number)
}

#[test]
fn a_disk_that_takes_nothing_is_left_alone_for_a_while_and_then_tried_again() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder);
    let now = Instant::now();
    let before = spool.append(&sample(0, 10), now).unwrap();
    spool.close();
    // A name that is taken stands for whatever keeps a file from being made.
    fs::create_dir(segment_file(&folder, 1)).unwrap();
    assert_eq!(spool.append(&sample(1, 10), now), None);
    let retry_at = spool.retry_at().unwrap();
    assert_eq!(spool.append(&sample(1, 10), now), None, "not yet");
    let after = spool.append(&sample(1, 10), retry_at).unwrap();
    assert_eq!(spool.retry_at(), None);
    assert!(spool.troubled, "until the disk has it");
    let synced = spool.begin_sync(retry_at).run();
    spool.end_sync(synced, retry_at);
    assert!(!spool.troubled);
    assert_eq!(numbers(&mut spool, &[before, after]), [0, 1]);
}

#[test]
fn it_is_forced_to_the_disk_at_once_and_then_every_five_seconds() {
    let folder = TempDir::new().unwrap();
    let (mut spool, _) = open(&folder);
    let now = Instant::now();
    assert_eq!(spool.sync_at(now), None);
    spool.append(&sample(0, 10), now).unwrap();
    assert_eq!(spool.sync_at(now), Some(now));
    let sync = spool.begin_sync(now);
    assert_eq!((sync.files.len(), sync.folder.is_some()), (1, true));
    sync.run().unwrap();
    assert_eq!(spool.sync_at(now), None);
    spool.append(&sample(1, 10), now).unwrap();
    assert_eq!(spool.sync_at(now), Some(now + SYNC_PERIOD));
}

/// What can happen to a spool.
#[derive(Debug, Clone, Copy)]
enum Event {
    Append,
    /// Of those needed, this one no longer is.
    Release(usize),
    Reopen,
    /// The process ends in the middle of a write: this many bytes of a record are there.
    TornWrite(usize),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::Append),
        4 => (0usize..16).prop_map(Event::Release),
        1 => Just(Event::Reopen),
        1 => (0usize..150).prop_map(Event::TornWrite),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    /// Whatever happens, every sample that is needed is there, in order; at most such samples
    /// come again that shared their segment with one.
    #[test]
    fn what_is_needed_survives(events in prop::collection::vec(event(), 1..60)) {
        let folder = TempDir::new().unwrap();
        let (mut spool, _) = open(&folder);
        let mut needed: Vec<(u64, Place)> = Vec::new();
        for (number, event) in (0..).zip(events) {
            match event {
                Event::Append => {
                    let place = spool.append(&sample(number, 3000), Instant::now()).unwrap();
                    needed.push((number, place));
                }
                Event::Release(n) if n < needed.len() => spool.release(needed.remove(n).1),
                Event::Release(_) => {}
                Event::Reopen | Event::TornWrite(_) => {
                    if let (Event::TornWrite(bytes), Some(open)) = (event, &mut spool.open) {
                        let record = segment::encode(&sample(number, 100)).unwrap();
                        open.file.write_all(&record[..bytes]).unwrap();
                    }
                    drop(spool);
                    let (reopened, left) = open(&folder);
                    spool = reopened;
                    let again = left_numbers(&mut spool, &left);
                    prop_assert!(again.is_sorted());
                    let all: Vec<(u64, Place)> =
                        again.into_iter().zip(left.samples.iter().map(|at| at.place)).collect();
                    for sample in &needed {
                        prop_assert!(all.contains(sample));
                    }
                    for (number, place) in all {
                        if !needed.iter().any(|(known, _)| *known == number) {
                            spool.release(place);
                        }
                    }
                }
            }
            let (numbered, places): (Vec<u64>, Vec<Place>) = needed.iter().copied().unzip();
            prop_assert_eq!(numbers(&mut spool, &places), numbered);
        }
    }
}
