use event::Time;
use std::str::FromStr;

/// How a provider writes the time at which it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampForm {
    /// Seconds since the Unix epoch.
    Seconds,
    /// Milliseconds since the Unix epoch.
    Millis,
    /// `2022-08-14T16:59:32.618908427Z`, or with an offset such as `-07:00`.
    Rfc3339,
}

const DAY_SECS: u64 = 86_400;
/// From 0000-03-01, where the computing calendar begins, to 1970-01-01.
const EPOCH_DAYS: u64 = 719_468;
const ERA_DAYS: u64 = 146_097;
const DIGITS_MAX: usize = 15;

impl FromStr for StampForm {
    type Err = crate::BadScheme;

    fn from_str(text: &str) -> Result<StampForm, crate::BadScheme> {
        match text {
            "seconds" => Ok(StampForm::Seconds),
            "millis" => Ok(StampForm::Millis),
            "rfc3339" => Ok(StampForm::Rfc3339),
            _ => Err(crate::BadScheme::Unknown {
                what: "timestamp form",
                got: text.into(),
                choices: "seconds, millis, rfc3339",
            }),
        }
    }
}

impl StampForm {
    pub(crate) fn read(self, text: &str) -> Option<Time> {
        match self {
            StampForm::Seconds => digits(text).map(Time::from_secs),
            StampForm::Millis => digits(text).map(Time::from_millis),
            StampForm::Rfc3339 => read_rfc3339(text).map(Time::from_secs),
        }
    }

    pub(crate) fn write(self, at: Time) -> String {
        match self {
            StampForm::Seconds => at.secs().to_string(),
            StampForm::Millis => at.millis().to_string(),
            StampForm::Rfc3339 => write_rfc3339(at.secs()),
        }
    }
}

/// Digits alone: a sign, a space or a fraction has no one meaning over all verifiers.
fn digits(text: &str) -> Option<u64> {
    let is_number = (1..=DIGITS_MAX).contains(&text.len());
    (is_number && text.bytes().all(|c| c.is_ascii_digit())).then(|| text.parse().ok())?
}

/// Whole seconds; the fraction is checked and dropped.
fn read_rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (clock, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
    let [year, month, day] = fields(date, '-', [4, 2, 2])?;
    let [hour, minute, second] = fields(clock, ':', [2, 2, 2])?;
    let is_clock = hour < 24 && minute < 60 && second <= 60;
    let is_date = year >= 1970 && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !(is_clock && is_date) {
        return None;
    }
    let zone = match rest.strip_prefix('.') {
        Some(fraction) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            (zone.len() < fraction.len()).then_some(zone)?
        }
        None => rest,
    };
    let local = days_of(year, month, day) * DAY_SECS + hour * 3_600 + minute * 60 + second;
    let (is_ahead, offset) = read_zone(zone)?;
    if is_ahead { local.checked_sub(offset) } else { Some(local + offset) }
}

fn read_zone(zone: &str) -> Option<(bool, u64)> {
    if matches!(zone, "Z" | "z") {
        return Some((false, 0));
    }
    let is_ahead = zone.starts_with('+');
    let [hours, minutes] = fields(zone.strip_prefix(['+', '-'])?, ':', [2, 2])?;
    (hours < 24 && minutes < 60).then_some((is_ahead, hours * 3_600 + minutes * 60))
}

fn fields<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[u64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for (slot, width) in numbers.iter_mut().zip(widths) {
        let part = parts.next().filter(|part| part.len() == width)?;
        *slot = digits(part)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn days_of(year: u64, month: u64, day: u64) -> u64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * ERA_DAYS + year * 365 + year / 4 - year / 100 + of_year - EPOCH_DAYS
}

fn write_rfc3339(secs: u64) -> String {
    let days = secs / DAY_SECS + EPOCH_DAYS;
    let (era, of_era) = (days / ERA_DAYS, days % ERA_DAYS);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let clock = secs % DAY_SECS;
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, secs) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2000-02-29T23:59:59Z", 951_868_799),
            ("2021-03-25T05:09:27Z", 1_616_648_967),
            ("2024-12-31T00:00:00Z", 1_735_603_200),
            ("2100-03-01T00:00:00Z", 4_107_542_400),
        ] {
            assert_eq!(read_rfc3339(text), Some(secs), "{text}");
            assert_eq!(write_rfc3339(secs), text);
        }
        assert_eq!(read_rfc3339("2020-01-01T00:00:00-07:00"), Some(1_577_862_000));
        assert_eq!(read_rfc3339("2020-01-01T07:00:00.5+07:00"), Some(1_577_836_800));
    }

    #[test]
    fn every_day_of_a_century_survives_text() {
        for day in 0..36_525 {
            let secs = day * DAY_SECS + 3_661;
            assert_eq!(read_rfc3339(&write_rfc3339(secs)), Some(secs));
        }
    }

    #[test]
    fn what_has_no_one_meaning_is_refused() {
        for bad in ["", "+1", "-1", " 1", "1 ", "1.0", "0x1", "1e3", "9999999999999999", "١"] {
            assert_eq!(StampForm::Seconds.read(bad), None, "{bad}");
        }
        for bad in [
            "",
            "2020-01-01",
            "2020-01-01 00:00:00Z",
            "2020-01-01T00:00:00",
            "2020-13-01T00:00:00Z",
            "2020-01-01T24:00:00Z",
            "2020-01-01T00:00:00.Z",
            "2020-01-01T00:00:00+7:00",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "2020-01-01T00:00:00Zé",
            "é020-01-01T00:00:00Z",
        ] {
            assert_eq!(read_rfc3339(bad), None, "{bad}");
        }
    }
}
