//! Words that may not stand in a room's code, for what `clippy.toml` cannot say.

use crate::code::Code;
use crate::lists::{CARRIERS, LISTS, MACROS};
use crate::reach::{Use, reached};
use crate::tree::room_of;
use crate::{Finding, Tree};

enum Rooms {
    All,
    Only(&'static [&'static str]),
    But(&'static [&'static str]),
}

struct Ban {
    words: &'static [&'static str],
    rooms: Rooms,
    instead: &'static str,
}

const PURE: &[&str] = &["event", "signature", "condition", "registry", "dispatch"];

const BANS: &[Ban] = &[
    Ban {
        words: &["Mutex", "RwLock", "Condvar", "parking_lot", "ReentrantLock"],
        rooms: Rooms::Only(&["event", "dispatch", "pipeline", "delivery"]),
        instead: "every fact has one owner thread: send it through a door, or share a snapshot",
    },
    Ban {
        words: &["async fn", "async move", ".await", "std::thread", "std::net::Tcp", "UdpSocket"],
        rooms: Rooms::Only(PURE),
        instead: "this room is pure: return what is to be done and let the pumps do it",
    },
    Ban {
        words: &["std::fs", "fs::File", "File::open", "File::create", "OpenOptions"],
        rooms: Rooms::But(&["store", "runtime", "forebay", "cli", "connectors", "fuzz", "tidy"]),
        instead: "files belong to store, forebay and the binary: take the bytes as an argument",
    },
    Ban {
        words: &["thread_rng", "ThreadRng", "OsRng", "rand::rng", "rand::random", "fastrand"],
        rooms: Rooms::But(&["runtime", "fuzz"]),
        instead: "take `&mut Rng` as an argument, or ask runtime's Entropy",
    },
    Ban {
        words: &["set_global_default", "set_boxed_logger", "install_default", "panic::set_hook"],
        rooms: Rooms::But(&["cli", "sim", "fuzz"]),
        instead: "the library installs no global: only the binary may",
    },
    Ban {
        words: &["tokio::signal", "ctrl_c"],
        rooms: Rooms::But(&["cli"]),
        instead: "the library takes no signals: the binary turns them into a call",
    },
    Ban {
        words: &["println!", "print!", "eprintln!", "eprint!"],
        rooms: Rooms::But(&["cli", "sim", "fuzz"]),
        instead: "only the binary talks to a terminal: use tracing, or return it",
    },
    Ban {
        words: &["process::abort", "unimplemented!", "static mut", "lazy_static!"],
        rooms: Rooms::All,
        instead: "no hidden state and no hidden end: return a Failure, pass the state along",
    },
    Ban {
        words: &["thread_local!"],
        // Its deliberate bugs, for tests alone, are switched on for one thread.
        rooms: Rooms::But(&["dispatch"]),
        instead: "no hidden state: pass it along",
    },
    Ban {
        words: &["tokio::main", "tokio::net::lookup_host"],
        rooms: Rooms::But(&["runtime"]),
        instead: "runtimes and the network belong to runtime",
    },
];

impl Rooms {
    fn contain(&self, room: &str) -> bool {
        match self {
            Rooms::All => true,
            Rooms::Only(rooms) => rooms.contains(&room),
            Rooms::But(rooms) => !rooms.contains(&room),
        }
    }
}

/// The code of every room that a release holds, with the ranges in it that are for tests.
fn product(tree: &Tree) -> impl Iterator<Item = (&str, &str, Code<'_>, Vec<(usize, usize)>)> {
    let reached = reached(tree);
    tree.rust().filter_map(move |(path, code)| {
        let room = room_of(path)?;
        let tests = code.test_ranges();
        (reached.get(path) == Some(&Use::Product)).then_some((path, room, code, tests))
    })
}

fn places(code: &Code<'_>, words: &str, tests: &[(usize, usize)]) -> Vec<usize> {
    let is_for_tests = |at: &usize| tests.iter().any(|(from, to)| (*from..=*to).contains(at));
    code.find(words).into_iter().filter(|at| !is_for_tests(at)).collect()
}

/// No room uses what was banned for it. Tests may.
pub fn words(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, room, code, tests) in product(tree) {
        for ban in BANS.iter().filter(|ban| ban.rooms.contain(room)) {
            for words in ban.words {
                for at in places(&code, words, &tests) {
                    let advice = format!("no `{words}` in `{room}`: {}", ban.instead);
                    findings.push(Finding::new(path, code.line_at(at), advice));
                }
            }
        }
    }
    findings
}

/// tokio's `select!` draws its first branch by lot unless it is told otherwise.
pub fn unbiased_selects(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, code, tests) in product(tree) {
        for at in places(&code, "select!", &tests) {
            let body =
                code.text()[at + "select!".len()..].trim_start_matches([' ', '{', '(', '\n']);
            if !body.starts_with("biased;") {
                let advice =
                    "begin `select!` with `biased;`: the same seed must give the same trace";
                findings.push(Finding::new(path, code.line_at(at), advice));
            }
        }
    }
    findings
}

/// A macro of ours is a listed exception.
pub fn macros(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, _, code, tests) in product(tree) {
        if MACROS.iter().any(|(listed, _)| *listed == path) {
            continue;
        }
        for at in places(&code, "macro_rules!", &tests) {
            let advice =
                format!("no macros of ours: write a function, or list it in MACROS ({LISTS})");
            findings.push(Finding::new(path, code.line_at(at), advice));
        }
    }
    findings
}

/// The bans of `clippy.toml` are lifted by carriers and tests alone, and always with a reason.
pub fn opt_outs(tree: &Tree) -> Vec<Finding> {
    let reached = reached(tree);
    let mut findings = Vec::new();
    for (path, code) in tree.rust() {
        let Some(room) = room_of(path) else { continue };
        let is_test = reached.get(path) != Some(&Use::Product);
        let tests = code.test_ranges();
        for at in code
            .find("clippy::disallowed_methods")
            .into_iter()
            .chain(code.find("clippy::disallowed_types"))
        {
            let start = code.text()[..at].rfind("#").unwrap_or(at);
            let attribute =
                &code.text()[start..code.text()[at..].find(']').map_or(at, |end| at + end)];
            let is_for_tests = is_test
                || tests.iter().any(|(from, to)| (*from..=*to).contains(&at))
                || is_only_for_tests(attribute);
            let is_one_type = attribute.starts_with("#[allow(clippy::disallowed_types");
            let line = code.line_at(at);
            if !is_for_tests && !CARRIERS.contains(&room) && !is_one_type {
                let advice = "this room may not lift the bans of engine/clippy.toml: use a port of \
                              runtime, or say cfg_attr(test, allow(…)) if it is for tests";
                findings.push(Finding::new(path, line, advice));
            }
            if !attribute.contains("reason =") {
                findings.push(Finding::new(path, line, "say why: `reason = \"…\"` in the allow"));
            }
        }
    }
    findings
}

/// A test that does not run proves nothing.
pub fn ignored_tests(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, code) in tree.rust() {
        for at in code.find("#[ignore") {
            let advice = "no ignored tests: mend it, or skip loudly when its server is not named";
            findings.push(Finding::new(path, code.line_at(at), advice));
        }
    }
    findings
}

/// Whether a `cfg_attr` is for test builds, on however many lines it stands.
fn is_only_for_tests(attribute: &str) -> bool {
    let flat: String = attribute.split_whitespace().collect();
    flat.starts_with("#![cfg_attr(test,") || flat.starts_with("#[cfg_attr(test,")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn room(name: &str, text: &str) -> Tree {
        let manifest = format!("engine/{name}/Cargo.toml");
        Tree::of(&[(&manifest, "[package]\n"), (&format!("engine/{name}/src/lib.rs"), text)])
    }

    #[test]
    fn every_ban_can_be_broken() {
        for ban in BANS {
            for banned in ban.words {
                let name = match ban.rooms {
                    Rooms::Only(rooms) => rooms[0],
                    _ => "delivery",
                };
                let tree = room(name, &format!("\nuse {banned};\n"));
                assert!(words(&tree).iter().any(|f| f.line == 2), "{banned} passes in {name}");
            }
        }
    }

    #[test]
    fn tests_comments_and_other_rooms_are_free() {
        let text = "// Mutex\n#[cfg(test)]\nmod tests {\n    use std::sync::Mutex;\n}\n";
        assert!(words(&room("event", text)).is_empty());
        assert!(words(&room("store", "use std::sync::Mutex;\nuse std::fs;")).is_empty());
        assert_eq!(words(&room("event", "use std::sync::Mutex;")).len(), 1);
    }

    #[test]
    fn an_unbiased_select_is_found() {
        let count = |text| unbiased_selects(&room("pipeline", text)).len();
        assert_eq!(count("fn a() { tokio::select! {\n    biased;\n    a = b => c } }"), 0);
        assert_eq!(count("fn a() { tokio::select! { a = b => c } }"), 1);
    }

    #[test]
    fn a_macro_is_found() {
        assert_eq!(macros(&room("event", "macro_rules! a { () => {} }")).len(), 1);
    }

    #[test]
    fn an_opt_out_outside_carriers_and_tests_is_found() {
        let count = |name, text| opt_outs(&room(name, text)).len();
        let bare = "#![allow(clippy::disallowed_methods)]";
        let told = "#![allow(clippy::disallowed_methods, reason = \"it is the clock\")]";
        let test = "#![cfg_attr(test, allow(clippy::disallowed_methods, reason = \"a\"))]";
        let one = "#[allow(clippy::disallowed_types, reason = \"a\")]\ntype A = u8;";
        assert_eq!((count("runtime", bare), count("runtime", told)), (1, 0));
        assert_eq!((count("event", bare), count("event", told)), (2, 1));
        assert_eq!((count("event", test), count("event", one)), (0, 0));
    }

    #[test]
    fn an_ignored_test_is_found() {
        let ignored = "#[test]\n#[ignore = \"slow\"]\nfn a() {}";
        assert_eq!(ignored_tests(&room("event", ignored)).len(), 1);
    }
}
