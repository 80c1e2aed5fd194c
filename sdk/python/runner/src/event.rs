//! What a script sees of an event.

use forebay_filter::Event;
use rustpython_vm::{PyObjectRef, PyPayload, VirtualMachine};
use std::cell::Cell;

thread_local! {
    /// The event that is being shown, and how many were before.
    static CURRENT: Cell<(u64, Option<Event<'static>>)> = const { Cell::new((0, None)) };
}

/// The event as a script is given it. It ends with `end`.
pub fn begin(event: Event<'_>, vm: &VirtualMachine) -> PyObjectRef {
    let turn = CURRENT.get().0 + 1;
    // SAFETY: only the lifetime changes. The batch outlives this turn, and after `end` nobody is
    // given the event any more.
    let event = unsafe { std::mem::transmute::<Event<'_>, Event<'static>>(event) };
    CURRENT.set((turn, Some(event)));
    PyEvent { turn }.into_ref(&vm.ctx).into()
}

pub fn end() {
    CURRENT.set((CURRENT.get().0, None));
}

pub(crate) use shown::{PyEvent, module_def};

#[pymodule(name = "_event")]
mod shown {
    use super::CURRENT;
    use crate::json;
    use forebay_filter::Event;
    use rustpython_vm::builtins::PyStrRef;
    use rustpython_vm::{Py, PyObjectRef, PyPayload, PyResult, VirtualMachine};

    /// A view: members are read when they are asked for.
    #[pyattr]
    #[pyclass(module = "forebay", name = "Event")]
    #[derive(Debug, PyPayload)]
    pub struct PyEvent {
        pub(crate) turn: u64,
    }

    impl PyEvent {
        /// What was kept beyond its turn is over.
        fn view(&self, vm: &VirtualMachine) -> PyResult<Event<'static>> {
            match CURRENT.get() {
                (turn, Some(event)) if turn == self.turn => Ok(event),
                _ => Err(vm.new_runtime_error("the event is over: keep what you need of it")),
            }
        }
    }

    #[pyclass]
    impl PyEvent {
        #[pygetset]
        fn id(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<&'static str> {
            Ok(zelf.view(vm)?.id())
        }

        #[pygetset(name = "type")]
        fn event_type(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<&'static str> {
            Ok(zelf.view(vm)?.event_type())
        }

        #[pygetset]
        fn key(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<&'static str> {
            Ok(zelf.view(vm)?.key().unwrap_or(""))
        }

        #[pygetset]
        fn source(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<&'static str> {
            Ok(zelf.view(vm)?.source())
        }

        #[pygetset]
        fn offset(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<u64> {
            Ok(zelf.view(vm)?.offset())
        }

        #[pygetset]
        fn time_ns(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<i64> {
            Ok(zelf.view(vm)?.time_ns())
        }

        #[pygetset]
        fn time(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let time_ns = zelf.view(vm)?.time_ns();
            vm.import("forebay", 0)?.get_attr("_time_of", vm)?.call((time_ns,), vm)
        }

        #[pygetset]
        fn runs(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<u32> {
            Ok(zelf.view(vm)?.runs())
        }

        #[pygetset]
        fn is_json(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<bool> {
            Ok(zelf.view(vm)?.is_json())
        }

        #[pygetset]
        fn is_replay(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<bool> {
            Ok(zelf.view(vm)?.is_replay())
        }

        #[pygetset]
        fn is_dry_run(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<bool> {
            Ok(zelf.view(vm)?.is_dry_run())
        }

        #[pygetset]
        fn is_timer(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult<bool> {
            Ok(zelf.view(vm)?.is_timer())
        }

        #[pygetset]
        fn body(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            Ok(vm.ctx.new_bytes(zelf.view(vm)?.body().to_vec()).into())
        }

        /// What is not UTF-8 becomes U+FFFD.
        #[pymethod]
        fn text(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            Ok(vm.ctx.new_str(&*String::from_utf8_lossy(zelf.view(vm)?.body())).into())
        }

        /// A new value at each call.
        #[pymethod]
        fn json(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            json::read(zelf.view(vm)?.body(), vm)
        }

        /// The first value of a header, in whatever case it is named.
        #[pymethod]
        fn header(zelf: &Py<Self>, name: PyStrRef, vm: &VirtualMachine) -> PyResult {
            let name = name.to_string_lossy().to_ascii_lowercase();
            let value = zelf.view(vm)?.headers().first(&name);
            Ok(value.map_or_else(|| vm.ctx.none(), |value| text(value, vm)))
        }

        /// By name, of several values of one name the first.
        #[pygetset]
        fn headers(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let headers = vm.ctx.new_dict();
            for (name, value) in zelf.view(vm)?.headers() {
                if headers.get_item_opt(name, vm)?.is_none() {
                    headers.set_item(name, text(value, vm), vm)?;
                }
            }
            Ok(headers.into())
        }

        /// All in their order; a value that is not UTF-8 is bytes.
        #[pygetset]
        fn header_list(zelf: &Py<Self>, vm: &VirtualMachine) -> PyResult {
            let pair = |(name, value): (&str, &[u8])| -> PyObjectRef {
                let value = match std::str::from_utf8(value) {
                    Ok(value) => vm.ctx.new_str(value).into(),
                    Err(_) => vm.ctx.new_bytes(value.to_vec()).into(),
                };
                vm.ctx.new_tuple(vec![vm.ctx.new_str(name).into(), value]).into()
            };
            let pairs = zelf.view(vm)?.headers().map(pair).collect();
            Ok(vm.ctx.new_list(pairs).into())
        }
    }

    fn text(value: &[u8], vm: &VirtualMachine) -> PyObjectRef {
        vm.ctx.new_str(&*String::from_utf8_lossy(value)).into()
    }
}
