use crate::tables::text::{Entries, Entry, Fault, Reading};
use std::borrow::Cow;

/// RFC 4180, with any line ends; lines with nothing on them are left out.
pub(super) fn read<'a>(
    text: &'a str,
    reading: &Reading,
    entries: &mut Entries<'a>,
) -> Result<(), Fault> {
    let mut rows = Rows { text, at: 0 };
    let Some((_, names)) = rows.next()? else {
        return Err(Fault { at: None, what: "the first line names the columns".into() });
    };
    check_names(&names)?;
    let column = |name: &str| {
        let found = names.iter().position(|known| *known == name);
        let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let none = || format!("there is no column `{name}`, but {}", known.join(", "));
        found.ok_or_else(|| Fault::at(0, none()))
    };
    let key = reading.key.as_deref().map_or(Ok(0), column)?;
    let value = reading.value.as_deref().map(column).transpose()?;
    while let Some((at, mut row)) = rows.next()? {
        if row.len() != names.len() {
            let what = format!("{} values for {} columns", row.len(), names.len());
            return Err(Fault::at(at, what));
        }
        let value = match value {
            Some(value) => row[value].clone(),
            None => object(&names, &row).into(),
        };
        entries.add(Entry { at, key: row.swap_remove(key), value })?;
    }
    Ok(())
}

fn check_names(names: &[Cow<'_, str>]) -> Result<(), Fault> {
    let is_twice = |n: usize| names[..n].contains(&names[n]);
    match (0..names.len()).find(|&n| names[n].is_empty() || is_twice(n)) {
        None => Ok(()),
        Some(n) if names[n].is_empty() => Err(Fault::at(0, "a column has no name")),
        Some(n) => Err(Fault::at(0, format!("two columns are named `{}`", names[n]))),
    }
}

/// A row as a JSON object, its members in the order of the columns.
fn object(names: &[Cow<'_, str>], row: &[Cow<'_, str>]) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let members = names.iter().zip(row);
    let members: Vec<_> = members.map(|(n, v)| format!("{}:{}", quoted(n), quoted(v))).collect();
    format!("{{{}}}", members.join(","))
}

type Row<'a> = Vec<Cow<'a, str>>;

/// What is left of a text to cut into rows.
struct Rows<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Rows<'a> {
    /// The next row and where it begins; none at the end.
    fn next(&mut self) -> Result<Option<(usize, Row<'a>)>, Fault> {
        while let Some(end) = line_end(&self.text[self.at..]) {
            self.at += end;
        }
        let start = self.at;
        if start == self.text.len() {
            return Ok(None);
        }
        let mut row = Vec::new();
        loop {
            row.push(self.field(start)?);
            let rest = &self.text[self.at..];
            if rest.starts_with(',') {
                self.at += 1;
            } else {
                self.at += line_end(rest).unwrap_or(0);
                return Ok(Some((start, row)));
            }
        }
    }

    /// One field; what is left begins with a comma or a line's end, or is empty.
    fn field(&mut self, row: usize) -> Result<Cow<'a, str>, Fault> {
        let rest = &self.text[self.at..];
        let Some(quoted) = rest.strip_prefix('"') else {
            let len = rest.find([',', '\n', '\r', '"']).unwrap_or(rest.len());
            if rest[len..].starts_with('"') {
                let what = "a quote within a value: put quotes around it and double that one";
                return Err(Fault::at(row, what));
            }
            if rest[len..].starts_with('\r') && line_end(&rest[len..]).is_none() {
                return Err(Fault::at(row, "a line ends with CR alone"));
            }
            self.at += len;
            return Ok(rest[..len].into());
        };
        let Some(len) = closing(quoted) else {
            return Err(Fault::at(row, "a quote is not closed"));
        };
        let after = &quoted[len + 1..];
        if !(after.is_empty() || after.starts_with(',') || line_end(after).is_some()) {
            return Err(Fault::at(row, "something follows a closing quote"));
        }
        self.at += len + 2;
        let text = &quoted[..len];
        Ok(if text.contains('"') { text.replace("\"\"", "\"").into() } else { text.into() })
    }
}

/// Where the quote stands that is not one of two.
fn closing(text: &str) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + text[from..].find('"')?;
        if !text[at + 1..].starts_with('"') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// How long the line's end is that a text begins with.
fn line_end(text: &str) -> Option<usize> {
    ["\n", "\r\n"].into_iter().find(|end| text.starts_with(end)).map(str::len)
}
