use crate::config::tree::{Node, Value};
use crate::config::units;
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a key may hold.
pub(crate) trait Setting: Sized {
    /// What is expected, for "must be …".
    const EXPECTED: &'static str;

    fn read(value: &Value) -> Option<Self>;

    /// As TOML.
    fn shown(&self) -> String;
}

/// Of memory, disk or wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub u64);

/// Of things.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Count(pub u64);

/// A size as a key of the configuration takes it, such as `64MiB`; else what is expected.
pub fn read_bytes(text: &str) -> Result<u64, String> {
    read_loose::<Bytes>(text).map(|bytes| bytes.0)
}

/// A number of things as a key of the configuration takes it, such as `100M`; else what is
/// expected.
pub fn read_count(text: &str) -> Result<u64, String> {
    read_loose::<Count>(text).map(|count| count.0)
}

fn read_loose<T: Setting>(text: &str) -> Result<T, String> {
    T::read(&Value::Loose(text.to_owned())).ok_or_else(|| format!("it must be {}", T::EXPECTED))
}

pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

pub(crate) fn shown_list<T: Setting>(list: &[T]) -> String {
    let shown: Vec<String> = list.iter().map(T::shown).collect();
    format!("[{}]", shown.join(", "))
}

impl Setting for String {
    const EXPECTED: &'static str = "a text";

    fn read(value: &Value) -> Option<String> {
        value.text().map(str::to_owned)
    }

    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Setting for bool {
    const EXPECTED: &'static str = "true or false";

    fn read(value: &Value) -> Option<bool> {
        match value {
            Value::Bool(fact) => Some(*fact),
            Value::Loose(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for Duration {
    const EXPECTED: &'static str = "a span of time such as \"15s\" (units ms, s, m, h, d)";

    fn read(value: &Value) -> Option<Duration> {
        units::span(value.text()?)
    }

    fn shown(&self) -> String {
        quoted(&units::show_span(*self))
    }
}

impl Setting for Bytes {
    const EXPECTED: &'static str = "a size such as \"1MiB\" (units B, KiB, MiB, GiB, TiB)";

    fn read(value: &Value) -> Option<Bytes> {
        match value {
            Value::Integer(number) => u64::try_from(*number).ok().map(Bytes),
            _ => units::bytes(value.text()?).map(Bytes),
        }
    }

    fn shown(&self) -> String {
        quoted(&units::show_bytes(self.0))
    }
}

impl Setting for Count {
    const EXPECTED: &'static str = "a number such as 2048 or \"100M\" (units k, M, G)";

    fn read(value: &Value) -> Option<Count> {
        match value {
            Value::Integer(number) => u64::try_from(*number).ok().map(Count),
            _ => units::count(value.text()?).map(Count),
        }
    }

    fn shown(&self) -> String {
        match units::show_count(self.0) {
            plain if plain.bytes().all(|b| b.is_ascii_digit()) => plain,
            scaled => quoted(&scaled),
        }
    }
}

impl Setting for f64 {
    const EXPECTED: &'static str = "a number from 0 to 1";

    fn read(value: &Value) -> Option<f64> {
        let number = match value {
            Value::Float(number) => *number,
            Value::Integer(number) => *number as f64,
            Value::Loose(text) => text.trim().parse().ok()?,
            _ => return None,
        };
        (0.0..=1.0).contains(&number).then_some(number)
    }

    fn shown(&self) -> String {
        format!("{self:?}")
    }
}

impl Setting for u16 {
    const EXPECTED: &'static str = "an HTTP status such as 202";

    fn read(value: &Value) -> Option<u16> {
        match value {
            Value::Integer(number) => u16::try_from(*number).ok(),
            Value::Loose(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Setting for SocketAddr {
    const EXPECTED: &'static str = "an address and a port such as \"127.0.0.1:8080\"";

    fn read(value: &Value) -> Option<SocketAddr> {
        let text = value.text()?.trim();
        match text.strip_prefix("localhost:") {
            Some(port) => Some((IpAddr::from([127, 0, 0, 1]), port.parse().ok()?).into()),
            None => text.parse().ok(),
        }
    }

    fn shown(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Setting for IpNet {
    const EXPECTED: &'static str = "a network such as \"10.0.0.0/8\"";

    fn read(value: &Value) -> Option<IpNet> {
        let text = value.text()?.trim();
        let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse().ok().or_else(address)
    }

    fn shown(&self) -> String {
        quoted(&self.to_string())
    }
}

/// JSON for whatever a guest is configured with.
pub(crate) fn json(node: &Node) -> serde_json::Value {
    match &node.value {
        Value::Text(text) | Value::Loose(text) | Value::Date(text) => text.as_str().into(),
        Value::Integer(number) => (*number).into(),
        Value::Float(number) => (*number).into(),
        Value::Bool(fact) => (*fact).into(),
        Value::List(nodes) => nodes.iter().map(json).collect(),
        Value::Table(table) => {
            let entries = table.entries.iter();
            entries.map(|(key, entry)| (key.clone(), json(&entry.node))).collect()
        }
    }
}
