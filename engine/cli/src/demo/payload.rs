//! The payloads were written for this demo from the providers' public documentation.

use bytes::Bytes;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Provider {
    GitHub,
    Stripe,
    Shopify,
    Slack,
    StandardWebhooks,
}

use Provider::{GitHub, Shopify, Slack, StandardWebhooks, Stripe};

impl Provider {
    pub const ALL: [Provider; 5] = [GitHub, Stripe, Shopify, Slack, StandardWebhooks];

    /// Its source's name, and that of the signature scheme.
    pub fn name(self) -> &'static str {
        match self {
            GitHub => "github",
            Stripe => "stripe",
            Shopify => "shopify",
            Slack => "slack",
            StandardWebhooks => "standard-webhooks",
        }
    }

    /// What names the event in a header, for a folder called after the event's type; empty where
    /// the body says it.
    fn label(self, folder: &str) -> String {
        match self {
            GitHub => folder.split('.').next().unwrap_or(folder).to_owned(),
            Shopify => folder.replacen('.', "/", 1),
            Stripe | Slack | StandardWebhooks => String::new(),
        }
    }

    /// Where the provider's own name for a delivery lies, when that is in the body.
    fn id_member(self) -> Option<&'static str> {
        match self {
            Stripe => Some("id"),
            Slack => Some("event_id"),
            GitHub | Shopify | StandardWebhooks => None,
        }
    }
}

/// One body, and all that is worked out of it once.
#[derive(Clone, Debug)]
pub struct Payload {
    pub provider: Provider,
    /// As the provider's own header names the event.
    pub label: String,
    /// Worked out here, not by the engine whose work is to be checked.
    pub event_type: String,
    pub body: Bytes,
    pub json: Value,
    /// The delivery's id in the body.
    pub id: Option<String>,
    /// From a corpus: its bytes go out as they are.
    pub is_verbatim: bool,
    pub times: Times,
}

/// How often a payload is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Times {
    /// In turn with the others, until enough was sent.
    InTurn,
    /// No more and no less, for what is to end in a certain way.
    Exactly(usize),
}

impl Payload {
    /// `folder` is the name of the folder in which the file lay.
    pub fn new(provider: Provider, folder: &str, body: Bytes, is_verbatim: bool) -> Payload {
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let label = provider.label(folder);
        let id = provider.id_member().and_then(|name| Some(json[name].as_str()?.to_owned()));
        let event_type = event_type(provider, &label, &json);
        let times = Times::InTurn;
        Payload { provider, label, event_type, body, json, id, is_verbatim, times }
    }

    /// The id and the body of the delivery with this serial number. What has its id in the body
    /// gets it there, in as many bytes as before.
    pub fn delivery(&self, serial: u32) -> (String, Bytes) {
        let Some(id) = &self.id else {
            return (format!("5eed0000-0000-4000-8000-{serial:012x}"), self.body.clone());
        };
        if self.is_verbatim {
            return (id.clone(), self.body.clone());
        }
        let fresh = format!("{}{serial:08x}", &id[..id.len() - 8]);
        let at = find(&self.body, id.as_bytes()).expect("the id was read from this body");
        let mut body = self.body.to_vec();
        body[at..at + id.len()].copy_from_slice(fresh.as_bytes());
        (fresh, body.into())
    }

    pub fn text(&self, pointer: &str) -> Option<&str> {
        self.json.pointer(pointer)?.as_str()
    }

    pub fn contains(&self, text: &str) -> bool {
        find(&self.body, text.as_bytes()).is_some()
    }
}

fn find(body: &[u8], text: &[u8]) -> Option<usize> {
    body.windows(text.len()).position(|window| window == text)
}

/// As each provider documents it.
fn event_type(provider: Provider, label: &str, json: &Value) -> String {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
        _ => None,
    };
    let named = match provider {
        GitHub => Some(match text(&json["action"]) {
            Some(action) => format!("{label}.{action}"),
            None => label.to_owned(),
        }),
        Shopify => Some(label.replace('/', ".")),
        Stripe | StandardWebhooks => text(&json["type"]),
        Slack => text(&json["event"]["type"]).or_else(|| text(&json["type"])),
    };
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| provider.name().to_owned())
}

/// The words on which the filter `trap-on-marker` breaks.
pub const MARKER: &str = "forebay-trap-marker";
/// The type that only the endpoint wants which is dead.
pub const FOR_THE_DEAD: &str = "shipment.delayed";

pub fn bundled() -> Vec<Payload> {
    let payload = |(provider, folder, body): &(Provider, &str, &'static [u8])| {
        let mut payload = Payload::new(*provider, folder, Bytes::from_static(body), false);
        // Two at two attempts each fail four times, which is less than opens a breaker.
        if payload.event_type == FOR_THE_DEAD {
            payload.times = Times::Exactly(2);
        } else if payload.contains(MARKER) {
            payload.times = Times::Exactly(1);
        }
        payload
    };
    BUNDLED.iter().map(payload).collect()
}

const BUNDLED: &[(Provider, &str, &[u8])] = &[
    (GitHub, "push", include_bytes!("payloads/github/push/to-main.json")),
    (Stripe, "", include_bytes!("payloads/stripe/payment_intent.succeeded/card.json")),
    (Shopify, "orders.create", include_bytes!("payloads/shopify/orders.create/with-note.json")),
    (Slack, "", include_bytes!("payloads/slack/message/question.json")),
    (StandardWebhooks, "", include_bytes!("payloads/standard-webhooks/user.created/plain.json")),
    (GitHub, "issues", include_bytes!("payloads/github/issues.opened/public.json")),
    (Stripe, "", include_bytes!("payloads/stripe/invoice.paid/subscription.json")),
    (GitHub, "pull_request", include_bytes!("payloads/github/pull_request.opened/public.json")),
    (Shopify, "orders.paid", include_bytes!("payloads/shopify/orders.paid/plain.json")),
    (Slack, "", include_bytes!("payloads/slack/app_mention/status.json")),
    (GitHub, "push", include_bytes!("payloads/github/push/to-branch.json")),
    (Stripe, "", include_bytes!("payloads/stripe/charge.refunded/partial.json")),
    (GitHub, "pull_request", include_bytes!("payloads/github/pull_request.closed/private.json")),
    (Shopify, "customers.create", include_bytes!("payloads/shopify/customers.create/account.json")),
    (
        StandardWebhooks,
        "",
        include_bytes!("payloads/standard-webhooks/meter.reading.recorded/gate.json"),
    ),
    (GitHub, "release", include_bytes!("payloads/github/release.published/public.json")),
    (Slack, "", include_bytes!("payloads/slack/reaction_added/eyes.json")),
    (Stripe, "", include_bytes!("payloads/stripe/customer.subscription.updated/upgrade.json")),
    (Shopify, "products.update", include_bytes!("payloads/shopify/products.update/kit.json")),
    (GitHub, "workflow_run", include_bytes!("payloads/github/workflow_run.completed/private.json")),
    (Stripe, "", include_bytes!("payloads/stripe/checkout.session.completed/guest.json")),
    (Slack, "", include_bytes!("payloads/slack/team_join/lena.json")),
    (StandardWebhooks, "", include_bytes!("payloads/standard-webhooks/contact.updated/phone.json")),
    (
        StandardWebhooks,
        "",
        include_bytes!("payloads/standard-webhooks/shipment.delayed/weather.json"),
    ),
    (Slack, "", include_bytes!("payloads/slack/message/marker.json")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_knows_its_type_and_gets_a_fresh_id_where_the_provider_puts_it() {
        let all = bundled();
        let of = |event_type: &str| all.iter().find(|p| p.event_type == event_type).unwrap();
        assert_eq!(of("orders.create").label, "orders/create");
        assert_eq!(of("pull_request.opened").label, "pull_request");
        for event_type in ["app_mention", "invoice.paid"] {
            let payload = of(event_type);
            let (id, body) = payload.delivery(77);
            let again = Payload::new(payload.provider, "", body.clone(), false);
            assert_eq!(again.id.as_deref(), Some(&*id));
            assert!(id.ends_with("0000004d") && body.len() == payload.body.len());
        }
        let (one, two) = (of("push").delivery(1), of("push").delivery(2));
        assert!(one.0 != two.0 && one.1 == two.1);
    }

    #[test]
    fn every_file_is_bundled_and_read_alike_from_its_folder() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/src/demo/payloads");
        let files = crate::demo::corpus::read(root.as_ref()).unwrap();
        let mut found: Vec<_> =
            files.iter().map(|file| (file.event_type.clone(), file.body.clone())).collect();
        let mut bundled: Vec<_> =
            bundled().into_iter().map(|file| (file.event_type, file.body)).collect();
        found.sort();
        bundled.sort();
        assert_eq!(found, bundled);
    }
}
