//! Owns:    choosing, renaming, setting and flattening the fields of JSON bodies.
//! Imports: forebay-filter, jsontext.
//! Never:   re-encodes a value: what is kept is copied as it is written.

mod flat;
mod tree;

use flat::flattened;
use forebay_filter::{Event, Output, Verdict, filter};
use jsontext::{Given, NotJson, Pointer, Value, check, push_within};
use tree::{TooMany, Tree};

pub struct Config {
    pick: Vec<Pointer>,
    drop: Vec<Pointer>,
    rename: Vec<(Pointer, Vec<u8>)>,
    /// Values as JSON.
    set: Vec<(Pointer, Vec<u8>)>,
    /// What parts names, as it reads within a JSON string.
    flatten: Option<Vec<u8>>,
    not_json: NotJson,
}

impl forebay_filter::Config for Config {
    fn read(bytes: &[u8]) -> Result<Config, String> {
        let mut given = Given::read(bytes)?;
        let (pick, drop) = (given.pointers("pick")?, given.pointers("drop")?);
        let mut rename = Vec::new();
        for (text, value) in given.table("rename")? {
            let pointer = below_top(&given, "rename", &text)?;
            let Value::Text(name) = value else {
                return Err(given.bad("rename", format_args!("has no text as name for `{text}`")));
            };
            let mut written = Vec::new();
            push_within(&mut written, name.as_bytes());
            rename.push((pointer, written));
        }
        let mut set = Vec::new();
        for (text, value) in given.table("set")? {
            let mut json = Vec::new();
            value.push_json(&mut json);
            set.push((below_top(&given, "set", &text)?, json));
        }
        let separator = match given.value("flatten") {
            None | Some(Value::Bool(false)) => None,
            Some(Value::Bool(true)) => Some(".".to_owned()),
            Some(Value::Text(text)) => Some(text),
            Some(_) => return Err(given.bad("flatten", "must be true, false or a text")),
        };
        if drop.iter().any(Pointer::is_empty) {
            return Err(given.bad("drop", "leads to the whole body"));
        }
        let flatten = separator.map(|text| {
            let mut written = Vec::new();
            push_within(&mut written, text.as_bytes());
            written
        });
        let not_json = NotJson::of(&mut given)?;
        given.finish()?;
        Ok(Config { pick, drop, rename, set, flatten, not_json })
    }
}

fn below_top(given: &Given, key: &str, text: &str) -> Result<Pointer, String> {
    match Pointer::read(text) {
        Ok(pointer) if pointer.is_empty() => Err(given.bad(key, "leads to the whole body")),
        Ok(pointer) => Ok(pointer),
        Err(why) => Err(given.bad(key, why)),
    }
}

impl Config {
    fn changes_tree(&self) -> bool {
        !(self.pick.is_empty()
            && self.drop.is_empty()
            && self.rename.is_empty()
            && self.set.is_empty())
    }
}

/// Passes a body that nothing changes, emits the changed one.
pub fn fields<'a>(config: &Config, event: Event<'a>) -> Verdict<'a> {
    let body = event.body();
    if let Err(bad) = check(body) {
        return match config.not_json {
            NotJson::Pass => Verdict::Pass,
            NotJson::Drop => Verdict::Drop,
            NotJson::Reject => Verdict::reject(format!("the body is not JSON: {bad}")),
        };
    }
    let changed = match changed(config, body) {
        Ok(changed) => changed,
        Err(TooMany) => return Verdict::reject(TooMany::TEXT),
    };
    let flat = match &config.flatten {
        Some(separator) => flattened(changed.as_deref().unwrap_or(body), separator),
        None => Ok(None),
    };
    match flat {
        Err(why) => Verdict::reject(why),
        Ok(flat) => match flat.or(changed) {
            Some(body) => Verdict::Emit(vec![Output::of(event).body(body)]),
            None => Verdict::Pass,
        },
    }
}

filter!(fields, config = Config);

fn changed(config: &Config, body: &[u8]) -> Result<Option<Vec<u8>>, TooMany> {
    if !config.changes_tree() {
        return Ok(None);
    }
    let mut tree = Tree::of(body);
    if !config.pick.is_empty() {
        tree.pick(&config.pick)?;
    }
    for pointer in &config.drop {
        tree.drop(pointer)?;
    }
    for (pointer, name) in &config.rename {
        tree.rename(pointer, name)?;
    }
    for (pointer, json) in &config.set {
        tree.set(pointer, json)?;
    }
    Ok(tree.changed())
}

#[cfg(test)]
mod tests;
