use crate::imports::wasi;
use crate::imports::{self, Call};

/// The value types that the contract uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    I32,
    I64,
    F64,
}

use Value::{F64, I32, I64};

/// A function that a guest may import, and what answers it.
pub(crate) struct Import {
    pub module: &'static str,
    pub name: &'static str,
    pub params: &'static [Value],
    pub result: Option<Value>,
    pub call: Call,
}

/// A function that the host may call.
pub(crate) struct Export {
    pub name: &'static str,
    pub params: &'static [Value],
    pub result: Option<Value>,
}

pub(crate) const MEMORY: &str = "memory";
pub(crate) const BUFFER: &str = "forebay_buffer";
pub(crate) const PROCESS: &str = "forebay_process_v1";
pub(crate) const FILTER: &str = "forebay_filter_v1";
pub(crate) const INIT: &str = "forebay_init_v1";
pub(crate) const VERIFY: &str = "forebay_verify_v1";
/// In the order in which they are looked for; `_start` never is.
pub(crate) const STARTS: [&str; 2] = ["_initialize", "__wasm_call_ctors"];
/// As a report names it.
pub(crate) const TABLE_GET: &str = "forebay_v1.table_get";
pub(crate) const MANIFEST: &str = "forebay.manifest";

const fn export(name: &'static str, params: &'static [Value], result: Option<Value>) -> Export {
    Export { name, params, result }
}

pub(crate) const EXPORTS: &[Export] = &[
    export(BUFFER, &[I32], Some(I32)),
    export(PROCESS, &[I32, I32], Some(I64)),
    export(FILTER, &[I32, I32], Some(I32)),
    export(INIT, &[I32, I32], Some(I32)),
    export(VERIFY, &[I32, I32], Some(I32)),
    export(STARTS[0], &[], None),
    export(STARTS[1], &[], None),
];

const fn ours(
    name: &'static str,
    params: &'static [Value],
    result: Option<Value>,
    call: Call,
) -> Import {
    Import { module: "forebay_v1", name, params, result, call }
}

const fn wasi(name: &'static str, params: &'static [Value], call: Call) -> Import {
    Import { module: "wasi_snapshot_preview1", name, params, result: Some(I32), call }
}

/// Everything that a guest may import; what is not here is refused at upload, by name.
pub(crate) const IMPORTS: &[Import] = &[
    ours("log", &[I32, I32, I32], Some(I32), imports::log),
    ours("fail", &[I32, I32], Some(I32), imports::fail),
    ours("now_ns", &[], Some(I64), imports::now_ns),
    ours("random", &[], Some(I64), imports::random),
    ours("config_get", &[I32, I32, I32, I32], Some(I32), imports::config_get),
    ours("state_get", &[I32, I32, I32, I32], Some(I32), imports::denied),
    ours("state_put", &[I32, I32, I32, I32, I64], Some(I32), imports::denied),
    ours("state_delete", &[I32, I32], Some(I32), imports::denied),
    ours("state_add", &[I32, I32, I64, I64, I32], Some(I32), imports::denied),
    ours("timer_set", &[I32, I32, I32, I32, I64], Some(I32), imports::denied),
    ours("timer_clear", &[I32, I32], Some(I32), imports::denied),
    ours("table_get", &[I32, I32, I32, I32, I32, I32], Some(I32), imports::table_get),
    ours("metric", &[I32, I32, I32, F64], Some(I32), imports::metric),
    Import {
        module: "env",
        name: "abort",
        params: &[I32, I32, I32, I32],
        result: None,
        call: imports::abort,
    },
    Import {
        module: "wasi_snapshot_preview1",
        name: "proc_exit",
        params: &[I32],
        result: None,
        call: wasi::proc_exit,
    },
    wasi("args_get", &[I32, I32], wasi::success),
    wasi("args_sizes_get", &[I32, I32], wasi::no_strings),
    wasi("environ_get", &[I32, I32], wasi::success),
    wasi("environ_sizes_get", &[I32, I32], wasi::no_strings),
    wasi("clock_res_get", &[I32, I32], wasi::clock_res_get),
    wasi("clock_time_get", &[I32, I64, I32], wasi::clock_time_get),
    wasi("random_get", &[I32, I32], wasi::random_get),
    wasi("fd_write", &[I32, I32, I32, I32], wasi::fd_write),
    wasi("fd_close", &[I32], wasi::fd_close),
    wasi("fd_fdstat_get", &[I32, I32], wasi::fd_fdstat_get),
    wasi("fd_seek", &[I32, I64, I32, I32], wasi::fd_seek),
    wasi("poll_oneoff", &[I32, I32, I32, I32], wasi::poll_oneoff),
    wasi("sched_yield", &[], wasi::sched_yield),
    wasi("fd_advise", &[I32, I64, I64, I32], wasi::bad_file),
    wasi("fd_allocate", &[I32, I64, I64], wasi::bad_file),
    wasi("fd_datasync", &[I32], wasi::bad_file),
    wasi("fd_fdstat_set_flags", &[I32, I32], wasi::bad_file),
    wasi("fd_fdstat_set_rights", &[I32, I64, I64], wasi::bad_file),
    wasi("fd_filestat_get", &[I32, I32], wasi::bad_file),
    wasi("fd_filestat_set_size", &[I32, I64], wasi::bad_file),
    wasi("fd_filestat_set_times", &[I32, I64, I64, I32], wasi::bad_file),
    wasi("fd_pread", &[I32, I32, I32, I64, I32], wasi::bad_file),
    wasi("fd_prestat_get", &[I32, I32], wasi::bad_file),
    wasi("fd_prestat_dir_name", &[I32, I32, I32], wasi::bad_file),
    wasi("fd_pwrite", &[I32, I32, I32, I64, I32], wasi::bad_file),
    wasi("fd_read", &[I32, I32, I32, I32], wasi::bad_file),
    wasi("fd_readdir", &[I32, I32, I32, I64, I32], wasi::bad_file),
    wasi("fd_renumber", &[I32, I32], wasi::bad_file),
    wasi("fd_sync", &[I32], wasi::bad_file),
    wasi("fd_tell", &[I32, I32], wasi::bad_file),
    wasi("path_create_directory", &[I32, I32, I32], wasi::not_capable),
    wasi("path_filestat_get", &[I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("path_filestat_set_times", &[I32, I32, I32, I32, I64, I64, I32], wasi::not_capable),
    wasi("path_link", &[I32, I32, I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("path_open", &[I32, I32, I32, I32, I32, I64, I64, I32, I32], wasi::not_capable),
    wasi("path_readlink", &[I32, I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("path_remove_directory", &[I32, I32, I32], wasi::not_capable),
    wasi("path_rename", &[I32, I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("path_symlink", &[I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("path_unlink_file", &[I32, I32, I32], wasi::not_capable),
    wasi("proc_raise", &[I32], wasi::not_capable),
    wasi("sock_accept", &[I32, I32, I32], wasi::not_capable),
    wasi("sock_recv", &[I32, I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("sock_send", &[I32, I32, I32, I32, I32], wasi::not_capable),
    wasi("sock_shutdown", &[I32, I32], wasi::not_capable),
];

/// How a signature is shown to people: `(i32, i32) -> i64`.
pub(crate) fn signature(params: &[Value], result: Option<Value>) -> String {
    let params: Vec<&str> = params.iter().map(|value| value.word()).collect();
    format!("({}) -> {}", params.join(", "), result.map_or("nothing", Value::word))
}

impl Value {
    fn word(self) -> &'static str {
        match self {
            I32 => "i32",
            I64 => "i64",
            F64 => "f64",
        }
    }
}
