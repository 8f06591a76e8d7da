//! Where a page wants to go on.

use std::str::FromStr;

/// The last message a page has, of a run of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(super) session: Box<str>,
    pub(super) number: u64,
}

impl FromStr for Resume {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.rsplit_once('.').and_then(|(session, number)| {
            Some(Self { session: session.into(), number: number.parse().ok()? })
        });
        parts.ok_or("resume is the session, a dot, and the number of the last message")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_session_and_a_number() {
        let resume = Resume { session: "5d0c".into(), number: 17 };
        assert_eq!("5d0c.17".parse(), Ok(resume));
        for bad in ["", "5d0c", "5d0c.", "5d0c.-1", "5d0c.x", ".99999999999999999999"] {
            assert!(bad.parse::<Resume>().is_err(), "{bad}");
        }
    }
}
