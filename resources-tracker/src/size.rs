//! Sizes in bytes, as people write and read them.

/// Units and their bytes, largest first.
const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads a size such as `64MiB`; a bare number counts bytes.
///
/// # Errors
/// Says how to write one.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let (number, unit) = UNITS
        .iter()
        .find_map(|(name, bytes)| text.strip_suffix(name).map(|number| (number, *bytes)))
        .unwrap_or((text, 1));
    let number = number.trim_end().parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .ok_or_else(|| format!("{text:?} is no size; write 67108864, 512KiB, 64MiB or 1GiB"))
}

/// `bytes` in the largest unit there is one whole of, with one decimal.
pub(crate) fn in_words(bytes: u64) -> String {
    for (name, unit) in UNITS {
        if bytes >= unit {
            let tenths = bytes / (unit / 10);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_or_count_bytes() {
        for (text, bytes) in
            [("67108864", 64 << 20), ("64MiB", 64 << 20), ("64 MiB", 64 << 20), ("1GiB", 1 << 30)]
        {
            assert_eq!(parse(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5MiB", "64MB", "64mib", "20000000000GiB"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_told_in_a_fitting_unit() {
        for (bytes, words) in [
            (0, "0 bytes"),
            (1023, "1023 bytes"),
            (1536, "1.5 KiB"),
            (64 << 20, "64.0 MiB"),
            (5 << 30, "5.0 GiB"),
        ] {
            assert_eq!(in_words(bytes), words);
        }
    }
}
