use crate::arguments::{ConfigArguments, ConfigCommand, ShowArguments};
use crate::exit::{Exit, Failure};
use crate::given::{load, print};
use forebay::config::Setting;
use serde_json::{Value, json};
use std::fmt::Write;

pub fn run(arguments: &ConfigArguments) -> Result<Exit, Failure> {
    let ConfigCommand::Show(show) = &arguments.command;
    let config = load(show.file.config.as_deref(), show.dev)?;
    let text = match show.json {
        true => format!("{:#}\n", as_json(config.settings(), show)),
        false => as_toml(config.settings(), show),
    };
    print(&text)?;
    Ok(Exit::Ok)
}

fn as_toml(settings: &[Setting], show: &ShowArguments) -> String {
    /// Where origins stand, unless a value is longer.
    const COLUMN: usize = 48;
    let mut text = String::new();
    let mut header = None;
    for setting in settings {
        if header != Some(setting.group) && !setting.header.is_empty() {
            let gap = if text.is_empty() { "" } else { "\n" };
            text.push_str(&format!("{gap}{}\n", setting.header));
        }
        header = Some(setting.group);
        let line = format!("{} = {}", setting.key, setting.value);
        match show.origin {
            true => writeln!(text, "{line:COLUMN$} # {}", setting.origin),
            false => writeln!(text, "{line}"),
        }
        .expect("a string takes all that is written to it");
    }
    text
}

fn as_json(settings: &[Setting], show: &ShowArguments) -> Value {
    let one = |setting: &Setting| {
        let parsed = format!("v = {}", setting.value).parse::<toml::Table>().ok();
        let value = parsed.and_then(|mut table| table.remove("v"));
        let value = value.and_then(|value| serde_json::to_value(value).ok());
        let section = setting.header.trim_matches(['[', ']']);
        let mut found = json!({ "section": section, "key": setting.key, "value": value });
        if show.origin {
            found["origin"] = json!(setting.origin.to_string());
        }
        // Elements of a list share their section's name.
        found["group"] = json!(setting.group);
        found
    };
    settings.iter().map(one).collect()
}
