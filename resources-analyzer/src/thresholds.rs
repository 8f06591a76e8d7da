//! Which thresholds hold for which host and resource.

mod file;

use globset::{GlobSet, GlobSetBuilder};
use resources_core::contract::{HostName, Thresholds};

pub use file::ThresholdFileError;

/// A resource that has a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource<'a> {
    /// The CPU, all cores together.
    Cpu,
    /// Main memory.
    Memory,
    /// Swap.
    Swap,
    /// The file system mounted here.
    Disk(&'a str),
}

impl Resource<'_> {
    /// Its name in an analysis: `cpu`, `memory`, `swap` or `disk:<mount point>`.
    #[must_use]
    pub fn name(self) -> Box<str> {
        match self {
            Self::Cpu => "cpu".into(),
            Self::Memory => "memory".into(),
            Self::Swap => "swap".into(),
            Self::Disk(mount_point) => ["disk:", mount_point].concat().into_boxed_str(),
        }
    }
}

/// Thresholds by resource; a resource that is not named has none here.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// For the CPU.
    pub cpu: Option<Thresholds>,
    /// For main memory.
    pub memory: Option<Thresholds>,
    /// For swap.
    pub swap: Option<Thresholds>,
    /// For every disk that `mount_points` does not name.
    pub disk: Option<Thresholds>,
    /// For single disks, by mount point.
    pub mount_points: Vec<(Box<str>, Thresholds)>,
}

impl Table {
    fn get(&self, resource: Resource<'_>) -> Option<Thresholds> {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
            Resource::Swap => self.swap,
            Resource::Disk(mount_point) => self
                .mount_points
                .iter()
                .find_map(|(name, thresholds)| (**name == *mount_point).then_some(*thresholds))
                .or(self.disk),
        }
    }
}

/// All thresholds: a default for every host, and tables for the hosts that match a pattern.
///
/// For one resource of one host, the last table that matches the host and names the resource
/// counts; when there is none, the default; when that does not name it either, 25 and 75.
/// A table with `disk` names every disk; with `disk:/var` also that one, which goes first.
#[derive(Debug, Clone, Default)]
pub struct ThresholdRules {
    default: Table,
    /// Patterns of host names, at the same index as their tables.
    patterns: GlobSet,
    tables: Vec<Table>,
}

impl ThresholdRules {
    /// The same thresholds for every host.
    #[must_use]
    pub fn uniform(default: Table) -> Self {
        Self { default, ..Self::default() }
    }

    /// Reads the text of a thresholds file; `path` names it in errors.
    ///
    /// # Errors
    /// Names the file, the line and what is allowed there.
    pub fn parse(path: &str, text: &str) -> Result<Self, ThresholdFileError> {
        let (default, hosts) = file::parse(path, text)?;
        let mut patterns = GlobSetBuilder::new();
        let mut tables = Vec::with_capacity(hosts.len());
        for (pattern, table) in hosts {
            patterns.add(pattern);
            tables.push(table);
        }
        // Each pattern compiled on its own; only their sum can be too much.
        let patterns = patterns
            .build()
            .map_err(|error| ThresholdFileError::new(path, 1, format!("[[host]]: {error}")))?;
        Ok(Self { default, patterns, tables })
    }

    /// The default, for settings to write over.
    pub(crate) const fn default_mut(&mut self) -> &mut Table {
        &mut self.default
    }

    /// The thresholds of one host.
    #[must_use]
    pub fn for_host(&self, host: &HostName) -> HostThresholds<'_> {
        let mut matching = Vec::new();
        if !self.tables.is_empty() {
            self.patterns.matches_into(host.as_str(), &mut matching);
        }
        HostThresholds { rules: self, matching }
    }
}

/// The thresholds of one host.
#[derive(Debug)]
pub struct HostThresholds<'a> {
    rules: &'a ThresholdRules,
    /// Indices of the tables that match the host, ascending.
    matching: Vec<usize>,
}

impl HostThresholds<'_> {
    /// The thresholds of one resource of this host.
    #[must_use]
    pub fn of(&self, resource: Resource<'_>) -> Thresholds {
        let last_to_first = self.matching.iter().rev();
        last_to_first
            .filter_map(|index| self.rules.tables.get(*index))
            .find_map(|table| table.get(resource))
            .or_else(|| self.rules.default.get(resource))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn high(rules: &ThresholdRules, host: &str, resource: Resource<'_>) -> f64 {
        rules.for_host(&HostName::new(host).unwrap()).of(resource).high()
    }

    #[test]
    fn without_a_word_it_is_25_and_75() {
        let rules = ThresholdRules::default();
        let host = HostName::new("web").unwrap();
        for resource in [Resource::Cpu, Resource::Memory, Resource::Swap, Resource::Disk("/")] {
            assert_eq!(rules.for_host(&host).of(resource), Thresholds::default());
        }
    }

    #[test]
    fn the_last_matching_table_that_names_the_resource_counts() {
        let rules = ThresholdRules::parse(
            "t.toml",
            r#"
            default = { cpu = { medium = 1, high = 10 }, disk = { medium = 1, high = 11 } }
            [[host]]
            pattern = "db-*"
            cpu = { medium = 2, high = 20 }
            memory = { medium = 2, high = 21 }
            [[host]]
            pattern = "*.example.com"
            cpu = { medium = 3, high = 30 }
            "#,
        )
        .unwrap();
        assert_eq!(high(&rules, "web", Resource::Cpu), 10.0);
        assert_eq!(high(&rules, "db-1", Resource::Cpu), 20.0);
        assert_eq!(high(&rules, "db-1.eu.example.com", Resource::Cpu), 30.0);
        assert_eq!(high(&rules, "db-1.eu.example.com", Resource::Memory), 21.0);
        assert_eq!(high(&rules, "db-1", Resource::Disk("/")), 11.0);
        assert_eq!(high(&rules, "db-1", Resource::Swap), 75.0);
    }

    #[test]
    fn one_mount_point_goes_before_all_disks_of_the_same_table() {
        let rules = ThresholdRules::parse(
            "t.toml",
            r#"
            [default]
            disk = { medium = 1, high = 10 }
            "disk:/var" = { medium = 1, high = 20 }
            [[host]]
            pattern = "db"
            disk = { medium = 1, high = 30 }
            "#,
        )
        .unwrap();
        assert_eq!(high(&rules, "web", Resource::Disk("/")), 10.0);
        assert_eq!(high(&rules, "web", Resource::Disk("/var")), 20.0);
        assert_eq!(high(&rules, "db", Resource::Disk("/var")), 30.0);
    }
}
