use super::*;
use crate::reactions::notification::Notification;

const EXAMPLE: &str = include_str!("../../../rules.example.toml");

fn parse(text: &str) -> Reactions {
    Reactions::parse("r.toml", text).expect(text)
}

/// The example with all that is commented out by `#:` in force.
fn uncommented() -> String {
    let folder = std::env::temp_dir().join(format!("resources-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("secret");
    std::fs::write(&file, "s3cret").unwrap();
    let text: Vec<&str> =
        EXAMPLE.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line)).collect();
    let text = text.join("\n").replace("#:\n", "\n");
    // The secrets of an example are nobody's.
    let secret = format!("{{ file = {file:?} }}");
    let url = folder.join("url");
    std::fs::write(&url, "https://chat.example.com/hook").unwrap();
    text.replace("{ env = \"CHAT_URL\" }", &format!("{{ file = {url:?} }}"))
        .replace("/usr/local/bin/page", "/bin/true")
        .replace("{ env = \"HOOK_SECRET\" }", &secret)
        .replace("{ env = \"SMTP_PASSWORD\" }", &secret)
}

#[test]
fn the_example_can_be_used_with_all_that_it_shows() {
    assert!(parse(EXAMPLE).0.reactions.is_empty());
    let text = uncommented();
    crate::alerts::Rules::parse("example", &text).unwrap();
    let example = parse(&text);
    let types: Vec<_> = example.0.reactions.iter().map(|one| one.sender.place()).collect();
    assert_eq!(types.len(), 5, "{types:?}");
    assert!(example.0.routes.len() >= 3);
    let explained = example.explain();
    assert!(explained.contains("the web hook at https://chat.example.com"), "{explained}");
    assert!(!explained.contains("/hook"), "{explained}");
    assert!(!format!("{example:?}").contains("s3cret"));
    let told = example.explain_host(&"db-1".parse().unwrap());
    assert!(told.contains("silent"), "{told}");
}

#[test]
fn every_mistake_names_the_file_and_its_line_and_what_is_allowed() {
    let log = "[reaction.log]\ntype = \"log\"\n";
    let hook = "[reaction.hook]\ntype = \"webhook\"\nurl = \"https://a.example\"\n";
    let mail = "[reaction.mail]\ntype = \"email\"\nserver = \"smtp.example.com\"\nfrom = \"a@b.c\"\n\
                to = [\"a@b.c\"]\n";
    let run = "[reaction.run]\ntype = \"exec\"\n";
    let publish = "[reaction.p]\ntype = \"publish\"\n";
    for (text, line, wanted) in [
        ("[reaction.x]\nurl = 1".to_owned(), 1, "\"webhook\", \"exec\""),
        ("[reaction.x]\ntype = \"pager\"".to_owned(), 2, "\"email\", \"publish\" or \"log\""),
        ("[reaction.\"a b\"]\ntype = \"log\"".to_owned(), 1, "letters, digits"),
        ("reaction = 5".to_owned(), 1, "[reaction.NAME]"),
        ("[reaction]\nx = 5".to_owned(), 2, "[reaction.x]"),
        (format!("{log}colour = 1"), 3, "every reaction takes `rate`"),
        (format!("{log}rate = \"often\""), 3, "\"20/min\""),
        (format!("{log}rate = \"0/min\""), 3, "1 to 1000"),
        (format!("{log}retry_for = \"long\""), 3, "500ms"),
        (format!("{log}parallel = 0"), 3, "1 to 64"),
        (format!("{log}list = 5000"), 3, "1 to 1000"),
        ("[reaction.h]\ntype = \"webhook\"".to_owned(), 1, "`url`"),
        ("[reaction.h]\ntype = \"webhook\"\nurl = \"gopher://x\"".to_owned(), 3, "https://"),
        ("[reaction.h]\ntype = \"webhook\"\nurl = \"nowhere\"".to_owned(), 3, "https://"),
        (
            "[reaction.h]\ntype = \"webhook\"\nurl = { env = \"NO_SUCH_ONE\" }".to_owned(),
            3,
            "NO_SUCH_ONE is not set",
        ),
        (format!("{hook}secret = {{ file = \"/no/such\" }}"), 4, "/no/such"),
        (format!("{hook}headers.host = \"x\""), 4, "set by the reaction"),
        (format!("{hook}headers.\"a b\" = \"x\""), 4, "no name"),
        (format!("{hook}headers.x = \"a\\nb\""), 4, "line end"),
        (format!("{hook}template = \"{{{{\""), 4, "template cannot be used"),
        (format!("{hook}template = \"{{{{ colour }}}}\""), 4, "names colour"),
        (format!("{hook}template = \"hello\""), 4, "no JSON"),
        (format!("{hook}content_type = \"text/plain\""), 4, "goes with a template"),
        (format!("{hook}template = \"x\"\ncontent_type = \"text\""), 5, "text/plain"),
        (format!("{hook}proxy = \"socks\""), 4, "proxy"),
        (format!("{run}command = []"), 3, "/usr/local/bin/page"),
        (format!("{run}command = \"rm -rf /\""), 3, "sequence"),
        (format!("{run}command = [\"/no/such\"]"), 3, "cannot start /no/such"),
        (format!("{mail}port = 70000"), 6, "u16"),
        (format!("{mail}tls = \"maybe\""), 6, "`starttls`"),
        (format!("{mail}user = \"ada\""), 6, "go together"),
        (format!("{mail}user = \"ada\"\npassword = \"x\"\ntls = \"none\""), 6, "over TLS only"),
        (mail.replace("[\"a@b.c\"]", "[\"nobody\"]"), 5, "ops@example.com"),
        (format!("{publish}key = \"a.alert\""), 3, "ends in .alert"),
        (format!("{publish}key = \"a b\""), 3, "white space"),
        (format!("{log}[[route]]\nto = []"), 3, "to = [\"NAME\"]"),
        (format!("{log}[[route]]\nto = [\"logs\"]"), 4, "there is log"),
        ("[[route]]\nto = [\"x\"]".to_owned(), 2, "[reaction.NAME]"),
        (format!("{log}[[route]]\nwhere = \"level\"\nto = [\"log\"]"), 4, "level"),
        (format!("{log}[[route]]\nwho = \"x\"\nto = [\"log\"]"), 4, "`where`"),
        (
            format!("{log}[[route]]\nto = [\"log\"]\ngroup = \"5d\""),
            5,
            "group is 0s to 1day, not 5d",
        ),
        (
            format!("{log}[[route]]\nto = [\"log\"]\nwhere = \"levl=HIGH\""),
            5,
            "an alert has no field levl; it has id, host",
        ),
        (
            format!("{log}[[route]]\nwhere = \"kind=quiet\"\nto = [\"log\"]"),
            4,
            "kind is one of level, silent",
        ),
        (format!("{log}retry_for = \"8d\""), 3, "retry_for is 0s to 7days, not 8days"),
        (format!("{hook}timeout = \"0s\""), 4, "timeout is 100ms to 5m, not 0s"),
        (format!("{hook}timeout = \"1h\""), 4, "timeout is 100ms to 5m, not 1h"),
        (format!("{mail}timeout = \"1h\""), 6, "timeout is 100ms to 10m, not 1h"),
        (format!("{run}command = [\"true\"]\ntimeout = \"2h\""), 4, "timeout is 100ms to 1h"),
        (format!("{log}list = 1000\nparallel = 64"), 3, "list is at most 31"),
        (format!("{log}parallel = 64"), 1, "at most 2000, not 64 times 100"),
        ("page_url = \"x\"".to_owned(), 1, "https://"),
    ] {
        let error = Reactions::parse("r.toml", &text).expect_err(&text).to_string();
        assert!(error.starts_with(&format!("r.toml, line {line}: ")), "{text}\n{error}");
        assert!(error.contains(wanted), "{text}\n{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[test]
fn every_field_of_an_alert_and_only_its_words_can_be_asked_for() {
    use resources_core::contract::{Alert, AlertKind};

    let made_up = Notification::made_up("x", 0, None, false).alerts.remove(0).alert;
    let alert = serde_json::to_value(Alert { repeat: Some(1), ..made_up }).unwrap();
    let mut known: Vec<&str> = FIELDS.iter().map(|(name, _)| *name).collect();
    known.retain(|name| *name != "key");
    known.sort_unstable();
    let mut fields: Vec<&str> = alert.as_object().unwrap().keys().map(String::as_str).collect();
    fields.sort_unstable();
    assert_eq!(known, fields);
    for (_, values) in FIELDS {
        if let Values::Words(words @ [_, _, _, ..]) = values {
            for word in words {
                serde_json::from_value::<AlertKind>((*word).into()).unwrap();
            }
        }
    }
}

#[test]
fn a_route_waits_for_others_unless_it_says_otherwise() {
    let text = "[reaction.a]\ntype = \"log\"\nrate = \"5/h\"\n[reaction.b]\ntype = \"log\"\n\
                [[route]]\nwhere = \"level=HIGH\"\nto = [\"a\", \"b\"]\ngroup = \"0s\"\nstop = true\n\
                [[route]]\nto = [\"b\"]";
    let reactions = parse(text);
    let routes: Vec<_> =
        reactions.0.routes.iter().map(|route| (route.group_ms, route.stop)).collect();
    assert_eq!(routes, [(0, true), (30_000, false)]);
    let rate = reactions.0.reactions[0].limits.rate;
    assert_eq!(rate, Some(Rate { count: 5, period_ms: 3_600_000 }));
    let explained = reactions.explain();
    assert!(explained.contains("at most 5 times an hour"), "{explained}");
    assert!(
        explained.contains("alerts with level=HIGH go to a, b, at once, and later routes"),
        "{explained}"
    );
    assert!(explained.contains("every alert goes to b, in one message for 30s"), "{explained}");
}

#[test]
fn who_is_told_is_said_of_reminders_and_ends_and_of_the_pipeline_too() {
    let route = |filter: &str, name: &str| {
        format!("[[route]]\nwhere = \"{filter}\"\nto = [\"{name}\"]\ngroup = \"0s\"\n")
    };
    let names = ["chat", "boss", "ends", "fleet"];
    let reactions: String =
        names.iter().map(|name| format!("[reaction.{name}]\ntype = \"log\"\n")).collect();
    let text = [
        reactions,
        route("kind=level state=raised", "chat"),
        route("kind=level repeat>=1", "boss"),
        route("resource=cpu state=cleared", "ends"),
        route("kind=pipeline", "fleet"),
    ];
    let told = parse(&text.concat()).explain_host(&"db-1".parse().unwrap());
    let expected = "  cpu        chat, at once\n               reminded of: chat, at once; boss, at \
                    once\n               over: ends, at once; boss, at once\n";
    assert!(told.contains(expected), "{told}");
    assert!(told.contains("  silent     nobody\n  stopped"), "{told}");
    assert!(told.contains("  pipeline   fleet, at once\n"), "{told}");
}
