use super::table::{self, Column};
use crate::exit::{Exit, Failure};
use crate::given::print;
use forebay::config::Shipped;
use serde_json::{Value, json};

const COLUMNS: &[Column] = &[
    ("NAME", "name"),
    ("BYTES", "bytes"),
    ("MODULE", "module"),
    ("CONFIGURATION", "keys"),
    ("DOES", "about"),
];
/// Digits of a digest that tell it from others at a glance.
const DIGITS: usize = 12;

/// The filters that come with this binary.
pub fn list(as_json: bool) -> Result<Exit, Failure> {
    let all = Shipped::all().iter().map(|shipped| described(shipped, as_json));
    let all = all.collect::<Result<Vec<_>, _>>()?;
    match as_json {
        true => print(&format!("{}\n", json!({ "data": all })))?,
        false => print(&table::render(COLUMNS, &all))?,
    }
    Ok(Exit::Ok)
}

fn described(shipped: &Shipped, as_json: bool) -> Result<Value, Failure> {
    let manifest: Value = serde_json::from_str(shipped.manifest)
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", shipped.name)))?;
    let digest = shipped.digest().to_string();
    let (about, bytes) = (&manifest["about"], shipped.wasm.len());
    Ok(match as_json {
        true => json!({
            "name": shipped.name,
            "about": about,
            "module": digest,
            "bytes": bytes,
            "config": manifest["config"],
        }),
        false => json!({
            "name": shipped.name,
            "about": about,
            "module": digest[..DIGITS],
            "bytes": bytes,
            "keys": keys(&shipped.needs(), &manifest["config"]["properties"]),
        }),
    })
}

/// Those that are needed have a star.
fn keys(needs: &[String], properties: &Value) -> String {
    let all = properties.as_object().into_iter().flatten();
    let key = |(name, _): (&String, &Value)| {
        let star = if needs.contains(name) { "*" } else { "" };
        format!("{name}{star}")
    };
    all.map(key).collect::<Vec<_>>().join(" ")
}
