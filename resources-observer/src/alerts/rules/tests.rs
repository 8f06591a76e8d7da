use resources_core::contract::Level;

use super::values::Threshold;
use super::*;

const EXAMPLE: &str = include_str!("../../../rules.example.toml");

fn host(name: &str) -> HostName {
    HostName::new(name).unwrap()
}

fn rules_of(text: &str, name: &str, labels: &[&str]) -> HostRules {
    let labels = Labels::parse(labels.iter().copied()).unwrap();
    Rules::parse("r.toml", text).unwrap().for_host(&host(name), &labels)
}

#[test]
fn without_a_file_every_host_has_good_rules() {
    let rules = Rules::default().for_host(&host("web"), &Labels::default());
    assert!(rules.cpu.enabled && rules.silent.enabled && rules.clock.enabled);
    assert_eq!(rules.silent.after_ms(1_000), 15_000);
    assert_eq!(rules.silent.after_ms(60_000), 600_000);
    assert!(rules.level("disk:/").unwrap().enabled);
    assert!(rules.level("gpu").is_none());
}

#[test]
fn the_rules_of_the_compose_file_can_be_used() {
    let deployed = include_str!("../../../../deploy/rules.toml");
    let rules = Rules::parse("deploy/rules.toml", deployed).unwrap();
    let web = host("web");
    let repeat_ms = rules.for_host(&web, &Labels::default()).cpu.repeat_ms;
    assert_eq!(repeat_ms, Some(4 * 60 * 60 * 1000));
}

#[test]
fn the_example_says_what_holds_without_it() {
    let plain = Rules::default();
    let example = Rules::parse("example", EXAMPLE).unwrap();
    let name = host("some-host");
    let labels = Labels::default();
    assert_eq!(example.explain_host(&name, &labels), plain.explain_host(&name, &labels));
    assert!(example.file.group.len() >= 2 && !example.file.host.is_empty());
}

#[test]
fn a_later_table_counts_before_an_earlier_one() {
    let text = r#"
        [default.cpu]
        raise = 50
        hold = "1s"
        [[group]]
        hosts = ["db-*", "cache"]
        rules.cpu = { raise = 60 }
        rules.disks."/data" = { raise = 97 }
        [[group]]
        labels = { role = "db", zone = "eu" }
        rules.cpu = { raise = "HIGH", clear = "LOW" }
        [host."db-1.eu"]
        cpu = { enabled = false }
        expected_offline = true
    "#;
    let raise = |name, labels: &[&str]| rules_of(text, name, labels).cpu.raise;
    assert_eq!(raise("web", &[]), Threshold::Percentage(50.0));
    assert_eq!(raise("web", &["role=db"]), Threshold::Percentage(50.0));
    assert_eq!(raise("cache", &[]), Threshold::Percentage(60.0));
    assert_eq!(raise("db-2", &["role=db", "zone=eu"]), Threshold::Level(Level::High));
    let own = rules_of(text, "db-1.eu", &[]);
    assert!(!own.cpu.enabled && own.expected_offline);
    assert_eq!((own.cpu.hold_ms, own.cpu.raise), (1_000, Threshold::Percentage(60.0)));
    assert_eq!(own.level("disk:/data").unwrap().clear, Threshold::Percentage(92.0));
    assert_eq!(own.level("disk:/").unwrap(), &own.disk);
}

#[test]
fn every_mistake_names_the_file_and_its_line_and_what_is_allowed() {
    for (text, line, wanted) in [
        ("[default.cpu]\nraise = 50\nclear = 60", 3, "clear is at most raise"),
        ("[default]\n\ncpu = { raise = 50, clear = 60 }", 3, "clear is at most raise"),
        ("[default.cpu]\nclear = 60", 2, "clear goes with raise"),
        ("[default.cpu]\nraise = 150", 2, "0 to 100"),
        ("[default.cpu]\nraise = \"high\"", 2, "\"HIGH\""),
        ("[default.cpu]\nraise = \"LOW\"", 2, "everything is LOW"),
        ("[default.cpu]\nraise = \"HIGH\"\nclear = 10", 3, "both"),
        ("[default.cpu]\nrise = 50", 2, "`raise`"),
        ("[default.gpu]\nraise = 50", 1, "`memory`"),
        ("[defaults]\n", 1, "`default`"),
        ("\n[reactions.page]\nurl = 1", 2, "`reaction`"),
        ("[default.cpu]\nhold = \"soon\"", 2, "500ms"),
        ("[default.cpu]\nhold = 5", 2, "string"),
        ("[default]\nrepeat = \"1s\"", 2, "at least \"1m\""),
        ("[default.flapping]\nchanges = 1", 2, "2 to 20"),
        ("[default.silent]\nintervals = 3", 2, "4 to 10000"),
        ("[[group]]\nhosts = \"a[\"", 2, "\"a[\""),
        ("[[group]]\nhosts = []", 2, "\"db-*\""),
        ("[[group]]\nhosts = 5", 2, "\"db-*\""),
        ("\n[[group]]\nrules.cpu.raise = 5", 2, "hosts"),
        ("[host.\"a b\"]\n", 1, "host"),
        ("[default]\nquiet = [{ from = \"22\", to = \"06:00\" }]", 2, "22:00"),
        ("[default]\nquiet = [{ from = \"22:00\", to = \"06:00\", zone = \"Mars\" }]", 2, "Berlin"),
        ("[default]\nquiet = [{ from = \"22:00\", to = \"06:00\", days = [\"x\"] }]", 2, "mon"),
        ("[default\n", 1, ""),
    ] {
        let error = Rules::parse("r.toml", text).expect_err(text).to_string();
        assert!(error.starts_with(&format!("r.toml, line {line}: ")), "{text}: {error}");
        assert!(error.contains(wanted), "{text}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn quiet_hours_follow_their_zone_over_midnight() {
    let rules = |zone: &str, days: &str| {
        let text = format!(
            "[default]\nquiet = [{{ from = \"22:00\", to = \"06:00\", zone = \"{zone}\"{days} }}]"
        );
        rules_of(&text, "web", &[])
    };
    // 2026-01-01, a Thursday, 00:00 UTC; Berlin is an hour ahead in winter, two in summer.
    let midnight = 1_767_225_600_000;
    let hour = 3_600_000;
    let berlin = rules("Europe/Berlin", "");
    assert!(berlin.is_quiet(midnight) && berlin.is_quiet(midnight - 3 * hour));
    assert!(berlin.is_quiet(midnight + 5 * hour - 1) && !berlin.is_quiet(midnight + 5 * hour));
    let july = midnight + 200 * 24 * hour;
    assert!(berlin.is_quiet(july + 4 * hour - 1) && !berlin.is_quiet(july + 4 * hour));
    let india = rules("+05:30", "");
    assert!(india.is_quiet(midnight + hour / 2 - 1) && !india.is_quiet(midnight + hour / 2));
    let only_wednesday = rules("UTC", ", days = [\"wed\"]");
    assert!(only_wednesday.is_quiet(midnight + hour), "Wednesday's night is not over");
    assert!(!only_wednesday.is_quiet(midnight + 23 * hour));
}

#[test]
fn rules_are_explained_in_words() {
    let rules = Rules::parse(
        "r.toml",
        "[[group]]\nhosts = \"db-*\"\nrules.memory = { raise = 97, hold = \"0s\" }\n\
         rules.repeat = \"1h\"\n[host.laptop]\nexpected_offline = true",
    )
    .unwrap();
    let all = rules.explain();
    assert!(all.contains("Hosts db-*, where it differs:"), "{all}");
    assert!(all.contains("Host laptop, where it differs:\n  silent     no alert: it is"), "{all}");
    let one = rules.explain_host(&host("db-1"), &Labels::default());
    let memory = "raised from 97 % at once, cleared below 92 % for 1 min, told again every 1 h";
    assert!(one.contains("(from default, group 1)") && one.contains(memory), "{one}");
}
