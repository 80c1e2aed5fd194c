//! What the rules are fed with. An exception stands here with its reason or it does not exist.

use crate::{Finding, Tree};

/// Where this file lies, for the advice that a finding gives.
pub(crate) const LISTS: &str = "engine/tidy/src/lists.rs";

/// The arrows between rooms, whole. A new one needs a note in `engine/docs/decisions/` first.
pub const ARROWS: &[(&str, &[&str])] = &[
    ("event", &[]),
    ("runtime", &["event"]),
    ("signature", &["event"]),
    ("condition", &["event"]),
    ("dispatch", &["event"]),
    ("log", &["event"]),
    ("registry", &["event", "condition"]),
    ("filter", &["event"]),
    ("store", &["event", "log"]),
    ("pipeline", &["event", "registry", "dispatch", "log", "runtime"]),
    ("ingest", &["event", "signature", "registry", "runtime"]),
    ("delivery", &["event", "signature", "runtime"]),
    ("connectors", &["event", "runtime"]),
    ("control", &["event", "condition", "registry", "log", "runtime"]),
    ("sim", &["event", "condition", "registry", "dispatch", "log", "pipeline", "runtime"]),
    (
        "forebay",
        &[
            "event",
            "signature",
            "condition",
            "registry",
            "runtime",
            "log",
            "store",
            "filter",
            "dispatch",
            "pipeline",
            "ingest",
            "delivery",
            "connectors",
            "control",
        ],
    ),
    ("cli", &["forebay", "event", "signature"]),
    ("tidy", &[]),
];

/// Packages that may use any room and that no room may use.
pub const SEE_ALL: &[&str] = &["benches", "fuzz"];

/// Packages outside `engine/` that are in the workspace, and the rooms they may use.
pub const OUTSIDE: &[(&str, &[&str])] =
    &[("examples", &["forebay", "event"]), ("filters", &[]), ("sdk", &[])];

/// Arrows that a room's tests alone may have: (room, room, why).
pub const TEST_ARROWS: &[(&str, &str, &str)] =
    &[("cli", "runtime", "its crash kit shares senders and receiver with the one of `forebay`")];

/// Packages whose name is not that of their room.
pub const PACKAGE_NAMES: &[(&str, &str, &str)] =
    &[("log", "forebay-log", "half of crates.io depends on another `log`")];

/// A third-party crate (or all that begin with `name-`) and the only packages that may name it.
pub const EXCLUSIVE: &[(&str, &[&str], &str)] = &[
    ("fjall", &["store", "benches"], "store alone knows how a log lies on disk"),
    ("lsm-tree", &["store"], "store alone knows how a log lies on disk"),
    ("wasmtime", &["filter"], "filter alone runs guests"),
    ("cranelift", &["filter"], "filter alone runs guests"),
    ("crossbeam", &["pipeline", "benches"], "the doors of pipeline are the only queues"),
    ("crossbeam-utils", &["sdk"], "Python's runner borrows code that has its cells, no queues"),
    ("sqlparser", &["condition"], "condition alone parses expressions"),
    ("anyhow", &["cli", "benches", "examples"], "a room names its failures by a thiserror enum"),
    (
        "clap",
        &["cli", "sim", "benches", "examples"],
        "only what people run from a terminal has flags",
    ),
    ("tracing-subscriber", &["cli", "examples"], "the library installs no global"),
    (
        "tokio",
        &[
            "runtime",
            "pipeline",
            "ingest",
            "delivery",
            "connectors",
            "control",
            "forebay",
            "cli",
            "benches",
            "examples",
        ],
        "the other rooms are synchronous",
    ),
    (
        "hyper",
        &["ingest", "delivery", "connectors", "control", "forebay", "cli", "benches", "examples"],
        "HTTP is spoken by ingest, delivery and control",
    ),
];

/// Exclusive crates that a package uses in its tests alone: (package, crate, why).
pub const EXCLUSIVE_IN_TESTS: &[(&str, &str, &str)] =
    &[("signature", "hyper", "the published library takes headers as hyper's HeaderMap")];

/// Third-party crates that nothing of ours may bring in, not even through another crate.
pub const BANNED: &[(&str, &str)] = &[
    ("openssl", "TLS is rustls with ring"),
    ("openssl-sys", "TLS is rustls with ring"),
    ("native-tls", "TLS is rustls with ring"),
    ("hyper-tls", "TLS is rustls with ring"),
    ("aws-lc-rs", "two crypto providers in one tree panic at run time: rustls with ring"),
    ("aws-lc-sys", "two crypto providers in one tree panic at run time: rustls with ring"),
    ("reqwest", "hyper is the client: reqwest follows redirects and reads proxies by itself"),
    ("isahc", "hyper is the client"),
    ("ureq", "hyper is the client"),
    ("curl", "hyper is the client"),
    ("sqlx", "117 crates for one connector"),
    ("diesel", "tokio-postgres is the choice for a connector"),
    ("datafusion", "198 crates: `condition` evaluates sqlparser's tree itself"),
    ("extism", "255 crates: `filter` speaks to wasmtime itself"),
    ("wasmtime-wasi", "a guest gets no files, network or clock: `filter` stubs the few imports"),
    ("actix-web", "hyper, and axum for the management API"),
    ("warp", "hyper, and axum for the management API"),
    ("async-std", "there is one async runtime, tokio"),
    ("madsim", "it patches tokio globally: `sim` drives our own steps"),
];

/// Third-party crates that we do not name ourselves, because we chose another for the same.
pub const NOT_CHOSEN: &[(&str, &str)] = &[
    ("chrono", "jiff is the choice for dates"),
    ("time", "jiff is the choice for dates"),
    ("prometheus", "prometheus-client is the choice for metrics"),
    ("snafu", "thiserror in rooms, anyhow in the binary"),
    ("eyre", "thiserror in rooms, anyhow in the binary"),
    ("rand", "randomness is an argument, from runtime's Entropy"),
    ("parking_lot", "std's locks, where a lock is allowed at all"),
    ("once_cell", "std has OnceLock and LazyLock"),
    ("lazy_static", "std has OnceLock and LazyLock"),
];

/// Crates that we name ourselves and that Cargo.lock holds in several versions all the same.
pub const DOUBLES: &[(&str, &str)] = &[
    ("base64", "boon is behind, and standardwebhooks, which tests alone use"),
    ("getrandom", "ring and ahash are behind"),
    ("sha2", "cranelift is behind"),
];

/// Files longer than 600 lines: (path, why).
pub const LONG_FILES: &[(&str, &str)] = &[];

/// Functions longer than 70 lines: (path, name, why).
pub const LONG_FUNCTIONS: &[(&str, &str, &str)] = &[];

/// Macros of ours: (path, why).
pub const MACROS: &[(&str, &str)] = &[];

/// Rust files, with their manifests, that no package of ours compiles, because something else does:
/// (path begins, who).
pub const COMPILED_ELSEWHERE: &[(&str, &str)] = &[
    ("engine/cli/tests/svix/rust/", "a workspace of its own, with what Svix's client brings"),
    ("sdk/templates/", "the folder that `forebay filter new` makes"),
];

/// Whether a path is one of those.
pub fn is_elsewhere(path: &str) -> bool {
    COMPILED_ELSEWHERE.iter().any(|(from, _)| path.starts_with(from))
}

/// Definitions named by a word of `names::BANNED` all the same: (path, name, why).
pub const NAMES: &[(&str, &str, &str)] = &[];

/// Documents that code points to and that are still to be written.
pub const UNWRITTEN: &[&str] = &[];

/// Rooms that carry the real world: they may opt out of `clippy.toml` at the crate's root.
pub const CARRIERS: &[&str] = &["runtime", "forebay", "cli", "fuzz"];

/// What may stand at the top of the repository beside files that begin with a dot.
pub const TOP: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "LICENSE",
    "README.md",
    "engine",
    "filters",
    "sdk",
    "examples",
    "benches",
];

/// An exception for a place that is gone goes too.
pub fn stale(tree: &Tree) -> Vec<Finding> {
    let names_a_file = |path: &str| tree.paths().any(|known| known.starts_with(path));
    let defines = |path: &str, name: &str| tree.text(path).is_some_and(|text| text.contains(name));
    let functions = LONG_FUNCTIONS.iter().filter(|(path, name, _)| !defines(path, name));
    let names = NAMES.iter().filter(|(path, name, _)| !defines(path, name));
    let files = LONG_FILES.iter().chain(MACROS).chain(COMPILED_ELSEWHERE);
    let gone = files.filter(|(path, _)| !names_a_file(path)).map(|(path, _)| *path);
    let gone = gone.chain(functions.chain(names).map(|(path, ..)| *path));
    let written = UNWRITTEN.iter().copied().filter(|path| tree.has(path));
    let advice = |path| format!("nothing needs the exception for `{path}` any more: take it out");
    gone.chain(written).map(|path| Finding::new(LISTS, 0, advice(path))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exception_for_a_document_that_was_written_is_found() {
        let written: Vec<_> = UNWRITTEN.iter().map(|path| (*path, "")).collect();
        let count = |files| stale(&Tree::of(files)).len();
        assert_eq!(count(&written), count(&[]) + UNWRITTEN.len());
    }
}
