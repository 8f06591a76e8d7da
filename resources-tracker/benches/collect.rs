//! What one full sample costs, beside a bare reader of the two files no sampler does without,
//! in the same run: `cargo bench -p resources-tracker`.

use std::fs::File;
use std::hint::black_box;
use std::io::{Read as _, Seek as _};
use std::time::{Duration, Instant};

use resources_core::contract::HostName;
use resources_tracker::{CollectSettings, Collector};

const ROUNDS: u32 = 1_000;

/// CPU time this thread has used, from the kernel's scheduler.
fn cpu_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok());
    Duration::from_nanos(nanoseconds.expect("nanoseconds on the CPU"))
}

/// CPU time of one round of `work`, in microseconds.
fn measure(mut work: impl FnMut(u32)) -> f64 {
    (0..50).for_each(&mut work);
    let before = cpu_time();
    (50..50 + ROUNDS).for_each(&mut work);
    (cpu_time() - before).as_secs_f64() * 1e6 / f64::from(ROUNDS)
}

#[expect(clippy::print_stdout, reason = "the result of a benchmark")]
fn main() {
    let mut stat = File::open("/proc/stat").expect("Linux");
    let mut meminfo = File::open("/proc/meminfo").expect("Linux");
    let mut text = String::new();
    let bare = measure(|_| {
        for file in [&mut stat, &mut meminfo] {
            text.clear();
            file.rewind().expect("a file of /proc");
            file.read_to_string(&mut text).expect("a file of /proc");
            black_box(&text);
        }
    });

    // Time runs a second a round, so that each reads what is read once a second, and every
    // fifth the sensors: what a tracker does at its usual interval.
    let mut collector = Collector::new(&CollectSettings::default());
    let begun = Instant::now();
    let at = |round: u32| begun + Duration::from_secs(1) * round;
    let full = measure(|round| {
        black_box(collector.read_at(at(round)));
    });

    let mut measures = Vec::new();
    while measures.is_empty() {
        let host = HostName::new("bench").expect("a host name");
        measures.extend(collector.read().map(|reading| reading.into_measure(host, 1)));
    }
    let encode = measure(|_| {
        black_box(serde_json::to_vec(&measures[0]).expect("JSON"));
    });
    let bytes = serde_json::to_vec(&measures[0]).expect("JSON").len();

    println!("CPU time of one round, mean of {ROUNDS}:");
    println!("  bare reader of /proc/stat and /proc/meminfo  {bare:8.1} µs");
    println!("  full sample                                  {full:8.1} µs");
    println!("  its JSON ({bytes} bytes){:21}  {encode:8.1} µs", "");
    println!("  ratio of a full sample to the bare reader    {:8.1}", full / bare);
}
