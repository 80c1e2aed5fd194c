//! The native part of the module `json`, and how JSON becomes values elsewhere.

mod read;
mod write;

pub(crate) use native::module_def;
pub use read::read;
pub use write::written;

/// Deeper values are an error, for each level takes some of the host's stack.
const DEPTH_MAX: usize = 500;

#[pymodule(name = "_json")]
mod native {
    use super::{read, write};
    use rustpython_vm::builtins::PyStr;
    use rustpython_vm::function::ArgBytesLike;
    use rustpython_vm::{PyObject, PyObjectRef, PyResult, TryFromBorrowedObject, VirtualMachine};

    #[derive(FromArgs)]
    struct LoadsArgs {
        #[pyarg(positional)]
        text: PyObjectRef,
        #[pyarg(named, optional)]
        object_hook: Option<PyObjectRef>,
        #[pyarg(named, optional)]
        object_pairs_hook: Option<PyObjectRef>,
    }

    #[pyfunction]
    fn loads(args: LoadsArgs, vm: &VirtualMachine) -> PyResult {
        let given = |hook: Option<PyObjectRef>| hook.filter(|hook| !vm.is_none(hook));
        let hooks =
            read::Hooks { object: given(args.object_hook), pairs: given(args.object_pairs_hook) };
        if let Some(text) = args.text.downcast_ref::<PyStr>() {
            return read::read_with(text.as_bytes(), hooks, vm);
        }
        let bytes = ArgBytesLike::try_from_borrowed_object(vm, &args.text)?;
        let bytes = bytes.borrow_buf().to_vec();
        read::read_with(&bytes, hooks, vm)
    }

    #[derive(FromArgs)]
    struct DumpsArgs {
        #[pyarg(positional)]
        value: PyObjectRef,
        #[pyarg(named, default = false)]
        skipkeys: bool,
        #[pyarg(named, default = true)]
        ensure_ascii: bool,
        #[pyarg(named, default = true)]
        allow_nan: bool,
        #[pyarg(named, optional)]
        indent: Option<PyObjectRef>,
        #[pyarg(named, optional)]
        separators: Option<PyObjectRef>,
        #[pyarg(named, optional)]
        default: Option<PyObjectRef>,
        #[pyarg(named, default = false)]
        sort_keys: bool,
    }

    #[pyfunction]
    fn dumps(args: DumpsArgs, vm: &VirtualMachine) -> PyResult {
        let given = |value: Option<PyObjectRef>| value.filter(|value| !vm.is_none(value));
        let indent = given(args.indent).map(|indent| write::indent_of(&indent, vm)).transpose()?;
        let (item, key) = match given(args.separators) {
            Some(pair) => separators(&pair, vm)?,
            None if indent.is_some() => (",".to_owned(), ": ".to_owned()),
            None => (", ".to_owned(), ": ".to_owned()),
        };
        let style = write::Style {
            item,
            key,
            indent,
            ensure_ascii: args.ensure_ascii,
            allow_nan: args.allow_nan,
            skipkeys: args.skipkeys,
            sort_keys: args.sort_keys,
            default: given(args.default),
        };
        write::text(&args.value, &style, vm).map(|text| vm.ctx.new_str(text).into())
    }

    /// Between members, and between a name and its value.
    fn separators(pair: &PyObject, vm: &VirtualMachine) -> PyResult<(String, String)> {
        let pair: Vec<PyObjectRef> = pair.try_to_value(vm)?;
        let text = |part: &PyObjectRef| Ok(part.str(vm)?.to_string_lossy().into_owned());
        match &*pair {
            [item, key] => Ok((text(item)?, text(key)?)),
            _ => Err(vm.new_value_error("separators are two")),
        }
    }
}
