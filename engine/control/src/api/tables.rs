//! Lookup tables of an application and their versions. A table is sent as the text that it is
//! written in, and put in force whole.

mod model;
mod room;

use crate::api::wire::{APP, ITERATOR, LIMIT, ORDER, Page, Wanted, Word};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Scope, Verb};
use crate::problem::Problem;
use crate::reply::{answer, empty, resource};
use crate::{Control, KeptTable, TableForm, TableText};
use event::TenantId;
use model::{About, EntryOut, TableOut, VersionOut};
use registry::{Declared, DeclaredTable, Kind, Snapshot, TableContent, TableVersion};
use room::Room;
use std::sync::Arc;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/table",
        id: "table.list",
        summary: "A page of an application's lookup tables, by name",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP, LIMIT, ITERATOR, ORDER],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<TableOut>>())],
        run: |control, call| Box::pin(async move { list(control, &call) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/table/{table_name}",
        id: "table.get",
        summary: "A lookup table, in the version that is in force, without what it holds",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<TableOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/v1/table/{table_name}",
        id: "table.put",
        summary: "Makes a lookup table of its text, or replaces all that one holds",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP, KEY_COLUMN, VALUE_COLUMN],
        body: Content::Texts(&[CSV, JSON, JSON_LINES]),
        answers: &[(200, Content::json::<TableOut>()), (201, Content::json::<TableOut>())],
        run: |control, call| Box::pin(put(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/v1/table/{table_name}",
        id: "table.delete",
        summary: "Removes a lookup table; filters that ask for it find no key any more",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/table/{table_name}/entry",
        id: "table.entry",
        summary: "What a lookup table has for a key, as filters get it",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP, KEY],
        body: Content::Empty,
        answers: &[(200, Content::json::<EntryOut>())],
        run: |control, call| Box::pin(async move { entry(control, &call) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/table/{table_name}/version",
        id: "table.versions",
        summary: "The versions of a lookup table that can be put in force again, the newest first",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<Page<VersionOut>>())],
        run: |control, call| Box::pin(async move { versions(control, &call) }),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/table/{table_name}/version/{version}/restore",
        id: "table.restore",
        summary: "Puts an earlier version in force again",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<TableOut>())],
        run: |control, call| Box::pin(restore(control, call)),
    },
];

const CSV: &str = "text/csv";
const JSON: &str = "application/json";
const JSON_LINES: &str = "application/x-ndjson";

const KEY_COLUMN: Parameter = Parameter::of::<String>(
    "key",
    "The column or member that holds the keys; of CSV the first one without it.",
);
const VALUE_COLUMN: Parameter = Parameter::of::<String>(
    "value",
    "The column or member that holds the values; without it a value is all of its row, as JSON.",
);
const KEY: Parameter = Parameter::of::<String>("key", "The key to look up.");

const NONE: Problem = Problem::NotFound("there is no such table");

fn find<'a>(
    snapshot: &'a Snapshot,
    app: &TenantId,
    name: &str,
) -> Result<&'a Arc<TableVersion>, Problem> {
    snapshot.table(app, name).ok_or(NONE)
}

fn list(control: &Control, call: &Call) -> Answered {
    let wanted = Wanted::of(&call.query, false)?;
    let snapshot = control.snapshot();
    let app = call.app()?;
    let all = snapshot.tables().into_iter().filter(|table| table.tenant == *app);
    let all: Vec<_> = all.collect();
    let name = |table: &&Arc<TableVersion>| table.name.to_string();
    let show = |table: &&Arc<TableVersion>| Some(TableOut::of(table));
    Ok(answer(200, &wanted.cut_by_name(&all, name, show)?))
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let table = find(&snapshot, call.app()?, call.named("table_name"))?;
    Ok(resource(200, &TableOut::of(table)))
}

fn versions(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let table = find(&snapshot, call.app()?, call.named("table_name"))?;
    let data = table.contents().map(VersionOut::of).collect();
    Ok(answer(200, &Page::whole(data)))
}

fn entry(control: &Control, call: &Call) -> Answered {
    let (app, name) = (call.app()?, call.named("table_name"));
    find(&control.snapshot(), app, name)?;
    let missing = || Problem::parameter(KEY.name, "say which key to look up");
    let key = call.query.one(KEY.name)?.ok_or_else(missing)?;
    let value = control.ports.tables.look_up(app, name, key);
    let value = value.ok_or(Problem::NotFound("this table has no such key"))?;
    Ok(answer(200, &EntryOut { key: key.to_owned(), value }))
}

async fn put(control: &Control, mut call: Call) -> Answered {
    let form = match call.one_of(&[CSV, JSON, JSON_LINES])? {
        CSV => TableForm::Csv,
        JSON => TableForm::Json,
        _ => TableForm::JsonLines,
    };
    let column = |name| call.query.one(name).map(|given| given.map(str::to_owned));
    let (key, value) = (column(KEY_COLUMN.name)?, column(VALUE_COLUMN.name)?);
    // Before the text is read: whoever has the wrong version has nothing kept.
    check_version(&call, &control.snapshot())?;
    let text = std::mem::take(&mut call.body);
    let kept = control.ports.tables.keep(text, TableText { form, key, value }).await?;
    replace(control, &call, &kept).await
}

async fn restore(control: &Control, call: Call) -> Answered {
    let digest = {
        let snapshot = control.snapshot();
        let table = find(&snapshot, call.app()?, call.named("table_name"))?;
        let mut all = table.contents();
        let found = all.find(|content| content.digest.version() == call.named("version"));
        found.ok_or(Problem::NotFound("this table has no such version"))?.digest
    };
    let kept = control.ports.tables.find(digest).await?;
    replace(control, &call, &kept).await
}

fn check_version(call: &Call, snapshot: &Snapshot) -> Result<(), Problem> {
    let old = snapshot.table(call.app()?, call.named("table_name"));
    call.if_match_any(old.map(|old| TableOut::of(old)).as_ref())
}

/// Puts a content in force as the path's table, and answers it.
async fn replace(control: &Control, call: &Call, kept: &KeptTable) -> Answered {
    let (app, name) = (call.app()?, call.named("table_name"));
    if Word::try_from(name.to_owned()).is_err() {
        return Err(NONE);
    }
    let now = control.ports.clock.wall().millis();
    let content =
        TableContent { digest: kept.digest, keys: kept.keys, bytes: kept.bytes, since_ms: now };
    let is_new = control.change(|snapshot| {
        let old = snapshot.table(app, name);
        check_version(call, snapshot)?;
        let mut edit = snapshot.edit();
        if old.is_none_or(|old| old.content.digest != content.digest) {
            let room = Room::beside(snapshot, app, name);
            room.check(call, content.bytes, old.is_none())?;
            let about = About::after(old.map(|old| &**old), now);
            let table = DeclaredTable {
                tenant: app.clone(),
                name: name.to_owned(),
                content,
                earlier: room.earlier(old.map(|old| &**old), &content),
                about: about.written(),
            };
            edit.put(&Declared { tables: vec![table], ..Declared::default() });
        }
        Ok((edit.finish()?, old.is_none()))
    });
    let is_new = is_new.await?;
    let snapshot = control.snapshot();
    let table = find(&snapshot, app, name)?;
    Ok(resource(if is_new { 201 } else { 200 }, &TableOut::of(table)))
}

async fn delete(control: &Control, call: Call) -> Answered {
    let removed = control.change(|snapshot| {
        let (app, name) = (call.app()?, call.named("table_name"));
        call.if_match(&TableOut::of(find(snapshot, app, name)?))?;
        let mut edit = snapshot.edit();
        edit.remove(Kind::Table, app, name);
        Ok((edit.finish()?, ()))
    });
    removed.await?;
    Ok(empty(204))
}
