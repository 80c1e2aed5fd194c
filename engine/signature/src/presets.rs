mod more;

use crate::{
    Algorithm, Answer, AnswerBody, Echo, Encoding, IdFrom, Scheme, SecretForm, SentAt, StampForm,
    StampPlace, Template, TypeFrom, Version, standard,
};
use std::time::Duration;

/// How far a timestamp may be from now unless the provider says otherwise.
pub(crate) const TOLERANCE: Duration = Duration::from_secs(300);

impl Scheme {
    /// The row of a provider, or of `none`; `hmac` is made by [`crate::CustomHmac`].
    pub fn preset(name: &str) -> Option<Scheme> {
        presets().into_iter().find(|scheme| scheme.name == name)
    }

    /// Every name that [`Scheme::preset`] knows.
    pub fn names() -> Vec<String> {
        presets().into_iter().map(|scheme| scheme.name).collect()
    }
}

fn presets() -> Vec<Scheme> {
    [first(), more::more()].concat()
}

/// The rows that configurations, the demo and our own deliveries lean on.
fn first() -> Vec<Scheme> {
    vec![
        Scheme {
            versions: Vec::new(),
            signature: Vec::new(),
            ..body_hmac("none", "", Encoding::Plain)
        },
        Scheme {
            versions: one(Algorithm::HmacSha256, "sha256="),
            event_type: TypeFrom::Header {
                name: "x-github-event".into(),
                member: Some("action".into()),
            },
            delivery_id: IdFrom::Header(names(&["x-github-delivery"])),
            ..body_hmac("github", "x-hub-signature-256", Encoding::Hex)
        },
        Scheme {
            versions: one(Algorithm::HmacSha1, "sha1="),
            ..body_hmac("github-sha1", "x-hub-signature", Encoding::Hex)
        },
        Scheme {
            versions: standard::VERSIONS.to_vec(),
            signature: names(&standard::SIGNATURE),
            separator: Some(' '),
            secret: SecretForm::Standard,
            signed: signed("{id}.{timestamp}.{body}"),
            id: names(&standard::ID),
            sent_at: Some(in_headers(&standard::TIMESTAMP, StampForm::Seconds, TOLERANCE)),
            event_type: paths(&["type"]),
            delivery_id: IdFrom::Header(names(&standard::ID)),
            ..body_hmac("standard-webhooks", "", Encoding::Base64)
        },
        Scheme {
            event_type: paths(&["type"]),
            delivery_id: IdFrom::Path("id".into()),
            ..fields("stripe", "stripe-signature", ',', "t=", "v1=", "{timestamp}.{body}")
        },
        Scheme {
            versions: one(Algorithm::HmacSha256, "v0="),
            signed: signed("v0:{timestamp}:{body}"),
            sent_at: Some(in_headers(
                &["x-slack-request-timestamp"],
                StampForm::Seconds,
                TOLERANCE,
            )),
            event_type: paths(&["event.type", "type"]),
            delivery_id: IdFrom::Path("event_id".into()),
            answer: Answer {
                status: 200,
                body: AnswerBody::Empty,
                echo: Some(Echo {
                    member: "type".into(),
                    value: "url_verification".into(),
                    answer: "challenge".into(),
                }),
            },
            ..body_hmac("slack", "x-slack-signature", Encoding::Hex)
        },
        Scheme {
            event_type: TypeFrom::Header { name: "x-shopify-topic".into(), member: None },
            delivery_id: IdFrom::Header(names(&["x-shopify-webhook-id"])),
            answer: Answer { status: 200, body: AnswerBody::Empty, echo: None },
            ..body_hmac("shopify", "x-shopify-hmac-sha256", Encoding::Base64)
        },
    ]
}

/// HMAC-SHA256 over the body, bare in one header: what most rows differ from by little.
pub(crate) fn body_hmac(name: &str, header: &str, encoding: Encoding) -> Scheme {
    Scheme {
        name: name.into(),
        versions: one(Algorithm::HmacSha256, ""),
        signature: names(&[header]),
        separator: None,
        encoding,
        secret: SecretForm::Text,
        signed: Template::body(),
        id: Vec::new(),
        sent_at: None,
        event_type: TypeFrom::Configured,
        delivery_id: IdFrom::Nowhere,
        answer: Answer { status: 202, body: AnswerBody::Receipt, echo: None },
    }
}

/// Timestamp and hex signatures as marked fields of one header.
fn fields(
    name: &str,
    header: &str,
    separator: char,
    stamp: &str,
    signature: &'static str,
    template: &str,
) -> Scheme {
    Scheme {
        versions: one(Algorithm::HmacSha256, signature),
        separator: Some(separator),
        signed: signed(template),
        sent_at: Some(SentAt {
            place: StampPlace::Field(stamp.into()),
            form: StampForm::Seconds,
            tolerance: TOLERANCE,
        }),
        ..body_hmac(name, header, Encoding::Hex)
    }
}

fn one(algorithm: Algorithm, prefix: &'static str) -> Vec<Version> {
    vec![Version { prefix: prefix.into(), algorithm }]
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|name| (*name).to_owned()).collect()
}

fn paths(list: &[&str]) -> TypeFrom {
    TypeFrom::Path(names(list))
}

fn signed(template: &str) -> Template {
    Template::parse(template).expect("the table's templates are tested")
}

fn in_headers(list: &[&str], form: StampForm, tolerance: Duration) -> SentAt {
    SentAt { place: StampPlace::Header(names(list)), form, tolerance }
}
