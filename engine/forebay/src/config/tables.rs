use crate::config::load::Reach;
use crate::config::problem::{Place, Shows};
use crate::config::section::Section;
use crate::tables::{Form, Reading, TableLimits, digest_of, read};
use event::TenantId;
use filter::Table;
use registry::{DeclaredTable, TableContent};
use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A lookup table, read from its file.
#[derive(Clone)]
pub struct LookupTable {
    pub tenant: TenantId,
    /// Unique among the tenant's tables.
    pub name: String,
    pub table: Arc<Table>,
}

/// Of all tables of a configuration: they are in memory as long as the engine runs.
const BYTES_MAX: usize = 512 << 20;

impl fmt::Debug for LookupTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.table.keys();
        write!(f, "LookupTable({:?}/{} of {keys} keys)", self.tenant, self.name)
    }
}

impl LookupTable {
    pub(crate) fn declared(&self) -> DeclaredTable {
        let content = TableContent {
            digest: digest_of(&self.table),
            keys: self.table.keys() as u64,
            bytes: self.table.bytes().len() as u64,
            since_ms: 0,
        };
        DeclaredTable {
            tenant: self.tenant.clone(),
            name: self.name.clone(),
            content,
            earlier: Vec::new(),
            about: "{}".into(),
        }
    }
}

pub(crate) fn all(top: &mut Section<'_, '_>, reach: &Reach) -> Vec<LookupTable> {
    let mut found = Vec::new();
    let mut bytes = 0;
    for table in top.tables("table") {
        let mut section = top.element("table", table);
        let one = one(&mut section, reach);
        bytes += one.as_ref().map_or(0, |one| one.table.bytes().len());
        if bytes > BYTES_MAX {
            let message = format!("the tables up to this one are more than {BYTES_MAX} bytes");
            section.refuse("file", message, "leave out columns that no filter needs");
        }
        section.finish();
        found.extend(one);
    }
    found
}

fn one(section: &mut Section<'_, '_>, reach: &Reach) -> Option<LookupTable> {
    let name = section.required::<String>("name", "name it after what it tells");
    let tenant = section.value("app", TenantId::DEFAULT.to_owned());
    let table = Arc::new(loaded(section, reach)?.table);
    Some(LookupTable { tenant: TenantId::new(&tenant), name: name?, table })
}

/// A table, and what it was read from.
pub(crate) struct Loaded {
    pub table: Table,
    pub text: Vec<u8>,
    pub reading: Reading,
}

/// By `file`, `key` and `value`.
pub(crate) fn loaded(section: &mut Section<'_, '_>, reach: &Reach) -> Option<Loaded> {
    let file = section.required::<String>("file", "name a file, such as \"countries.csv\"");
    let place = section.place("file");
    let columns = (section.text("key"), section.text("value"));
    file.and_then(|file| match from_file(&file, &place, columns, reach) {
        Ok(loaded) => Some(loaded),
        Err((message, advice)) => {
            section.notes.refuse(place, Shows::Line, message, advice.map(str::to_owned));
            None
        }
    })
}

fn from_file(
    file: &str,
    place: &Place,
    (key, value): (Option<String>, Option<String>),
    reach: &Reach,
) -> Result<Loaded, (String, Option<&'static str>)> {
    let path = reach.resolve(file, place);
    let shown = path.display();
    let form = form_of(&path).ok_or_else(|| {
        let advice = "name it .csv, .json, .ndjson or .jsonl after what is in it";
        (format!("{shown} does not say what is in it"), Some(advice))
    })?;
    let limits = TableLimits::default();
    let unreadable = |error| {
        let advice = "a relative path counts from the folder of the configuration file";
        (format!("{shown} cannot be read: {error}"), Some(advice))
    };
    let size = std::fs::metadata(&path).map_err(unreadable)?.len();
    if size > limits.bytes as u64 {
        let advice = "leave out columns that no filter needs";
        return Err((format!("{shown} has more than {} bytes", limits.bytes), Some(advice)));
    }
    let text = std::fs::read(&path).map_err(unreadable)?;
    let reading = Reading { form, key, value };
    match read(&text, &reading, limits) {
        Ok(table) => Ok(Loaded { table, text, reading }),
        Err(bad) => Err((format!("{shown}: {bad}"), None)),
    }
}

/// By the file's name.
fn form_of(path: &Path) -> Option<Form> {
    Some(match path.extension()?.to_str()? {
        "csv" => Form::Csv,
        "json" => Form::Json,
        "ndjson" | "jsonl" => Form::JsonLines,
        _ => return None,
    })
}
