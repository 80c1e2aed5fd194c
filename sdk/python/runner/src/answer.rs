//! From what a script returns to a verdict.

use crate::event::PyEvent;
use crate::failure::{tell_place, text_of};
use crate::json;
use crate::start::Loaded;
use forebay_filter::{Event, Header, Output, Verdict};
use rustpython_vm::builtins::{
    PyBaseExceptionRef, PyDict, PyFloat, PyGenerator, PyInt, PyList, PyStr, PyTuple,
};
use rustpython_vm::protocol::{PyIter, PyIterReturn};
use rustpython_vm::{AsObject, PyObject, PyObjectRef, PyResult, VirtualMachine};
use rustpython_vm::{TryFromBorrowedObject, function::ArgBytesLike};

/// The host takes no more, and would throw the whole batch's answer away.
const OUTPUTS_MAX: usize = 64;

pub fn verdict_of<'a>(
    answer: PyObjectRef,
    script: &Loaded,
    event: Event<'a>,
    vm: &VirtualMachine,
) -> PyResult<Verdict<'a>> {
    if answer.is(&vm.ctx.true_value) {
        return Ok(Verdict::Pass);
    }
    if answer.is(&vm.ctx.false_value) {
        return Ok(Verdict::Drop);
    }
    if let Some(verdict) = said(&answer, script, vm)? {
        return Ok(verdict);
    }
    if answer.downcast_ref::<PyEvent>().is_some() {
        return Ok(Verdict::Pass);
    }
    if answer.downcast_ref::<PyDict>().is_some() {
        return Ok(Verdict::Emit(vec![output(&answer, event, vm)?]));
    }
    let parts = match parts(&answer, vm)? {
        Some(parts) => parts,
        None if vm.is_none(&answer) => {
            return Err(vm.new_type_error(
                "the script answered nothing: return True to pass the event, False to drop it",
            ));
        }
        None => {
            let class = answer.class().name().to_string();
            return Err(
                vm.new_type_error(format!("the script answered with {class}, which is no verdict"))
            );
        }
    };
    let outputs = parts.iter().map(|part| output(part, event, vm));
    Ok(Verdict::Emit(outputs.collect::<PyResult<_>>()?))
}

/// A raised `reject(…)` or `retry(…)` counts as one that was returned; any other exception rejects
/// the event.
pub fn of_thrown<'a>(
    thrown: &PyBaseExceptionRef,
    script: &Loaded,
    vm: &VirtualMachine,
) -> Verdict<'a> {
    match said(thrown.as_object(), script, vm) {
        Ok(Some(verdict)) => verdict,
        Ok(None) => {
            tell_place(thrown, vm);
            Verdict::reject(text_of(thrown, vm))
        }
        Err(error) => Verdict::reject(text_of(&error, vm)),
    }
}

/// What `reject(…)` and `retry(…)` have made.
fn said<'a>(
    answer: &PyObject,
    script: &Loaded,
    vm: &VirtualMachine,
) -> PyResult<Option<Verdict<'a>>> {
    let is_retry = answer.fast_isinstance(&script.retry);
    if !is_retry && !answer.fast_isinstance(&script.reject) {
        return Ok(None);
    }
    let reason = answer.get_attr("reason", vm)?.str(vm)?.to_string_lossy().into_owned();
    if !is_retry {
        return Ok(Some(Verdict::reject(reason)));
    }
    let delay_ms: u64 = answer.get_attr("delay_ms", vm)?.try_into_value(vm)?;
    Ok(Some(Verdict::retry(u32::try_from(delay_ms).unwrap_or(u32::MAX), reason)))
}

/// The outputs of a list, a tuple or a generator.
fn parts(answer: &PyObject, vm: &VirtualMachine) -> PyResult<Option<Vec<PyObjectRef>>> {
    let parts = if let Some(list) = answer.downcast_ref::<PyList>() {
        list.borrow_vec().to_vec()
    } else if let Some(tuple) = answer.downcast_ref::<PyTuple>() {
        tuple.as_slice().to_vec()
    } else if answer.downcast_ref::<PyGenerator>().is_some() {
        let (iterator, mut parts) = (PyIter::new(answer), Vec::new());
        // One that never ends is left when there are too many.
        while parts.len() <= OUTPUTS_MAX
            && let PyIterReturn::Return(part) = iterator.next(vm)?
        {
            parts.push(part);
        }
        parts
    } else {
        return Ok(None);
    };
    match parts.len() <= OUTPUTS_MAX {
        true => Ok(Some(parts)),
        false => Err(vm.new_value_error("an event may have at most 64 outputs")),
    }
}

fn output<'a>(part: &PyObject, event: Event<'a>, vm: &VirtualMachine) -> PyResult<Output<'a>> {
    let mut output = Output::of(event);
    if part.downcast_ref::<PyEvent>().is_some() {
        return Ok(output);
    }
    let Some(fields) = part.downcast_ref::<PyDict>() else {
        let class = part.class().name().to_string();
        return Err(vm.new_type_error(format!("an output is a dict, not {class}")));
    };
    for (name, value) in fields.items_vec() {
        let name = name.str(vm)?.to_string_lossy().into_owned();
        let is_left_out = vm.is_none(&value);
        match name.as_str() {
            "key" | "type" | "headers" | "body" if is_left_out => {}
            "key" => output.key = Some(word(&value, "key", vm)?.into()),
            "type" => output.event_type = Some(word(&value, "type", vm)?.into()),
            "headers" => output = output.headers(headers(&value, vm)?),
            "body" => output.body = Some(body(&value, vm)?.into()),
            _ => {
                return Err(vm.new_type_error(format!(
                    "an output has key, type, headers and body; it has no {name}"
                )));
            }
        }
    }
    Ok(output)
}

fn word(value: &PyObject, name: &str, vm: &VirtualMachine) -> PyResult<String> {
    match scalar(value, vm)? {
        Some(text) => Ok(text),
        None => Err(vm.new_type_error(format!("an output's {name} must be a str"))),
    }
}

/// A text or a number, as text; a boolean as in JSON.
fn scalar(value: &PyObject, vm: &VirtualMachine) -> PyResult<Option<String>> {
    if value.is(&vm.ctx.true_value) || value.is(&vm.ctx.false_value) {
        return Ok(Some(value.is(&vm.ctx.true_value).to_string()));
    }
    let is_scalar = value.downcast_ref::<PyStr>().is_some()
        || value.downcast_ref::<PyInt>().is_some()
        || value.downcast_ref::<PyFloat>().is_some();
    match is_scalar {
        true => Ok(Some(value.str(vm)?.to_string_lossy().into_owned())),
        false => Ok(None),
    }
}

fn body(value: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<u8>> {
    if let Some(text) = value.downcast_ref::<PyStr>() {
        return Ok(text.to_string_lossy().into_owned().into_bytes());
    }
    match bytes(value, vm) {
        Some(bytes) => Ok(bytes),
        None => json::written(value, vm),
    }
}

/// Of `bytes`, `bytearray`, `memoryview`.
fn bytes(value: &PyObject, vm: &VirtualMachine) -> Option<Vec<u8>> {
    let view = ArgBytesLike::try_from_borrowed_object(vm, value).ok()?;
    Some(view.borrow_buf().to_vec())
}

/// All of them: of a dict, whose values may be lists, or of pairs.
fn headers<'a>(value: &PyObject, vm: &VirtualMachine) -> PyResult<Vec<Header<'a>>> {
    let mut headers = Vec::new();
    if let Some(dict) = value.downcast_ref::<PyDict>() {
        for (name, value) in dict.items_vec() {
            match parts_of(&value) {
                Some(values) => {
                    for value in values {
                        headers.push(header(&name, &value, vm)?);
                    }
                }
                None if vm.is_none(&value) => {}
                None => headers.push(header(&name, &value, vm)?),
            }
        }
        return Ok(headers);
    }
    let wrong = || vm.new_type_error("headers are a dict, or a list of (name, value)");
    for pair in parts_of(value).ok_or_else(wrong)? {
        match parts_of(&pair).as_deref() {
            Some([name, value]) => headers.push(header(name, value, vm)?),
            _ => return Err(wrong()),
        }
    }
    Ok(headers)
}

fn parts_of(value: &PyObject) -> Option<Vec<PyObjectRef>> {
    if let Some(list) = value.downcast_ref::<PyList>() {
        return Some(list.borrow_vec().to_vec());
    }
    value.downcast_ref::<PyTuple>().map(|tuple| tuple.as_slice().to_vec())
}

fn header<'a>(name: &PyObject, value: &PyObject, vm: &VirtualMachine) -> PyResult<Header<'a>> {
    let Some(name) = name.downcast_ref::<PyStr>() else {
        return Err(vm.new_type_error("a header's name must be a str"));
    };
    let name = name.to_string_lossy().to_ascii_lowercase();
    if name.len() > usize::from(u16::MAX) {
        return Err(vm.new_value_error("a header is too large"));
    }
    let value = match scalar(value, vm)? {
        Some(text) => text.into_bytes(),
        None => match bytes(value, vm) {
            Some(bytes) => bytes,
            None => {
                return Err(vm.new_type_error(format!("the header {name} must be a str")));
            }
        },
    };
    Ok((name.into(), value.into()))
}
