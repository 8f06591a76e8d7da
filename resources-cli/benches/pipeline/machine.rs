//! What the figures hold for.

use std::process::Command;

use resources_core::test_support::RabbitMq;

/// The day, and what was measured on it: the commit is absent without git, as in an archive of the
/// sources.
pub(crate) fn when() -> String {
    let date = output("date", &["-u", "+%F"]).unwrap_or_else(|| "an unknown day".to_owned());
    let commit = output("git", &["describe", "--always", "--dirty=, with changes"]);
    let commit = commit.map(|commit| format!(", commit {commit}")).unwrap_or_default();
    format!("Taken on {date}{commit}.")
}

/// Machine, versions and how to measure again, as a list in Markdown.
pub(crate) fn describe(broker: &RabbitMq) -> String {
    let mut lines = vec![
        format!(
            "Machine: {}, {} cores, {} of memory, Linux {}",
            field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown processor".to_owned()),
            std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
            memory().unwrap_or_else(|| "an unknown amount".to_owned()),
            first_line("/proc/sys/kernel/osrelease").unwrap_or_default(),
        ),
        format!("RabbitMQ {}", broker.ctl(&["version"]).trim()),
    ];
    lines.extend(output("rustc", &["--version"]));
    lines.push(
        "Measure again: `make bench WRITE=1`, or a part of it: `make bench WRITE=1 ONLY=fan-out`"
            .to_owned(),
    );
    lines.iter().map(|line| format!("- {line}\n")).collect::<String>().trim_end().to_owned()
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    let (_, value) = text.lines().find(|line| line.starts_with(name))?.split_once(':')?;
    Some(value.trim().to_owned())
}

fn memory() -> Option<String> {
    let value = field("/proc/meminfo", "MemTotal")?;
    let kibibytes: u64 = value.strip_suffix(" kB")?.parse().ok()?;
    Some(format!("{} GiB", (kibibytes + 524_288) / 1_048_576))
}

fn first_line(path: &str) -> Option<String> {
    Some(std::fs::read_to_string(path).ok()?.lines().next()?.to_owned())
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    (output.status.success() && !text.trim().is_empty()).then(|| text.trim().to_owned())
}
