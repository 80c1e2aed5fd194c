use std::time::Duration;

/// `15s`, `500ms`, `1h30m`, `14d`: digits and a unit, any number of times, largest first or not.
pub(crate) fn span(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (number, after) = digits(rest)?;
        let unit = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit);
        let millis = SPANS.iter().find(|(name, _)| *name == unit.trim())?.1;
        total = total.checked_add(Duration::from_millis(number.checked_mul(millis)?))?;
        rest = after.trim_start();
    }
    Some(total)
}

/// The shortest text that [`span`] reads as the same.
pub(crate) fn show_span(span: Duration) -> String {
    let millis = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".into();
    }
    let fits = |(_, unit): &&(&str, u64)| millis.is_multiple_of(*unit);
    let (name, unit) = SPANS.iter().find(fits).expect("a millisecond divides everything");
    format!("{}{name}", millis / unit)
}

/// `1MiB`, `20GiB`, `64 kB`, or a bare number of bytes.
pub(crate) fn bytes(text: &str) -> Option<u64> {
    scaled(text, SIZES)
}

pub(crate) fn show_bytes(bytes: u64) -> String {
    let binary = SIZES.iter().filter(|(name, unit)| name.ends_with("iB") && *unit <= bytes);
    match binary.into_iter().find(|(_, unit)| bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => format!("{bytes}B"),
    }
}

/// `100M`, `10k`, or a bare number.
pub(crate) fn count(text: &str) -> Option<u64> {
    scaled(text, COUNTS)
}

pub(crate) fn show_count(count: u64) -> String {
    let fits = |(_, unit): &&(&str, u64)| count >= *unit && count.is_multiple_of(*unit);
    match COUNTS.iter().find(fits) {
        Some((name, unit)) => format!("{}{name}", count / unit),
        None => count.to_string(),
    }
}

/// Each table has its largest unit first.
const SPANS: &[(&str, u64)] =
    &[("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const SIZES: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1000),
    ("B", 1),
    ("", 1),
];
const COUNTS: &[(&str, u64)] =
    &[("G", 1_000_000_000), ("M", 1_000_000), ("k", 1000), ("K", 1000), ("", 1)];

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (number, unit) = digits(text.trim())?;
    let unit = units.iter().find(|(name, _)| *name == unit.trim())?.1;
    number.checked_mul(unit)
}

fn digits(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '_').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Some((number.replace('_', "").parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        let table = [
            ("15s", 15_000, "15s"),
            ("500ms", 500, "500ms"),
            ("1h30m", 5_400_000, "90m"),
            ("14d", 14 * 86_400_000, "14d"),
            ("24h", 86_400_000, "1d"),
            ("2 h", 7_200_000, "2h"),
            ("0s", 0, "0s"),
        ];
        for (text, millis, shown) in table {
            assert_eq!(span(text), Some(Duration::from_millis(millis)), "{text}");
            assert_eq!(show_span(Duration::from_millis(millis)), shown);
        }
        for bad in ["", "15", "s", "15 parsecs", "-1s", "1.5h", "15S", "99999999999999999999s"] {
            assert_eq!(span(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_and_counts_are_read_and_written() {
        let table = [
            ("1MiB", 1 << 20, "1MiB"),
            ("20GiB", 20 << 30, "20GiB"),
            ("64 kB", 64_000, "64000B"),
            ("1536KiB", 1536 << 10, "1536KiB"),
            ("10_000", 10_000, "10000B"),
            ("0", 0, "0B"),
        ];
        for (text, expected, shown) in table {
            assert_eq!(bytes(text), Some(expected), "{text}");
            assert_eq!(show_bytes(expected), shown);
        }
        for bad in ["", "MiB", "1 mib", "1.5MiB", "-1", "99999999999TiB"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
        assert_eq!(count("100M"), Some(100_000_000));
        assert_eq!(count("2048"), Some(2048));
        assert_eq!(show_count(100_000_000), "100M");
        assert_eq!(show_count(2048), "2048");
        assert_eq!(show_count(0), "0");
        assert_eq!(count("1MiB"), None);
    }
}
