//! What hardly ever changes about a host, read once.

use std::path::Path;

use resources_core::contract;
use sysinfo::{CpuRefreshKind, System};

/// Reads what hardly ever changes; the number of cores comes with each reading.
///
/// `host_root` is where the host's own files are, for the name of its system.
pub(super) fn read(host_root: Option<&Path>) -> contract::System {
    let text = |text: String| {
        let text = text.trim();
        (!text.is_empty()).then(|| text.into())
    };
    contract::System {
        os: os_of(host_root).and_then(text),
        kernel: System::kernel_version().ok().and_then(text),
        cpu_model: cpu_model().and_then(text),
        cores: None,
        tracker_version: Some(env!("CARGO_PKG_VERSION").into()),
    }
}

fn os_of(host_root: Option<&Path>) -> Option<String> {
    match host_root {
        Some(root) => ["etc/os-release", "usr/lib/os-release"]
            .iter()
            .find_map(|path| std::fs::read_to_string(root.join(path)).ok())
            .and_then(|text| pretty_name(&text)),
        None => {
            let name = System::name().ok()?;
            Some(System::os_version().map_or_else(|_| name.clone(), |v| format!("{name} {v}")))
        }
    }
}

/// The name for people in the text of an `os-release` file.
fn pretty_name(text: &str) -> Option<String> {
    let value = text.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

fn cpu_model() -> Option<String> {
    let mut system = System::new().ok()?;
    system.refresh_cpu_list(CpuRefreshKind::nothing());
    system.cpus().first().map(|cpu| cpu.brand().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_name_for_people_from_an_os_release_file() {
        let text = "NAME=\"Debian GNU/Linux\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n";
        assert_eq!(pretty_name(text).unwrap(), "Debian GNU/Linux 12 (bookworm)");
        assert_eq!(pretty_name("PRETTY_NAME=Alpine\n").unwrap(), "Alpine");
        assert_eq!(pretty_name("NAME=x\n"), None);
    }

    #[test]
    fn below_a_host_root_it_is_the_hosts_system_that_counts() {
        let root = tempfile::tempdir().unwrap();
        std::fs::create_dir(root.path().join("etc")).unwrap();
        std::fs::write(root.path().join("etc/os-release"), "PRETTY_NAME=\"Host OS 7\"\n").unwrap();
        assert_eq!(read(Some(root.path())).os.as_deref(), Some("Host OS 7"));
    }

    #[test]
    fn this_machine_has_a_kernel_and_a_tracker_version() {
        let system = read(None);
        assert!(system.kernel.is_some());
        assert_eq!(system.tracker_version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
    }
}
