//! What a guest asks of its host.

/// How loud a line is. The host keeps what its own level lets through, up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Error = 0,
    Warn = 1,
    Info = 2,
    Debug = 3,
}

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "forebay_v1")]
unsafe extern "C" {
    #[link_name = "log"]
    fn host_log(level: i32, ptr: *const u8, len: usize) -> i32;
    #[link_name = "fail"]
    fn host_fail(ptr: *const u8, len: usize) -> i32;
    #[link_name = "random"]
    fn host_random() -> i64;
}

/// One line to the operator's log; to stderr in a native test.
pub fn log(level: Level, line: &str) {
    #[cfg(target_arch = "wasm32")]
    // SAFETY: the host reads `line` during the call and keeps nothing of it.
    unsafe {
        host_log(level as i32, line.as_ptr(), line.len());
    }
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{level:?}: {line}");
}

/// A number that a replay draws again: it is seeded by the module, its configuration and the
/// event's offset. Always 4 in a native test.
pub fn random() -> i64 {
    #[cfg(target_arch = "wasm32")]
    // SAFETY: it takes and keeps nothing.
    unsafe {
        host_random()
    }
    #[cfg(not(target_arch = "wasm32"))]
    4
}

/// Says why the call is about to fail.
#[cfg(target_arch = "wasm32")]
pub(crate) fn fail(why: &str) {
    // SAFETY: the host reads `why` during the call and keeps nothing of it.
    unsafe {
        host_fail(why.as_ptr(), why.len());
    }
}

#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn fail(why: &str) {
    eprintln!("failed: {why}");
}
