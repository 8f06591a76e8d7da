use std::num::NonZeroU16;
use std::path::Path;

use proptest::prelude::*;
use resources_core::bus::{BusConfig, Pattern, Source, Subscription};
use resources_core::contract::{Topic, TraceParent};
use tempfile::TempDir;

use super::*;

fn message(number: u64) -> Message {
    on("me.measure", number)
}

fn on(key: &str, number: u64) -> Message {
    let topic = Topic::new(key).unwrap();
    Message::json(topic, &number, number, TraceParent::begin()).unwrap()
}

/// One that no queue takes, so that it stays unconfirmed while the link is up.
fn unheard(number: u64) -> Message {
    on("me.unheard", number)
}

const PREFETCH: NonZeroU16 = NonZeroU16::new(1000).unwrap();

fn in_memory() -> Bus {
    Bus::open(BusConfig::in_memory("test"))
}

fn outbox(bus: &Bus) -> Outbox {
    Outbox::open(bus, OutboxSettings::new(128)).unwrap()
}

fn with_spool(bus: &Bus, folder: &Path, capacity: usize) -> Outbox {
    let spool = SpoolSettings { folder: folder.to_owned(), limit_bytes: 1 << 20 };
    let settings = OutboxSettings { spool: Some(spool), ..OutboxSettings::new(capacity) };
    Outbox::open(bus, settings).unwrap()
}

/// Drives `outbox` for `time`.
async fn drive_for(outbox: &mut Outbox, time: Duration) {
    assert!(tokio::time::timeout(time, outbox.drive()).await.is_err(), "it goes on");
}

/// The numbers of everything that has arrived, in order.
async fn arrived(measures: &mut Subscription) -> Vec<u64> {
    let mut numbers = Vec::new();
    while let Some(delivery) = measures.try_next() {
        numbers.push(delivery.timestamp_ms.unwrap());
        measures.acknowledge_through(delivery.receipt).await;
    }
    numbers
}

fn hear_everything(bus: &Bus) -> Subscription {
    bus.subscribe(Source::Patterns(vec![Pattern::new("#").unwrap()]), PREFETCH)
}

#[tokio::test(start_paused = true)]
async fn a_stop_sends_everything_unpaced_the_newest_first() {
    let bus = in_memory();
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let mut outbox = outbox(&bus);
    (0..100).for_each(|number| outbox.push(message(number)));
    let begun = Instant::now();
    let counts = outbox.finish().await;
    assert_eq!(counts, OutboxCounts { confirmed: 100, held: 0, dropped: 0 });
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(arrived(&mut measures).await.into_iter().eq(std::iter::once(99).chain(0..99)));
}

#[tokio::test(start_paused = true)]
async fn the_backlog_follows_at_its_pace_and_what_is_live_at_once() {
    let bus = in_memory();
    let mut measures = bus.subscribe(Source::Measures, PREFETCH);
    let mut outbox = outbox(&bus);
    (0..100).for_each(|number| outbox.push(message(number)));
    drive_for(&mut outbox, Duration::from_millis(1)).await;
    assert_eq!(arrived(&mut measures).await, [99, 0], "the newest goes first");
    let (mut live, mut backlog) = (Vec::new(), Vec::new());
    for number in 1000..1005 {
        outbox.push(message(number));
        drive_for(&mut outbox, Duration::from_millis(1)).await;
        let at_once = arrived(&mut measures).await;
        assert_eq!(at_once.first(), Some(&number), "never held back");
        drive_for(&mut outbox, Duration::from_millis(999)).await;
        for number in at_once.into_iter().chain(arrived(&mut measures).await) {
            if number < 1000 { backlog.push(number) } else { live.push(number) }
        }
    }
    assert_eq!(live, (1000..1005).collect::<Vec<u64>>());
    assert!(backlog.iter().copied().eq(1..=backlog.len() as u64), "{backlog:?}");
    assert!((49..=51).contains(&backlog.len()), "ten a second: {}", backlog.len());
}

#[tokio::test(start_paused = true)]
async fn a_high_rate_is_reached() {
    let bus = in_memory();
    let settings = OutboxSettings {
        replay_rate: NonZeroU32::new(5000).unwrap(),
        ..OutboxSettings::new(10_000)
    };
    let mut outbox = Outbox::open(&bus, settings).unwrap();
    (0..10_000).for_each(|number| outbox.push(message(number)));
    drive_for(&mut outbox, Duration::from_secs(1)).await;
    let confirmed = outbox.counts().confirmed;
    assert!((4900..=5101).contains(&confirmed), "{confirmed}");
}

#[tokio::test(start_paused = true)]
async fn what_no_queue_takes_is_kept_until_one_does() {
    let bus = in_memory();
    let mut outbox = outbox(&bus);
    outbox.push(unheard(1));
    drive_for(&mut outbox, Duration::from_secs(60)).await;
    assert_eq!((outbox.counts().held, outbox.refusal), (1, Some(Refusal::Unroutable)));

    let mut heard = hear_everything(&bus);
    while !outbox.held.is_empty() {
        outbox.step().await.unwrap();
    }
    assert_eq!(&*heard.next().await.unwrap().topic, "me.unheard");
    assert_eq!(outbox.refusal, None);
}

#[tokio::test(start_paused = true)]
async fn what_waited_for_a_queue_is_backlog_once_there_is_one() {
    let bus = in_memory();
    let mut outbox = outbox(&bus);
    drive_for(&mut outbox, Duration::from_millis(1)).await;
    for number in 0..100 {
        outbox.push(unheard(number));
        drive_for(&mut outbox, Duration::from_secs(1)).await;
    }
    let mut heard = hear_everything(&bus);
    while outbox.counts().confirmed == 0 {
        outbox.step().await.unwrap();
    }
    outbox.push(unheard(100));
    drive_for(&mut outbox, Duration::from_millis(1)).await;
    let at_once = arrived(&mut heard).await;
    let place = |wanted: u64| at_once.iter().position(|number| *number == wanted).unwrap();
    assert!(place(99) < at_once.len() && place(100) < at_once.len(), "{at_once:?}");
    assert!(at_once.len() < 100, "the rest is paced: {at_once:?}");
}

#[tokio::test(start_paused = true)]
async fn stopping_does_not_wait_for_ever_for_a_queue() {
    let bus = in_memory();
    let mut outbox = outbox(&bus);
    outbox.push(unheard(1));
    let begun = Instant::now();
    assert_eq!(outbox.finish().await.held, 1);
    assert!(begun.elapsed() <= FINISH_LIMIT + Duration::from_millis(10));
}

#[tokio::test]
async fn a_closed_bus_ends_it() {
    let bus = in_memory();
    let mut outbox = outbox(&bus);
    outbox.push(message(1));
    bus.close().await;
    assert_eq!(outbox.drive().await, BusClosed);
    assert_eq!(outbox.counts().held, 1, "it is still held, and counted at the end");
}

#[tokio::test]
async fn a_bus_closed_while_a_sample_is_on_its_way_ends_it() {
    let bus = in_memory();
    let mut outbox = outbox(&bus);
    outbox.look_at_link().unwrap();
    outbox.push(message(1));
    // Begun while the bus still looked open.
    outbox.publish_due(Instant::now());
    bus.close().await;
    assert_eq!(outbox.drive().await, BusClosed);
    assert_eq!(outbox.counts().held, 1);
}

/// Puts in `count` samples as the tracker does, each telling of those dropped before it.
fn push_telling(outbox: &mut Outbox, count: u64) {
    for number in 0..count {
        let dropped = outbox.untold_dropped();
        outbox.push(Sample { message: unheard(dropped * 1_000_000 + number), dropped });
    }
}

#[tokio::test(start_paused = true)]
async fn what_arrives_tells_of_every_sample_that_was_dropped() {
    let bus = in_memory();
    let mut outbox = outbox(&bus);
    push_telling(&mut outbox, 1000);
    assert_eq!(outbox.counts(), OutboxCounts { confirmed: 0, held: 128, dropped: 872 });
    let mut heard = hear_everything(&bus);
    push_telling(&mut outbox, 1);
    let untold = outbox.untold_dropped();
    outbox.finish().await;
    let told: u64 = arrived(&mut heard).await.iter().map(|number| number / 1_000_000).sum();
    assert_eq!(told + untold, 873);
}

#[tokio::test(start_paused = true)]
async fn a_healthy_tracker_writes_nothing() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    for number in 0..30 {
        outbox.push(message(number));
        drive_for(&mut outbox, Duration::from_secs(1)).await;
    }
    assert_eq!(outbox.counts().confirmed, 30);
    let names: Vec<_> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["lock"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_unconfirmed_for_two_seconds_outlives_the_process() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    (0..50).for_each(|number| outbox.push(unheard(number)));
    drive_for(&mut outbox, Duration::from_millis(2500)).await;
    (50..60).for_each(|number| outbox.push(unheard(number)));
    // As a crash would end it.
    drop(outbox);

    let outbox = with_spool(&bus, folder.path(), 128);
    assert_eq!(outbox.counts().held, 50);
    let mut heard = hear_everything(&bus);
    assert_eq!(outbox.finish().await, OutboxCounts { confirmed: 50, held: 0, dropped: 0 });
    assert!(arrived(&mut heard).await.into_iter().eq(std::iter::once(49).chain(0..49)));
    assert_eq!(with_spool(&bus, folder.path(), 128).counts().held, 0, "and no longer");
}

#[tokio::test(start_paused = true)]
async fn a_clean_stop_leaves_what_it_could_not_send_for_the_next_start() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    (0..5).for_each(|number| outbox.push(unheard(number)));
    assert_eq!(outbox.finish().await.held, 5);
    assert_eq!(with_spool(&bus, folder.path(), 128).counts().held, 5);
}

#[tokio::test(start_paused = true)]
async fn with_a_spool_memory_is_no_bound() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    push_telling(&mut outbox, 2000);
    assert_eq!(outbox.counts(), OutboxCounts { confirmed: 0, held: 2000, dropped: 0 });
    let mut heard = hear_everything(&bus);
    let counts = outbox.finish().await;
    assert_eq!(counts, OutboxCounts { confirmed: 2000, held: 0, dropped: 0 });
    let expected = std::iter::once(1999).chain(0..1999);
    let all = arrived_all(&mut heard, 2000).await;
    assert!(all.into_iter().eq(expected), "from disk and from memory, in order");
}

/// The numbers of `count` messages, in order.
async fn arrived_all(heard: &mut Subscription, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        numbers.extend(arrived(heard).await);
    }
    numbers
}

#[tokio::test(start_paused = true)]
async fn a_full_spool_drops_the_oldest_and_the_rest_tells_of_them() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    push_telling(&mut outbox, 20_000);
    let counts = outbox.counts();
    assert_eq!(counts.held + counts.dropped, 20_000);
    assert!(counts.dropped > 1000, "1 MiB does not hold them: {counts:?}");
    let untold = outbox.untold_dropped();
    let mut heard = hear_everything(&bus);
    let sent = outbox.finish().await;
    assert_eq!((sent.confirmed, sent.held, sent.dropped), (counts.held, 0, counts.dropped));
    let all = arrived_all(&mut heard, usize::try_from(sent.confirmed).unwrap()).await;
    let told: u64 = all.iter().map(|number| number / 1_000_000).sum();
    assert_eq!(told + untold, counts.dropped);
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_takes_nothing_leaves_memory_and_is_used_again_when_it_does() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let spool = folder.path().join("spool");
    std::fs::create_dir(&spool).unwrap();
    let mut outbox = with_spool(&bus, &spool, 128);
    std::fs::rename(&spool, folder.path().join("away")).unwrap();
    (0..200).for_each(|number| outbox.push(unheard(number)));
    drive_for(&mut outbox, Duration::from_secs(10)).await;
    assert_eq!(outbox.counts(), OutboxCounts { confirmed: 0, held: 128, dropped: 72 });
    assert_eq!(outbox.held.unwritten(), 128);

    std::fs::rename(folder.path().join("away"), &spool).unwrap();
    drive_for(&mut outbox, Duration::from_secs(10)).await;
    assert_eq!(outbox.held.unwritten(), 0, "all is on disk, without being asked");
    (0..200).for_each(|number| outbox.push(unheard(number)));
    assert_eq!(outbox.counts(), OutboxCounts { confirmed: 0, held: 328, dropped: 72 });
}

/// In real time: two readings of a clock that stands still are the same.
#[tokio::test]
async fn a_stop_tries_a_disk_again_that_took_nothing_a_moment_ago() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let spool = folder.path().join("spool");
    std::fs::create_dir(&spool).unwrap();
    let mut outbox = with_spool(&bus, &spool, 128);
    (0..5).for_each(|number| outbox.push(unheard(number)));
    std::fs::rename(&spool, folder.path().join("away")).unwrap();
    outbox.held.write_due(Instant::now(), false);
    assert_eq!(outbox.held.unwritten(), 5, "the disk takes nothing");
    std::fs::rename(folder.path().join("away"), &spool).unwrap();
    assert_eq!(outbox.held.put_away(), 5);
    drop(outbox);
    assert_eq!(with_spool(&bus, &spool, 128).counts().held, 5);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_from_the_disk_is_counted_as_dropped() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    (0..5).for_each(|number| outbox.push(unheard(number)));
    outbox.finish().await;
    let outbox = with_spool(&bus, folder.path(), 128);
    for entry in std::fs::read_dir(&folder).unwrap() {
        std::fs::remove_file(entry.unwrap().path()).unwrap();
    }
    let _heard = hear_everything(&bus);
    assert_eq!(outbox.finish().await, OutboxCounts { confirmed: 0, held: 0, dropped: 5 });
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_cannot_be_read_for_a_while_loses_nothing() {
    let (bus, folder) = (in_memory(), TempDir::new().unwrap());
    let mut outbox = with_spool(&bus, folder.path(), 128);
    (0..5).for_each(|number| outbox.push(unheard(number)));
    outbox.finish().await;
    let mut outbox = with_spool(&bus, folder.path(), 128);
    let mut heard = hear_everything(&bus);
    let segment = folder.path().join("00000000000000000000.segment");
    let away = folder.path().join("away");
    std::fs::rename(&segment, &away).unwrap();
    // It opens, but does not read.
    std::fs::create_dir(&segment).unwrap();
    outbox.push(message(5));
    drive_for(&mut outbox, Duration::from_secs(20)).await;
    assert_eq!(arrived(&mut heard).await, [5], "what is in memory is not held up");
    std::fs::remove_dir(&segment).unwrap();
    std::fs::rename(&away, &segment).unwrap();
    drive_for(&mut outbox, Duration::from_secs(10)).await;
    assert_eq!(outbox.counts(), OutboxCounts { confirmed: 6, held: 0, dropped: 0 });
    assert_eq!(arrived(&mut heard).await, [0, 1, 2, 3, 4]);
}

/// What can happen to an outbox with a spool.
#[derive(Debug, Clone, Copy)]
enum Event {
    Push(u8),
    Wait(u16),
    /// It ends without a word and begins again, after everything was put on disk.
    Restart,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => any::<u8>().prop_map(Event::Push),
        2 => (0u16..4000).prop_map(Event::Wait),
        1 => Just(Event::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_sample_is_held_or_counted_whatever_happens(
        events in prop::collection::vec(event(), 1..30),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (bus, folder) = (in_memory(), TempDir::new().unwrap());
            let mut outbox = with_spool(&bus, folder.path(), 128);
            let mut pushed = 0;
            for event in events {
                match event {
                    Event::Push(count) => {
                        (0..count).for_each(|number| outbox.push(unheard(number.into())));
                        pushed += u64::from(count);
                    }
                    Event::Wait(ms) => {
                        drive_for(&mut outbox, Duration::from_millis(ms.into())).await;
                    }
                    Event::Restart => {
                        outbox.held.put_away();
                        drop(outbox);
                        outbox = with_spool(&bus, folder.path(), 128);
                    }
                }
                assert_eq!(outbox.counts().held, pushed);
            }
            let mut heard = hear_everything(&bus);
            let counts = outbox.finish().await;
            assert_eq!((counts.confirmed, counts.held, counts.dropped), (pushed, 0, 0));
            arrived_all(&mut heard, usize::try_from(pushed).unwrap()).await;
        });
    }
}
