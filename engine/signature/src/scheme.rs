use crate::{Algorithm, BadScheme, Encoding, SecretForm, StampForm, Template};
use std::borrow::Cow;
use std::time::Duration;

/// How one provider signs, and what else is known of its webhooks: the closed description that
/// verifying and signing interpret. Header names are in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scheme {
    pub name: String,
    /// The ways in which a signature may be made; none at all means that nothing is verified.
    /// A secret is used with those that take its kind of key.
    pub versions: Vec<Version>,
    /// The headers that hold signatures. All that are there are read; the first is written.
    pub signature: Vec<String>,
    /// What stands between the fields of a signature header; without it there is one field.
    pub separator: Option<char>,
    pub encoding: Encoding,
    pub secret: SecretForm,
    pub signed: Template,
    /// The headers that may hold the `{id}` of the signed text: the first that is there is meant.
    pub id: Vec<String>,
    pub sent_at: Option<SentAt>,
    pub event_type: TypeFrom,
    pub delivery_id: IdFrom,
    pub answer: Answer,
}

/// One way of making a signature, and the mark in front that tells it from the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    pub prefix: Cow<'static, str>,
    pub algorithm: Algorithm,
}

/// Where the time of sending is, and how far from now it may be, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentAt {
    pub place: StampPlace,
    pub form: StampForm,
    /// In whole seconds; the limit itself is still taken.
    pub tolerance: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StampPlace {
    /// The first of these headers that is there.
    Header(Vec<String>),
    /// The field of the signature header that begins so, such as `t=`.
    Field(String),
}

/// Where the type of an event is. Reading a body is the caller's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeFrom {
    /// The provider does not say, or not in one place: the source's configuration has to.
    Configured,
    /// A header's value, each `/` in it read as `.`; with `.` and the value of `member` appended
    /// when the body has that member.
    Header {
        name: String,
        member: Option<String>,
    },
    /// The first of these members of the body that is there; dots lead inwards.
    Path(Vec<String>),
    Literal(String),
}

/// Where the sender's own name for a delivery is, which stays the same when it is sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IdFrom {
    /// There is none: nothing is taken for a duplicate.
    Nowhere,
    /// The first of these headers that is there.
    Header(Vec<String>),
    /// A member of the body; dots lead inwards.
    Path(String),
    /// A parameter of the request's query.
    Query(String),
    /// A digest of the body.
    BodyHash,
}

/// What the provider expects to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub body: AnswerBody,
    /// The handshake by which the provider checks an address, once its signature was verified.
    pub echo: Option<Echo>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnswerBody {
    /// Our own: the event's id.
    Receipt,
    Empty,
}

/// A body whose `member` is `value` is no event: it is answered with the text of `answer`, as
/// `text/plain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Echo {
    pub member: String,
    pub value: String,
    pub answer: String,
}

impl Scheme {
    /// Whether anybody at all is let in.
    pub fn is_open(&self) -> bool {
        self.versions.is_empty()
    }
}

impl TypeFrom {
    /// `path:data.kind`, `header:x-event`, or else the type itself.
    pub fn parse(text: &str) -> TypeFrom {
        match text.split_once(':') {
            Some(("path", path)) => TypeFrom::Path(vec![path.into()]),
            Some(("header", name)) => {
                TypeFrom::Header { name: name.to_ascii_lowercase(), member: None }
            }
            _ => TypeFrom::Literal(text.into()),
        }
    }
}

impl IdFrom {
    /// `header:x-id`, `path:event.id`, `query:id`, `ce-id` or `body-hash`.
    pub fn parse(text: &str) -> Result<IdFrom, BadScheme> {
        match text.split_once(':') {
            Some(("header", name)) => Ok(IdFrom::Header(vec![name.to_ascii_lowercase()])),
            Some(("path", path)) => Ok(IdFrom::Path(path.into())),
            Some(("query", name)) => Ok(IdFrom::Query(name.into())),
            None if text == "ce-id" => Ok(IdFrom::Header(vec!["ce-id".into()])),
            None if text == "body-hash" => Ok(IdFrom::BodyHash),
            _ => Err(BadScheme::Unknown {
                what: "place of a delivery id",
                got: text.into(),
                choices: "header:<name>, path:<member>, query:<name>, ce-id, body-hash",
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_from_text() {
        assert_eq!(TypeFrom::parse("order.paid"), TypeFrom::Literal("order.paid".into()));
        assert_eq!(TypeFrom::parse("path:a.b"), TypeFrom::Path(vec!["a.b".into()]));
        let header = TypeFrom::Header { name: "x-event".into(), member: None };
        assert_eq!(TypeFrom::parse("header:X-Event"), header);
        assert_eq!(IdFrom::parse("ce-id"), Ok(IdFrom::Header(vec!["ce-id".into()])));
        assert_eq!(IdFrom::parse("query:id"), Ok(IdFrom::Query("id".into())));
        assert!(IdFrom::parse("header").is_err());
        assert!(IdFrom::parse("cookie:id").is_err());
    }
}
