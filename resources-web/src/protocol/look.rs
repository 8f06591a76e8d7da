//! What a page says: what it has on the screen.

use serde::{Deserialize, Serialize};

/// Longest message of a page, in bytes.
pub const MAX_LOOK_BYTES: usize = 16 * 1024;

/// Most rows a page may look at.
pub(super) const MAX_ROWS: usize = 256;

/// Most hosts a page may look at in detail.
pub(super) const MAX_DETAILS: usize = 8;

/// One text frame from a page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
#[cfg_attr(test, derive(ts_rs::TS))]
pub enum PageMessage {
    /// What is on the screen now.
    Look(Look),
}

/// What is on the screen; replaces what was looked at before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub struct Look {
    /// Hosts by index, at most 256.
    pub rows: Vec<u32>,
    /// Hosts by name, at most 8.
    pub detail: Vec<Box<str>>,
}

/// Why a message of a page is no [`Look`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadLook {
    /// It is something else.
    #[error("not a look: {0}")]
    Unreadable(String),
    /// It looks at too much.
    #[error("a look has at most {MAX_ROWS} rows and {MAX_DETAILS} hosts in detail")]
    TooMuch,
}

impl Look {
    /// Reads what a page said.
    ///
    /// # Errors
    /// Says why it is no look.
    pub fn read(text: &str) -> Result<Self, BadLook> {
        let PageMessage::Look(look) =
            serde_json::from_str(text).map_err(|error| BadLook::Unreadable(error.to_string()))?;
        if look.rows.len() > MAX_ROWS || look.detail.len() > MAX_DETAILS {
            return Err(BadLook::TooMuch);
        }
        Ok(look)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_names_rows_and_hosts() {
        let look = Look::read(r#"{"type":"look","rows":[3,1],"detail":["web-1"],"new":1}"#);
        assert_eq!(look, Ok(Look { rows: vec![3, 1], detail: vec!["web-1".into()] }));
    }

    fn read(look: &Look) -> Result<Look, BadLook> {
        Look::read(&serde_json::to_string(&PageMessage::Look(look.clone())).unwrap())
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        for bad in [
            "",
            "look",
            "[]",
            r#"{"rows":[],"detail":[]}"#,
            r#"{"type":"glance","rows":[],"detail":[]}"#,
            r#"{"type":"look","rows":[-1],"detail":[]}"#,
            r#"{"type":"look","rows":[]}"#,
            r#"{"type":"look","rows":[],"detail":[1]}"#,
        ] {
            assert!(matches!(Look::read(bad), Err(BadLook::Unreadable(_))), "{bad}");
        }
        let rows = |count: u32| Look { rows: (0..count).collect(), detail: Vec::new() };
        assert!(read(&rows(256)).is_ok());
        assert_eq!(read(&rows(257)), Err(BadLook::TooMuch));
        let detail = |count: usize| Look { rows: Vec::new(), detail: vec!["a".into(); count] };
        assert!(read(&detail(8)).is_ok());
        assert_eq!(read(&detail(9)), Err(BadLook::TooMuch));
    }
}
