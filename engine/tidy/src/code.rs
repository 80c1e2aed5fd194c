/// Rust source with comments, strings and character literals blanked, so that a search finds
/// code alone. Byte offsets and lines are those of the source. It relies on rustfmt having run.
pub struct Code<'a> {
    pub source: &'a str,
    blanked: String,
}

/// A function and the lines it spans.
pub struct Function<'a> {
    pub name: &'a str,
    pub line: usize,
    pub lines: usize,
}

impl<'a> Code<'a> {
    pub fn new(source: &'a str) -> Code<'a> {
        Code { source, blanked: blank(source) }
    }

    pub fn text(&self) -> &str {
        &self.blanked
    }

    /// The line, from 1, of a byte offset.
    pub fn line_at(&self, offset: usize) -> usize {
        1 + self.source.as_bytes()[..offset].iter().filter(|b| **b == b'\n').count()
    }

    /// Offsets where `words` stand in code, not as a part of a longer name.
    pub fn find(&self, words: &str) -> Vec<usize> {
        let bytes = self.blanked.as_bytes();
        let starts_named = words.as_bytes().first().is_some_and(|b| is_name(*b));
        let ends_named = words.as_bytes().last().is_some_and(|b| is_name(*b));
        let is_part = |at: usize| {
            let is_after_name = starts_named && at > 0 && is_name(bytes[at - 1]);
            let next = bytes.get(at + words.len());
            is_after_name || (ends_named && next.is_some_and(|b| is_name(*b)))
        };
        let places = self.blanked.match_indices(words).map(|(at, _)| at);
        places.filter(|at| !is_part(*at)).collect()
    }

    /// The name that begins at or after `offset`, on the same line.
    pub fn name_after(&self, offset: usize) -> &str {
        let rest = self.blanked[offset..].trim_start_matches(' ');
        let end = rest.bytes().position(|b| !is_name(b)).unwrap_or(rest.len());
        &rest[..end]
    }

    /// Where the bracket closes that opens at `open`.
    pub fn close_of(&self, open: usize) -> usize {
        let mut depth = 0usize;
        for (at, byte) in self.blanked.bytes().enumerate().skip(open) {
            match byte {
                b'{' | b'(' | b'[' => depth += 1,
                b'}' | b')' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return at;
            }
        }
        self.blanked.len()
    }

    /// The end of the item that begins at `offset`: its `;`, or the `}` of its body.
    pub fn end_of_item(&self, offset: usize) -> usize {
        self.body_of(offset).map_or_else(|semicolon| semicolon, |open| self.close_of(open))
    }

    /// Where the body of the item opens; `Err` with the place of its `;` when it has none.
    fn body_of(&self, offset: usize) -> Result<usize, usize> {
        let bytes = self.blanked.as_bytes();
        let mut at = offset;
        while at < bytes.len() {
            match bytes[at] {
                b'{' => return Ok(at),
                b';' => return Err(at),
                b'(' | b'[' => at = self.close_of(at),
                _ => {}
            }
            at += 1;
        }
        Err(bytes.len())
    }

    /// Every function with a body, nested ones too.
    pub fn functions(&self) -> Vec<Function<'_>> {
        let mut functions = Vec::new();
        for at in self.find("fn") {
            let name = self.name_after(at + 2);
            let Ok(open) = self.body_of(at) else { continue };
            if name.is_empty() {
                continue;
            }
            let line = self.line_at(at);
            let lines = self.line_at(self.close_of(open).min(self.source.len())) - line + 1;
            functions.push(Function { name, line, lines });
        }
        functions
    }

    /// Byte ranges that are compiled for tests alone: items under `cfg(test)` or `cfg(loom)`.
    pub fn test_ranges(&self) -> Vec<(usize, usize)> {
        let mut ranges = Vec::new();
        for at in self.find("#[cfg(") {
            let close = self.close_of(at + 1);
            if is_test_condition(&self.blanked[at + 6..close]) {
                ranges.push((at, self.end_of_item(close + 1)));
            }
        }
        ranges
    }
}

/// `test`, `all(test, …)`, `any(test, loom)`: nothing that a release could hold.
fn is_test_condition(condition: &str) -> bool {
    let words: Vec<&str> = condition.split(|c: char| !c.is_alphanumeric()).collect();
    let names_test = words.iter().any(|w| matches!(*w, "test" | "loom"));
    let is_wider = |w: &&str| !matches!(*w, "" | "any" | "all" | "test" | "loom");
    names_test && !words.contains(&"not") && !(words.contains(&"any") && words.iter().any(is_wider))
}

pub fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn blank(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = end_of_text(bytes, at);
        for byte in &mut out[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end.max(at + 1);
    }
    String::from_utf8(out).expect("only whole comments and literals were blanked")
}

/// The end of the comment or literal that begins at `at`; `at` itself when none does.
fn end_of_text(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest[0] {
        b'/' if rest.starts_with(b"//") => at + until(rest, |b| b == b'\n'),
        b'/' if rest.starts_with(b"/*") => at + block_comment(rest),
        b'"' => at + string(rest),
        b'\'' => at + character(rest),
        b'r' | b'b' | b'c' if at == 0 || !is_name(bytes[at - 1]) => at + raw_string(rest),
        _ => at,
    }
}

fn until(rest: &[u8], is_end: impl Fn(u8) -> bool) -> usize {
    rest.iter().position(|b| is_end(*b)).unwrap_or(rest.len())
}

fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with(b"*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += 1;
        }
        if depth == 0 {
            break;
        }
    }
    at.min(rest.len())
}

fn string(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() && rest[at] != b'"' {
        at += if rest[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(rest.len())
}

/// A character literal; 0 when the quote begins a lifetime.
fn character(rest: &[u8]) -> usize {
    if rest.get(1) == Some(&b'\\') {
        return (3 + until(&rest[3.min(rest.len())..], |b| b == b'\'') + 1).min(rest.len());
    }
    let width = match rest.get(1) {
        Some(byte) if *byte >= 0xf0 => 4,
        Some(byte) if *byte >= 0xe0 => 3,
        Some(byte) if *byte >= 0xc0 => 2,
        _ => 1,
    };
    if rest.get(1 + width) == Some(&b'\'') { width + 2 } else { 0 }
}

/// `r"…"`, `br#"…"#` and their like; 0 when none begins here.
fn raw_string(rest: &[u8]) -> usize {
    let prefix = if rest.starts_with(b"br") || rest.starts_with(b"cr") { 2 } else { 1 };
    if rest[prefix - 1] != b'r' {
        return 0;
    }
    let hashes = until(&rest[prefix..], |b| b != b'#');
    if rest.get(prefix + hashes) != Some(&b'"') {
        return 0;
    }
    let body = prefix + hashes + 1;
    let mut end = vec![b'"'];
    end.resize(hashes + 1, b'#');
    let close = rest[body..].windows(end.len()).position(|window| window == end);
    close.map_or(rest.len(), |at| body + at + end.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_characters_are_not_code() {
        let source = r##"let a = "Mutex { é"; // Mutex
let b = r#"fn " Mutex"#; /* Mutex /* { */ Mutex */ let c = '{'; let d = '\''; let e: &'static str;
let f = b"Mutex\""; let g = '\u{7b}'; let h = 'é'; real::Mutex; MutexGuard; br"Mutex";"##;
        let code = Code::new(source);
        assert_eq!(code.text().len(), source.len());
        assert_eq!(code.find("Mutex").len(), 1, "{}", code.text());
        assert!(!code.text().contains('{') && code.text().contains("&'static str"));
        assert_eq!(code.line_at(code.find("Mutex")[0]), 3);
    }

    #[test]
    fn functions_span_their_bodies() {
        let source = "fn a();\n\nimpl A {\nfn b(x: [u8; 3]) -> u8\n{\nfn c() {}\n1\n}\n}\n";
        let code = Code::new(source);
        let found: Vec<_> =
            code.functions().iter().map(|f| (f.name.to_owned(), f.line, f.lines)).collect();
        assert_eq!(found, [("b".to_owned(), 4, 5), ("c".to_owned(), 6, 1)]);
    }

    #[test]
    fn test_ranges_hold_what_a_release_never_does() {
        let is_test = |source| !Code::new(source).test_ranges().is_empty();
        assert!(is_test("#[cfg(test)]\nmod tests { }"));
        assert!(is_test("#[cfg(all(test, unix))]\nmod tests;"));
        assert!(is_test("#[cfg(any(test, loom))]\nmod tests;"));
        assert!(!is_test("#[cfg(not(test))]\nmod real {}"));
        assert!(!is_test("#[cfg(any(test, feature = \"contract\"))]\nmod contract {}"));
        let code = Code::new("#[cfg(test)]\nmod tests {\n    use a;\n}\nfn b() {}\n");
        assert_eq!(code.test_ranges(), [(0, code.source.find("\nfn b").unwrap() - 1)]);
    }
}
