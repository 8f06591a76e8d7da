//! What a check found.

use std::fmt::Write as _;

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Ok,
    /// Works, but somebody should look.
    Warning,
    /// Does not work.
    Wrong,
}

impl Status {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Wrong => "wrong",
        }
    }
}

/// One line of the doctor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// What was checked, in a word.
    pub(super) check: &'static str,
    pub(super) status: Status,
    /// What was found.
    pub(super) text: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) advice: Option<String>,
}

/// What all checks found, in order.
#[derive(Debug, Default)]
pub(super) struct Findings(Vec<Finding>);

/// The findings as `--json` prints them; described in `docs/cli.md`.
#[derive(Serialize)]
struct Shown<'a> {
    healthy: bool,
    checks: &'a [Finding],
}

impl Findings {
    pub(super) fn ok(&mut self, check: &'static str, text: impl Into<String>) {
        self.0.push(Finding { check, status: Status::Ok, text: text.into(), advice: None });
    }

    pub(super) fn warning(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let advice = Some(advice.into());
        self.0.push(Finding { check, status: Status::Warning, text: text.into(), advice });
    }

    pub(super) fn wrong(
        &mut self,
        check: &'static str,
        text: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let advice = Some(advice.into());
        self.0.push(Finding { check, status: Status::Wrong, text: text.into(), advice });
    }

    /// How many things are wrong.
    pub(super) fn count_wrong(&self) -> usize {
        self.0.iter().filter(|finding| finding.status == Status::Wrong).count()
    }

    /// One line for each.
    pub(super) fn lines(&self) -> String {
        let mut lines = String::new();
        for Finding { check, status, text, advice } in &self.0 {
            let advice = advice.as_ref().map(|advice| format!("; {advice}")).unwrap_or_default();
            // Writing to a string does not fail.
            let _written =
                writeln!(lines, "{:8} {check:12} {}", status.as_str(), one_line(text) + &advice);
        }
        lines
    }

    /// One line of JSON.
    pub(super) fn json(&self) -> String {
        let shown = Shown { healthy: self.count_wrong() == 0, checks: &self.0 };
        // Only maps with keys that are no text could fail.
        serde_json::to_string(&shown).unwrap_or_default() + "\n"
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> &[Finding] {
        &self.0
    }
}

/// What the broker or a message says may have line ends and worse.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_finding_is_one_line_with_what_to_do() {
        let mut findings = Findings::default();
        findings.ok("broker", "answers");
        findings.wrong("analyzers", "none\nruns", "start one");
        let lines = findings.lines();
        assert_eq!(
            lines.lines().collect::<Vec<_>>(),
            ["ok       broker       answers", "wrong    analyzers    none runs; start one"]
        );
        let json: serde_json::Value = serde_json::from_str(&findings.json()).unwrap();
        assert_eq!(json["healthy"], false);
        assert_eq!(json["checks"][1]["status"], "wrong");
        assert_eq!(json["checks"][1]["advice"], "start one");
        assert_eq!(findings.count_wrong(), 1);
    }
}
