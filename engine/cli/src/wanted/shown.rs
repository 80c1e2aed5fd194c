//! A plan, for people and for programs. No secret is ever in it.

use super::carry::Outcome;
use super::plan::{Change, Deed, Plan};
use super::write::{inline, line};
use crate::exit::Failure;
use crate::given::print;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

pub fn plan(plan: &Plan, as_json: bool) -> Result<(), Failure> {
    match as_json {
        true => print(&format!("{:#}\n", self::as_json(plan, None))),
        false => print(&text(plan)),
    }
}

fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for change in &plan.changes {
        let sign = match change.deed {
            Deed::Create => '+',
            Deed::Update => '~',
            Deed::Delete => '-',
        };
        let at = change.wanted.as_ref().map(|wanted| format!("  ({})", wanted.origin));
        let _ = writeln!(text, "{sign} {}{}", change.title, at.unwrap_or_default());
        for field in fields(change) {
            let _ = writeln!(text, "    {}", field.text(change.deed));
        }
        text.push('\n');
    }
    let count = |deed| plan.changes.iter().filter(|change| change.deed == deed).count();
    let _ = match plan.changes.is_empty() {
        true => writeln!(text, "nothing to change: all {} are as they should be", plan.unchanged),
        false => writeln!(
            text,
            "{} to create, {} to change, {} to remove; {} as they should be",
            count(Deed::Create),
            count(Deed::Update),
            count(Deed::Delete),
            plan.unchanged
        ),
    };
    text
}

/// One setting that becomes another.
struct Field {
    key: String,
    before: Option<Value>,
    after: Option<Value>,
    /// Of which not even a change shows the value.
    is_secret: bool,
}

fn fields(change: &Change) -> Vec<Field> {
    if change.deed == Deed::Delete {
        return Vec::new();
    }
    let keys: BTreeSet<&String> = change.before.keys().chain(change.after.keys()).collect();
    let open = keys.into_iter().map(|key| Field {
        key: key.clone(),
        before: change.before.get(key).cloned(),
        after: change.after.get(key).cloned(),
        is_secret: false,
    });
    let hidden = |key: String, is_set: bool| Field {
        key,
        before: None,
        after: is_set.then_some(Value::Null),
        is_secret: true,
    };
    let headers = change.headers.iter();
    let headers = headers.map(|(name, value)| hidden(format!("headers.{name}"), value.is_some()));
    let secret = change.secret.iter().map(|_| hidden("secret".to_owned(), true));
    let all = open.filter(|field| field.before != field.after);
    all.chain(headers).chain(secret).collect()
}

impl Field {
    fn text(&self, deed: Deed) -> String {
        let Field { key, before, after, is_secret } = self;
        if *is_secret {
            let what = if after.is_some() { "as given, not shown" } else { "taken out" };
            return format!("{key}: {what}");
        }
        let shown = |value: &Option<Value>| match value {
            None => "as usual".to_owned(),
            Some(value) => plain(&inline(value).unwrap_or_else(|| value.to_string())),
        };
        match (deed, after) {
            (Deed::Create, Some(after)) => plain(&line(key, after)),
            _ => format!("{key}: {} -> {}", shown(before), shown(after)),
        }
    }
}

/// Control characters of a server stay its own.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub fn as_json(plan: &Plan, outcome: Option<&Outcome>) -> Value {
    let one = |(n, change): (usize, &Change)| {
        let field = |field: Field| match field.is_secret {
            true => json!({ "field": field.key, "secret": true, "set": field.after.is_some() }),
            false => {
                json!({ "field": field.key, "before": field.before, "after": field.after })
            }
        };
        let state = outcome.map(|outcome| match n {
            n if n < outcome.done => "done",
            n if n < outcome.begun => "failed",
            _ => "not begun",
        });
        json!({
            "action": match change.deed {
                Deed::Create => "create",
                Deed::Update => "update",
                Deed::Delete => "delete",
            },
            "kind": change.kind.key(),
            "app": change.wanted.as_ref().map_or(&change.app, |wanted| &wanted.app),
            "name": change.name,
            "at": change.wanted.as_ref().map(|wanted| wanted.origin.to_string()),
            "fields": fields(change).into_iter().map(field).collect::<Vec<_>>(),
            "state": state.unwrap_or("planned"),
        })
    };
    let error = outcome.and_then(|outcome| outcome.failed.as_ref()).map(Failure::message);
    json!({
        "changes": plan.changes.iter().enumerate().map(one).collect::<Vec<_>>(),
        "unchanged": plan.unchanged,
        "error": error,
    })
}

/// What a failure midway leaves.
pub fn broken(plan: &Plan, outcome: &Outcome, failure: &Failure) -> Failure {
    let names = |changes: &[Change]| {
        let names: Vec<&str> = changes.iter().map(|change| &*change.title).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    };
    let text = format!(
        "{}\ndone before it: {}\nnot begun: {}\nput it right and apply again: what is done is not \
         done twice",
        failure.message(),
        names(&plan.changes[..outcome.done]),
        names(&plan.changes[outcome.begun..])
    );
    Failure::new(failure.exit, text)
}
