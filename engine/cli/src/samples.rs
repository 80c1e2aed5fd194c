use event::Time;

/// A webhook as a provider might send it, written from the provider's public documentation.
pub struct Sample {
    /// `<provider>.<type>`
    pub name: &'static str,
    /// The signature scheme's name.
    pub scheme: &'static str,
    pub what: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: &'static str,
}

/// Stands for an id that is new with each trigger.
const ID: &str = "@id@";
/// Stands for the time, in seconds since 1970.
const SECS: &str = "@secs@";

pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "github.push",
        scheme: "github",
        what: "a commit is pushed to main",
        headers: &[("x-github-event", "push"), ("x-github-delivery", ID)],
        body: include_str!("../samples/github.push.json"),
    },
    Sample {
        name: "github.pull_request.opened",
        scheme: "github",
        what: "a pull request is opened",
        headers: &[("x-github-event", "pull_request"), ("x-github-delivery", ID)],
        body: include_str!("../samples/github.pull_request.opened.json"),
    },
    Sample {
        name: "stripe.charge.succeeded",
        scheme: "stripe",
        what: "a charge went through",
        headers: &[],
        body: include_str!("../samples/stripe.charge.succeeded.json"),
    },
    Sample {
        name: "stripe.invoice.payment_failed",
        scheme: "stripe",
        what: "an invoice could not be paid",
        headers: &[],
        body: include_str!("../samples/stripe.invoice.payment_failed.json"),
    },
    Sample {
        name: "shopify.orders.create",
        scheme: "shopify",
        what: "an order is placed",
        headers: &[
            ("x-shopify-topic", "orders/create"),
            ("x-shopify-shop-domain", "example.myshopify.com"),
            ("x-shopify-webhook-id", ID),
        ],
        body: include_str!("../samples/shopify.orders.create.json"),
    },
    Sample {
        name: "slack.message",
        scheme: "slack",
        what: "somebody writes in a channel",
        headers: &[],
        body: include_str!("../samples/slack.message.json"),
    },
    Sample {
        name: "slack.url_verification",
        scheme: "slack",
        what: "the handshake by which Slack checks an address; no event",
        headers: &[],
        body: include_str!("../samples/slack.url_verification.json"),
    },
    Sample {
        name: "standard-webhooks.user.created",
        scheme: "standard-webhooks",
        what: "a user signs up",
        headers: &[],
        body: include_str!("../samples/standard-webhooks.user.created.json"),
    },
];

impl Sample {
    pub fn headers_with(&self, id: &str) -> Vec<(String, String)> {
        let headers = self.headers.iter();
        headers.map(|(name, value)| ((*name).to_owned(), value.replace(ID, id))).collect()
    }

    pub fn body_with(&self, id: &str, at: Time) -> String {
        self.body.trim_end().replace(ID, id).replace(SECS, &at.secs().to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_json_of_known_schemes() {
        for sample in SAMPLES {
            assert!(signature::Scheme::preset(sample.scheme).is_some(), "{}", sample.name);
            assert!(sample.name.starts_with(sample.scheme), "{}", sample.name);
            let body = sample.body_with("a-1", Time::from_secs(7));
            serde_json::from_str::<serde_json::Value>(&body).unwrap();
            assert!(!body.contains('@') || !body.contains(ID), "{}", sample.name);
        }
    }
}
