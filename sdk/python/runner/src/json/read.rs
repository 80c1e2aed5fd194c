use super::DEPTH_MAX;
use rustpython_vm::builtins::{PyBaseExceptionRef, PyStrRef};
use rustpython_vm::common::wtf8::{CodePoint, Wtf8, Wtf8Buf};
use rustpython_vm::{AsObject, PyObjectRef, PyResult, VirtualMachine};

/// What makes values of objects, in the place of a dict.
#[derive(Default)]
pub struct Hooks {
    pub object: Option<PyObjectRef>,
    pub pairs: Option<PyObjectRef>,
}

/// The value of a text; raises `json.JSONDecodeError` with CPython's words.
pub fn read(text: &[u8], vm: &VirtualMachine) -> PyResult {
    read_with(text, Hooks::default(), vm)
}

pub fn read_with(text: &[u8], hooks: Hooks, vm: &VirtualMachine) -> PyResult {
    let text = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(text);
    let Some(all) = Wtf8::from_bytes(text) else {
        return Err(vm.new_value_error("the text is not UTF-8"));
    };
    let names = [const { None }; NAMES];
    let mut reader = Reader { all, text, at: 0, depth: 0, names, hooks, vm };
    let value = reader.whole().map_err(|fault| match fault {
        Fault::Raised(error) => error,
        Fault::Text(words, at) => decode_error(words, all, at, vm),
    })?;
    Ok(value)
}

/// Whether a string's letters cannot be taken as they are from this byte on.
fn ends_plain(byte: u8) -> bool {
    byte == b'"' || byte == b'\\' || byte < 0x20
}

enum Fault {
    /// In these words, at this byte.
    Text(&'static str, usize),
    Raised(PyBaseExceptionRef),
}

impl From<PyBaseExceptionRef> for Fault {
    fn from(error: PyBaseExceptionRef) -> Fault {
        Fault::Raised(error)
    }
}

fn decode_error(words: &str, all: &Wtf8, at: usize, vm: &VirtualMachine) -> PyBaseExceptionRef {
    let before = all.as_bytes().iter().take(at).filter(|byte| **byte & 0xc0 != 0x80).count();
    let made = vm.import("json", 0).and_then(|json| {
        let class = json.get_attr("JSONDecodeError", vm)?;
        class.call((vm.ctx.new_str(words), vm.ctx.new_str(all.to_owned()), before), vm)
    });
    match made.map(|made| made.downcast()) {
        Ok(Ok(error)) => error,
        Ok(Err(_)) => vm.new_value_error(words.to_owned()),
        Err(error) => error,
    }
}

/// Places for names of members that came before: the objects of a list have the same ones.
const NAMES: usize = 32;

struct Reader<'a> {
    all: &'a Wtf8,
    /// The same, as bytes.
    text: &'a [u8],
    at: usize,
    depth: usize,
    names: [Option<PyStrRef>; NAMES],
    hooks: Hooks,
    vm: &'a VirtualMachine,
}

impl<'a> Reader<'a> {
    fn whole(&mut self) -> Result<PyObjectRef, Fault> {
        self.skip_blanks();
        let value = self.value()?;
        self.skip_blanks();
        match self.at == self.text.len() {
            true => Ok(value),
            false => Err(Fault::Text("Extra data", self.at)),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn word(&mut self, word: &str) -> bool {
        let is_there = self.text[self.at..].starts_with(word.as_bytes());
        self.at += if is_there { word.len() } else { 0 };
        is_there
    }

    fn value(&mut self) -> Result<PyObjectRef, Fault> {
        let ctx = &self.vm.ctx;
        match self.peek() {
            Some(b'"') => match self.plain() {
                Some(plain) => Ok(ctx.new_str(plain).into()),
                None => Ok(ctx.new_str(self.string()?).into()),
            },
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'n') if self.word("null") => Ok(ctx.none()),
            Some(b't') if self.word("true") => Ok(ctx.new_bool(true).into()),
            Some(b'f') if self.word("false") => Ok(ctx.new_bool(false).into()),
            Some(b'N') if self.word("NaN") => Ok(ctx.new_float(f64::NAN).into()),
            Some(b'I') if self.word("Infinity") => Ok(ctx.new_float(f64::INFINITY).into()),
            Some(b'-') if self.word("-Infinity") => Ok(ctx.new_float(f64::NEG_INFINITY).into()),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => Err(Fault::Text("Expecting value", self.at)),
        }
    }

    fn nested(
        &mut self,
        read: fn(&mut Self) -> Result<PyObjectRef, Fault>,
    ) -> Result<PyObjectRef, Fault> {
        if self.depth == DEPTH_MAX {
            let words = format!("JSON is nested more than {DEPTH_MAX} deep");
            return Err(self.vm.new_recursion_error(words).into());
        }
        self.depth += 1;
        self.at += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Result<PyObjectRef, Fault> {
        let mut members = Vec::new();
        self.skip_blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(self.vm.ctx.new_list(members).into());
        }
        loop {
            members.push(self.value()?);
            self.skip_blanks();
            let comma = self.at;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(Fault::Text("Expecting ',' delimiter", self.at)),
            }
            self.skip_blanks();
            if self.peek() == Some(b']') {
                return Err(Fault::Text("Illegal trailing comma before end of array", comma));
            }
        }
        self.at += 1;
        Ok(self.vm.ctx.new_list(members).into())
    }

    fn object(&mut self) -> Result<PyObjectRef, Fault> {
        const NAME: &str = "Expecting property name enclosed in double quotes";
        let vm = self.vm;
        let members = vm.ctx.new_dict();
        let mut pairs = Vec::new();
        self.skip_blanks();
        let mut is_over = self.peek() == Some(b'}');
        while !is_over {
            if self.peek() != Some(b'"') {
                return Err(Fault::Text(NAME, self.at));
            }
            let name = self.name()?;
            self.skip_blanks();
            if self.peek() != Some(b':') {
                return Err(Fault::Text("Expecting ':' delimiter", self.at));
            }
            self.at += 1;
            self.skip_blanks();
            let value = self.value()?;
            match self.hooks.pairs {
                Some(_) => pairs.push(vm.ctx.new_tuple(vec![name.into(), value]).into()),
                None => members.set_item(&*name, value, vm)?,
            }
            self.skip_blanks();
            let comma = self.at;
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(Fault::Text("Expecting ',' delimiter", self.at)),
            }
            self.skip_blanks();
            is_over = self.peek() == Some(b'}');
            if is_over {
                return Err(Fault::Text("Illegal trailing comma before end of object", comma));
            }
        }
        self.at += 1;
        Ok(match (&self.hooks.pairs, &self.hooks.object) {
            (Some(hook), _) => hook.call((vm.ctx.new_list(pairs),), vm)?,
            (None, Some(hook)) => hook.call((members,), vm)?,
            (None, None) => members.into(),
        })
    }

    fn digits(&mut self) -> usize {
        let from = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        self.at - from
    }

    fn number(&mut self) -> Result<PyObjectRef, Fault> {
        let from = self.at;
        self.at += usize::from(self.peek() == Some(b'-'));
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else if self.digits() == 0 {
            return Err(Fault::Text("Expecting value", from));
        }
        let mut is_whole = true;
        let whole = self.at;
        if self.peek() == Some(b'.') {
            self.at += 1;
            is_whole = self.digits() == 0;
            self.at = if is_whole { whole } else { self.at };
        }
        let mantissa = self.at;
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            let has_digits = self.digits() > 0;
            is_whole &= !has_digits;
            self.at = if has_digits { self.at } else { mantissa };
        }
        let text = std::str::from_utf8(&self.text[from..self.at]).expect("digits are ASCII");
        let ctx = &self.vm.ctx;
        if !is_whole {
            return Ok(ctx.new_float(text.parse().expect("JSON's numbers are Rust's")).into());
        }
        match text.parse::<i64>() {
            Ok(number) => Ok(ctx.new_int(number).into()),
            // Larger ones by Python itself, and its limit of digits.
            Err(_) => Ok(ctx.types.int_type.as_object().call((text.to_owned(),), self.vm)?),
        }
    }

    /// A member's name: one object for all that are alike, which knows its hash already.
    fn name(&mut self) -> Result<PyStrRef, Fault> {
        let Some(plain) = self.plain() else { return Ok(self.vm.ctx.new_str(self.string()?)) };
        let bytes = plain.as_bytes();
        let ends = [bytes.first(), bytes.last()].map(|byte| byte.map_or(0, |byte| *byte as usize));
        let place = &mut self.names[(bytes.len() * 7 + ends[0] * 3 + ends[1]) % NAMES];
        if let Some(name) = place.as_ref().filter(|name| name.as_bytes() == bytes) {
            return Ok(name.clone());
        }
        let name = self.vm.ctx.new_str(plain);
        *place = Some(name.clone());
        Ok(name)
    }

    /// A whole string that has no escapes; of another nothing, and it is still to be read.
    fn plain(&mut self) -> Option<&'a Wtf8> {
        let from = self.at + 1;
        let end = from + self.text[from..].iter().position(|byte| ends_plain(*byte))?;
        if self.text[end] != b'"' {
            return None;
        }
        self.at = end + 1;
        Some(&self.all[from..end])
    }

    fn string(&mut self) -> Result<Wtf8Buf, Fault> {
        let quote = self.at;
        self.at += 1;
        let mut made = Wtf8Buf::new();
        loop {
            let from = self.at;
            let rest = &self.text[from..];
            self.at += rest.iter().position(|byte| ends_plain(*byte)).unwrap_or(rest.len());
            made.push_wtf8(&self.all[from..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(made);
                }
                Some(b'\\') => self.escape(&mut made, quote)?,
                Some(_) => return Err(Fault::Text("Invalid control character at", self.at)),
                None => return Err(Fault::Text("Unterminated string starting at", quote)),
            }
        }
    }

    fn escape(&mut self, made: &mut Wtf8Buf, quote: usize) -> Result<(), Fault> {
        let backslash = self.at;
        self.at += 1;
        let byte = self.peek().ok_or(Fault::Text("Unterminated string starting at", quote))?;
        self.at += 1;
        let letter = match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                made.push(self.escaped()?);
                return Ok(());
            }
            _ => return Err(Fault::Text("Invalid \\escape", backslash)),
        };
        made.push_char(letter);
        Ok(())
    }

    /// The code point behind `\u`: of one escape, or of the two of a pair.
    fn escaped(&mut self) -> Result<CodePoint, Fault> {
        let first = self.four_digits()?;
        let mut point = u32::from(first);
        if (0xd800..0xdc00).contains(&first) && self.text[self.at..].starts_with(b"\\u") {
            let after = self.at;
            self.at += 2;
            let second = self.four_digits()?;
            match (0xdc00..0xe000).contains(&second) {
                true => {
                    point = 0x1_0000
                        + ((u32::from(first) - 0xd800) << 10)
                        + (u32::from(second) - 0xdc00);
                }
                false => self.at = after,
            }
        }
        Ok(CodePoint::from_u32(point).expect("two escapes say no more than U+10FFFF"))
    }

    fn four_digits(&mut self) -> Result<u16, Fault> {
        let wrong = Fault::Text("Invalid \\uXXXX escape", self.at - 1);
        let Some(digits) = self.text.get(self.at..self.at + 4) else { return Err(wrong) };
        let mut number = 0;
        for byte in digits {
            let Some(digit) = char::from(*byte).to_digit(16) else { return Err(wrong) };
            number = number << 4 | digit as u16;
        }
        self.at += 4;
        Ok(number)
    }
}
