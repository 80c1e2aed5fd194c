//! What a script asks of the host: the native part of the module `forebay`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub(crate) use native::module_def;

/// When the event that is shown came in: the one clock.
pub fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_nanos(u64::try_from(now_ns()).unwrap_or(0))
}

fn now_ns() -> i64 {
    #[link(wasm_import_module = "forebay_v1")]
    unsafe extern "C" {
        #[link_name = "now_ns"]
        fn host_now_ns() -> i64;
    }
    // SAFETY: it takes and keeps nothing.
    unsafe { host_now_ns() }
}

#[pymodule(name = "_host")]
mod native {
    use forebay_filter::{Level, look_up};
    use rustpython_vm::builtins::{PyBytesRef, PyStrRef};
    use rustpython_vm::function::{ArgIntoFloat, Either, OptionalArg};
    use rustpython_vm::{PyResult, VirtualMachine};

    /// One line to the operator.
    #[pyfunction]
    fn log(level: PyStrRef, text: PyStrRef, vm: &VirtualMachine) -> PyResult<()> {
        let level = match &*level.to_string_lossy() {
            "debug" => Level::Debug,
            "info" => Level::Info,
            "warn" => Level::Warn,
            "error" => Level::Error,
            _ => {
                let known = "a level is \"debug\", \"info\", \"warn\" or \"error\"";
                return Err(vm.new_value_error(known));
            }
        };
        forebay_filter::log(level, &text.to_string_lossy());
        Ok(())
    }

    /// Adds to a counter of the filter's own.
    #[pyfunction]
    fn count(name: PyStrRef, by: OptionalArg<ArgIntoFloat>) {
        let by = by.into_option().map_or(1.0, ArgIntoFloat::into_float);
        forebay_filter::count(&name.to_string_lossy(), by);
    }

    /// Sets a gauge of the filter's own.
    #[pyfunction]
    fn gauge(name: PyStrRef, value: ArgIntoFloat) {
        forebay_filter::gauge(&name.to_string_lossy(), value.into_float());
    }

    /// 64 bits, seeded by module, configuration and the event's offset.
    #[pyfunction]
    fn random() -> u64 {
        forebay_filter::random() as u64
    }

    /// When the event that is shown came in.
    #[pyfunction]
    fn now_ns() -> i64 {
        super::now_ns()
    }

    /// A value of a lookup table, or none.
    #[pyfunction]
    fn table_get(table: PyStrRef, key: Either<PyStrRef, PyBytesRef>) -> Option<Vec<u8>> {
        let table = table.to_string_lossy();
        match key {
            Either::A(key) => look_up(&table, key.to_string_lossy().as_bytes()),
            Either::B(key) => look_up(&table, key.as_bytes()),
        }
    }
}
