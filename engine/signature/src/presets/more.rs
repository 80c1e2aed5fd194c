use super::{body_hmac, fields, in_headers, names, one, paths, signed};
use crate::{Algorithm, Encoding, IdFrom, Scheme, SecretForm, SentAt, StampForm, TypeFrom};
use std::time::Duration;

const HEX: Encoding = Encoding::Hex;
const BASE64: Encoding = Encoding::Base64;

/// Providers that need no more than a row.
pub(super) fn more() -> Vec<Scheme> {
    [bare_hex(), bare_base64(), marked(), stamped_in_field(), stamped_in_header(), with_address()]
        .concat()
}

/// Hex of HMAC-SHA256 over the body.
fn bare_hex() -> Vec<Scheme> {
    let gocardless = body_hmac("gocardless", "webhook-signature", HEX);
    vec![
        known(
            body_hmac("gitea", "x-gitea-signature", HEX),
            header("x-gitea-event"),
            id_header("x-gitea-delivery"),
        ),
        known(gocardless, TypeFrom::Configured, path("meta.webhook_id")),
        known(
            body_hmac("razorpay", "x-razorpay-signature", HEX),
            paths(&["event"]),
            id_header("x-razorpay-event-id"),
        ),
        known(
            body_hmac("coinbase-commerce", "x-cc-webhook-signature", HEX),
            paths(&["event.type"]),
            path("event.id"),
        ),
        body_hmac("dropbox", "x-dropbox-signature", HEX),
        known(
            body_hmac("lemonsqueezy", "x-signature", HEX),
            header("x-event-name"),
            IdFrom::Nowhere,
        ),
        known(
            body_hmac("sentry", "sentry-hook-signature", HEX),
            TypeFrom::Header { name: "sentry-hook-resource".into(), member: Some("action".into()) },
            id_header("request-id"),
        ),
        known(body_hmac("launchdarkly", "x-ld-signature", HEX), paths(&["kind"]), path("_id")),
        known(
            Scheme {
                versions: one(Algorithm::HmacSha512, ""),
                ..body_hmac("paystack", "x-paystack-signature", HEX)
            },
            paths(&["event"]),
            IdFrom::Nowhere,
        ),
        body_hmac("convoy", "x-convoy-signature", HEX),
    ]
}

/// Base64 of HMAC-SHA256 over the body.
fn bare_base64() -> Vec<Scheme> {
    vec![
        known(
            body_hmac("woocommerce", "x-wc-webhook-signature", BASE64),
            header("x-wc-webhook-topic"),
            id_header("x-wc-webhook-delivery-id"),
        ),
        body_hmac("xero", "x-xero-signature", BASE64),
        body_hmac("line", "x-line-signature", BASE64),
        Scheme { secret: SecretForm::Hex, ..body_hmac("adyen", "hmacsignature", BASE64) },
        known(
            Scheme {
                versions: one(Algorithm::HmacSha256, "sha256="),
                ..body_hmac("typeform", "typeform-signature", BASE64)
            },
            paths(&["event_type"]),
            path("event_id"),
        ),
    ]
}

/// A mark before the hex, or no signature but the secret itself.
fn marked() -> Vec<Scheme> {
    let marked = |name, header, algorithm, prefix| Scheme {
        versions: one(algorithm, prefix),
        ..body_hmac(name, header, HEX)
    };
    let sha256 = |name, header| marked(name, header, Algorithm::HmacSha256, "sha256=");
    let token = Scheme {
        versions: one(Algorithm::Token, ""),
        ..body_hmac("gitlab", "x-gitlab-token", Encoding::Plain)
    };
    let pagerduty = Scheme {
        separator: Some(','),
        ..marked("pagerduty", "x-pagerduty-signature", Algorithm::HmacSha256, "v1=")
    };
    vec![
        known(
            sha256("bitbucket", "x-hub-signature"),
            header("x-event-key"),
            id_header("x-request-uuid"),
        ),
        known(sha256("meta", "x-hub-signature-256"), paths(&["object"]), IdFrom::Nowhere),
        known(sha256("notion", "x-notion-signature"), paths(&["type"]), path("id")),
        known(
            marked("intercom", "x-hub-signature", Algorithm::HmacSha1, "sha1="),
            paths(&["topic"]),
            path("id"),
        ),
        known(pagerduty, paths(&["event.event_type"]), path("event.id")),
        known(token, paths(&["object_kind"]), id_header("idempotency-key")),
    ]
}

/// The time is a field of the signature header.
fn stamped_in_field() -> Vec<Scheme> {
    let minutes_3 = Duration::from_secs(180);
    let stripe_like = |name, header| fields(name, header, ',', "t=", "v1=", "{timestamp}.{body}");
    let paddle = fields("paddle", "paddle-signature", ';', "ts=", "h1=", "{timestamp}:{body}");
    let convoy =
        fields("convoy-advanced", "x-convoy-signature", ',', "t=", "v1=", "{timestamp},{body}");
    vec![
        known(stripe_like("mux", "mux-signature"), paths(&["type"]), path("id")),
        known(
            within(stripe_like("calendly", "calendly-webhook-signature"), minutes_3),
            paths(&["event"]),
            IdFrom::Nowhere,
        ),
        known(
            within(millis(stripe_like("workos", "workos-signature")), minutes_3),
            paths(&["event"]),
            path("id"),
        ),
        known(within(paddle, Duration::from_secs(5)), paths(&["event_type"]), path("event_id")),
        convoy,
    ]
}

/// The time has a header of its own.
fn stamped_in_header() -> Vec<Scheme> {
    let minutes_5 = super::TOLERANCE;
    let minutes_10 = Duration::from_secs(600);
    let discord = Scheme {
        versions: one(Algorithm::Ed25519, ""),
        secret: SecretForm::PublicHex,
        signed: signed("{timestamp}{body}"),
        sent_at: Some(in_headers(&["x-signature-timestamp"], StampForm::Seconds, minutes_5)),
        ..body_hmac("discord", "x-signature-ed25519", HEX)
    };
    let zoom = Scheme {
        versions: one(Algorithm::HmacSha256, "v0="),
        signed: signed("v0:{timestamp}:{body}"),
        sent_at: Some(in_headers(&["x-zm-request-timestamp"], StampForm::Seconds, minutes_5)),
        ..body_hmac("zoom", "x-zm-signature", HEX)
    };
    let stamp = "x-zendesk-webhook-signature-timestamp";
    let zendesk = Scheme {
        signed: signed("{timestamp}{body}"),
        sent_at: Some(in_headers(&[stamp], StampForm::Rfc3339, minutes_5)),
        ..body_hmac("zendesk", "x-zendesk-webhook-signature", BASE64)
    };
    let stamp = "twitch-eventsub-message-timestamp";
    let twitch = Scheme {
        versions: one(Algorithm::HmacSha256, "sha256="),
        signed: signed("{id}{timestamp}{body}"),
        id: names(&["twitch-eventsub-message-id"]),
        sent_at: Some(in_headers(&[stamp], StampForm::Rfc3339, minutes_10)),
        ..body_hmac("twitch", "twitch-eventsub-message-signature", HEX)
    };
    let by_box = Scheme {
        signature: names(&["box-signature-primary", "box-signature-secondary"]),
        signed: signed("{body}{timestamp}"),
        sent_at: Some(in_headers(&["box-delivery-timestamp"], StampForm::Rfc3339, minutes_10)),
        ..body_hmac("box", "", BASE64)
    };
    vec![
        discord,
        known(zoom, paths(&["event"]), IdFrom::Nowhere),
        known(zendesk, paths(&["type"]), path("id")),
        known(
            twitch,
            header("twitch-eventsub-subscription-type"),
            id_header("twitch-eventsub-message-id"),
        ),
        known(by_box, paths(&["trigger"]), path("id")),
    ]
}

/// The address that the sender called is signed too.
fn with_address() -> Vec<Scheme> {
    let square = Scheme {
        signed: signed("{url}{body}"),
        ..body_hmac("square", "x-square-hmacsha256-signature", BASE64)
    };
    let trello = Scheme {
        versions: one(Algorithm::HmacSha1, ""),
        signed: signed("{body}{url}"),
        ..body_hmac("trello", "x-trello-webhook", BASE64)
    };
    let stamp = ["x-hubspot-request-timestamp"];
    let hubspot = Scheme {
        signed: signed("{method}{url}{body}{timestamp}"),
        sent_at: Some(in_headers(&stamp, StampForm::Millis, super::TOLERANCE)),
        ..body_hmac("hubspot", "x-hubspot-signature-v3", BASE64)
    };
    vec![
        known(square, paths(&["type"]), path("event_id")),
        known(trello, paths(&["action.type"]), path("action.id")),
        hubspot,
    ]
}

fn known(scheme: Scheme, event_type: TypeFrom, delivery_id: IdFrom) -> Scheme {
    Scheme { event_type, delivery_id, ..scheme }
}

fn header(name: &str) -> TypeFrom {
    TypeFrom::Header { name: name.into(), member: None }
}

fn id_header(name: &str) -> IdFrom {
    IdFrom::Header(names(&[name]))
}

fn path(member: &str) -> IdFrom {
    IdFrom::Path(member.into())
}

fn within(scheme: Scheme, tolerance: Duration) -> Scheme {
    let sent_at = scheme.sent_at.map(|sent_at| SentAt { tolerance, ..sent_at });
    Scheme { sent_at, ..scheme }
}

fn millis(scheme: Scheme) -> Scheme {
    let form = StampForm::Millis;
    let sent_at = scheme.sent_at.map(|sent_at| SentAt { form, ..sent_at });
    Scheme { sent_at, ..scheme }
}
