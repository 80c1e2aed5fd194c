use crate::edit::Edits;
use crate::pointer::Step;
use crate::{Config, Pattern, card, found};
use std::fmt;

mod text;

use text::Text;

/// Deeper nesting is taken for no JSON.
const DEPTH_MAX: usize = 1000;

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

/// What to replace in a body that is one JSON value. Numbers and literals are read leniently:
/// nothing hides in them.
pub fn edits<'c>(config: &'c Config, body: &[u8]) -> Result<Edits<'c>, Bad> {
    let mut scan =
        Scan { config, body, at: 0, path: Vec::new(), hidden: None, edits: Edits::default() };
    scan.value_and_what_follows()?;
    Ok(scan.edits)
}

struct Scan<'b, 'c> {
    config: &'c Config,
    body: &'b [u8],
    at: usize,
    /// Leads to the value in hand; its last step tells in what kind of container that is.
    path: Vec<Step<'b>>,
    /// The value that a pointer leads to, while we are inside: its depth and where it begins.
    hidden: Option<(usize, usize)>,
    edits: Edits<'c>,
}

impl<'b> Scan<'b, '_> {
    fn value_and_what_follows(&mut self) -> Result<(), Bad> {
        loop {
            let is_open = self.value()?;
            if !is_open && !self.next_value_begins()? {
                return Ok(());
            }
        }
    }

    /// Reads a scalar, an empty container or a container's beginning. Is the container open?
    fn value(&mut self) -> Result<bool, Bad> {
        self.skip_space();
        let leads_here = || self.config.pointers.iter().any(|p| p.leads_to(&self.path));
        if self.hidden.is_none() && leads_here() {
            self.hidden = Some((self.path.len(), self.at));
        }
        if self.path.len() > DEPTH_MAX {
            return Err(self.bad("less nesting"));
        }
        match self.peek() {
            Some(b'{') => self.open(b'}'),
            Some(b'[') => self.open(b']'),
            Some(b'"') => {
                let text = self.string()?;
                self.redact_text(text);
                Ok(false)
            }
            Some(b'-' | b'0'..=b'9') => {
                self.number();
                Ok(false)
            }
            _ => self.literal(),
        }
    }

    fn open(&mut self, close: u8) -> Result<bool, Bad> {
        self.at += 1;
        self.skip_space();
        if self.peek() == Some(close) {
            self.at += 1;
            return Ok(false);
        }
        if close == b'}' {
            self.member_name()?;
        } else {
            self.path.push(Step::Element(0));
        }
        Ok(true)
    }

    /// A value has ended: closes what ends with it. Is there another value?
    fn next_value_begins(&mut self) -> Result<bool, Bad> {
        loop {
            self.end_value();
            self.skip_space();
            let byte = self.peek();
            self.at += 1;
            match (self.path.last_mut(), byte) {
                (None, None) => return Ok(false),
                (Some(Step::Element(i)), Some(b',')) => {
                    *i += 1;
                    return Ok(true);
                }
                (Some(Step::Member(_)), Some(b',')) => {
                    self.path.pop();
                    self.skip_space();
                    return self.member_name().map(|()| true);
                }
                (Some(Step::Element(_)), Some(b']')) | (Some(Step::Member(_)), Some(b'}')) => {
                    self.path.pop();
                }
                _ => {
                    self.at -= 1;
                    return Err(self.bad("a comma or an end"));
                }
            }
        }
    }

    fn end_value(&mut self) {
        if let Some((depth, from)) = self.hidden
            && depth == self.path.len()
        {
            self.hidden = None;
            self.edits.replace(from, self.at, "\"", &self.config.mask.escaped, "\"");
        }
    }

    fn member_name(&mut self) -> Result<(), Bad> {
        if self.peek() != Some(b'"') {
            return Err(self.bad("a member's name"));
        }
        let name = self.string()?;
        let member = name.decoded();
        self.redact_text(name);
        self.skip_space();
        if self.peek() != Some(b':') {
            return Err(self.bad("a colon"));
        }
        self.at += 1;
        self.path.push(Step::Member(member));
        Ok(())
    }

    fn string(&mut self) -> Result<Text<'b>, Bad> {
        let body: &'b [u8] = self.body;
        let from = self.at + 1;
        let (raw, has_escapes) = text::raw(&body[from..])
            .map_err(|at| Bad { at: from + at, wanted: "the rest of a string" })?;
        self.at = from + raw.len() + 1;
        Ok(Text { from, raw, has_escapes })
    }

    fn redact_text(&mut self, text: Text<'b>) {
        if self.hidden.is_some() || self.config.patterns.is_empty() {
            return;
        }
        let mask = &self.config.mask.escaped;
        if !text.has_escapes {
            for (from, to) in found(&self.config.patterns, text.raw) {
                self.edits.replace(text.from + from, text.from + to, "", mask, "");
            }
            return;
        }
        let (decoded, origins) = text.decoded_with_origins();
        for (from, to) in found(&self.config.patterns, &decoded) {
            let (from, to) = (text.from + origins[from], text.from + origins[to]);
            self.edits.replace(from, to, "", mask, "");
        }
    }

    fn number(&mut self) {
        let rest = &self.body[self.at..];
        let is_of_number =
            |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let len = rest.iter().take_while(is_of_number).count();
        if self.hidden.is_none() && self.config.patterns.contains(&Pattern::Card) {
            let mut found = Vec::new();
            card::find(&rest[..len], &mut found);
            if found == [(0, len)] {
                let mask = &self.config.mask.escaped;
                self.edits.replace(self.at, self.at + len, "\"", mask, "\"");
            }
        }
        self.at += len;
    }

    fn literal(&mut self) -> Result<bool, Bad> {
        let rest = &self.body[self.at..];
        let literals: [&[u8]; 3] = [b"true", b"false", b"null"];
        match literals.iter().find(|literal| rest.starts_with(literal)) {
            Some(literal) => {
                self.at += literal.len();
                Ok(false)
            }
            None => Err(self.bad("a value")),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.body.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn bad(&self, wanted: &'static str) -> Bad {
        Bad { at: self.at, wanted }
    }
}

#[cfg(test)]
mod tests;
