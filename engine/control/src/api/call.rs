use crate::Lines;
use crate::api::{Captured, Place, Principal, Query, Role, Tail};
use crate::problem::{Flaw, Problem};
use crate::reply;
use bytes::Bytes;
use event::TenantId;
use hyper::header::{CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_path_to_error::Segment;
use std::cell::RefCell;
use std::rc::Rc;

/// One request for an operation, by someone who may.
pub(crate) struct Call {
    pub captured: Captured,
    /// The application of the path; see `app`.
    pub tenant: Option<TenantId>,
    pub query: Query,
    pub head: Rc<Parts>,
    pub body: Bytes,
    pub principal: Principal,
    pub request_id: String,
    /// Where an operation leaves what it goes on to send.
    pub stream: Rc<RefCell<Option<Stream>>>,
    /// What its body has taken of what there is for such bodies, until it has been carried out.
    #[expect(dead_code, reason = "it is given back when it is dropped")]
    pub place: Option<Place>,
}

/// What an operation goes on to send behind its answer.
pub(crate) enum Stream {
    Tail(Tail),
    Lines(Lines),
}

/// Of bytes of which nothing is said.
pub(crate) const ANY_BYTES: &str = "application/octet-stream";

impl Call {
    /// The application that the path names, or 404.
    pub fn app(&self) -> Result<&TenantId, Problem> {
        self.tenant.as_ref().ok_or(Problem::NO_APP)
    }

    /// A part of the path, by the name of its capture.
    pub fn named(&self, capture: &str) -> &str {
        self.captured.named(capture)
    }

    /// Reads the body. 415 for another media type, 422 with the place for what does not fit.
    pub fn json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        if !self.is_json() {
            return Err(Problem::MediaType("application/json".into()));
        }
        // Places are only looked for in what is wrong: that takes as long as the reading itself.
        if let Ok(read) = serde_json::from_slice(&self.body) {
            return Ok(read);
        }
        let mut reader = serde_json::Deserializer::from_slice(&self.body);
        let read = serde_path_to_error::deserialize(&mut reader).map_err(flaw)?;
        reader.end().map_err(|error| Problem::Invalid(vec![broken(&error)]))?;
        Ok(read)
    }

    /// The same, where no body at all says as little as an empty object.
    pub fn json_or_default<'a, T: Deserialize<'a> + Default>(&'a self) -> Result<T, Problem> {
        if self.body.is_empty() { Ok(T::default()) } else { self.json() }
    }

    /// The body as it is. 415 for a media type that says it is something else.
    pub fn binary(&self, media_type: &'static str) -> Result<Bytes, Problem> {
        match self.media_type() {
            Some(given) if given != media_type && given != ANY_BYTES => {
                Err(Problem::MediaType(media_type.into()))
            }
            _ => Ok(self.body.clone()),
        }
    }

    /// Which of these media types the body says it is. 415 for none of them.
    pub fn one_of(&self, known: &[&'static str]) -> Result<&'static str, Problem> {
        let given = self.media_type().unwrap_or_default();
        let found = known.iter().find(|known| **known == given);
        found.copied().ok_or(Problem::MediaType(known.join(" or ").into()))
    }

    /// A body without a type is taken at its word.
    fn is_json(&self) -> bool {
        self.media_type()
            .is_none_or(|given| given == "application/json" || given.ends_with("+json"))
    }

    /// Without its parameters, in lower case.
    fn media_type(&self) -> Option<String> {
        let given = self.head.headers.get(CONTENT_TYPE)?.to_str().unwrap_or_default();
        Some(given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
    }

    /// 412 when the sender knew another version of the resource than this one, which is what
    /// `reply::resource` would answer to a GET now.
    pub fn if_match(&self, now: &impl Serialize) -> Result<(), Problem> {
        let mut given = self.head.headers.get_all(IF_MATCH).iter().peekable();
        if given.peek().is_none() {
            return Ok(());
        }
        let tag = reply::tag(&reply::json(now));
        match given.any(|list| reply::names(list, &tag)) {
            true => Ok(()),
            false => Err(Problem::Precondition),
        }
    }

    /// The same of what may not be there yet; and 412 for what is there, when the sender asks that
    /// it is not (`If-None-Match: *`).
    pub fn if_match_any(&self, now: Option<&impl Serialize>) -> Result<(), Problem> {
        let nothing = self.head.headers.get(IF_NONE_MATCH).is_some_and(|given| given == "*");
        if nothing && now.is_some() {
            return Err(Problem::Precondition);
        }
        now.map_or_else(|| self.if_there(), |now| self.if_match(now))
    }

    /// 412 when the sender knew some version of what is not there.
    pub fn if_there(&self) -> Result<(), Problem> {
        match self.head.headers.contains_key(IF_MATCH) {
            true => Err(Problem::Precondition),
            false => Ok(()),
        }
    }

    /// Refuses one more than an application may have of what its own keys make. An admin key is
    /// not held to it.
    pub fn within(&self, has_room: bool, what: &str, most: usize) -> Result<(), Problem> {
        match has_room || self.principal.role == Role::Admin {
            true => Ok(()),
            false => {
                let text = format!("the application has {most} {what} already");
                Err(Problem::Clash(text.into()))
            }
        }
    }
}

fn flaw(error: serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let place: Vec<String> = error.path().iter().filter_map(place).collect();
    let inner = error.into_inner();
    if inner.classify() != Category::Data {
        return Problem::Invalid(vec![broken(&inner)]);
    }
    let place = ["body".to_owned()].into_iter().chain(place).collect();
    Problem::Invalid(vec![Flaw { place, text: inner.to_string(), kind: "value_error" }])
}

fn place(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

fn broken(error: &serde_json::Error) -> Flaw {
    Flaw {
        place: vec!["body".to_owned()],
        text: format!("the body is not JSON: {error}"),
        kind: "value_error.jsondecode",
    }
}
