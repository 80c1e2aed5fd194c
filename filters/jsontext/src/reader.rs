use crate::text::{self, Text};
use std::fmt;

/// Where and why a text is no JSON.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad {
    at: usize,
    wanted: &'static str,
}

impl fmt::Display for Bad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expected {} at byte {}", self.wanted, self.at)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Object,
    Array,
}

/// A step through a text. Where it stands is `Reader::from..Reader::at`.
#[derive(Clone, Copy, Debug)]
pub enum Token<'b> {
    Open(Kind),
    Close,
    /// A member's name, its colon included; the next token is the member's value.
    Name(Text<'b>),
    Text(Text<'b>),
    Number,
    /// `true`, `false` or `null`.
    Literal,
}

/// What is shown of a container that is skipped.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'b> {
    Name(Text<'b>),
    Text(Text<'b>),
    Number,
}

/// Reads a text from its beginning to its end. The depth is bounded by the text alone: each level
/// costs one byte of memory.
pub struct Reader<'b> {
    pub body: &'b [u8],
    /// Where the last token begins.
    pub from: usize,
    /// Where it ends.
    pub at: usize,
    /// What closes each container that is open.
    open: Vec<u8>,
    next: Next,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Value,
    /// The first of a container, or its end.
    First,
    /// What follows a value.
    Comma,
}

impl<'b> Reader<'b> {
    pub fn new(body: &'b [u8]) -> Reader<'b> {
        Reader { body, from: 0, at: 0, open: Vec::new(), next: Next::Value }
    }

    /// How many containers are open.
    pub fn depth(&self) -> usize {
        self.open.len()
    }

    /// The last token's bytes.
    pub fn token(&self) -> &'b [u8] {
        &self.body[self.from..self.at]
    }

    /// None at the end, behind which there is nothing.
    pub fn next(&mut self) -> Result<Option<Token<'b>>, Bad> {
        self.skip_space();
        self.from = self.at;
        let top = self.open.last().copied();
        match self.next {
            Next::Value => return self.value().map(Some),
            Next::First if self.peek() == top => return Ok(Some(self.close())),
            Next::First => {}
            Next::Comma => match (self.peek(), top) {
                (None, None) => return Ok(None),
                (Some(b','), Some(_)) => {
                    self.at += 1;
                    self.skip_space();
                    self.from = self.at;
                }
                (Some(byte), Some(top)) if byte == top => return Ok(Some(self.close())),
                _ => return Err(self.bad("a comma or an end")),
            },
        }
        if top == Some(b'}') { self.name().map(Some) } else { self.value().map(Some) }
    }

    /// Goes to the end of the container that was just opened. What is in it is read, too.
    pub fn skip(&mut self) -> Result<(), Bad> {
        self.skip_seeing(|_, _, _| {})
    }

    /// The same, and shows each name, string and number in it, with where it begins and ends,
    /// quotes included. One loop, for most bytes of most bodies go through it.
    pub fn skip_seeing(&mut self, mut see: impl FnMut(Seen<'b>, usize, usize)) -> Result<(), Bad> {
        let (body, base) = (self.body, self.open.len());
        let mut at = self.at;
        let Some(mut top) = self.open.last().copied() else { return Ok(()) };
        let mut is_first = true;
        loop {
            at = behind_space(body, at);
            let mut byte = byte_at(body, at);
            if !is_first || byte != top {
                if top == b'}' {
                    if byte != b'"' {
                        return Err(Bad { at, wanted: "a member's name" });
                    }
                    let name = string_at(body, at + 1)?;
                    let end = at + name.raw.len() + 2;
                    see(Seen::Name(name), at, end);
                    at = behind_space(body, end);
                    if byte_at(body, at) != b':' {
                        return Err(Bad { at, wanted: "a colon" });
                    }
                    at = behind_space(body, at + 1);
                    byte = byte_at(body, at);
                }
                match byte {
                    b'"' => {
                        let text = string_at(body, at + 1)?;
                        let end = at + text.raw.len() + 2;
                        see(Seen::Text(text), at, end);
                        at = end;
                    }
                    b'{' | b'[' => {
                        // What closes them is two further on in ASCII.
                        top = byte + 2;
                        self.open.push(top);
                        at += 1;
                        is_first = true;
                        continue;
                    }
                    b'-' | b'0'..=b'9' => {
                        let end = number_end(body, at)?;
                        see(Seen::Number, at, end);
                        at = end;
                    }
                    _ => at = literal_end(body, at)?,
                }
            }
            loop {
                at = behind_space(body, at);
                match byte_at(body, at) {
                    b',' => {
                        at += 1;
                        is_first = false;
                        break;
                    }
                    byte if byte == top => {
                        at += 1;
                        // What follows is no first value, whatever it is.
                        self.open.pop();
                        if self.open.len() < base {
                            self.at = at;
                            self.next = Next::Comma;
                            return Ok(());
                        }
                        top = self.open[self.open.len() - 1];
                    }
                    _ => return Err(Bad { at, wanted: "a comma or an end" }),
                }
            }
        }
    }

    /// The same in a text that was read before: what is in the container is not looked at.
    pub fn skip_known(&mut self) {
        let mut depth = 1;
        while depth > 0 {
            match self.peek() {
                Some(b'"') => {
                    let known = text::raw(&self.body[self.at + 1..]);
                    self.at += known.map_or(1, |(raw, _)| raw.len() + 2);
                    continue;
                }
                Some(b'{' | b'[') => depth += 1,
                Some(b'}' | b']') => depth -= 1,
                None => break,
                _ => {}
            }
            self.at += 1;
        }
        self.open.pop();
        self.next = Next::Comma;
    }

    fn close(&mut self) -> Token<'b> {
        self.at += 1;
        self.open.pop();
        self.next = Next::Comma;
        Token::Close
    }

    fn value(&mut self) -> Result<Token<'b>, Bad> {
        self.next = Next::Comma;
        match self.peek() {
            Some(b'"') => self.string().map(Token::Text),
            Some(b'{') => Ok(self.opened(Kind::Object, b'}')),
            Some(b'[') => Ok(self.opened(Kind::Array, b']')),
            Some(b'-' | b'0'..=b'9') => {
                self.at = number_end(self.body, self.at)?;
                Ok(Token::Number)
            }
            _ => {
                self.at = literal_end(self.body, self.at)?;
                Ok(Token::Literal)
            }
        }
    }

    fn opened(&mut self, kind: Kind, close: u8) -> Token<'b> {
        self.at += 1;
        self.open.push(close);
        self.next = Next::First;
        Token::Open(kind)
    }

    fn name(&mut self) -> Result<Token<'b>, Bad> {
        if self.peek() != Some(b'"') {
            return Err(self.bad("a member's name"));
        }
        let name = self.string()?;
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.bad("a colon"));
        }
        self.at += 1;
        self.next = Next::Value;
        Ok(Token::Name(name))
    }

    fn string(&mut self) -> Result<Text<'b>, Bad> {
        let text = string_at(self.body, self.at + 1)?;
        self.at += text.raw.len() + 2;
        Ok(text)
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        self.at = behind_space(self.body, self.at);
    }

    fn bad(&self, wanted: &'static str) -> Bad {
        Bad { at: self.at, wanted }
    }
}

/// Zero behind the end: no such byte is at a place where anything is expected.
fn byte_at(body: &[u8], at: usize) -> u8 {
    body.get(at).copied().unwrap_or(0)
}

fn behind_space(body: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = body.get(at)
        && byte <= b' '
        && matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
    {
        at += 1;
    }
    at
}

/// The string whose first character is at `from`.
fn string_at(body: &[u8], from: usize) -> Result<Text<'_>, Bad> {
    match text::raw(&body[from..]) {
        Ok((raw, has_escapes)) => Ok(Text { from, raw, has_escapes }),
        Err(at) => Err(Bad { at: from + at, wanted: "the rest of a string" }),
    }
}

fn number_end(body: &[u8], from: usize) -> Result<usize, Bad> {
    let mut at = from + usize::from(byte_at(body, from) == b'-');
    at = if byte_at(body, at) == b'0' { at + 1 } else { digits_end(body, at)? };
    if byte_at(body, at) == b'.' {
        at = digits_end(body, at + 1)?;
    }
    if let b'e' | b'E' = byte_at(body, at) {
        at += 1;
        at += usize::from(matches!(byte_at(body, at), b'+' | b'-'));
        at = digits_end(body, at)?;
    }
    Ok(at)
}

fn digits_end(body: &[u8], from: usize) -> Result<usize, Bad> {
    let mut at = from;
    while byte_at(body, at).is_ascii_digit() {
        at += 1;
    }
    if at == from { Err(Bad { at, wanted: "a digit" }) } else { Ok(at) }
}

fn literal_end(body: &[u8], at: usize) -> Result<usize, Bad> {
    let literals: [&[u8]; 3] = [b"true", b"false", b"null"];
    let literal = literals.iter().find(|literal| body[at..].starts_with(literal));
    literal.map(|literal| at + literal.len()).ok_or(Bad { at, wanted: "a value" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_skipped_is_seen_and_read_as_closely() {
        let body = r#"{"a":[{},[],1.5,{"b":"c\n"}],"d":null} "#.as_bytes();
        let mut reader = Reader::new(body);
        assert!(matches!(reader.next(), Ok(Some(Token::Open(Kind::Object)))));
        let mut seen = Vec::new();
        let see = |_, from, to| seen.push(String::from_utf8_lossy(&body[from..to]).into_owned());
        assert_eq!(reader.skip_seeing(see), Ok(()));
        assert_eq!(seen, ["\"a\"", "1.5", "\"b\"", "\"c\\n\"", "\"d\""]);
        assert!(matches!(reader.next(), Ok(None)));
    }

    #[test]
    fn json_is_json_and_nothing_else_is() {
        for good in
            ["0", "-1.5e+10", "[]", "{}", " [1, \"a\", {\"b\":null}]\n", "\"\\u00e9\"", "true"]
        {
            assert_eq!(crate::check(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in [
            "",
            " ",
            "01",
            "1.",
            "-",
            "1e",
            ".5",
            "[1,]",
            "{,}",
            "{\"a\"}",
            "{\"a\":}",
            "[1 2]",
            "\"a",
            "\"\\x\"",
            "tru",
            "[}",
            "{]",
            "1 2",
            "nullx",
            "{1:2}",
            "[",
            "{\"a\":1,}",
            "]",
            "+1",
            "\u{feff}1",
        ] {
            assert!(crate::check(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn any_depth_is_read() {
        let deep = "[".repeat(1 << 20) + &"]".repeat(1 << 20);
        assert_eq!(crate::check(deep.as_bytes()), Ok(()));
        assert!(crate::check(&deep.as_bytes()[1..]).is_err());
    }
}
