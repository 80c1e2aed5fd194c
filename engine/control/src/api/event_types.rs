use crate::Control;
use crate::api::wire::{
    Given, ITERATOR, LIMIT, ORDER, Page, Wanted, Word, check_description, flag, written,
};
use crate::api::{Answered, Call, Content, Operation, Parameter, Scope, Verb, examples};
use crate::explain::time;
use crate::problem::{Flaw, Problem};
use crate::reply::{answer, empty, resource};
use crate::schemas::Schema;
use event::Time;
use registry::{ChangeSet, Record, RecordKind, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

const ARCHIVED: Parameter =
    Parameter::of::<bool>("include_archived", "Whether archived ones are listed too.");
const WITH_CONTENT: Parameter =
    Parameter::of::<bool>("with_content", "Whether schemas are shown; false when not said.");
const EXPUNGE: Parameter =
    Parameter::of::<bool>("expunge", "Whether it is removed; else it is archived.");

const VERSION: Parameter = Parameter::of::<String>(
    "version",
    "Which of its schemas; the one that is enforced when it is not said, else the last by name.",
);

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/api/v1/event-type",
        id: "v1.event-type.list",
        summary: "A page of event types, by name",
        scope: Scope::Keyed,
        query: &[LIMIT, ITERATOR, ORDER, ARCHIVED, WITH_CONTENT],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<EventTypeOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/api/v1/event-type",
        id: "v1.event-type.create",
        summary: "Creates an event type, or takes up an archived one again",
        scope: Scope::Admin,
        query: &[],
        body: Content::json::<EventTypeIn>(),
        answers: &[(201, Content::json::<EventTypeOut>())],
        run: |control, call| Box::pin(create(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/event-type/{event_type_name}",
        id: "v1.event-type.get",
        summary: "An event type",
        scope: Scope::Keyed,
        query: &[],
        body: Content::Empty,
        answers: &[(200, Content::json::<EventTypeOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/api/v1/event-type/{event_type_name}",
        id: "v1.event-type.update",
        summary: "Replaces an event type, or creates it",
        scope: Scope::Admin,
        query: &[],
        body: Content::json::<EventTypeUpdate>(),
        answers: &[(200, Content::json::<EventTypeOut>()), (201, Content::json::<EventTypeOut>())],
        run: |control, call| Box::pin(update(control, call)),
    },
    Operation {
        verb: Verb::Patch,
        path: "/api/v1/event-type/{event_type_name}",
        id: "v1.event-type.patch",
        summary: "Changes what is given of an event type",
        scope: Scope::Admin,
        query: &[],
        body: Content::json::<EventTypePatch>(),
        answers: &[(200, Content::json::<EventTypeOut>())],
        run: |control, call| Box::pin(patch(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/api/v1/event-type/{event_type_name}",
        id: "v1.event-type.delete",
        summary: "Archives an event type, or removes it",
        scope: Scope::Admin,
        query: &[EXPUNGE],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/event-type/{event_type_name}/check",
        id: "event-type.check",
        summary: "Says whether a payload is as an event type's schema says; nothing is sent",
        scope: Scope::Keyed,
        query: &[VERSION],
        body: Content::json::<Value>(),
        answers: &[(200, Content::json::<CheckOut>())],
        run: |control, call| Box::pin(async move { check(control, &call) }),
    },
];

/// JSON Schemas by the names of their versions. Messages are held to the one that is enforced.
type Schemas = serde_json::Map<String, Value>;

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventTypeIn {
    name: Word,
    description: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    deprecated: bool,
    schemas: Option<Schemas>,
    /// The version that messages are held to; none when it is not there.
    enforced_schema: Option<String>,
    group_name: Option<Word>,
    feature_flag: Option<Word>,
    feature_flags: Option<BTreeSet<Word>>,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventTypeUpdate {
    description: String,
    #[serde(default)]
    archived: bool,
    #[serde(default)]
    deprecated: bool,
    schemas: Option<Schemas>,
    /// The version that messages are held to. One that is not said stays.
    #[serde(default)]
    enforced_schema: Given<String>,
    group_name: Option<Word>,
    feature_flag: Option<Word>,
    feature_flags: Option<BTreeSet<Word>>,
}

#[derive(Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventTypePatch {
    description: Option<String>,
    archived: Option<bool>,
    deprecated: Option<bool>,
    #[serde(default)]
    schemas: Given<Schemas>,
    /// The version that messages are held to.
    #[serde(default)]
    enforced_schema: Given<String>,
    #[serde(default)]
    group_name: Given<Word>,
    #[serde(default)]
    feature_flag: Given<Word>,
    #[serde(default)]
    feature_flags: Given<BTreeSet<Word>>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct EventTypeOut {
    name: String,
    #[serde(flatten)]
    about: Shown,
    created_at: String,
    updated_at: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CheckOut {
    is_valid: bool,
    /// Of the schema.
    version: String,
    /// Where the payload is other than the schema says, the first ten.
    errors: Vec<FlawOut>,
}

#[derive(Serialize, JsonSchema)]
struct FlawOut {
    /// A JSON pointer into the payload.
    at: String,
    detail: String,
}

/// What people say of an event type.
#[derive(Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct Shown {
    description: String,
    archived: bool,
    deprecated: bool,
    schemas: Option<Schemas>,
    #[serde(default)]
    enforced_schema: Option<String>,
    group_name: Option<Word>,
    feature_flag: Option<Word>,
    feature_flags: Option<BTreeSet<Word>>,
}

/// What the registry keeps. Times are milliseconds.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct About {
    shown: Shown,
    created: u64,
    updated: u64,
}

const SCHEMAS_BYTES_MAX: usize = 256 << 10;
const NONE: Problem = Problem::NotFound("there is no such event type");

impl EventTypeUpdate {
    /// What takes the place of the type as it was, if it was there.
    fn shown(self, old: Option<&Record>) -> Shown {
        let mut enforced_schema = old.and_then(|old| About::of(old).shown.enforced_schema);
        self.enforced_schema.over(&mut enforced_schema);
        Shown {
            description: self.description,
            archived: self.archived,
            deprecated: self.deprecated,
            schemas: self.schemas,
            enforced_schema,
            group_name: self.group_name,
            feature_flag: self.feature_flag,
            feature_flags: self.feature_flags,
        }
    }
}

impl EventTypeIn {
    fn split(self) -> (Word, Shown) {
        let shown = Shown {
            description: self.description,
            archived: self.archived,
            deprecated: self.deprecated,
            schemas: self.schemas,
            enforced_schema: self.enforced_schema,
            group_name: self.group_name,
            feature_flag: self.feature_flag,
            feature_flags: self.feature_flags,
        };
        (self.name, shown)
    }
}

impl EventTypePatch {
    fn over(self, old: &mut Shown) {
        old.description = self.description.unwrap_or_else(|| old.description.clone());
        old.archived = self.archived.unwrap_or(old.archived);
        old.deprecated = self.deprecated.unwrap_or(old.deprecated);
        self.schemas.over(&mut old.schemas);
        self.enforced_schema.over(&mut old.enforced_schema);
        self.group_name.over(&mut old.group_name);
        self.feature_flag.over(&mut old.feature_flag);
        self.feature_flags.over(&mut old.feature_flags);
    }
}

impl Shown {
    fn check(&self) -> Result<(), Problem> {
        check_description(&self.description)?;
        let bytes = self.schemas.as_ref().map_or(0, |schemas| written(schemas).len());
        if bytes > SCHEMAS_BYTES_MAX {
            let text = format!("it has {SCHEMAS_BYTES_MAX} bytes at most");
            return Err(Problem::value(&["schemas"], text));
        }
        let Some(version) = &self.enforced_schema else { return Ok(()) };
        let Some(schema) = self.schema(version) else {
            let text = format!("`schemas` has no version `{version}`");
            return Err(Problem::value(&["enforcedSchema"], text));
        };
        let compiled = Schema::compile(schema);
        compiled.map(drop).map_err(|why| Problem::value(&["schemas", version], why))
    }

    fn schema(&self, version: &str) -> Option<&Value> {
        self.schemas.as_ref()?.get(version)
    }
}

impl About {
    fn of(record: &Record) -> About {
        serde_json::from_str(&record.about).unwrap_or_default()
    }
}

/// What messages are held to, where the event type asks for it.
fn enforced(record: &Record) -> Option<Value> {
    let shown = About::of(record).shown;
    shown.schema(shown.enforced_schema.as_deref()?).cloned()
}

impl Control {
    /// Where a payload of this type is not as its event type asks; nothing when it asks for none.
    pub(crate) fn unfit(&self, event_type: &str, payload: &[u8]) -> Vec<Flaw> {
        let held_to = self.schemas.borrow_mut().of(&self.snapshot(), event_type, enforced);
        let Some(schema) = held_to else { return Vec::new() };
        match serde_json::from_slice(payload) {
            Ok(payload) => schema.flaws(&payload),
            Err(error) => {
                let place = ["body", "payload"].map(str::to_owned).to_vec();
                vec![Flaw { place, text: error.to_string(), kind: "value_error.jsondecode" }]
            }
        }
    }

    /// The first thing for which an event may not come in: its body is not what its type asks for.
    pub fn unfit_event(&self, event_type: &str, body: &[u8]) -> Option<String> {
        let flaw = self.unfit(event_type, body).into_iter().next()?;
        let way = flaw.place[2..].join("/");
        let Flaw { text, .. } = flaw;
        Some(match way.is_empty() {
            true => format!("the type `{event_type}` asks for other data: {text}"),
            false => format!("the type `{event_type}` asks for other data: at /{way}: {text}"),
        })
    }
}

fn out(name: &str, about: About) -> EventTypeOut {
    EventTypeOut {
        name: name.to_owned(),
        about: about.shown,
        created_at: time(Time::from_millis(about.created)),
        updated_at: time(Time::from_millis(about.updated)),
    }
}

fn shown(record: &Record) -> EventTypeOut {
    out(&record.name, About::of(record))
}

fn find<'a>(snapshot: &'a Snapshot, name: &str) -> Result<&'a Arc<Record>, Problem> {
    snapshot.record(RecordKind::EventType, name).ok_or(NONE)
}

/// The example that an event type has: of the schema that is enforced, else of the newest.
pub(crate) fn example(snapshot: &Snapshot, name: &str) -> Result<String, Problem> {
    let shown = About::of(find(snapshot, name)?).shown;
    let enforced = shown.enforced_schema.as_deref().and_then(|version| shown.schema(version));
    let version = |name: &str| name.trim_start_matches('v').parse::<f64>().unwrap_or(-1.0);
    let all = shown.schemas.iter().flatten();
    let newest = all.max_by(|a, b| version(a.0).total_cmp(&version(b.0)));
    let schema = enforced.or(newest.map(|(_, schema)| schema)).ok_or(Problem::NoExample)?;
    examples::of_schema(schema)
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let with_archived = flag(&call.query, "include_archived", false)?;
    let with_content = flag(&call.query, "with_content", false)?;
    let snapshot = control.snapshot();
    let all: Vec<&Arc<Record>> = snapshot.records(RecordKind::EventType).collect();
    let name = |record: &&Arc<Record>| record.name.to_string();
    let show = |record: &&Arc<Record>| {
        let mut out = shown(record);
        out.about.schemas.take_if(|_| !with_content);
        (with_archived || !out.about.archived).then_some(out)
    };
    Ok(answer(200, &wanted.cut_by_name(&all, name, show)?))
}

async fn create(control: &Control, call: Call) -> Answered {
    let (name, given) = call.json::<EventTypeIn>()?.split();
    let name = name.as_str();
    let made = control.change(|snapshot| {
        let old = snapshot.record(RecordKind::EventType, name);
        if old.is_some_and(|old| !About::of(old).shown.archived) {
            return Err(Problem::Clash(format!("the event type `{name}` is there already").into()));
        }
        put(control, snapshot, name, given.clone())
    });
    Ok(resource(201, &made.await?))
}

/// A change that keeps when the type was made, if it is there.
fn put(
    control: &Control,
    snapshot: &Snapshot,
    name: &str,
    shown: Shown,
) -> Result<(ChangeSet, EventTypeOut), Problem> {
    shown.check()?;
    let now = control.ports.clock.wall().millis();
    let old = snapshot.record(RecordKind::EventType, name);
    let created = old.map_or(now, |old| About::of(old).created);
    let about = About { shown, created, updated: now };
    let mut edit = snapshot.edit();
    edit.put_record(RecordKind::EventType, name, &written(&about));
    Ok((edit.finish()?, out(name, about)))
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    Ok(resource(200, &shown(find(&snapshot, call.named("event_type_name"))?)))
}

async fn update(control: &Control, call: Call) -> Answered {
    let given = call.json::<EventTypeUpdate>()?;
    let name = Word::try_from(call.named("event_type_name").to_owned()).map_err(|_| NONE)?;
    let (is_new, made) = control
        .change(|snapshot| {
            let old = snapshot.record(RecordKind::EventType, name.as_str());
            call.if_match_any(old.map(|old| shown(old)).as_ref())?;
            let new = given.clone().shown(old.map(|old| &**old));
            let (set, made) = put(control, snapshot, name.as_str(), new)?;
            Ok((set, (old.is_none(), made)))
        })
        .await?;
    Ok(resource(if is_new { 201 } else { 200 }, &made))
}

async fn patch(control: &Control, call: Call) -> Answered {
    let patch: EventTypePatch = call.json()?;
    let name = call.named("event_type_name");
    let patched = control.change(|snapshot| {
        let old = find(snapshot, name)?;
        call.if_match(&shown(old))?;
        let mut new = About::of(old).shown;
        patch.clone().over(&mut new);
        put(control, snapshot, name, new)
    });
    Ok(resource(200, &patched.await?))
}

async fn delete(control: &Control, call: Call) -> Answered {
    let is_expunged = flag(&call.query, "expunge", false)?;
    let name = call.named("event_type_name");
    let deleted = control.change(|snapshot| {
        let old = find(snapshot, name)?;
        call.if_match(&shown(old))?;
        if !is_expunged {
            let archived = Shown { archived: true, ..About::of(old).shown };
            return put(control, snapshot, name, archived).map(|(set, _)| (set, ()));
        }
        let mut edit = snapshot.edit();
        edit.remove_record(RecordKind::EventType, name);
        Ok((edit.finish()?, ()))
    });
    deleted.await?;
    Ok(empty(204))
}

fn check(control: &Control, call: &Call) -> Answered {
    let payload: Value = call.json()?;
    let snapshot = control.snapshot();
    let shown = About::of(find(&snapshot, call.named("event_type_name"))?).shown;
    let last = shown.schemas.iter().flatten().map(|(version, _)| version).max();
    let given = call.query.one(VERSION.name)?;
    let version = given.or(shown.enforced_schema.as_deref()).or(last.map(String::as_str));
    let version = version.ok_or(Problem::NotFound("the event type has no schema"))?;
    let schema = shown.schema(version);
    let schema = schema.ok_or(Problem::NotFound("the event type has no such schema"))?;
    let schema = Schema::compile(schema).map_err(Problem::Rejected)?;
    let errors = schema.flaws(&payload).into_iter().map(|flaw| {
        let way = flaw.place[2..].iter().map(|part| part.replace('~', "~0").replace('/', "~1"));
        FlawOut { at: way.map(|part| format!("/{part}")).collect(), detail: flaw.text }
    });
    let errors: Vec<_> = errors.collect();
    let (is_valid, version) = (errors.is_empty(), version.to_owned());
    Ok(answer(200, &CheckOut { is_valid, version, errors }))
}
