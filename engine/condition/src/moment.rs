const NANOS: i128 = 1_000_000_000;

/// Nanoseconds since the Unix epoch of an RFC 3339 text: `2026-01-31` (midnight, UTC), or
/// `2026-01-31T10:00:00.5+02:00`, where the seconds may be left out and a space may stand for
/// the `T`. The offset, or `Z`, may not be left out.
pub(crate) fn parse(text: &str) -> Option<i128> {
    let bytes = text.as_bytes();
    let (date, rest) = bytes.split_at_checked(10)?;
    let days = days(digits(&date[..4])?, digits(&date[5..7])?, digits(&date[8..])?)?;
    if date[4] != b'-' || date[7] != b'-' {
        return None;
    }
    let midnight = i128::from(days) * 86_400 * NANOS;
    let Some((separator, clock)) = rest.split_first() else { return Some(midnight) };
    if !matches!(separator, b'T' | b't' | b' ') {
        return None;
    }
    let zone_at = clock.iter().position(|b| matches!(b, b'Z' | b'z' | b'+' | b'-'))?;
    let (clock, zone) = clock.split_at(zone_at);
    Some(midnight + time_of_day(clock)? - offset(zone)?)
}

fn digits(text: &[u8]) -> Option<i64> {
    if text.is_empty() || text.len() > 9 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0')))
}

/// Days since 1970-01-01, counted in 400-year cycles that start on the first of March.
fn days(year: i64, month: i64, day: i64) -> Option<i64> {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(is_leap),
        _ => return None,
    };
    if !(1..=length).contains(&day) {
        return None;
    }
    let year = if month <= 2 { year - 1 } else { year };
    let (cycle, year) = (year.div_euclid(400), year.rem_euclid(400));
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_cycle = year * 365 + year / 4 - year / 100 + day_of_year;
    Some(cycle * 146_097 + day_of_cycle - 719_468)
}

fn time_of_day(clock: &[u8]) -> Option<i128> {
    let mut parts = clock.splitn(3, |b| *b == b':');
    let hour = two_digits(parts.next()?, 23)?;
    let minute = two_digits(parts.next()?, 59)?;
    let nanos = parts.next().map_or(Some(0), seconds)?;
    Some(i128::from(hour * 3600 + minute * 60) * NANOS + nanos)
}

/// Nanoseconds. A leap second counts as the next second's start.
fn seconds(text: &[u8]) -> Option<i128> {
    let mut parts = text.splitn(2, |b| *b == b'.');
    let whole = two_digits(parts.next()?, 60)?;
    let fraction = match parts.next() {
        None => 0,
        Some(fraction) => digits(fraction)? * 10i64.pow(9 - fraction.len() as u32),
    };
    Some(i128::from(whole) * NANOS + i128::from(fraction))
}

fn offset(zone: &[u8]) -> Option<i128> {
    let (sign, rest) = zone.split_first()?;
    let sign = match sign {
        b'Z' | b'z' => return rest.is_empty().then_some(0),
        b'+' => 1,
        _ => -1,
    };
    let mut parts = rest.splitn(2, |b| *b == b':');
    let hours = two_digits(parts.next()?, 23)?;
    let minutes = two_digits(parts.next()?, 59)?;
    Some(i128::from(sign * (hours * 3600 + minutes * 60)) * NANOS)
}

fn two_digits(text: &[u8], max: i64) -> Option<i64> {
    if text.len() != 2 {
        return None;
    }
    digits(text).filter(|value| *value <= max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_rfc_3339_has_them() {
        let table = [
            ("1970-01-01", 0),
            ("1970-01-01T00:00:01Z", NANOS),
            ("1970-01-01 00:01Z", 60 * NANOS),
            ("1969-12-31T23:59:59Z", -NANOS),
            ("2000-02-29T00:00:00Z", 951_782_400 * NANOS),
            ("2026-01-31T10:00:00.000000001+02:00", 1_769_846_400 * NANOS + 1),
            ("2026-01-31t10:00:00.5z", 1_769_853_600 * NANOS + NANOS / 2),
        ];
        for (text, expected) in table {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let table = [
            "",
            "now",
            "2026",
            "2026-1-31",
            "2026-02-29",
            "2026-13-01",
            "2026-00-01",
            "2026-01-31T",
            "2026-01-31T10",
            "2026-01-31T10:00",
            "2026-01-31T24:00Z",
            "2026-01-31T10:00:00",
            "2026-01-31T10:00:00.Z",
            "2026-01-31T10:00:00.1234567890Z",
            "2026-01-31T10:00:00ZZ",
            "2026-01-31T10:00:00+2",
            "2026-01-31x10:00:00Z",
            "２０２６-01-31",
            "2026/01/31",
            "2026-01-31T10:00:00+02:00x",
        ];
        for text in table {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
