//! What an audit found, for people and for programs.

use std::fmt::Write as _;

use serde::Serialize;

use super::account::Account;

/// Most hosts with a difference that are listed for people.
const LISTED: usize = 50;

/// Every host's account.
#[derive(Debug, Default)]
pub(super) struct Report {
    hosts: Vec<(String, Account)>,
    total: Account,
}

/// The report as `--json` prints it; described in `docs/cli.md`.
#[derive(Serialize)]
struct Shown<'a> {
    exact: bool,
    #[serde(flatten)]
    total: Account,
    hosts: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    host: &'a str,
    #[serde(flatten)]
    account: Account,
}

impl Report {
    pub(super) fn add(&mut self, host: &str, account: Account) {
        self.total = self.total.plus(account);
        self.hosts.push((host.to_owned(), account));
    }

    pub(super) const fn is_exact(&self) -> bool {
        self.total.is_exact()
    }

    /// One sentence for the exit.
    pub(super) fn verdict(&self) -> String {
        let Account { expected, missing, duplicated, .. } = self.total;
        format!("not exact: of {expected} samples {missing} are missing, {duplicated} duplicated")
    }

    /// Hosts with a difference, and the total.
    pub(super) fn table(&self) -> String {
        let different = || self.hosts.iter().filter(|(_, account)| !account.is_exact());
        let total = format!("total of {} hosts", self.hosts.len());
        let width = different().take(LISTED).map(|(host, _)| host.len()).max().unwrap_or(0);
        let width = width.max(total.len());
        let mut text = String::new();
        let mut row = |name: &str, columns: [&str; 4]| {
            let [expected, found, missing, duplicated] = columns;
            // Writing to a string does not fail.
            let _written = writeln!(
                text,
                "{name:width$}  {expected:>12}  {found:>12}  {missing:>9}  {duplicated:>10}"
            );
        };
        row("host", ["expected", "found", "missing", "duplicated"]);
        for (host, account) in different().take(LISTED) {
            row(host, columns(account).each_ref().map(String::as_str));
        }
        let more = different().count().saturating_sub(LISTED);
        if more > 0 {
            row(&format!("… {more} more"), ["", "", "", ""]);
        }
        row(&total, columns(&self.total).each_ref().map(String::as_str));
        text
    }

    /// Every host and the total, as one line of JSON.
    pub(super) fn json(&self) -> String {
        let hosts =
            self.hosts.iter().map(|(host, account)| Line { host, account: *account }).collect();
        let shown = Shown { exact: self.is_exact(), total: self.total, hosts };
        // Only maps with keys that are no text could fail.
        serde_json::to_string(&shown).unwrap_or_default() + "\n"
    }
}

fn columns(account: &Account) -> [String; 4] {
    let Account { expected, found, missing, duplicated } = account;
    [expected, found, missing, duplicated].map(u64::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(expected: u64, found: u64, duplicated: u64) -> Account {
        Account { expected, found, missing: expected - found, duplicated }
    }

    fn report() -> Report {
        let mut report = Report::default();
        report.add("sim-0001", account(100, 100, 0));
        report.add("sim-0002", account(100, 98, 0));
        report.add("sim-0003", account(100, 100, 1));
        report
    }

    #[test]
    fn the_table_has_the_hosts_that_differ_and_the_total() {
        let text = report().table();
        let rows: Vec<Vec<&str>> =
            text.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(rows[0], ["host", "expected", "found", "missing", "duplicated"]);
        assert_eq!(rows[1], ["sim-0002", "100", "98", "2", "0"]);
        assert_eq!(rows[2], ["sim-0003", "100", "100", "0", "1"]);
        assert_eq!(rows[3], ["total", "of", "3", "hosts", "300", "298", "2", "1"]);
        assert_eq!(rows.len(), 4);
        assert!(report().verdict().contains("2 are missing, 1 duplicated"));
    }

    #[test]
    fn json_has_every_host() {
        let value: serde_json::Value = serde_json::from_str(&report().json()).unwrap();
        assert_eq!(value["exact"], false);
        assert_eq!(value["missing"], 2);
        assert_eq!(value["hosts"].as_array().unwrap().len(), 3);
        assert_eq!(value["hosts"][0]["host"], "sim-0001");
        assert_eq!(value["hosts"][0]["found"], 100);
    }

    #[test]
    fn a_long_list_is_cut() {
        let mut report = Report::default();
        for number in 0..60 {
            report.add(&format!("h{number}"), account(2, 1, 0));
        }
        assert_eq!(report.table().lines().count(), 1 + LISTED + 1 + 1);
    }
}
