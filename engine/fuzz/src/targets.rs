mod conditions;
mod configurations;
mod egress;
mod framing;
mod host_calls;
mod modules;
mod names;
mod paths;
mod producers;
mod records;
mod recovery;
mod requests;
mod results;
mod rows;
mod signatures;
mod take;

/// One parser, and what must hold of it for any bytes: `run` panics where it does not.
#[derive(Debug)]
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// What inputs are made of beside bytes.
    pub words: &'static [&'static str],
    pub bytes_max: usize,
    /// Changed inputs that the test makes.
    pub tries: usize,
}

const KIB: usize = 1 << 10;

/// The most exposed first.
pub const TARGETS: &[Target] = &[
    Target {
        name: "requests",
        run: requests::requests,
        words: requests::WORDS,
        bytes_max: 4 * KIB,
        tries: 1_500,
    },
    Target {
        name: "framing",
        run: framing::framing,
        words: requests::WORDS,
        bytes_max: 4 * KIB,
        tries: 40_000,
    },
    Target {
        name: "signatures",
        run: signatures::signatures,
        words: signatures::WORDS,
        bytes_max: KIB,
        tries: 20_000,
    },
    Target {
        name: "producers",
        run: producers::producers,
        words: producers::WORDS,
        bytes_max: 4 * KIB,
        tries: 40_000,
    },
    Target {
        name: "egress",
        run: egress::egress,
        words: egress::WORDS,
        bytes_max: 2_100,
        tries: 40_000,
    },
    Target { name: "paths", run: paths::paths, words: paths::WORDS, bytes_max: KIB, tries: 20_000 },
    Target {
        name: "results",
        run: results::results,
        words: &["FBR1", "FBV1"],
        bytes_max: 8 * KIB,
        tries: 40_000,
    },
    Target {
        name: "modules",
        run: modules::modules,
        words: modules::WORDS,
        bytes_max: 8 * KIB,
        tries: 1_000,
    },
    Target {
        name: "host_calls",
        run: host_calls::host_calls,
        words: &[],
        bytes_max: 512,
        tries: 300,
    },
    Target {
        name: "conditions",
        run: conditions::conditions,
        words: conditions::WORDS,
        bytes_max: 2 * KIB,
        tries: 10_000,
    },
    Target {
        name: "configurations",
        run: configurations::configurations,
        words: configurations::WORDS,
        bytes_max: 4 * KIB,
        tries: 2_000,
    },
    Target {
        name: "records",
        run: records::records,
        words: &["\u{f0}"],
        bytes_max: 2 * KIB,
        tries: 40_000,
    },
    Target { name: "rows", run: rows::rows, words: rows::WORDS, bytes_max: KIB, tries: 40_000 },
    Target {
        name: "recovery",
        run: recovery::recovery,
        words: &["4BHEAD", "FJL\u{3}"],
        bytes_max: 4 * KIB,
        tries: 2_000,
    },
    Target { name: "names", run: names::names, words: names::WORDS, bytes_max: 512, tries: 40_000 },
];
