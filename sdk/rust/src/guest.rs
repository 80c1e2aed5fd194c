//! What a guest asks of its host.

/// How loud a line is. The host keeps what its own level lets through, up to a cap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    Debug = 0,
    Info = 1,
    Warn = 2,
    Error = 3,
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
    #[link_name = "metric"]
    fn host_metric(ptr: *const u8, len: usize, kind: i32, value: f64) -> i32;
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

/// Adds to a counter of the filter's own.
pub fn count(name: &str, by: f64) {
    metric(name, 0, by);
}

/// Sets a gauge of the filter's own.
pub fn gauge(name: &str, value: f64) {
    metric(name, 1, value);
}

fn metric(name: &str, kind: i32, value: f64) {
    #[cfg(target_arch = "wasm32")]
    // SAFETY: the host reads `name` during the call and keeps nothing of it.
    unsafe {
        host_metric(name.as_ptr(), name.len(), kind, value);
    }
    #[cfg(not(target_arch = "wasm32"))]
    eprintln!("{name} {} {value}", if kind == 0 { "+" } else { "=" });
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
