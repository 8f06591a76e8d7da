//! Settings of the analyzer, checked before anything starts.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::Args;
use resources_core::contract::Thresholds;
use resources_core::service::Failure;

use crate::thresholds::ThresholdRules;

/// How to analyse.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Analysis")]
pub struct AnalyzerArgs {
    /// The thresholds.
    #[command(flatten)]
    pub thresholds: ThresholdArgs,

    /// Measures the broker sends ahead of their acknowledgement, 1–65535.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_PREFETCH",
        default_value_t = 512,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub prefetch: u16,

    /// Analyses that may wait for the broker's confirm at the same time, 1–65535.
    #[arg(
        long,
        value_name = "COUNT",
        env = "RESOURCES_WINDOW",
        default_value_t = 256,
        value_parser = clap::value_parser!(u16).range(1..)
    )]
    pub window: u16,
}

/// From which percentage a resource counts as MEDIUM and from which as HIGH.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Analysis")]
pub struct ThresholdArgs {
    /// A TOML file with thresholds for each resource and for hosts by pattern, such as
    /// `[[host]] pattern = "db-*"` with `memory = { medium = 90, high = 97 }`.
    ///
    /// The flags below go before its `[default]`, not before its `[[host]]` entries.
    #[arg(long = "thresholds", value_name = "FILE", env = "RESOURCES_THRESHOLDS")]
    pub file: Option<PathBuf>,

    /// CPU is MEDIUM from this percentage [default: 25]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_CPU_MEDIUM", value_parser = percentage)]
    pub cpu_medium: Option<f64>,

    /// CPU is HIGH from this percentage [default: 75]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_CPU_HIGH", value_parser = percentage)]
    pub cpu_high: Option<f64>,

    /// Memory is MEDIUM from this percentage [default: 25]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_MEMORY_MEDIUM", value_parser = percentage)]
    pub memory_medium: Option<f64>,

    /// Memory is HIGH from this percentage [default: 75]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_MEMORY_HIGH", value_parser = percentage)]
    pub memory_high: Option<f64>,

    /// Swap is MEDIUM from this percentage [default: 25]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_SWAP_MEDIUM", value_parser = percentage)]
    pub swap_medium: Option<f64>,

    /// Swap is HIGH from this percentage [default: 75]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_SWAP_HIGH", value_parser = percentage)]
    pub swap_high: Option<f64>,

    /// A disk is MEDIUM from this percentage [default: 25]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_DISK_MEDIUM", value_parser = percentage)]
    pub disk_medium: Option<f64>,

    /// A disk is HIGH from this percentage [default: 75]
    #[arg(long, value_name = "PERCENT", env = "RESOURCES_DISK_HIGH", value_parser = percentage)]
    pub disk_high: Option<f64>,
}

/// Settings of the analyzer, checked.
#[derive(Debug, Clone)]
pub struct Settings {
    pub(crate) rules: ThresholdRules,
    pub(crate) prefetch: NonZeroU16,
    pub(crate) window: NonZeroU16,
}

impl AnalyzerArgs {
    /// Reads the thresholds file and checks everything.
    ///
    /// # Errors
    /// Names the setting, or the file and its line, and what is allowed.
    pub fn settings(&self) -> Result<Settings, Failure> {
        let at_least_one = |name: &str, count: u16| {
            NonZeroU16::new(count)
                .ok_or_else(|| Failure::settings(format_args!("--{name} is 1 to 65535, not 0")))
        };
        Ok(Settings {
            rules: self.thresholds.rules()?,
            prefetch: at_least_one("prefetch", self.prefetch)?,
            window: at_least_one("window", self.window)?,
        })
    }
}

impl ThresholdArgs {
    fn rules(&self) -> Result<ThresholdRules, Failure> {
        let mut rules = match &self.file {
            None => ThresholdRules::default(),
            Some(path) => {
                let name = path.display().to_string();
                let text = std::fs::read_to_string(path).map_err(|error| {
                    Failure::settings(format_args!("--thresholds {name}: {error}"))
                })?;
                ThresholdRules::parse(&name, &text).map_err(Failure::settings)?
            }
        };
        let default = rules.default_mut();
        for (resource, medium, high, place) in [
            ("cpu", self.cpu_medium, self.cpu_high, &mut default.cpu),
            ("memory", self.memory_medium, self.memory_high, &mut default.memory),
            ("swap", self.swap_medium, self.swap_high, &mut default.swap),
            ("disk", self.disk_medium, self.disk_high, &mut default.disk),
        ] {
            if medium.is_none() && high.is_none() {
                continue;
            }
            let below = place.unwrap_or_default();
            let thresholds = Thresholds::new(
                medium.unwrap_or_else(|| below.medium()),
                high.unwrap_or_else(|| below.high()),
            )
            .map_err(|error| {
                Failure::settings(format_args!("--{resource}-medium, --{resource}-high: {error}"))
            })?;
            *place = Some(thresholds);
        }
        Ok(rules)
    }
}

impl Settings {
    /// These thresholds, with the usual prefetch (512) and window (256).
    #[must_use]
    pub fn new(rules: ThresholdRules) -> Self {
        const PREFETCH: NonZeroU16 = NonZeroU16::new(512).unwrap();
        const WINDOW: NonZeroU16 = NonZeroU16::new(256).unwrap();
        Self { rules, prefetch: PREFETCH, window: WINDOW }
    }

    /// Measures the broker sends ahead of their acknowledgement.
    #[must_use]
    pub const fn prefetch(&self) -> u16 {
        self.prefetch.get()
    }

    /// Analyses that may wait for their confirm at the same time.
    #[must_use]
    pub const fn window(&self) -> u16 {
        self.window.get()
    }
}

fn percentage(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|number| (0.0..=100.0).contains(number))
        .ok_or_else(|| "write a percentage from 0 to 100, such as 75".to_owned())
}

#[cfg(test)]
mod tests {
    use resources_core::contract::HostName;

    use super::*;
    use crate::thresholds::Resource;

    fn of(args: &ThresholdArgs, host: &str, resource: Resource<'_>) -> (f64, f64) {
        let rules = args.rules().unwrap();
        let thresholds = rules.for_host(&HostName::new(host).unwrap()).of(resource);
        (thresholds.medium(), thresholds.high())
    }

    #[test]
    fn flags_go_before_the_default_of_the_file_and_not_before_its_hosts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(
            &file,
            "[default]\ncpu = { medium = 40, high = 60 }\nswap = { medium = 1, high = 2 }\n\
             [[host]]\npattern = \"db\"\ncpu = { medium = 10, high = 20 }\n",
        )
        .unwrap();
        let args = ThresholdArgs {
            file: Some(file.path().to_owned()),
            cpu_high: Some(90.0),
            disk_medium: Some(50.0),
            ..ThresholdArgs::default()
        };
        assert_eq!(of(&args, "web", Resource::Cpu), (40.0, 90.0));
        assert_eq!(of(&args, "db", Resource::Cpu), (10.0, 20.0));
        assert_eq!(of(&args, "web", Resource::Swap), (1.0, 2.0));
        assert_eq!(of(&args, "web", Resource::Disk("/")), (50.0, 75.0));
    }

    #[test]
    fn thresholds_out_of_order_name_their_flags() {
        let args = ThresholdArgs { memory_high: Some(20.0), ..ThresholdArgs::default() };
        let error = args.rules().unwrap_err();
        assert!(matches!(error, Failure::Settings(_)));
        let error = error.to_string();
        assert!(error.contains("--memory-high") && error.contains("medium 25"), "{error}");
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let args = ThresholdArgs { file: Some("/nonexistent/t.toml".into()), ..Default::default() };
        let error = args.rules().unwrap_err().to_string();
        assert!(error.contains("/nonexistent/t.toml"), "{error}");
    }

    #[test]
    fn a_percentage_is_a_number_from_0_to_100() {
        assert_eq!(percentage("0"), Ok(0.0));
        assert_eq!(percentage("99.5"), Ok(99.5));
        for text in ["", "-1", "101", "nan", "inf", "x", "50%"] {
            assert!(percentage(text).is_err(), "{text:?}");
        }
    }
}
