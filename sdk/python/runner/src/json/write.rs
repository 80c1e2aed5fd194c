use super::DEPTH_MAX;
use rustpython_vm::builtins::{PyDict, PyFloat, PyInt, PyList, PyMappingProxy, PyStr, PyTuple};
use rustpython_vm::common::wtf8::{CodePoint, Wtf8};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};

/// As `json.dumps` is told to write.
pub struct Style {
    pub item: String,
    pub key: String,
    pub indent: Option<String>,
    pub ensure_ascii: bool,
    pub allow_nan: bool,
    pub skipkeys: bool,
    pub sort_keys: bool,
    /// Makes a value that can be written of one that cannot.
    pub default: Option<PyObjectRef>,
}

pub fn text(value: &PyObject, style: &Style, vm: &VirtualMachine) -> PyResult<String> {
    let mut writer = Writer { out: String::new(), depth: 0, style, vm };
    writer.value(value)?;
    Ok(writer.out)
}

/// As short as it can be, for bodies.
pub fn written(value: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    let style = Style {
        item: ",".to_owned(),
        key: ":".to_owned(),
        indent: None,
        ensure_ascii: false,
        allow_nan: false,
        skipkeys: false,
        sort_keys: false,
        default: None,
    };
    text(value, &style, vm).map(String::into_bytes)
}

/// A text, or so many blanks.
pub fn indent_of(indent: &PyObject, vm: &VirtualMachine) -> PyResult<String> {
    match indent.downcast_ref::<PyStr>() {
        Some(text) => Ok(text.to_string_lossy().into_owned()),
        None => {
            let blanks: isize = indent.try_to_value(vm)?;
            Ok(" ".repeat(usize::try_from(blanks).unwrap_or(0)))
        }
    }
}

/// Whether a letter stands in JSON as it is, in every style.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

struct Writer<'a> {
    out: String,
    depth: usize,
    style: &'a Style,
    vm: &'a VirtualMachine,
}

impl Writer<'_> {
    fn value(&mut self, value: &PyObject) -> PyResult<()> {
        if let Some(text) = value.downcast_ref::<PyStr>() {
            self.string(text.as_wtf8());
        } else if let Some(word) = self.scalar(value)? {
            self.out += &word;
        } else if let Some(list) = value.downcast_ref::<PyList>() {
            let members = list.borrow_vec().to_vec();
            self.nested(|writer| writer.array(&members))?;
        } else if let Some(tuple) = value.downcast_ref::<PyTuple>() {
            self.nested(|writer| writer.array(tuple.as_slice()))?;
        } else if let Some(dict) = value.downcast_ref::<PyDict>() {
            let members = dict.items_vec();
            self.nested(|writer| writer.object(members))?;
        } else if value.downcast_ref::<PyMappingProxy>().is_some() {
            let copy = self.vm.ctx.new_dict();
            copy.merge_object(value.to_owned(), self.vm)?;
            self.nested(|writer| writer.object(copy.items_vec()))?;
        } else if let Some(default) = self.style.default.clone() {
            let made = default.call((value.to_owned(),), self.vm)?;
            self.nested(|writer| writer.value(&made))?;
        } else {
            let class = value.class().name().to_string();
            let words = format!("Object of type {class} is not JSON serializable");
            return Err(self.vm.new_type_error(words));
        }
        Ok(())
    }

    /// A name of JSON's own, or a number.
    fn scalar(&self, value: &PyObject) -> PyResult<Option<String>> {
        let ctx = &self.vm.ctx;
        if self.vm.is_none(value) {
            return Ok(Some("null".to_owned()));
        }
        if value.is(&ctx.true_value) || value.is(&ctx.false_value) {
            return Ok(Some(value.is(&ctx.true_value).to_string()));
        }
        if let Some(number) = value.downcast_ref::<PyInt>() {
            return Ok(Some(number.as_bigint().to_string()));
        }
        let Some(number) = value.downcast_ref::<PyFloat>() else { return Ok(None) };
        let number = number.to_f64();
        if number.is_finite() {
            return Ok(Some(value.repr(self.vm)?.to_string()));
        }
        if !self.style.allow_nan {
            let words = format!("Out of range float values are not JSON compliant: {number}");
            return Err(self.vm.new_value_error(words));
        }
        let word = match number {
            number if number.is_nan() => "NaN",
            f64::INFINITY => "Infinity",
            _ => "-Infinity",
        };
        Ok(Some(word.to_owned()))
    }

    fn nested(&mut self, write: impl FnOnce(&mut Self) -> PyResult<()>) -> PyResult<()> {
        if self.depth == DEPTH_MAX {
            let words = format!("a value is nested more than {DEPTH_MAX} deep");
            return Err(self.vm.new_recursion_error(words));
        }
        self.depth += 1;
        let written = write(self);
        self.depth -= 1;
        written
    }

    fn array(&mut self, members: &[PyObjectRef]) -> PyResult<()> {
        self.out.push('[');
        for (n, member) in members.iter().enumerate() {
            self.between(n);
            self.value(member)?;
        }
        self.end(members.is_empty());
        self.out.push(']');
        Ok(())
    }

    fn object(&mut self, members: Vec<(PyObjectRef, PyObjectRef)>) -> PyResult<()> {
        let mut named = Vec::with_capacity(members.len());
        for (name, member) in members {
            match self.name(&name)? {
                Some(name) => named.push((name, member)),
                None if self.style.skipkeys => {}
                None => {
                    let class = name.class().name().to_string();
                    return Err(self.vm.new_type_error(format!(
                        "keys must be str, int, float, bool or None, not {class}"
                    )));
                }
            }
        }
        if self.style.sort_keys {
            named.sort_by(|(a, _), (b, _)| a.as_bytes().cmp(b.as_bytes()));
        }
        self.out.push('{');
        for (n, (name, member)) in named.iter().enumerate() {
            self.between(n);
            self.string(name.as_wtf8());
            self.out += &self.style.key;
            self.value(member)?;
        }
        self.end(named.is_empty());
        self.out.push('}');
        Ok(())
    }

    fn name(&self, name: &PyObject) -> PyResult<Option<rustpython_vm::builtins::PyStrRef>> {
        if let Some(text) = name.downcast_ref::<PyStr>() {
            return Ok(Some(text.to_owned()));
        }
        Ok(self.scalar(name)?.map(|word| self.vm.ctx.new_str(word)))
    }

    /// Before the `n`-th member.
    fn between(&mut self, n: usize) {
        if n > 0 {
            self.out += &self.style.item;
        }
        self.line(self.depth);
    }

    fn end(&mut self, is_empty: bool) {
        if !is_empty {
            self.line(self.depth - 1);
        }
    }

    fn line(&mut self, depth: usize) {
        if let Some(indent) = &self.style.indent {
            self.out.push('\n');
            self.out += &indent.repeat(depth);
        }
    }

    fn string(&mut self, text: &Wtf8) {
        self.out.push('"');
        let mut rest = text;
        loop {
            let bytes = rest.as_bytes();
            let plain = bytes.iter().position(|byte| !is_plain(*byte)).unwrap_or(bytes.len());
            self.out += std::str::from_utf8(&bytes[..plain]).expect("plain letters are ASCII");
            rest = &rest[plain..];
            let Some(point) = rest.code_points().next() else { break };
            self.letter(point);
            rest = &rest[point.len_wtf8()..];
        }
        self.out.push('"');
    }

    fn letter(&mut self, point: CodePoint) {
        match point.to_char() {
            Some('"') => self.out += "\\\"",
            Some('\\') => self.out += "\\\\",
            Some('\n') => self.out += "\\n",
            Some('\r') => self.out += "\\r",
            Some('\t') => self.out += "\\t",
            Some('\u{8}') => self.out += "\\b",
            Some('\u{c}') => self.out += "\\f",
            Some(letter @ ' '..='~') => self.out.push(letter),
            Some(letter) if !self.style.ensure_ascii && letter >= ' ' => self.out.push(letter),
            _ => self.escaped(point.to_u32()),
        }
    }

    fn escaped(&mut self, point: u32) {
        let unit = |unit: u32| format!("\\u{unit:04x}");
        self.out += &match point.checked_sub(0x1_0000) {
            Some(rest) => unit(0xd800 + (rest >> 10)) + &unit(0xdc00 + (rest & 0x3ff)),
            None => unit(point),
        };
    }
}
