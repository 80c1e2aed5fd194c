//! The interpreter, and the script that it is started with.

use crate::{datetime, event, failure, host, json, math};
use forebay_filter::Config;
use rustpython_vm::builtins::{PyDict, PyList, PyMappingProxy, PyStr, PyTypeRef};
use rustpython_vm::gc_state::gc_state;
use rustpython_vm::scope::Scope;
use rustpython_vm::{
    Interpreter, PyObjectRef, PyPayload, PyResult, Settings, VirtualMachine, compiler, py_freeze,
};
use std::cell::OnceCell;

/// That the interpreter has started; itself it is of the one thread.
pub struct Script;

/// What stays from one event to the next.
pub struct Loaded {
    pub filter: PyObjectRef,
    pub config: PyObjectRef,
    pub reject: PyTypeRef,
    pub retry: PyTypeRef,
}

thread_local! {
    static LOADED: OnceCell<(Interpreter, Loaded)> = const { OnceCell::new() };
}

/// Python calls that may be open at once. The host's stack is not touched by them.
const CALLS_MAX: usize = 400;

/// New containers among which cycles are looked for while a script runs. All that is in use is
/// looked at too: with fewer of them, that would cost more than reading a large body does.
const CYCLES_AMONG: u32 = 20_000;

/// New containers that an event may leave behind before cycles are looked for among them.
const LEFT_MAX: usize = 2000;

impl Config for Script {
    fn read(bytes: &[u8]) -> Result<Script, String> {
        let interpreter = interpreter();
        let loaded = interpreter.enter(|vm| load(bytes, vm))?;
        let is_first = LOADED.with(|cell| cell.set((interpreter, loaded))).is_ok();
        assert!(is_first, "an instance starts once");
        Ok(Script)
    }
}

/// # Panics
/// Before a script was read.
pub fn with_script<T>(run: impl FnOnce(&VirtualMachine, &Loaded) -> T) -> T {
    LOADED.with(|cell| {
        let (interpreter, loaded) = cell.get().expect("the host starts before it shows events");
        interpreter.enter(|vm| run(vm, loaded))
    })
}

/// Frees cycles after an event, when what it used is no longer in the way.
pub fn free_cycles(vm: &VirtualMachine) {
    let (new, ..) = gc_state().get_count();
    if new >= LEFT_MAX {
        vm.state.gc.collect(0);
    }
}

fn interpreter() -> Interpreter {
    let mut settings = Settings::default();
    // Sets and their order are the same in every instance.
    settings.hash_seed = Some(0);
    settings.import_site = false;
    settings.install_signal_handlers = false;
    settings.ignore_environment = true;
    settings.write_bytecode = false;
    let builder = Interpreter::builder(settings);
    let ctx = &builder.ctx;
    let native = [
        datetime::module_def(ctx),
        event::module_def(ctx),
        host::module_def(ctx),
        json::module_def(ctx),
        math::module_def(ctx),
    ];
    builder
        .add_native_modules(&native)
        .add_frozen_modules(py_freeze!(dir = "../borrowed/frozen"))
        .add_frozen_modules(py_freeze!(dir = "../frozen"))
        .build()
}

fn load(bytes: &[u8], vm: &VirtualMachine) -> Result<Loaded, String> {
    vm.recursion_limit.set(CALLS_MAX);
    vm.state.gc.set_threshold(CYCLES_AMONG, None, None);
    let told = |error| failure::at_start(&error, vm);
    let config = json::read(bytes, vm).map_err(told)?;
    let missing = || "the configuration has no `script`, the text of the filter".to_owned();
    let config = config.downcast::<PyDict>().map_err(|_| missing())?;
    let script = config.pop_item("script", vm).map_err(told)?.ok_or_else(missing)?;
    let script = script.downcast::<PyStr>().map_err(|_| missing())?;
    let text = script.to_str().ok_or_else(|| "the script is not UTF-8".to_owned())?;
    let ours = vm.import("forebay", 0).map_err(told)?;
    let class =
        |name: &'static str| -> PyResult<PyTypeRef> { ours.get_attr(name, vm)?.try_into_value(vm) };
    let (reject, retry) = (class("Reject").map_err(told)?, class("Retry").map_err(told)?);
    let filter = run(text, &ours, vm).map_err(told)?;
    let filter = filter.ok_or("the script must define its filter: def filter(event, config)")?;
    let config = frozen(config.into(), vm).map_err(told)?;
    // What the start has made stays, and is looked at no more.
    vm.state.gc.freeze();
    Ok(Loaded { filter, config, reject, retry })
}

/// Runs the script, as the module `script`; what it calls `filter`.
fn run(text: &str, ours: &PyObjectRef, vm: &VirtualMachine) -> PyResult<Option<PyObjectRef>> {
    let code = vm
        .compile(text, compiler::Mode::Exec, "script")
        .map_err(|error| error.into_pyexception(vm, Some(text)))?;
    let globals = vm.ctx.new_dict();
    let names: Vec<PyObjectRef> = ours.get_attr("__all__", vm)?.try_to_value(vm)?;
    for name in names {
        let name = name.downcast::<PyStr>().expect("__all__ is of names");
        globals.set_item(&*name, ours.get_attr(&name, vm)?, vm)?;
    }
    let module = vm.new_module("script", globals.clone(), None);
    vm.sys_module.get_attr("modules", vm)?.set_item("script", module.into(), vm)?;
    vm.run_code_obj(code, Scope::with_builtins(None, globals.clone(), vm))?;
    let filter = globals.get_item_opt("filter", vm)?;
    Ok(filter.filter(|filter| filter.is_callable()))
}

/// Scripts share one configuration from event to event, so it stays as it is.
fn frozen(value: PyObjectRef, vm: &VirtualMachine) -> PyResult {
    if let Some(dict) = value.downcast_ref::<PyDict>() {
        let copy = vm.ctx.new_dict();
        for (name, member) in dict.items_vec() {
            copy.set_item(&*name, frozen(member, vm)?, vm)?;
        }
        return Ok(PyMappingProxy::from(copy).into_ref(&vm.ctx).into());
    }
    if let Some(list) = value.downcast_ref::<PyList>() {
        let members: Vec<_> = list.borrow_vec().to_vec();
        let members = members.into_iter().map(|member| frozen(member, vm));
        return Ok(vm.ctx.new_tuple(members.collect::<PyResult<_>>()?).into());
    }
    Ok(value)
}
