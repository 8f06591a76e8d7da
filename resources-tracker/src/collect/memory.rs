//! Main memory and swap.

use resources_core::contract::{MAX_INTEGER, Usage};
use sysinfo::System;

/// Main memory and swap of one moment; what cannot be read or is not there is absent.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Memory {
    pub(super) main: Option<Usage>,
    pub(super) swap: Option<Usage>,
}

/// Reads memory and swap.
pub(super) fn read(system: &mut System) -> Memory {
    system.refresh_memory();
    Memory {
        main: usage(system.total_memory(), system.available_memory()),
        swap: usage(system.total_swap(), system.free_swap()),
    }
}

/// Used is total less available: cache the kernel can drop is not in use. `None` of nothing,
/// and where more is available than there is, as some containers claim.
fn usage(total_bytes: u64, available_bytes: u64) -> Option<Usage> {
    let used_bytes = total_bytes.checked_sub(available_bytes);
    let usage = used_bytes
        .filter(|_| (1..=MAX_INTEGER).contains(&total_bytes))
        .map(|used_bytes| Usage { total_bytes, used_bytes });
    if usage.is_none() && total_bytes > 0 {
        tracing::debug!(total_bytes, available_bytes, "memory figures left out: they do not fit");
    }
    usage
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_is_total_less_available() {
        assert_eq!(usage(100, 30), Some(Usage { total_bytes: 100, used_bytes: 70 }));
        assert_eq!(usage(100, 0), Some(Usage { total_bytes: 100, used_bytes: 100 }));
    }

    #[test]
    fn what_is_not_there_or_does_not_fit_is_left_out() {
        assert_eq!(usage(0, 0), None);
        assert_eq!(usage(100, 101), None);
        assert_eq!(usage(u64::MAX, 0), None);
    }

    #[test]
    fn this_machine_has_memory_and_uses_some() {
        let memory = read(&mut System::new().unwrap());
        let main = memory.main.unwrap();
        assert!(main.used_bytes > 0 && main.used_bytes < main.total_bytes, "{main:?}");
    }
}
