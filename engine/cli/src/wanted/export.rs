use super::standing::{DEFAULT, Found, Standing, headers, one, secret};
use super::write::{line, quoted};
use crate::exit::{Exit, Failure};
use crate::given::{ServerArguments, print};
use crate::resources::pages;
use clap::Args;
use forebay::config::ResourceKind;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Write what a server has as a file that `apply` takes
///
/// What the server's own configuration file declares is left out, and so are keys. Secrets and
/// headers that hold credentials are left out too, and `apply` leaves them alone then. A lookup
/// table is named with its version, and not what it holds.
#[derive(Args)]
#[command(after_help = "Examples:\n  forebay export -o resources.toml\n  \
                        forebay export --app shop --secrets -o shop.toml\n  \
                        forebay export | forebay diff -f -")]
pub struct Export {
    #[command(flatten)]
    server: ServerArguments,
    /// Of this application alone, by its uid or id, and no event types
    #[arg(long, value_name = "APP", env = "FOREBAY_APP")]
    app: Option<String>,
    /// Where to; without it stdout. Readable by its owner alone
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Write secrets and all headers in clear; for an admin's key
    #[arg(long)]
    secrets: bool,
}

impl Export {
    pub fn run(&self) -> Result<Exit, Failure> {
        let apps = match &self.app {
            Some(app) => vec![app.clone()],
            None => self.all_apps()?,
        };
        let names = apps.iter().map(String::as_str);
        let standing = Standing::of(&self.server, names, self.app.is_none())?;
        if let Some(app) = self.app.as_ref().filter(|app| standing.app(app).is_none()) {
            let why = format!("404 there is no such application: {app}");
            return Err(Failure::new(Exit::Failed, why));
        }
        let tables = self.tables(&standing)?;
        if self.server.json {
            let all: Vec<Value> = tables.iter().map(Table::as_json).collect();
            return self.write(&format!("{:#}\n", json!({ "resources": all })));
        }
        let mut text = String::from("# Written by `forebay export`, for `forebay apply -f`.\n");
        tables.iter().for_each(|table| table.write(&mut text));
        self.write(&text)
    }

    /// The default one is there before anything names it.
    fn all_apps(&self) -> Result<Vec<String>, Failure> {
        let all = pages(&self.server, "/api/v1/app", None)?;
        let mut apps: Vec<String> =
            all.iter().filter_map(|app| app["id"].as_str()).map(str::to_owned).collect();
        if !apps.iter().any(|app| app == DEFAULT) {
            let path = one(ResourceKind::App, "", DEFAULT)?;
            let there = super::standing::exists(&self.server, &path)?;
            apps.extend(there.then(|| DEFAULT.to_owned()));
        }
        apps.sort_unstable();
        Ok(apps)
    }

    fn tables(&self, standing: &Standing) -> Result<Vec<Table>, Failure> {
        let mut found: Vec<&Found> = standing.found.iter().collect();
        found.sort_by_key(|found| (found.kind, &found.app, &found.name));
        let is_own = |found: &&&Found| found.is_declared && found.kind != ResourceKind::App;
        let declared = found.iter().filter(is_own).count();
        found.retain(|found| !found.is_declared);
        if declared > 0 {
            eprintln!("left out: {declared} that the server's own configuration file declares");
        }
        // What says nothing of itself is there by itself.
        found.retain(|found| {
            found.kind != ResourceKind::App || found.name != DEFAULT || !found.words.is_empty()
        });
        found.into_iter().map(|found| self.table(standing, found)).collect()
    }

    fn table(&self, standing: &Standing, found: &Found) -> Result<Table, Failure> {
        let mut table = Table {
            kind: found.kind,
            app: standing.name_of(&found.app),
            name: found.name.clone(),
            entries: Vec::new(),
        };
        let first = ["scheme", "url", "module", "path"];
        let is_first = |key: &str| first.contains(&key);
        let mut words: Vec<_> = found.words.clone().into_iter().collect();
        words.sort_by_key(|(key, _)| !is_first(key));
        table.entries = words;
        let path = one(found.kind, &found.app, &found.id)?;
        if found.kind == ResourceKind::Endpoint {
            let there = headers(&self.server, &path)?;
            let is_open = |name: &String| self.secrets || !there.sensitive.contains(name);
            let shown = there.all.iter().filter(|(name, _)| is_open(name));
            let shown = shown.filter_map(|(name, value)| Some((name, value.as_ref()?)));
            let shown: serde_json::Map<_, _> =
                shown.map(|(name, value)| (name.clone(), value.clone().into())).collect();
            if !shown.is_empty() {
                table.entries.push(("headers".into(), shown.into()));
            }
        }
        let has_secret = matches!(found.kind, ResourceKind::Endpoint | ResourceKind::Source);
        if has_secret && self.secrets {
            let secret = secret(&self.server, found.kind, &path)?;
            table.entries.extend(secret.map(|secret| ("secret".into(), secret.into())));
        }
        Ok(table)
    }

    fn write(&self, text: &str) -> Result<Exit, Failure> {
        let Some(path) = &self.output else {
            print(text)?;
            return Ok(Exit::Ok);
        };
        let fail = |error: std::io::Error| {
            Failure::new(Exit::Failed, format!("{}: {error}", path.display()))
        };
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder).map_err(fail)?;
        file.write_all(text.as_bytes()).map_err(fail)?;
        file.persist(path).map_err(|error| fail(error.error))?;
        Ok(Exit::Ok)
    }
}

/// One resource as it is written.
struct Table {
    kind: ResourceKind,
    app: String,
    name: String,
    entries: Vec<(String, Value)>,
}

impl Table {
    fn write(&self, text: &mut String) {
        let _ = writeln!(text, "\n[[{}]]", self.kind.key());
        let _ = writeln!(text, "{} = {}", self.kind.name_key(), quoted(&self.name));
        if !self.app.is_empty() && self.app != DEFAULT {
            let _ = writeln!(text, "app = {}", quoted(&self.app));
        }
        if self.kind == ResourceKind::Table {
            let _ = writeln!(text, "# What it holds is not written. For another server: file = …");
        }
        for (key, value) in &self.entries {
            let _ = writeln!(text, "{}", line(key, value));
        }
    }

    fn as_json(&self) -> Value {
        let mut told = json!({ "kind": self.kind.key(), "name": self.name });
        if !self.app.is_empty() {
            told["app"] = self.app.clone().into();
        }
        for (key, value) in &self.entries {
            told["settings"][key] = value.clone();
        }
        told
    }
}
