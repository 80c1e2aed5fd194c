//! The SDKs and first filters, as this binary carries them: a new filter needs no checkout and no
//! network.

use super::Language;

/// Paths in the new folder, and what stands there.
pub type Files = &'static [(&'static str, &'static [u8])];

/// What its author changes. `{{name}}` is the filter's name.
pub fn own(language: Language) -> Files {
    match language {
        Language::Rust => RUST,
        Language::C => C,
        Language::Cpp => CPP,
        Language::Zig => ZIG,
        Language::Go => GO,
        Language::Assemblyscript => ASSEMBLYSCRIPT,
        Language::Javascript => JAVASCRIPT,
        Language::Python => PYTHON,
    }
}

/// What its author leaves as it is.
pub fn sdk(language: Language) -> Files {
    match language {
        Language::Rust => RUST_SDK,
        Language::C => C_SDK,
        Language::Cpp => CPP_SDK,
        Language::Zig => ZIG_SDK,
        Language::Go => GO_SDK,
        Language::Assemblyscript => ASSEMBLYSCRIPT_SDK,
        Language::Javascript => JAVASCRIPT_SDK,
        Language::Python => PYTHON_SDK,
    }
}

pub const CASES: &[u8] = include_bytes!("../../../../sdk/templates/cases.json");

const RUST: Files = &[
    ("src/lib.rs", include_bytes!("../../../../sdk/templates/rust/lib.rs")),
    ("Cargo.toml", include_bytes!("../../../../sdk/templates/rust/manifest.toml")),
];

const RUST_SDK: Files = &[
    (
        "forebay-filter/Cargo.toml",
        include_bytes!("../../../../sdk/templates/rust/sdk-manifest.toml"),
    ),
    ("forebay-filter/LICENSE-MIT", include_bytes!("../../../../sdk/rust/LICENSE-MIT")),
    ("forebay-filter/README.md", include_bytes!("../../../../sdk/rust/README.md")),
    (
        "forebay-filter/rust-wasm-setup.sh",
        include_bytes!("../../../../sdk/toolchain/rust-wasm-setup.sh"),
    ),
    ("forebay-filter/src/batch.rs", include_bytes!("../../../../sdk/rust/src/batch.rs")),
    ("forebay-filter/src/config.rs", include_bytes!("../../../../sdk/rust/src/config.rs")),
    ("forebay-filter/src/encode.rs", include_bytes!("../../../../sdk/rust/src/encode.rs")),
    ("forebay-filter/src/entry.rs", include_bytes!("../../../../sdk/rust/src/entry.rs")),
    ("forebay-filter/src/event.rs", include_bytes!("../../../../sdk/rust/src/event.rs")),
    ("forebay-filter/src/guest.rs", include_bytes!("../../../../sdk/rust/src/guest.rs")),
    ("forebay-filter/src/headers.rs", include_bytes!("../../../../sdk/rust/src/headers.rs")),
    ("forebay-filter/src/lib.rs", include_bytes!("../../../../sdk/rust/src/lib.rs")),
    ("forebay-filter/src/output.rs", include_bytes!("../../../../sdk/rust/src/output.rs")),
    ("forebay-filter/src/sample.rs", include_bytes!("../../../../sdk/rust/src/sample.rs")),
    ("forebay-filter/src/table.rs", include_bytes!("../../../../sdk/rust/src/table.rs")),
    ("forebay-filter/src/verdict.rs", include_bytes!("../../../../sdk/rust/src/verdict.rs")),
];

const C: Files = &[("filter.c", include_bytes!("../../../../sdk/templates/c/filter.c"))];

const C_SDK: Files = &[
    ("forebay.h", include_bytes!("../../../../sdk/c/forebay.h")),
    ("LICENSE-forebay", include_bytes!("../../../../sdk/c/LICENSE-MIT")),
];

const CPP: Files = &[("filter.cpp", include_bytes!("../../../../sdk/templates/cpp/filter.cpp"))];

const CPP_SDK: Files = &[
    ("forebay.hpp", include_bytes!("../../../../sdk/cpp/forebay.hpp")),
    ("forebay.h", include_bytes!("../../../../sdk/c/forebay.h")),
    ("LICENSE-forebay", include_bytes!("../../../../sdk/cpp/LICENSE-MIT")),
];

const ZIG: Files = &[("filter.zig", include_bytes!("../../../../sdk/templates/zig/filter.zig"))];

const ZIG_SDK: Files = &[
    ("forebay.zig", include_bytes!("../../../../sdk/zig/forebay.zig")),
    ("LICENSE-forebay", include_bytes!("../../../../sdk/zig/LICENSE-MIT")),
];

const GO: Files = &[
    ("main.go", include_bytes!("../../../../sdk/templates/go/main.go")),
    ("go.mod", include_bytes!("../../../../sdk/templates/go/go.mod.txt")),
];

const GO_SDK: Files = &[
    ("forebay/go.mod", include_bytes!("../../../../sdk/go/go.mod")),
    ("forebay/LICENSE-MIT", include_bytes!("../../../../sdk/go/LICENSE-MIT")),
    ("forebay/README.md", include_bytes!("../../../../sdk/go/README.md")),
    ("forebay/answer.go", include_bytes!("../../../../sdk/go/answer.go")),
    ("forebay/batch.go", include_bytes!("../../../../sdk/go/batch.go")),
    ("forebay/entry_wasip1.go", include_bytes!("../../../../sdk/go/entry_wasip1.go")),
    ("forebay/event.go", include_bytes!("../../../../sdk/go/event.go")),
    ("forebay/filter.go", include_bytes!("../../../../sdk/go/filter.go")),
    ("forebay/header.go", include_bytes!("../../../../sdk/go/header.go")),
    ("forebay/host.go", include_bytes!("../../../../sdk/go/host.go")),
    ("forebay/host_native.go", include_bytes!("../../../../sdk/go/host_native.go")),
    ("forebay/host_wasip1.go", include_bytes!("../../../../sdk/go/host_wasip1.go")),
    ("forebay/output.go", include_bytes!("../../../../sdk/go/output.go")),
    ("forebay/sample.go", include_bytes!("../../../../sdk/go/sample.go")),
    ("forebay/verdict.go", include_bytes!("../../../../sdk/go/verdict.go")),
];

const ASSEMBLYSCRIPT: Files = &[
    ("filter.ts", include_bytes!("../../../../sdk/templates/assemblyscript/filter.ts")),
    ("package.json", include_bytes!("../../../../sdk/templates/assemblyscript/package.json")),
];

const ASSEMBLYSCRIPT_SDK: Files = &[
    ("forebay-filter/LICENSE-MIT", include_bytes!("../../../../sdk/assemblyscript/LICENSE-MIT")),
    ("forebay-filter/README.md", include_bytes!("../../../../sdk/assemblyscript/README.md")),
    (
        "forebay-filter/asconfig.json",
        include_bytes!("../../../../sdk/assemblyscript/asconfig.json"),
    ),
    ("forebay-filter/exports.ts", include_bytes!("../../../../sdk/assemblyscript/exports.ts")),
    ("forebay-filter/index.ts", include_bytes!("../../../../sdk/assemblyscript/index.ts")),
    (
        "forebay-filter/assembly/answer.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/answer.ts"),
    ),
    (
        "forebay-filter/assembly/arena.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/arena.ts"),
    ),
    (
        "forebay-filter/assembly/bytes.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/bytes.ts"),
    ),
    (
        "forebay-filter/assembly/entry.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/entry.ts"),
    ),
    (
        "forebay-filter/assembly/event.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/event.ts"),
    ),
    (
        "forebay-filter/assembly/filter.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/filter.ts"),
    ),
    (
        "forebay-filter/assembly/header.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/header.ts"),
    ),
    (
        "forebay-filter/assembly/host.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/host.ts"),
    ),
    (
        "forebay-filter/assembly/index.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/index.ts"),
    ),
    (
        "forebay-filter/assembly/output.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/output.ts"),
    ),
    (
        "forebay-filter/assembly/utf8.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/utf8.ts"),
    ),
    (
        "forebay-filter/assembly/verdict.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/verdict.ts"),
    ),
    (
        "forebay-filter/assembly/view.ts",
        include_bytes!("../../../../sdk/assemblyscript/assembly/view.ts"),
    ),
];

const JAVASCRIPT: Files =
    &[("filter.js", include_bytes!("../../../../sdk/templates/javascript/filter.js"))];

const JAVASCRIPT_SDK: Files = &[
    ("runner.wasm", forebay::config::JAVASCRIPT_RUNNER),
    ("forebay.d.ts", include_bytes!("../../../../sdk/javascript/forebay.d.ts")),
    ("LICENSE-forebay", include_bytes!("../../../../sdk/javascript/LICENSE-MIT")),
    ("LICENSE-quickjs", include_bytes!("../../../../sdk/javascript/LICENSE-QUICKJS")),
];

const PYTHON: Files =
    &[("filter.py", include_bytes!("../../../../sdk/templates/python/filter.py"))];

/// Without the runner, which is larger than all the rest: the binary has it.
const PYTHON_SDK: Files = &[
    ("forebay.pyi", include_bytes!("../../../../sdk/python/forebay.pyi")),
    ("LICENSE-forebay", include_bytes!("../../../../sdk/python/LICENSE-MIT")),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_source_of_an_sdk_is_carried() {
        let sdk = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../sdk");
        let folders = [
            (RUST_SDK, "rust/src", ".rs"),
            (GO_SDK, "go", ".go"),
            (ASSEMBLYSCRIPT_SDK, "assemblyscript/assembly", ".ts"),
        ];
        for (carried, folder, end) in folders {
            for entry in fs::read_dir(sdk.join(folder)).unwrap() {
                let path = entry.unwrap().path();
                let name = path.to_string_lossy().into_owned();
                if name.ends_with(end) && !name.ends_with("_test.go") {
                    let bytes = fs::read(&path).unwrap();
                    assert!(carried.iter().any(|(_, file)| *file == bytes), "{name}");
                }
            }
        }
    }
}
