use super::language::{Language, main_source, sources};
use crate::exit::{Exit, Failure};
use forebay::config::Shipped;
use serde_json::{Map, Value};
use std::fs;
use std::path::{Path, PathBuf};

/// A module, and the script that it reads where it is one that runs scripts.
pub struct Subject {
    /// A file, or the name of one that comes with this binary.
    pub path: PathBuf,
    /// Where the cases of it lie.
    pub folder: PathBuf,
    pub script: Option<PathBuf>,
}

/// Its bytes at one time.
pub struct Loaded {
    pub wasm: Vec<u8>,
    script: Option<String>,
}

impl Subject {
    /// `given` is a module or the folder of a filter; `module` stands in the place of the one that
    /// lies there.
    pub fn find(given: &Path, module: Option<&Path>) -> Result<Subject, Failure> {
        let is_shipped = given.to_str().and_then(Shipped::find).is_some();
        if !given.exists() && !is_shipped {
            let shown = given.display();
            return Err(Failure::usage(format!("there is no such folder or module: {shown}")));
        }
        if !given.is_dir() {
            let folder = given.parent().filter(|folder| !folder.as_os_str().is_empty());
            let folder = folder.unwrap_or(Path::new(".")).to_owned();
            let path = module.unwrap_or(given).to_owned();
            return Ok(Subject { path, folder, script: None });
        }
        let language = Language::of(given);
        let end = language.and_then(Language::script_end);
        let script = end.map(|end| script(given, end)).transpose()?;
        let path = match (module, language) {
            (Some(module), _) => module.to_owned(),
            (None, Some(Language::Javascript)) => given.join("runner.wasm"),
            (None, Some(Language::Python)) => PathBuf::from("forebay/python"),
            (None, _) => built(given)?,
        };
        Ok(Subject { path, folder: given.to_owned(), script })
    }

    pub fn load(&self) -> Result<Loaded, Failure> {
        let unreadable = |path: &Path, error| {
            Failure::usage(format!("{} cannot be read: {error}", path.display()))
        };
        let shipped = self.path.to_str().and_then(Shipped::find);
        let wasm = match shipped {
            Some(shipped) if !self.path.exists() => shipped.wasm.to_vec(),
            _ => fs::read(&self.path).map_err(|error| unreadable(&self.path, error))?,
        };
        let script = self.script.as_deref();
        let script = script.map(|path| fs::read_to_string(path).map_err(|e| unreadable(path, e)));
        Ok(Loaded { wasm, script: script.transpose()? })
    }
}

impl Loaded {
    /// The configuration as the module is given it: with the script, where there is one.
    pub fn config(&self, config: &str) -> Result<String, Failure> {
        let Some(script) = &self.script else { return Ok(config.to_owned()) };
        let mut members: Map<String, Value> = serde_json::from_str(config).map_err(|error| {
            Failure::usage(format!("the configuration is not a JSON object: {error}"))
        })?;
        members.insert("script".to_owned(), script.as_str().into());
        Ok(Value::from(members).to_string())
    }
}

fn script(folder: &Path, end: &str) -> Result<PathBuf, Failure> {
    let found = main_source(folder, end).map(|name| folder.join(name));
    found.ok_or_else(|| {
        let folder = folder.display();
        Failure::usage(format!("{folder} has several scripts: call the filter's filter.{end}"))
    })
}

/// `filter.wasm`, else one that is called as the folder is, else the only one.
fn built(folder: &Path) -> Result<PathBuf, Failure> {
    let named = fs::canonicalize(folder).ok();
    let named = named.and_then(|path| path.file_name().map(|name| folder.join(name)));
    let named = named.map(|path| path.as_os_str().to_owned()).map(|mut name| {
        name.push(".wasm");
        PathBuf::from(name)
    });
    let usual = [Some(folder.join("filter.wasm")), named];
    if let Some(path) = usual.into_iter().flatten().find(|path| path.is_file()) {
        return Ok(path);
    }
    let shown = folder.display();
    match sources(folder, &["wasm"]).as_slice() {
        [only] => Ok(folder.join(only)),
        [] => Err(Failure::new(
            Exit::Usage,
            format!("{shown} has no module yet: run `forebay filter build {shown}` first"),
        )),
        _ => Err(Failure::usage(format!("{shown} has several modules: say which, by --module"))),
    }
}
