use crate::config::notes::Notes;
use crate::config::problem::{ConfigError, Place, Shows};
use crate::config::section::Section;
use crate::config::tree::{self, Table};
use crate::config::{Config, check, endpoints, modules, sections, sources, tables};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where a configuration comes from. A flag is stronger than the environment, the environment
/// than the file, the file than the defaults.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub file: Option<PathBuf>,
    /// `FOREBAY_SECTION__KEY`, and those that `secret_env` and its like name.
    pub environment: BTreeMap<String, String>,
    pub flags: Flags,
}

#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--data`
    pub data: Option<String>,
    /// `--listen`
    pub listen: Option<String>,
    /// `--dev`
    pub dev: bool,
}

impl Inputs {
    /// The environment of this process; no file, no flag.
    pub fn of_process() -> Inputs {
        let texts = std::env::vars_os();
        let texts = texts.filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Inputs { environment: texts.collect(), ..Inputs::default() }
    }
}

/// What values of a configuration may refer to.
pub(crate) struct Reach<'i> {
    pub environment: &'i BTreeMap<String, String>,
    /// The file's.
    folder: PathBuf,
}

impl Reach<'_> {
    /// From a file's place.
    pub fn of_file<'i>(path: &Path, environment: &'i BTreeMap<String, String>) -> Reach<'i> {
        Reach { environment, folder: path.parent().unwrap_or(Path::new("")).to_owned() }
    }

    /// A relative path counts from where it was written: from the file's folder, or, given by the
    /// environment or a flag, from the working directory.
    pub fn resolve(&self, path: &str, place: &Place) -> PathBuf {
        match place {
            Place::File(_) => self.folder.join(path),
            _ => PathBuf::from(path),
        }
    }
}

impl Config {
    /// Reads, merges and checks everything, the secrets and modules that are named included.
    ///
    /// Errors: all that is wrong, at once.
    pub fn load(inputs: &Inputs) -> Result<Config, ConfigError> {
        let path = inputs.file.clone().unwrap_or_default();
        let text = match &inputs.file {
            Some(path) => read(path)?,
            None => String::new(),
        };
        read_all(&text, &path, inputs)
    }

    /// Of a file's text alone: paths in it count from the working directory, and no variable of
    /// the environment is set.
    pub fn parse(text: &str) -> Result<Config, ConfigError> {
        read_all(text, Path::new("forebay.toml"), &Inputs::default())
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let fail = |message: String| {
        let mut notes = Notes::default();
        notes.refuse(Place::Nowhere, Shows::Line, message, None);
        notes.error(path, "")
    };
    let bytes = std::fs::read(path)
        .map_err(|error| fail(format!("{} cannot be read: {error}", path.display())))?;
    let text = String::from_utf8(bytes);
    text.map_err(|_| fail(format!("{} is not UTF-8, as TOML is", path.display())))
}

fn read_all(text: &str, path: &Path, inputs: &Inputs) -> Result<Config, ConfigError> {
    let mut notes = Notes::default();
    let mut table = tree::parse(text, &mut notes);
    if !notes.is_clean() {
        return Err(notes.error(path, text));
    }
    overlay(&mut table, inputs);
    let reach = Reach::of_file(path, &inputs.environment);
    let mut config = config_of(&table, &reach, &mut notes);
    config.dev = inputs.flags.dev;
    check::all(&config, &table, text, &mut notes);
    if !notes.is_clean() {
        return Err(notes.error(path, text));
    }
    config.settings = notes.settings(path, text);
    Ok(config)
}

fn overlay(table: &mut Table, inputs: &Inputs) {
    for (name, value) in &inputs.environment {
        let Some(rest) = name.strip_prefix("FOREBAY_") else { continue };
        // Names with single underscores are left to others: Kubernetes gives every pod beside a
        // service `forebay` a FOREBAY_PORT.
        let lower = rest.to_ascii_lowercase();
        if lower == "data" || lower.contains("__") {
            let path: Vec<&str> = lower.split("__").collect();
            table.put(&path, value, &Place::Environment(name.clone()));
        }
    }
    if let Some(data) = &inputs.flags.data {
        table.put(&["data"], data, &Place::Flag("--data"));
    }
    if let Some(listen) = &inputs.flags.listen {
        table.put(&["server", "listen"], listen, &Place::Flag("--listen"));
    }
}

fn config_of(table: &Table, reach: &Reach, notes: &mut Notes) -> Config {
    let mut top = Section::top(table, notes);
    let data: String = top.value("data", "./forebay-data".to_owned());
    let place = table.node("data").map_or(Place::Nowhere, |node| node.place.clone());
    let server = sections::server(&mut top, reach);
    let delivery = sections::delivery(&mut top);
    let filters = sections::filters(&mut top);
    let config = Config {
        data: reach.resolve(&data, &place),
        dev: false,
        log: sections::log(&mut top),
        ingest: sections::ingest(&mut top),
        observe: sections::observe(&mut top),
        sources: sources::all(&mut top, reach, &server),
        endpoints: endpoints::all(&mut top, reach, &delivery.terms),
        filters: modules::all(&mut top, reach, &filters),
        tables: tables::all(&mut top, reach),
        server,
        delivery,
        guests: filters,
        settings: Vec::new(),
    };
    let instead = "take [[pipe]] out: endpoints and filters work without pipes";
    top.not_yet("pipe", &[], instead);
    top.finish();
    config
}
