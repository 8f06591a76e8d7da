//! What is worth an alert, for which hosts.

mod effective;
mod explain;
mod file;
mod quiet;
mod values;

use std::sync::Arc;

use globset::{GlobSet, GlobSetBuilder};
use resources_core::contract::{HostName, Labels};

pub(crate) use effective::{Flapping, HostRules, PipelineRule};
use file::{RulesFile, Table};
pub(crate) use values::Time;

/// Why a rules file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}, line {line}: {reason}")]
pub struct RulesError {
    path: String,
    line: usize,
    reason: String,
}

impl RulesError {
    /// What is wrong at byte `at` of the text.
    pub(crate) fn at(path: &str, text: &str, at: usize, reason: impl ToString) -> Self {
        let line = text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
        Self { path: path.to_owned(), line, reason: reason.to_string() }
    }

    /// What the parser says.
    pub(crate) fn parser(path: &str, text: &str, mistake: &toml::de::Error) -> Self {
        let at = mistake.span().map_or(0, |span| span.start);
        // Its message may have several lines.
        Self::at(path, text, at, mistake.message().lines().collect::<Vec<_>>().join("; "))
    }
}

/// All rules: defaults for every host, tables for groups of hosts and for single ones.
///
/// Whatever a later table names counts before an earlier one: `[default]`, then each `[[group]]`
/// that the host belongs to in the order of the file, then `[host.NAME]`.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    file: Arc<RulesFile>,
    /// Patterns of host names of all groups…
    patterns: GlobSet,
    /// … and the group that each is of.
    pattern_groups: Vec<usize>,
}

impl Rules {
    /// Reads the text of a rules file; `path` names it in errors.
    ///
    /// # Errors
    /// Names the file, the line and what is allowed there.
    pub fn parse(path: &str, text: &str) -> Result<Self, RulesError> {
        let error = |at: usize, reason: String| RulesError::at(path, text, at, reason);
        let file: RulesFile =
            toml::from_str(text).map_err(|mistake| RulesError::parser(path, text, &mistake))?;
        if let Some((at, reason)) = file.mistake() {
            return Err(error(at, reason));
        }
        let mut patterns = GlobSetBuilder::new();
        let mut pattern_groups = Vec::new();
        for (number, group) in file.group.iter().enumerate() {
            let (at, group) = (group.span().start, group.get_ref());
            if group.hosts.is_none() && group.labels.is_empty() {
                let needs = "a [[group]] needs hosts, such as \"db-*\", or labels";
                return Err(error(at, needs.to_owned()));
            }
            for glob in group.hosts.iter().flat_map(|hosts| &hosts.0) {
                patterns.add(glob.clone());
                pattern_groups.push(number);
            }
        }
        // Each pattern compiled on its own; only their sum can be too much.
        let patterns = patterns.build().map_err(|mistake| error(0, mistake.to_string()))?;
        Ok(Self { file: Arc::new(file), patterns, pattern_groups })
    }

    /// The rules of one host with these labels.
    #[must_use]
    pub(crate) fn for_host(&self, host: &HostName, labels: &Labels) -> HostRules {
        HostRules::of(self.tables(host, labels).into_iter())
    }

    /// What holds for the way from trackers to here.
    pub(crate) fn pipeline(&self) -> PipelineRule {
        PipelineRule::of(&self.file.pipeline)
    }

    /// The groups a host belongs to, and whether it has a table of its own: two hosts for which
    /// this is the same have the same rules, unless they have tables of their own.
    pub(crate) fn membership(&self, host: &HostName, labels: &Labels) -> Membership {
        let mut named = vec![false; self.file.group.len()];
        if !self.pattern_groups.is_empty() {
            for pattern in self.patterns.matches(host.as_str()) {
                named[self.pattern_groups[pattern]] = true;
            }
        }
        let belongs = |(number, _): &(usize, _)| {
            let group = self.file.group[*number].get_ref();
            (group.hosts.is_none() || named[*number])
                && group.labels.iter().all(|(name, value)| labels.get(name) == Some(value))
        };
        let groups = self.file.group.iter().enumerate().filter(belongs);
        Membership {
            groups: groups.map(|(number, _)| number).collect(),
            own: self.file.host.contains_key(host.as_str()),
        }
    }

    fn tables(&self, host: &HostName, labels: &Labels) -> Vec<&Table> {
        let groups = self.membership(host, labels).groups;
        std::iter::once(&self.file.default)
            .chain(groups.into_iter().map(|number| &self.file.group[number].get_ref().rules))
            .chain(self.file.host.get(host.as_str()))
            .collect()
    }
}

/// Which tables are for a host.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Membership {
    groups: Vec<usize>,
    /// Whether there is a table of this host alone.
    pub(crate) own: bool,
}

#[cfg(test)]
mod tests;
