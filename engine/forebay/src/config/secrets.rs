use crate::config::load::Reach;
use crate::config::problem::{Place, Shows};
use crate::config::section::Section;
use crate::config::tree::{Node, Value};
use registry::{Secret, Secrets};
use signature::SecretForm;

/// The ways to give one secret; at most one of them at a time.
pub(crate) const KEYS: [&str; 4] = ["secret", "secret_env", "secret_file", "secrets"];

/// The secrets of a source or an endpoint, each checked to be of this form. Empty where none is
/// given; what is wrong is noted.
pub(crate) fn secrets(section: &mut Section<'_, '_>, reach: &Reach, form: SecretForm) -> Secrets {
    let nodes = KEYS.map(|key| section.node(key));
    let given: Vec<_> = KEYS.into_iter().zip(nodes).filter_map(|(k, n)| Some((k, n?))).collect();
    if let [_, (second, _), ..] = given[..] {
        let names: Vec<_> = given.iter().map(|(key, _)| format!("`{key}`")).collect();
        let message = format!("{} cannot stand together", names.join(" and "));
        let advice = "keep one; several live secrets go into `secrets = [{ env = \"A\" }, …]`";
        let place = section.place(second);
        section.notes.refuse(place, Shows::BeforePlace, message, Some(advice.into()));
        return Secrets::default();
    }
    let Some((key, node)) = given.into_iter().next() else { return Secrets::default() };
    let mut texts = Vec::new();
    match (key, &node.value) {
        ("secrets", Value::List(nodes)) => {
            let each = |node| one_of_list(section, reach, node, "each of `secrets`");
            texts.extend(nodes.iter().filter_map(each));
        }
        ("secret", Value::Text(text)) => texts.push((Secret::new(text), node.place.clone())),
        ("secret_env", Value::Text(name)) => {
            texts.extend(from_environment(section, reach, name, &node.place));
        }
        ("secret_file", Value::Text(path)) => {
            texts.extend(from_file(section, reach, path, &node.place));
        }
        _ => refuse(section, &node.place, format!("`{key}` must be {}", expected(key)), None),
    }
    let shown = match (key, &node.value) {
        ("secret_env" | "secret_file", Value::Text(name)) => super::value::quoted(name),
        _ => "\"(not shown)\"".into(),
    };
    section.set(key, shown, node.place.clone());
    for (secret, place) in &texts {
        if let Err(bad) = signature::Secret::parse(secret.expose(), form) {
            refuse(section, place, bad.to_string(), Some(wanted(form).into()));
        }
    }
    Secrets::new(texts.into_iter().map(|(secret, _)| secret).collect())
}

/// `"whsec_…"`, `{ env = "NAME" }` or `{ file = "path" }`; `what` names it to people.
pub(crate) fn one_of_list(
    section: &mut Section<'_, '_>,
    reach: &Reach,
    node: &Node,
    what: &str,
) -> Option<(Secret, Place)> {
    let place = &node.place;
    if let Value::Text(text) = &node.value {
        return Some((Secret::new(text), place.clone()));
    }
    let entry = match &node.value {
        Value::Table(table) if table.entries.len() == 1 => table.entries.iter().next(),
        _ => None,
    };
    let named = entry.and_then(|(key, entry)| Some((key.as_str(), entry.node.value.text()?)));
    match named {
        Some(("env", name)) => from_environment(section, reach, name, place),
        Some(("file", path)) => from_file(section, reach, path, place),
        _ => {
            let message = format!("{what} must be a text, {{ env = \"…\" }} or {{ file = \"…\" }}");
            refuse(section, place, message, None);
            None
        }
    }
}

pub(crate) fn from_environment(
    section: &mut Section<'_, '_>,
    reach: &Reach,
    name: &str,
    place: &Place,
) -> Option<(Secret, Place)> {
    let found = reach.environment.get(name).map(|text| (Secret::new(text), place.clone()));
    if found.is_none() {
        let message = format!("the environment variable `{name}` is not set");
        let advice = "set it for this process, or name a file by `…_file`";
        section.notes.refuse(place.clone(), Shows::Line, message, Some(advice.into()));
    }
    found
}

/// One line break at the end of the file is an editor's, not the secret's.
pub(crate) fn from_file(
    section: &mut Section<'_, '_>,
    reach: &Reach,
    path: &str,
    place: &Place,
) -> Option<(Secret, Place)> {
    let path = reach.resolve(path, place);
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let text = zeroize::Zeroizing::new(text);
            let text = text.strip_suffix('\n').unwrap_or(&text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            Some((Secret::new(text), place.clone()))
        }
        Err(error) => {
            let message = format!("{} cannot be read: {error}", path.display());
            section.notes.refuse(place.clone(), Shows::Line, message, None);
            None
        }
    }
}

fn refuse(section: &mut Section<'_, '_>, place: &Place, message: String, advice: Option<String>) {
    section.notes.refuse(place.clone(), Shows::BeforePlace, message, advice);
}

fn expected(key: &str) -> &'static str {
    match key {
        "secrets" => "a list",
        "secret_env" => "the name of an environment variable",
        "secret_file" => "the path of a file",
        _ => "a text",
    }
}

fn wanted(form: SecretForm) -> &'static str {
    match form {
        SecretForm::Text => "give the secret as the provider shows it",
        SecretForm::Standard => {
            "`forebay sign --new-secret` prints one: `whsec_` and base64 of 32 random bytes"
        }
        SecretForm::Hex => "give the secret in hex, as the provider shows it",
        SecretForm::Base64 => "give the secret in base64, as the provider shows it",
        SecretForm::PublicHex => "give the provider's public key: 64 characters of hex",
    }
}
