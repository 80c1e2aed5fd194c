use crate::config::notes::Notes;
use crate::config::problem::{Place, Shows};
use crate::config::tree::{Node, Table, Value};
use crate::config::value::{Setting, quoted, shown_list};

/// One table while it is read: what is asked for is known, what is left over is an error.
pub(crate) struct Section<'t, 'n> {
    /// As in a file, for messages: `[server]`; empty at the top.
    pub header: String,
    /// Dotted, without brackets.
    path: String,
    group: usize,
    table: Option<&'t Table>,
    known: Vec<&'static str>,
    /// Those of `not_yet`, which no advice names.
    absent: Vec<&'static str>,
    pub notes: &'n mut Notes,
}

impl<'t, 'n> Section<'t, 'n> {
    pub fn top(table: &'t Table, notes: &'n mut Notes) -> Section<'t, 'n> {
        let group = notes.group();
        let (header, path) = (String::new(), String::new());
        let (known, absent) = (Vec::new(), Vec::new());
        Section { header, path, group, table: Some(table), known, absent, notes }
    }

    /// A table of this one; empty when it is not there.
    pub fn section(&mut self, key: &'static str) -> Section<'t, '_> {
        let path = self.path_of(key);
        let table = match self.node(key) {
            Some(Node { value: Value::Table(table), .. }) => Some(table),
            Some(node) => {
                self.refuse_type(key, node, "a table");
                None
            }
            None => None,
        };
        let group = self.notes.group();
        let header = format!("[{path}]");
        let (known, absent) = (Vec::new(), Vec::new());
        Section { header, path, group, table, known, absent, notes: &mut *self.notes }
    }

    /// The tables of a list such as `[[source]]`.
    pub fn tables(&mut self, key: &'static str) -> Vec<&'t Table> {
        let nodes = match self.node(key) {
            None => return Vec::new(),
            Some(Node { value: Value::List(nodes), .. }) => nodes,
            Some(node) => {
                let message = format!("`{key}` is a list of tables, each under [[{key}]]");
                let advice = "it can be set in a configuration file alone".to_owned();
                self.notes.refuse(node.place.clone(), Shows::Line, message, Some(advice));
                return Vec::new();
            }
        };
        let mut tables = Vec::new();
        for node in nodes {
            match &node.value {
                Value::Table(table) => tables.push(table),
                _ => self.refuse_type(key, node, "tables"),
            }
        }
        tables
    }

    /// One table of such a list, to be read.
    pub fn element(&mut self, key: &'static str, table: &'t Table) -> Section<'t, '_> {
        let group = self.notes.group();
        let header = format!("[[{key}]]");
        let table = Some(table);
        let (known, absent) = (Vec::new(), Vec::new());
        Section { header, path: key.into(), group, table, known, absent, notes: &mut *self.notes }
    }

    pub fn node(&mut self, key: &'static str) -> Option<&'t Node> {
        self.known.push(key);
        self.table?.node(key)
    }

    pub fn is_there(&self) -> bool {
        self.table.is_some()
    }

    /// The table's entries, all of them known.
    pub fn entries(&mut self) -> impl Iterator<Item = (&'t str, &'t Node)> + use<'t> {
        let table = self.table.take();
        let entries = table.into_iter().flat_map(|table| &table.entries);
        entries.map(|(key, entry)| (key.as_str(), &entry.node))
    }

    /// Of the key's value; of the table where it has none.
    pub fn place(&self, key: &str) -> Place {
        let Some(table) = self.table else { return Place::Nowhere };
        table.node(key).map_or(table.place.clone(), |node| node.place.clone())
    }

    pub fn value<T: Setting>(&mut self, key: &'static str, default: T) -> T {
        match self.read(key) {
            Some(value) => value,
            None => {
                self.set(key, default.shown(), Place::Nowhere);
                default
            }
        }
    }

    pub fn optional<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        self.read(key)
    }

    /// A text that is none when it is empty.
    pub fn text(&mut self, key: &'static str) -> Option<String> {
        self.read(key).filter(|text: &String| !text.is_empty())
    }

    pub fn required<T: Setting>(&mut self, key: &'static str, advice: &str) -> Option<T> {
        let value = self.read(key);
        if value.is_none() && self.table.is_some_and(|table| table.node(key).is_none()) {
            let message = format!("{} has no `{key}`", self.header);
            self.refuse(key, message, advice);
        }
        value
    }

    fn read<T: Setting>(&mut self, key: &'static str) -> Option<T> {
        let node = self.node(key)?;
        let value = T::read(&node.value);
        match &value {
            Some(value) => self.set(key, value.shown(), node.place.clone()),
            None => self.refuse_type(key, node, T::EXPECTED),
        }
        value
    }

    pub fn list<T: Setting>(&mut self, key: &'static str, default: Vec<T>) -> Vec<T> {
        let Some(node) = self.node(key) else {
            self.set(key, shown_list(&default), Place::Nowhere);
            return default;
        };
        let Some(nodes) = node.value.list(&node.place) else {
            self.refuse_type(key, node, "a list");
            return default;
        };
        let mut list = Vec::new();
        for element in &nodes {
            match T::read(&element.value) {
                Some(value) => list.push(value),
                None => self.refuse_type(key, element, T::EXPECTED),
            }
        }
        self.set(key, shown_list(&list), node.place.clone());
        list
    }

    pub fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<T> {
        let node = self.node(key)?;
        let found = node.value.text().and_then(|t| choices.iter().find(|(name, _)| *name == t));
        if let Some((name, value)) = found {
            self.set(key, quoted(name), node.place.clone());
            return Some(*value);
        }
        let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let near = node.value.text().and_then(|text| condition::nearest(text, names));
        let message = format!("`{key}` must be {expected}, not {}", node.value.described());
        let advice = near.map(|near| format!("did you mean \"{near}\"?"));
        self.notes.refuse(node.place.clone(), Shows::Line, message, advice);
        None
    }

    /// A choice with a default, which is the first.
    pub fn choice_or_first<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&'static str, T)],
    ) -> T {
        let (name, first) = choices[0];
        self.choice(key, choices).unwrap_or_else(|| {
            self.set(key, quoted(name), Place::Nowhere);
            first
        })
    }

    /// A key that the documentation has and this version does not. What leaves it off is taken.
    pub fn not_yet(&mut self, key: &'static str, off: &[&str], instead: &str) {
        let Some(node) = self.table.and_then(|table| table.node(key)) else { return };
        self.absent.push(key);
        let is_off = match &node.value {
            Value::Text(text) | Value::Loose(text) => off.contains(&text.as_str()),
            Value::List(nodes) => nodes.is_empty(),
            Value::Table(table) => {
                table.entries.values().all(|entry| entry.node.value.text() == Some(""))
            }
            _ => false,
        };
        if !is_off {
            let message = format!("`{}` is not in this version yet", self.path_of(key));
            self.refuse(key, message, instead);
        }
    }

    pub fn set(&mut self, key: &'static str, value: String, place: Place) {
        self.notes.set((self.group, &self.header), key, value, place);
    }

    pub fn refuse(&mut self, key: &str, message: String, advice: &str) {
        let advice = (!advice.is_empty()).then(|| advice.to_owned());
        self.notes.refuse(self.place(key), Shows::Line, message, advice);
    }

    fn refuse_type(&mut self, key: &str, node: &Node, expected: &str) {
        let is_private = ["secret", "secrets", "headers"].contains(&key);
        let found = if is_private { "this".into() } else { node.value.described() };
        let message = format!("`{key}` must be {expected}, not {found}");
        let shows = if is_private { Shows::BeforePlace } else { Shows::Line };
        self.notes.refuse(node.place.clone(), shows, message, None);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Refuses every key that nobody asked for.
    pub fn finish(self) {
        let Some(table) = self.table else { return };
        for (key, entry) in &table.entries {
            if self.known.iter().chain(&self.absent).any(|known| known == key) {
                continue;
            }
            let place = &entry.place;
            let shown_in = if self.header.is_empty() { "the top level" } else { &self.header };
            let near = condition::nearest(key, self.known.iter().copied());
            let (message, advice) = match place {
                Place::Environment(name) => {
                    let ours = name.strip_suffix(&key.to_ascii_uppercase());
                    let meant = near.zip(ours).map(|(near, ours)| {
                        format!("did you mean `{ours}{}`?", near.to_ascii_uppercase())
                    });
                    (format!("`{name}` names no key of {shown_in}"), meant)
                }
                _ => {
                    let meant = near.map(|near| format!("did you mean `{near}`?"));
                    (format!("unknown key `{key}` in {shown_in}"), meant)
                }
            };
            let advice = advice.unwrap_or_else(|| match self.known.is_empty() {
                true => "take it out".into(),
                false => format!("known are: {}", sorted(&self.known).join(", ")),
            });
            self.notes.refuse(place.clone(), Shows::UpToPlace, message, Some(advice));
        }
    }
}

fn sorted<'a>(known: &[&'a str]) -> Vec<&'a str> {
    let mut known = known.to_vec();
    known.sort_unstable();
    known.dedup();
    known
}
