use crate::demo::digest::{Digest, digest};
use crate::demo::payload::{FOR_THE_DEAD, MARKER, Payload};
use serde_json::Value;
use std::fmt::Write;

/// An endpoint of the demo: how it is configured, and what it is owed by our own reckoning.
pub struct Endpoint {
    pub name: &'static str,
    /// For the summary, beside its numbers.
    pub about: &'static str,
    pub types: &'static [&'static str],
    pub condition: Option<&'static str>,
    pub filters: &'static [&'static str],
    pub schedule: &'static [&'static str],
    /// It answers 503 for its first second.
    pub is_down_first: bool,
    /// Nobody listens at its port.
    pub is_dead: bool,
    judge: fn(&Payload) -> Fate,
}

/// What is to become of an event at an endpoint. Worked out without the engine's matching,
/// conditions and filters, so that a slip of theirs shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    NotOwed,
    /// The endpoint's condition or filter takes it out.
    Dropped,
    /// Arrives byte for byte.
    Same,
    /// Arrives as these bytes.
    Changed(Digest),
    /// Arrives, changed in a way that nobody knows beforehand.
    ChangedSomehow,
    /// Ends among the dead letters for a reason that has these words.
    Dead(&'static str),
}

impl Endpoint {
    pub fn fate(&self, payload: &Payload) -> Fate {
        let is_wanted = |pattern: &&str| match pattern.strip_suffix(".*") {
            Some(stem) => {
                let rest = payload.event_type.strip_prefix(stem);
                rest.is_some_and(|rest| rest.len() > 1 && rest.starts_with('.'))
            }
            None => *pattern == payload.event_type,
        };
        if self.types.is_empty() || self.types.iter().any(is_wanted) {
            return (self.judge)(payload);
        }
        Fate::NotOwed
    }
}

const QUICK: &[&str] = &["200ms", "400ms", "800ms", "2s", "5s"];

pub const ENDPOINTS: &[Endpoint] = &[
    Endpoint {
        name: "audit-log",
        about: "every event, byte for byte",
        types: &[],
        condition: None,
        filters: &[],
        schedule: QUICK,
        is_down_first: false,
        is_dead: false,
        judge: |_| Fate::Same,
    },
    Endpoint {
        name: "open-source",
        about: "GitHub, where data.repository.private = false",
        types: &["push", "pull_request.*", "issues.*", "release.*"],
        condition: Some("data.repository.private = false"),
        filters: &[],
        schedule: QUICK,
        is_down_first: false,
        is_dead: false,
        judge: |payload| match payload.json.pointer("/repository/private") {
            Some(Value::Bool(false)) => Fate::Same,
            _ => Fate::Dropped,
        },
    },
    Endpoint {
        name: "team-channel",
        about: "wasm: pushes-to-main, then github-push-to-slack",
        types: &["push"],
        condition: None,
        filters: &["pushes-to-main", "github-push-to-slack"],
        schedule: QUICK,
        is_down_first: false,
        is_dead: false,
        judge: |payload| {
            let is_main = payload.text("/ref") == Some("refs/heads/main");
            let is_deleted = payload.json["deleted"] == true;
            match is_main && !is_deleted {
                true => Fate::Changed(digest(message(payload).as_bytes())),
                false => Fate::Dropped,
            }
        },
    },
    Endpoint {
        name: "crm",
        about: "Shopify; wasm: redact takes out e-mail, card, street",
        types: &["orders.*", "customers.*"],
        condition: None,
        filters: &["redact"],
        schedule: QUICK,
        is_down_first: false,
        is_dead: false,
        judge: redacted,
    },
    Endpoint {
        name: "billing",
        about: "Stripe; answers 503 for its first second, then recovers",
        types: &["payment_intent.*", "invoice.*", "charge.*", "customer.*", "checkout.*"],
        condition: None,
        filters: &[],
        schedule: QUICK,
        is_down_first: true,
        is_dead: false,
        judge: |_| Fate::Same,
    },
    Endpoint {
        name: "search",
        about: "Slack; wasm with a bug: traps on one message",
        types: &["message", "app_mention", "reaction_added", "team_join"],
        condition: None,
        filters: &["trap-on-marker"],
        schedule: QUICK,
        is_down_first: false,
        is_dead: false,
        judge: |payload| match payload.contains(MARKER) {
            true => Fate::Dead("trap-on-marker"),
            false => Fate::Same,
        },
    },
    Endpoint {
        name: "old-erp",
        about: "nobody listens at its port any more",
        types: &[FOR_THE_DEAD],
        condition: None,
        filters: &[],
        schedule: &["300ms"],
        is_down_first: false,
        is_dead: true,
        judge: |_| Fate::Dead("connection failed"),
    },
];

/// What the bundled payloads have that is personal.
pub const PERSONAL: &[&str] =
    &["ada.tailrace@mail.example", "4111 1111 1111 1111", "Wehrstraße 12"];
pub const MASK: &str = "[redacted]";

fn redacted(payload: &Payload) -> Fate {
    if payload.is_verbatim {
        return Fate::ChangedSomehow;
    }
    let mut text = String::from_utf8_lossy(&payload.body).into_owned();
    for personal in PERSONAL {
        text = text.replace(personal, MASK);
    }
    Fate::Changed(digest(text.as_bytes()))
}

/// The body for Slack that a push becomes, put together anew.
fn message(push: &Payload) -> String {
    const COMMITS_MAX: usize = 3;
    let plain = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let at = |pointer: &str| plain(push.text(pointer).unwrap_or_default());
    let none = Vec::new();
    let commits = push.json["commits"].as_array().unwrap_or(&none);
    let noun = if commits.len() == 1 { "commit" } else { "commits" };
    let mut text = format!(
        "*{}* pushed <{}|{} {noun}> to `main` of {}",
        at("/pusher/name"),
        at("/compare"),
        commits.len(),
        at("/repository/full_name"),
    );
    for commit in commits.iter().take(COMMITS_MAX) {
        let of = |pointer: &str| {
            plain(commit.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
        };
        let short: String = of("/id").chars().take(7).collect();
        let message = of("/message");
        let title = message.lines().next().unwrap_or_default();
        write!(text, "\n<{}|{short}> {title} · {}", of("/url"), of("/author/name"))
            .expect("a String takes all");
    }
    if commits.len() > COMMITS_MAX {
        write!(text, "\n… and {} more", commits.len() - COMMITS_MAX).expect("a String takes all");
    }
    format!("{{\"text\":{}}}", Value::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::payload::bundled;

    #[test]
    fn the_bundled_payloads_meet_every_fate() {
        let payloads = bundled();
        let fates = |name: &str| {
            let endpoint = ENDPOINTS.iter().find(|endpoint| endpoint.name == name).unwrap();
            let fates = payloads.iter().map(|payload| endpoint.fate(payload));
            fates.filter(|fate| *fate != Fate::NotOwed).collect::<Vec<_>>()
        };
        assert_eq!(fates("audit-log").len(), payloads.len());
        assert!(fates("open-source").contains(&Fate::Dropped));
        assert!(fates("open-source").contains(&Fate::Same));
        let of_channel = fates("team-channel");
        assert!(matches!(of_channel[..], [Fate::Changed(_), Fate::Dropped]));
        assert_eq!(fates("crm").len(), 3);
        assert_eq!(fates("billing").len(), 5);
        let is_dead = |fate: &&Fate| matches!(fate, Fate::Dead(_));
        assert_eq!(fates("search").iter().filter(is_dead).count(), 1);
        assert_eq!(fates("old-erp"), [Fate::Dead("connection failed")]);
        let untouched = |payload: &&Payload| {
            redacted(payload) == Fate::Changed(digest(&payload.body))
                && matches!(&*payload.event_type, "orders.create" | "orders.paid")
        };
        assert_eq!(payloads.iter().filter(untouched).count(), 0);
    }
}
