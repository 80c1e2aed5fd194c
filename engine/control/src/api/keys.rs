//! Keys beside the configured one: records of the registry that hold digests alone.

mod model;
mod record;
mod ring;
mod uses;

use crate::api::wire::{ITERATOR, LIMIT, ORDER, Page, Wanted, flag, grace};
use crate::api::{Answered, Call, Content, Operation, Parameter, Scope, Token, Verb};
use crate::problem::Problem;
use crate::reply::{Secret, answer, empty, with_secret, with_tag};
use crate::{Control, id, key};
use model::{KeyIn, KeyMade, KeyOut, KeyPatch, KeyRotateIn};
pub(super) use record::{About, RoleName};
use registry::{Record, RecordKind, Snapshot};
pub use ring::KeyRing;
use runtime::Entropy;
use std::sync::Arc;
pub(crate) use uses::Uses;
use zeroize::Zeroizing;

const PORTAL: Parameter =
    Parameter::of::<bool>("portal", "The sessions of the portal instead of the other keys.");

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/key",
        id: "key.list",
        summary: "A page of keys, by id",
        scope: Scope::Admin,
        query: &[LIMIT, ITERATOR, ORDER, PORTAL],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<KeyOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/key",
        id: "key.create",
        summary: "Makes a key; its token is shown this once",
        scope: Scope::Admin,
        query: &[],
        body: Content::json::<KeyIn>(),
        answers: &[(201, Content::json::<KeyMade<'_>>())],
        run: |control, call| Box::pin(create(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/key/{key_id}",
        id: "key.get",
        summary: "A key",
        scope: Scope::Admin,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<KeyOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Patch,
        path: "/v1/key/{key_id}",
        id: "key.update",
        summary: "Gives a key another name or another end",
        scope: Scope::Admin,
        query: &[],
        body: Content::json::<KeyPatch>(),
        answers: &[(200, Content::json::<KeyOut>())],
        run: |control, call| Box::pin(update(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/key/{key_id}/rotate",
        id: "key.rotate",
        summary: "Gives a key another token, shown this once; the old one counts for a while",
        scope: Scope::Admin,
        query: &[],
        body: Content::json::<KeyRotateIn>(),
        answers: &[(200, Content::json::<KeyMade<'_>>())],
        run: |control, call| Box::pin(rotate(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/v1/key/{key_id}",
        id: "key.delete",
        summary: "Ends a key, or a session of the portal",
        scope: Scope::Admin,
        query: &[],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
];

pub(crate) const KEY: RecordKind = RecordKind::Key;
const NO_KEY: Problem = Problem::NotFound("there is no such key");

/// A token that was just made. It is shown and forgotten.
pub(super) struct Fresh {
    pub id: String,
    pub text: Zeroizing<String>,
}

impl Fresh {
    /// Under an id that no key has.
    pub fn new(control: &Control, draw: impl Fn(&dyn Entropy) -> String) -> Fresh {
        let snapshot = control.snapshot();
        let mut id = draw(&*control.ports.entropy);
        while snapshot.record(KEY, &id).is_some() {
            id = draw(&*control.ports.entropy);
        }
        Fresh::with_id(control, id)
    }

    fn with_id(control: &Control, id: String) -> Fresh {
        let text = key::with_secret(&format!("fbk_{id}_"), &*control.ports.entropy);
        Fresh { id, text }
    }

    /// Puts the key in force.
    pub async fn keep(&self, control: &Control, about: &About) -> Result<(), Problem> {
        let kept = control.change(|snapshot| {
            if snapshot.record(KEY, &self.id).is_some() {
                return Err(Problem::Conflict);
            }
            let mut edit = snapshot.edit();
            edit.put_record(KEY, &self.id, &about.written());
            Ok((edit.finish()?, ()))
        });
        kept.await
    }

    pub fn digest(&self) -> [u8; 32] {
        Token::read(&self.text).expect("what is made is a token").digest()
    }
}

/// The keys that are bound to an application, sessions too.
pub(super) fn bound_to<'a>(
    snapshot: &'a Snapshot,
    app: &str,
) -> impl Iterator<Item = (&'a Record, About)> {
    let all = snapshot.records(KEY).filter_map(|record| Some((&**record, About::of(record)?)));
    all.filter(move |(_, about)| about.app.as_deref() == Some(app))
}

fn shown(control: &Control, record: &Record) -> Option<KeyOut> {
    let used = control.uses.borrow().last(&record.name);
    Some(KeyOut::of(&record.name, &About::of(record)?, used))
}

/// With a tag that does not change by the key's use.
fn resource(status: u16, out: &KeyOut) -> hyper::Response<bytes::Bytes> {
    with_tag(answer(status, out), &out.version())
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let is_portal = flag(&call.query, "portal", false)?;
    let snapshot = control.snapshot();
    let all = snapshot.records(KEY).filter(|record| id::is_session(&record.name) == is_portal);
    let all: Vec<_> = all.collect();
    let name = |record: &&Arc<Record>| record.name.to_string();
    let page = wanted.cut_by_name(&all, name, |record| shown(control, record));
    Ok(answer(200, &page?))
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let record = snapshot.record(KEY, call.named("key_id")).ok_or(NO_KEY)?;
    Ok(resource(200, &shown(control, record).ok_or(NO_KEY)?))
}

async fn create(control: &Control, call: Call) -> Answered {
    let given: KeyIn = call.json()?;
    let fresh = Fresh::new(control, id::key);
    let now = control.ports.clock.wall();
    let about = given.about(fresh.digest(), now, &control.ports.apps)?;
    fresh.keep(control, &about).await?;
    Ok(told(201, KeyOut::of(&fresh.id, &about, None), &fresh))
}

/// The one answer that shows a token.
fn told(status: u16, key: KeyOut, fresh: &Fresh) -> hyper::Response<bytes::Bytes> {
    let version = key.version();
    let made = KeyMade { key, token: &fresh.text };
    with_secret(with_tag(answer(status, &made), &version), Secret::Told)
}

async fn update(control: &Control, call: Call) -> Answered {
    let patch: KeyPatch = call.json()?;
    let now = control.ports.clock.wall();
    let out = replace(control, &call, |about| patch.over(about, now)).await?;
    Ok(resource(200, &out))
}

async fn rotate(control: &Control, call: Call) -> Answered {
    let given: KeyRotateIn = call.json_or_default()?;
    let grace = grace(given.grace_period_seconds)?;
    let fresh = Fresh::with_id(control, call.named("key_id").to_owned());
    let until = control.ports.clock.wall() + grace;
    let digest = fresh.digest();
    let out = replace(control, &call, |about| {
        about.rotate(digest, (!grace.is_zero()).then_some(until));
        Ok(())
    });
    Ok(told(200, out.await?, &fresh))
}

/// Changes a key that is no session: those are made anew.
async fn replace(
    control: &Control,
    call: &Call,
    change: impl Fn(&mut About) -> Result<(), Problem>,
) -> Result<KeyOut, Problem> {
    let id = call.named("key_id");
    let now = control.ports.clock.wall();
    let used = control.uses.borrow().last(id);
    let replaced = control.change(|snapshot| {
        let record = snapshot.record(KEY, id).ok_or(NO_KEY)?;
        let mut about = About::of(record).ok_or(NO_KEY)?;
        if about.role == RoleName::Portal {
            return Err(Problem::Clash("a portal session is not changed: make another".into()));
        }
        call.if_match(&KeyOut::of(id, &about, None))?;
        change(&mut about)?;
        about.updated_at = now.millis();
        let mut edit = snapshot.edit();
        edit.put_record(KEY, id, &about.written());
        Ok((edit.finish()?, KeyOut::of(id, &about, used)))
    });
    replaced.await
}

async fn delete(control: &Control, call: Call) -> Answered {
    let id = call.named("key_id");
    let deleted = control.change(|snapshot| {
        let record = snapshot.record(KEY, id).ok_or(NO_KEY)?;
        let about = About::of(record).ok_or(NO_KEY)?;
        call.if_match(&KeyOut::of(id, &about, None))?;
        let mut edit = snapshot.edit();
        edit.remove_record(KEY, id);
        Ok((edit.finish()?, ()))
    });
    deleted.await?;
    control.uses.borrow_mut().forget(id);
    Ok(empty(204))
}
