//! Questions to history over HTTP, with 1,000 hosts and 14 days in the database.
//!
//! `cargo bench -p resources-web --bench query`; with `-- --quick` a tenth of the hosts. Makes a
//! database of about 2.5 GB in the folder for temporary files, and 0.25 GB when quick.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use resources_core::bus::{Bus, BusConfig};
use resources_core::service::now_ms;
use resources_web::history::{Limits, Location, Recorder, Retention, Tier};
use resources_web::{Server, WebArgs};
use rusqlite::Connection;
use tokio_util::sync::CancellationToken;

/// CPU, memory and swap: what is told unless something else is asked for.
const SERIES: u64 = 3;

const DAY_S: u64 = 86_400;

/// Hosts asked about, each once.
const ASKED: u64 = 100;

fn main() {
    let quick = std::env::args().any(|argument| argument == "--quick");
    let hosts = if quick { 100 } else { 1_000 };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("history.sqlite");
    let begun = Instant::now();
    fill(&file, hosts);
    let bytes = std::fs::metadata(&file).expect("the database").len();
    println!("{hosts} hosts, 14 days: {} MB, made in {:.0?}", bytes / 1_000_000, begun.elapsed());

    let (address, stop, serving) = serve(&file);
    let now_ms = now_ms();
    for (what, range_s, points) in [
        ("1 h in 1,000 points", 3_600, 1_000),
        ("24 h in 1,000 points", DAY_S, 1_000),
        ("24 h in 5,000 points", DAY_S, 5_000),
        ("14 days in 1,000 points", 14 * DAY_S, 1_000),
    ] {
        let from_ms = now_ms - range_s * 1_000;
        let mut took: Vec<Duration> = (0..ASKED)
            .map(|asked| {
                let host = 1 + asked * hosts / ASKED;
                let path = format!(
                    "/api/v1/hosts/host-{host}/history?from={from_ms}&to={now_ms}&points={points}"
                );
                let begun = Instant::now();
                let answer = get(address, &path);
                assert!(answer.starts_with(b"HTTP/1.1 200"), "{path}");
                begun.elapsed()
            })
            .collect();
        took.sort();
        let at = |share: usize| took[(took.len() - 1) * share / 100];
        println!("{what:<24} p50 {:.1?}, p99 {:.1?}, worst {:.1?}", at(50), at(99), at(100));
    }
    let begun = Instant::now();
    let bytes = get(address, "/api/v1/export?host=host-1,host-2,host-3,host-4,host-5").len();
    let rows = 5 * SERIES * 14 * DAY_S / 60;
    let rate = rows as f64 / begun.elapsed().as_secs_f64();
    println!("export of {rows} rows, {bytes} bytes: {rate:.0} rows a second");
    stop.cancel();
    serving.join().expect("the dashboard stops");
}

/// Fills every tier up to now, as far back as it is kept but for 14 days of hours, in the order
/// of the tables.
fn fill(file: &Path, hosts: u64) {
    let limits = Limits { retention: Retention::default(), max_hosts: 1_000_000 };
    drop(Recorder::open(&Location::File(file.to_owned()), limits).expect("a file"));
    let connection = Connection::open(file).expect("the database");
    connection.pragma_update(None, "synchronous", "OFF").expect("a setting");
    let numbers = |name: &str, to: u64| {
        format!("{name}(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM {name} WHERE n < {to})")
    };
    let names = format!(
        "WITH RECURSIVE {} INSERT INTO host SELECT n, 'host-' || n FROM host_number;
         INSERT INTO resource VALUES (1, 'cpu'), (2, 'memory'), (3, 'swap');",
        numbers("host_number", hosts)
    );
    connection.execute_batch(&names).expect("names");
    for tier in Tier::ALL {
        let width_s = tier.width_s();
        let days = if tier == Tier::TenSeconds { 1 } else { 14 };
        let count = days * DAY_S / width_s;
        let first_s = tier.bucket_s(now_ms() / 1_000) - count * width_s;
        let rows = format!(
            "WITH RECURSIVE {}, {}, {}
             INSERT INTO {} SELECT host.n, series.n, {first_s} + bucket.n * {width_s},
                 bucket.n % 50 * 100, 5000 + bucket.n % 50 * 100, bucket.n % 5000 * {width_s},
                 {width_s}
             FROM host CROSS JOIN series CROSS JOIN bucket",
            numbers("host", hosts),
            numbers("series", SERIES),
            numbers("bucket", count),
            tier.table()
        );
        connection.execute_batch(&rows).expect("rows");
    }
}

/// The dashboard on a thread of its own, as its program runs it.
fn serve(file: &Path) -> (SocketAddr, CancellationToken, std::thread::JoinHandle<()>) {
    #[derive(Parser)]
    struct Args {
        #[command(flatten)]
        web: WebArgs,
    }
    let file = file.to_str().expect("a path in UTF-8");
    let args = ["query", "--listen", "127.0.0.1:0", "--history", file];
    let settings = Args::try_parse_from(args).expect("arguments").web.settings().expect("settings");
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let (tell, told) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(async {
            let bus = Bus::open(BusConfig::in_memory("query"));
            let server = Server::bind(settings, bus).await.expect("a port");
            tell.send(server.address()).expect("somebody waits");
            server.run(stopped).await.expect("it runs until it is stopped");
        });
    });
    (told.recv().expect("it serves"), stop, serving)
}

fn get(address: SocketAddr, path: &str) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a request");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    answer
}
