use crate::Control;
use crate::api::path::APP;
use crate::api::{Call, Scope, captures, wire};
use crate::problem::Problem;
use bytes::Bytes;
use hyper::{Method, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use std::pin::Pin;

/// One thing that can be asked of a node.
#[derive(Clone, Copy)]
pub struct Operation {
    pub verb: Verb,
    /// Exact segments and `{captures}`; `path.rs` says what each capture can be.
    pub path: &'static str,
    /// A stable name for programs. That of Svix where Svix has the operation.
    pub id: &'static str,
    pub summary: &'static str,
    pub scope: Scope,
    /// Nothing else may stand in the query.
    pub query: &'static [Parameter],
    pub body: Content,
    /// What is answered when it went well.
    pub answers: &'static [(u16, Content)],
    pub(crate) run: Run,
}

/// The erasure of many events.
const ERASE: &str = "erase";

/// What an operation came to.
pub(crate) type Answered = Result<Response<Bytes>, Problem>;
pub(crate) type Answering<'a> = Pin<Box<dyn Future<Output = Answered> + 'a>>;
pub(crate) type Run = for<'a> fn(&'a Control, Call) -> Answering<'a>;

/// A schema, written where the generator collects what it refers to.
pub type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// One parameter of a query.
#[derive(Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    pub schema: SchemaOf,
    pub doc: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// What a body holds.
#[derive(Clone, Copy)]
pub enum Content {
    Empty,
    Json(SchemaOf),
    /// Bytes of this media type.
    Binary(&'static str),
    /// Of one of these media types.
    Texts(&'static [&'static str]),
    /// Of this media type.
    Text(&'static str),
}

impl Operation {
    /// Whether it leaves the node other than it was.
    pub fn is_change(&self) -> bool {
        self.verb != Verb::Get
    }

    /// Whether it is about one application: that of its path, or of its query.
    pub fn is_in_app(&self) -> bool {
        captures(self.path).any(|capture| capture.name == APP) || self.names_app()
    }

    /// Whether its query names the application.
    pub(crate) fn names_app(&self) -> bool {
        self.query.iter().any(|parameter| parameter.name == wire::APP.name)
    }

    /// Whether the log of changes names it. An event is on record in the event log.
    pub(crate) fn is_audited(&self) -> bool {
        self.is_change() && self.scope != Scope::Publish
    }

    /// Whether an `Idempotency-Key` makes a repeat of it safe. Messages have a key of their own. An
    /// erasure is safe by itself, and a kept `done` of it would tell of what came later too.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.verb == Verb::Post && self.scope != Scope::Publish && self.id != ERASE
    }

    /// Whether it reaches what is left of an application that was removed, for an admin's key.
    pub(crate) fn outlives_app(&self) -> bool {
        matches!(self.id, ERASE | "event.erase" | "v1.message.expunge-content")
    }
}

impl Parameter {
    pub const fn of<T: JsonSchema>(name: &'static str, doc: &'static str) -> Parameter {
        Parameter { name, schema: SchemaGenerator::subschema_for::<T>, doc }
    }
}

impl Content {
    pub const fn json<T: JsonSchema>() -> Content {
        Content::Json(SchemaGenerator::subschema_for::<T>)
    }
}

impl Verb {
    pub fn name(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Post => "POST",
            Verb::Put => "PUT",
            Verb::Patch => "PATCH",
            Verb::Delete => "DELETE",
        }
    }

    /// HEAD is where GET is.
    pub(crate) fn is(self, method: &Method) -> bool {
        method.as_str() == self.name() || (self == Verb::Get && method == Method::HEAD)
    }
}
