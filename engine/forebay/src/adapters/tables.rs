use crate::queue::Queue;
use crate::tables::{Form, Reading, TableLimits, Tables, digest_of, read};
use bytes::Bytes;
use control::{Denied, KeptTable, Pending, TableForm, TableText};
use event::TenantId;
use filter::Table;
use log::Log;
use registry::TableDigest;
use std::io;
use std::sync::Arc;

/// Takes tables in, one at a time: a large one fills a core and some hundred megabytes.
pub struct Loading {
    tables: Arc<Tables>,
    log: Arc<dyn Log>,
    queue: Queue,
}

impl Loading {
    pub fn new(tables: Arc<Tables>, log: Arc<dyn Log>) -> Loading {
        Loading { tables, log, queue: Queue::new("tables") }
    }
}

impl control::Tables for Loading {
    fn keep(&self, text: Bytes, how: TableText) -> Pending<Result<KeptTable, Denied>> {
        let (tables, log) = (self.tables.clone(), self.log.clone());
        self.queue.run(move || {
            let form = match how.form {
                TableForm::Csv => Form::Csv,
                TableForm::Json => Form::Json,
                TableForm::JsonLines => Form::JsonLines,
            };
            let reading = Reading { form, key: how.key, value: how.value };
            let table = read(&text, &reading, TableLimits::default());
            drop(text);
            let table = table.map_err(|bad| Denied::Rejected(bad.to_string()))?;
            // What is left of the disk is for events.
            if log.room().is_ok_and(|room| room.is_below_floor) {
                return Err(Denied::Full);
            }
            tables.keep(Arc::new(table)).map(kept).map_err(denied)
        })
    }

    fn find(&self, digest: TableDigest) -> Pending<Result<KeptTable, Denied>> {
        let tables = self.tables.clone();
        self.queue.run(move || tables.find(&digest).map(kept).map_err(denied))
    }

    fn look_up(&self, app: &TenantId, name: &str, key: &str) -> Option<String> {
        let tables = self.tables.of(app).ok()?;
        let value = tables.get(name)?.get(key.as_bytes())?;
        Some(String::from_utf8_lossy(value).into_owned())
    }
}

fn kept(table: Arc<Table>) -> KeptTable {
    KeptTable {
        digest: digest_of(&table),
        keys: table.keys() as u64,
        bytes: table.bytes().len() as u64,
        hold: table,
    }
}

fn denied(error: io::Error) -> Denied {
    match error.kind() {
        io::ErrorKind::StorageFull => Denied::Full,
        _ => Denied::Failed(error.to_string()),
    }
}
