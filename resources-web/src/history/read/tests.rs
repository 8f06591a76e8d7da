use rusqlite::Connection;

use super::*;

const MINUTE_S: u64 = 60;

/// Two hosts with two resources each, one minute apart, and a gap of minute 2.
fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(include_str!("../schema.sql")).unwrap();
    connection
        .execute_batch(
            "INSERT INTO host VALUES (1, 'web-1'), (2, 'web-2');
             INSERT INTO resource VALUES (1, 'cpu'), (2, 'disk:/a,b');",
        )
        .unwrap();
    for minute in [0, 1, 3, 4, 5] {
        for (host, resource) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
            let low = minute * 100 + resource;
            connection
                .execute(
                    "INSERT INTO rollup_1m VALUES (?1, ?2, ?3, ?4, ?5, ?6, 2)",
                    params![host, resource, minute * 60, low, low + 200, 2 * low + 200],
                )
                .unwrap();
        }
    }
    connection
}

fn grid(step_ms: u64, columns: usize) -> Grid {
    Grid { start_ms: 0, step_ms, columns }
}

fn names(names: &[&str]) -> Vec<Box<str>> {
    names.iter().map(|name| (*name).into()).collect()
}

#[test]
fn rows_become_columns_and_a_gap_stays_one() {
    let connection = database();
    let resources = names(&["disk:/a,b", "swap"]);
    let found = series(&connection, Tier::Minute, 1, &resources, grid(MINUTE_S * 1000, 5)).unwrap();
    let samples: Vec<u64> = found[0].cells.iter().map(|cell| cell.samples).collect();
    assert_eq!(samples, [2, 2, 0, 2, 2], "the sixth minute is not asked for");
    let third = found[0].cells[3];
    assert_eq!((third.minimum, third.average(), third.maximum), (302, 4.02, 502));
    assert!(found[1].cells.iter().all(|cell| cell.samples == 0), "no host has swap");
}

#[test]
fn a_wider_column_merges_what_is_in_it() {
    let connection = database();
    let wide = grid(3 * MINUTE_S * 1000, 2);
    let found = series(&connection, Tier::Minute, 1, &names(&["cpu"]), wide).unwrap();
    let merged: Vec<_> = found[0].cells.iter().map(|cell| (cell.minimum, cell.maximum)).collect();
    assert_eq!(merged, [(1, 301), (301, 701)]);
    let samples: Vec<_> = found[0].cells.iter().map(|cell| cell.samples).collect();
    assert_eq!(samples, [4, 6]);
    assert_eq!(found[0].cells[0].average(), 1.51);
}

fn export(connection: &Connection, wanted: Wanted, most: usize) -> Vec<(String, String, u64)> {
    let mut exporter = Exporter::new(wanted);
    let mut rows = Vec::new();
    while !exporter.is_done() {
        let before = rows.len();
        let tell = |row: Row<'_>| rows.push((row.host.into(), row.resource.into(), row.bucket_s));
        exporter.page(connection, most, tell).unwrap();
        assert!(rows.len() - before <= most, "a page has an end");
    }
    rows
}

fn everything() -> Wanted {
    Wanted { tier: Tier::Minute, range: Range::ALL, hosts: Hosts::After(0), resources: Vec::new() }
}

#[test]
fn an_export_has_every_row_once_and_in_order_whatever_the_size_of_a_page() {
    let connection = database();
    let whole = export(&connection, everything(), 1_000);
    assert_eq!(whole.len(), 20);
    let mut sorted = whole.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(whole, sorted);
    for most in 1..=21 {
        assert_eq!(export(&connection, everything(), most), whole, "pages of {most}");
    }
}

#[test]
fn an_export_holds_what_was_asked_for_and_no_more() {
    let connection = database();
    let range = Range { from_ms: 60_000, to_ms: 240_000 };
    let hosts = Hosts::These(vec![(2, "web-2".into())].into_iter());
    let resources = names(&["nothing", "cpu"]);
    let rows = export(&connection, Wanted { range, hosts, resources, ..everything() }, 1);
    let expected = [60, 180].map(|bucket_s| ("web-2".into(), "cpu".into(), bucket_s));
    assert_eq!(rows, expected);
    let hourly = Wanted { tier: Tier::Hour, ..everything() };
    assert_eq!(export(&connection, hourly, 1), []);
}

#[test]
fn rows_that_come_while_it_is_exported_neither_repeat_nor_shift_the_others() {
    let connection = database();
    let mut exporter = Exporter::new(everything());
    let mut buckets = Vec::new();
    exporter.page(&connection, 3, |row| buckets.push(row.bucket_s)).unwrap();
    let insert = "INSERT INTO rollup_1m VALUES (1, 1, 120, 0, 0, 0, 1), (1, 1, 360, 0, 0, 0, 1)";
    connection.execute(insert, []).unwrap();
    exporter.page(&connection, 3, |row| buckets.push(row.bucket_s)).unwrap();
    assert_eq!(buckets, [0, 60, 180, 240, 300, 360]);
}

#[test]
fn runs_hold_what_was_taken_and_what_the_roll_ups_count() {
    let connection = database();
    connection
        .execute_batch(
            "INSERT INTO run VALUES (1, 1, 'older', 5), (2, 1, 'newer', 9), (3, 2, 'other', 9);
             INSERT INTO taken VALUES (1, 0, 9), (2, 5, 5), (2, 0, 3), (3, 0, 99);
             INSERT INTO rollup_1h VALUES (1, 1, 0, 0, 0, 0, 9), (1, 1, 3600, 0, 0, 0, 6),
                 (1, 2, 0, 0, 0, 0, 99);",
        )
        .unwrap();
    let runs = Runs::of(&connection, "web-1").unwrap().unwrap();
    let expected = serde_json::json!({
        "host": "web-1", "counted": 15, "runs": [
            {"run": "newer", "sequences": [[0, 3], [5, 5]], "samples": 5},
            {"run": "older", "sequences": [[0, 9]], "samples": 10},
        ],
    });
    assert_eq!(serde_json::to_value(&runs).unwrap(), expected);
    assert!(Runs::of(&connection, "nobody").unwrap().is_none());
}

#[test]
fn an_overview_counts_hosts_and_knows_the_place_in_the_stream() {
    let connection = database();
    let empty = Overview::read(&connection).unwrap();
    assert_eq!((empty.position, empty.hosts), (None, 2));
    assert!(empty.database_bytes > 4096);
    connection.execute("INSERT INTO position VALUES (1, 77, 5)", []).unwrap();
    assert_eq!(Overview::read(&connection).unwrap().position, Some(77));
}

#[test]
fn no_statement_reads_a_table_from_end_to_end() {
    let connection = database();
    let of_tiers = Tier::ALL.iter().flat_map(|tier| {
        [tables::range, tables::page, tables::next_resource].map(|sql| sql(*tier))
    });
    let others = [
        tables::HOST_ID,
        tables::NEXT_HOST,
        tables::RESOURCE_ID,
        tables::RESOURCE_NAME,
        tables::RUNS,
        tables::TAKEN,
        tables::COUNTED,
    ];
    for sql in of_tiers.chain(others.map(str::to_owned)) {
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        for number in 1..=statement.parameter_count() {
            statement.raw_bind_parameter(number, 1).unwrap();
        }
        let mut rows = statement.raw_query();
        let mut steps: Vec<String> = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get("detail").unwrap());
        }
        assert!(
            steps[0].starts_with("SEARCH") && !steps[0].contains("AUTOMATIC"),
            "{sql}: {steps:?}"
        );
        let is_rollup = sql.contains("FROM rollup");
        assert!(
            !is_rollup || steps[0].contains("USING PRIMARY KEY (host_id=?"),
            "{sql}: {steps:?}"
        );
        let sorts = steps.iter().any(|step| step.contains("TEMP B-TREE"));
        assert!(!sorts || sql == tables::RUNS, "only the runs of one host are sorted: {steps:?}");
    }
}
