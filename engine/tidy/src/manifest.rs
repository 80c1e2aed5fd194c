use crate::Tree;
use crate::lists::is_elsewhere;
use crate::tree::{directory_of, join};
use toml::{Table, Value};

/// A Cargo.toml with a package in it.
pub struct Manifest<'a> {
    pub path: &'a str,
    pub text: &'a str,
    pub table: Table,
}

/// One line of a dependency table.
pub struct Dependency {
    /// The name of the package, not the one it goes by here.
    pub package: String,
    /// The folder under the repository's root, for a package of ours.
    pub folder: Option<String>,
    pub line: usize,
    pub is_for_tests: bool,
    /// `x.workspace = true`: its version stands in the root manifest.
    pub is_inherited: bool,
}

/// Every package of the tree. A manifest that is no TOML is cargo's to report.
pub fn manifests(tree: &Tree) -> Vec<Manifest<'_>> {
    let named = tree.texts("Cargo.toml").filter(|(path, _)| is_manifest(path));
    let parsed = named.filter_map(|(path, text)| {
        Some(Manifest { path, text, table: text.parse::<Table>().ok()? })
    });
    parsed.filter(|manifest| manifest.table.contains_key("package")).collect()
}

fn is_manifest(path: &str) -> bool {
    (path == "Cargo.toml" || path.ends_with("/Cargo.toml")) && !is_elsewhere(path)
}

impl Manifest<'_> {
    /// `log` for engine/log, `examples` for whatever lies under examples/.
    pub fn room(&self) -> &str {
        let mut parts = self.path.split('/');
        match parts.next() {
            Some("engine") => parts.next().unwrap_or_default(),
            top => top.unwrap_or_default(),
        }
    }

    pub fn directory(&self) -> &str {
        directory_of(self.path)
    }

    /// The package's name, empty when it has none.
    pub fn name(&self) -> &str {
        let package = self.table.get("package").and_then(Value::as_table);
        package.and_then(|p| p.get("name")).and_then(Value::as_str).unwrap_or_default()
    }

    /// Of every dependency table, those of a target too.
    pub fn dependencies(&self, workspace: &Table) -> Vec<Dependency> {
        let mut found = Vec::new();
        self.collect(&self.table, workspace, &mut found);
        let targets = self.table.get("target").and_then(Value::as_table);
        for target in targets.into_iter().flat_map(Table::values).filter_map(Value::as_table) {
            self.collect(target, workspace, &mut found);
        }
        found
    }

    fn collect(&self, table: &Table, workspace: &Table, found: &mut Vec<Dependency>) {
        for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table);
            for (name, value) in entries.into_iter().flatten() {
                found.push(self.dependency(name, value, workspace, kind == "dev-dependencies"));
            }
        }
    }

    fn dependency(
        &self,
        name: &str,
        value: &Value,
        workspace: &Table,
        is_for_tests: bool,
    ) -> Dependency {
        let is_inherited = value.get("workspace").and_then(Value::as_bool) == Some(true);
        let (value, base) = match workspace.get(name) {
            Some(shared) if is_inherited => (shared, ""),
            _ => (value, self.directory()),
        };
        let package = value.get("package").and_then(Value::as_str).unwrap_or(name).to_owned();
        let path = value.get("path").and_then(Value::as_str);
        let folder = path.and_then(|path| join(base, path));
        let line = line_of_key(self.text, name);
        Dependency { package, folder, line, is_for_tests, is_inherited }
    }
}

/// `[workspace.dependencies]` of the root manifest.
pub fn workspace_dependencies(tree: &Tree) -> Table {
    let root = tree.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok());
    let workspace = root.as_ref().and_then(|root| root.get("workspace"));
    let shared = workspace.and_then(|w| w.get("dependencies")).and_then(Value::as_table);
    shared.cloned().unwrap_or_default()
}

/// The first line, from 1, that begins with this key or table of that name; 0 when none does.
pub fn line_of_key(text: &str, key: &str) -> usize {
    let is_key = |line: &str| {
        let line = line.trim_start_matches(['[', '"', ' ']);
        let rest = line.strip_prefix(key).or_else(|| line.rsplit_once('.')?.1.strip_prefix(key));
        rest.is_some_and(|rest| rest.starts_with([' ', '.', '=', ']', '"']))
    };
    text.lines().position(is_key).map_or(0, |at| at + 1)
}
