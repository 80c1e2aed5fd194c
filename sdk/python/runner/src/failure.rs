//! What is said of an exception: to whoever sent the event, and to the operator.

use forebay_filter::{Level, log};
use rustpython_vm::builtins::{PyBaseException, PyBaseExceptionRef};
use rustpython_vm::{AsObject, Py, VirtualMachine};

/// Why the start is refused, with the place in the script: `script:2:14: invalid syntax`.
pub fn at_start(error: &PyBaseExceptionRef, vm: &VirtualMachine) -> String {
    if error.fast_isinstance(vm.ctx.exceptions.syntax_error) {
        let number = |name| {
            let value = error.as_object().get_attr(name, vm).ok()?;
            value.try_into_value::<usize>(vm).ok()
        };
        let message = error.as_object().get_attr("msg", vm).and_then(|msg| msg.str(vm));
        let message = message.map_or_else(|_| text_of(error, vm), |msg| msg.to_string());
        let (line, column) = (number("lineno").unwrap_or(0), number("offset").unwrap_or(0));
        return format!("script:{line}:{column}: {message}");
    }
    let class = error.class().name().to_string();
    let line = places(error).last().map_or(0, |(_, line)| *line);
    match error_text(error, vm) {
        text if text.is_empty() => format!("script:{line}: {class}"),
        text => format!("script:{line}: {class}: {text}"),
    }
}

/// What an event is rejected with: the error's own text. Where that says nothing by itself, it
/// begins with the error's name.
pub fn text_of(error: &Py<PyBaseException>, vm: &VirtualMachine) -> String {
    let (class, text) = (error.class().name().to_string(), error_text(error, vm));
    if text.is_empty() {
        class
    } else if error.fast_isinstance(vm.ctx.exceptions.key_error) {
        format!("{class}: {text}")
    } else {
        text
    }
}

/// Tells where it was raised: at level error, if scripts seldom raise such a thing on purpose.
pub fn tell_place(error: &Py<PyBaseException>, vm: &VirtualMachine) {
    let places = places(error);
    if places.is_empty() {
        return;
    }
    let known = &vm.ctx.exceptions;
    let blunders = [
        known.type_error,
        known.name_error,
        known.attribute_error,
        known.lookup_error,
        known.arithmetic_error,
        known.assertion_error,
        known.runtime_error,
        known.import_error,
    ];
    let is_blunder = blunders.iter().any(|class| error.fast_isinstance(class));
    let lines = places.iter().rev().take(PLACES_MAX);
    let lines: Vec<_> =
        lines.map(|(function, line)| format!("    at {function} (script:{line})")).collect();
    log(if is_blunder { Level::Error } else { Level::Debug }, &lines.join("\n"));
}

/// Calls of one error that are told; the innermost come first.
const PLACES_MAX: usize = 20;

/// Functions and lines of the script that were left by the error; the innermost is last.
fn places(error: &Py<PyBaseException>) -> Vec<(String, usize)> {
    let mut places = Vec::new();
    let mut next = error.__traceback__();
    while let Some(traceback) = next {
        let code = traceback.frame.f_code();
        if code.source_path().as_str() == "script" {
            places.push((code.obj_name.as_str().to_owned(), traceback.lineno.get()));
        }
        next = traceback.next.lock().clone();
    }
    places
}

fn error_text(error: &Py<PyBaseException>, vm: &VirtualMachine) -> String {
    match error.as_object().str(vm) {
        Ok(text) => text.to_string_lossy().into_owned(),
        Err(_) => "an error whose text cannot be read".to_owned(),
    }
}
