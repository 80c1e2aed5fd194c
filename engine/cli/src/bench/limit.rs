use std::fmt;
use std::str::FromStr;

/// A number of the report that must not be above or below another.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    pub name: String,
    is_above: bool,
    /// Times in milliseconds.
    bound: f64,
    text: String,
}

/// What a limit can be set on; times in milliseconds.
pub const NAMES: [&str; 15] = [
    "accepted",
    "delivered",
    "lost",
    "duplicates",
    "refused",
    "ack.p50",
    "ack.p99",
    "ack.p99.9",
    "e2e.p50",
    "e2e.p99",
    "e2e.p99.9",
    "cpu",
    "rss",
    "written",
    "floor",
];

impl FromStr for Limit {
    type Err = String;

    /// `p99>20ms`: plain percentiles are those of the answer.
    fn from_str(text: &str) -> Result<Limit, String> {
        let at = text.find(['<', '>']).ok_or("expected a comparison, such as p99>20ms")?;
        let name = text[..at].trim();
        let name = if name.starts_with('p') { format!("ack.{name}") } else { name.to_owned() };
        if !NAMES.contains(&name.as_str()) {
            return Err(format!("`{name}` is none of {}", NAMES.join(", ")));
        }
        let value = text[at + 1..].trim();
        let end = value.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(value.len());
        let factor = match value[end..].trim() {
            "" | "ms" | "us/event" | "MiB" | "/s" => 1.0,
            "s" => 1000.0,
            "us" | "µs" => 0.001,
            unit => return Err(format!("unknown unit `{unit}`: use s, ms or us")),
        };
        let number: f64 = value[..end].parse().map_err(|_| format!("`{value}` is no number"))?;
        let is_above = text[at..].starts_with('>');
        Ok(Limit { name, is_above, bound: number * factor, text: text.to_owned() })
    }
}

impl Limit {
    /// Whether `value` is on the wrong side.
    pub fn is_passed(&self, value: f64) -> bool {
        if self.is_above { value > self.bound } else { value < self.bound }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_read_with_their_units() {
        let limit: Limit = "p99>20ms".parse().unwrap();
        assert_eq!((limit.name.as_str(), limit.bound), ("ack.p99", 20.0));
        assert!(limit.is_passed(20.1) && !limit.is_passed(20.0));
        let limit: Limit = "e2e.p50 > 500us".parse().unwrap();
        assert!(limit.is_passed(0.6) && !limit.is_passed(0.4));
        let limit: Limit = "delivered<20000".parse().unwrap();
        assert!(limit.is_passed(19_999.0) && !limit.is_passed(20_000.0));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for text in ["p99", "p98>1ms", "p99>fast", "p99>1h", "speed>1"] {
            assert!(text.parse::<Limit>().is_err(), "{text}");
        }
    }
}
