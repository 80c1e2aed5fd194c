use super::templates::{CASES, own, sdk};
use super::{Language, columns};
use crate::exit::{Exit, Failure};
use crate::given::print;
use clap::Args;
use serde_json::{Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Begin a filter: a folder that builds at once, with the SDK and a few cases inside
#[derive(Args)]
#[command(after_help = HELP)]
pub struct NewFilter {
    /// What it is called: letters, digits, - and _
    #[arg(required_unless_present = "list")]
    name: Option<String>,
    /// What it is written in
    #[arg(long, value_enum, required_unless_present = "list")]
    lang: Option<Language>,
    /// The folder to make [default: the filter's name, here]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// List the languages, and what each needs to build
    #[arg(long)]
    list: bool,
    /// Print what was made, or the list, as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
Everything comes out of this binary: neither a checkout nor the network is needed. A folder that
has something in it is left as it is.

Examples:
  forebay filter new big-orders --lang rust
  forebay filter new big-orders --lang c --dir filters/big-orders
  forebay filter new --list
  forebay filter new --list --json | jq -r '.data[].language'";

impl NewFilter {
    pub fn run(&self) -> Result<Exit, Failure> {
        if self.list {
            match self.json {
                true => print(&format!("{}\n", list_as_json()))?,
                false => print(&list())?,
            }
            return Ok(Exit::Ok);
        }
        let (Some(name), Some(language)) = (&self.name, self.lang) else {
            return Err(Failure::usage("give a name, and a language: --lang"));
        };
        check_name(name)?;
        let folder = self.dir.clone().unwrap_or_else(|| PathBuf::from(name));
        check_place(&folder)?;
        let files = write_all(&folder, name, language)
            .map_err(|error| Failure::usage(format!("{}: {error}", folder.display())))?;
        let shown = folder.display();
        match self.json {
            true => {
                let language = language.name();
                let told = json!({
                    "name": name,
                    "language": language,
                    "folder": folder,
                    "files": files,
                });
                print(&format!("{told:#}\n"))?;
            }
            false => print(&format!("{shown}\n"))?,
        }
        eprintln!(
            "a filter in {}; next:\n  forebay filter build {shown}\n  forebay filter test {shown}",
            language.title()
        );
        Ok(Exit::Ok)
    }
}

fn list() -> String {
    let row = |language: &Language| vec![language.name().to_owned(), language.needs().to_owned()];
    let head = vec!["LANGUAGE".to_owned(), "NEEDS".to_owned()];
    let rows: Vec<_> = [head].into_iter().chain(Language::ALL.iter().map(row)).collect();
    columns("", &rows)
}

fn list_as_json() -> Value {
    let told = |language: &Language| {
        json!({
            "language": language.name(),
            "title": language.title(),
            "needs": language.needs(),
            "isCompiled": language.script_end().is_none(),
        })
    };
    json!({ "data": Language::ALL.iter().map(told).collect::<Vec<_>>() })
}

/// Good as a name of a package in every language, and as a folder's.
fn check_name(name: &str) -> Result<(), Failure> {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
    match name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(is_allowed)
    {
        true => Ok(()),
        false => Err(Failure::usage(format!(
            "{name:?} is no name for a filter: begin with a letter, go on with letters, digits, \
             - and _; --dir says where it goes"
        ))),
    }
}

fn check_place(folder: &Path) -> Result<(), Failure> {
    let shown = folder.display();
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::usage(format!(
            "{shown} is there and has something in it; nothing was written: name another --dir"
        ))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::usage(format!("{shown}: {error}"))),
    }
}

/// Gives the paths in the folder.
fn write_all(folder: &Path, name: &str, language: Language) -> io::Result<Vec<&'static str>> {
    let mut written = Vec::new();
    let mut write = |path: &'static str, bytes: &[u8]| {
        let place = folder.join(path);
        place.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::File::create_new(&place).and_then(|mut file| io::Write::write_all(&mut file, bytes))?;
        written.push(path);
        Ok::<_, io::Error>(())
    };
    for (path, bytes) in sdk(language) {
        write(path, bytes)?;
    }
    for (path, bytes) in own(language) {
        let text = std::str::from_utf8(bytes).map_err(io::Error::other)?;
        write(path, text.replace("{{name}}", name).as_bytes())?;
    }
    write("cases/first.json", CASES)?;
    write(".gitignore", ignored(language).as_bytes())?;
    write("README.md", readme(name, language).as_bytes())?;
    Ok(written)
}

fn ignored(language: Language) -> &'static str {
    match language {
        Language::Rust => "/target\n/filter.wasm\n",
        Language::Assemblyscript => "/node_modules\n/filter.wasm\n",
        Language::Javascript | Language::Python => "/filter.json\n",
        Language::C | Language::Cpp | Language::Zig | Language::Go => "/filter.wasm\n",
    }
}

fn readme(name: &str, language: Language) -> String {
    let (title, needs) = (language.title(), language.needs());
    let (source, rest) = match language {
        Language::Rust => ("src/lib.rs", "`forebay-filter/README.md` has all that the SDK can"),
        Language::C => ("filter.c", "`forebay.h` is the SDK, and says what it can"),
        Language::Cpp => ("filter.cpp", "`forebay.hpp` is the SDK, and says what it can"),
        Language::Zig => ("filter.zig", "`forebay.zig` is the SDK, and says what it can"),
        Language::Go => ("main.go", "`forebay/README.md` has all that the SDK can"),
        Language::Assemblyscript => {
            ("filter.ts", "`forebay-filter/README.md` has all that the SDK can")
        }
        Language::Javascript => (
            "filter.js",
            "`forebay.d.ts` has all that a script can.\nWhat else it is configured with may stand \
             in `config.json`",
        ),
        Language::Python => (
            "filter.py",
            "`forebay.pyi` has all that a script can.\nWhat else it is configured with may stand \
             in `config.json`",
        ),
    };
    let push = match language {
        Language::Javascript => format!("{name} runner.wasm --config @filter.json"),
        Language::Python => format!("{name} forebay/python --config @filter.json"),
        _ => format!("{name} filter.wasm"),
    };
    format!(
        "# {name}\n\nA filter for Forebay, in {title}: `{source}`. {rest}.\n\n```sh\n\
         forebay filter build            # needs {needs}\n\
         forebay filter test --watch     # runs cases/*.json, again after each change\n\
         forebay filter push {push}\n```\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_filter_is_that_of_the_sdks_readme() {
        for (language, readme) in [
            (Language::Rust, include_str!("../../../../sdk/rust/README.md")),
            (Language::C, include_str!("../../../../sdk/c/README.md")),
            (Language::Cpp, include_str!("../../../../sdk/cpp/README.md")),
            (Language::Zig, include_str!("../../../../sdk/zig/README.md")),
            (Language::Go, include_str!("../../../../sdk/go/README.md")),
            (Language::Assemblyscript, include_str!("../../../../sdk/assemblyscript/README.md")),
            (Language::Javascript, include_str!("../../../../sdk/javascript/README.md")),
            (Language::Python, include_str!("../../../../sdk/python/README.md")),
        ] {
            let source = std::str::from_utf8(own(language)[0].1).unwrap();
            // In AssemblyScript's the SDK is a package of npm's, not a folder beside the filter.
            let source = source.replace("\"./forebay-filter", "\"forebay-filter");
            let first = readme.split("```").nth(1).and_then(|block| block.split_once('\n'));
            assert_eq!(first.map(|(_, first)| first), Some(&*source), "{language:?}");
        }
    }

    #[test]
    fn the_guide_shows_the_first_filter_of_every_language() {
        let guide = include_str!("../../../docs/filters.md");
        for &language in Language::ALL {
            let source = std::str::from_utf8(own(language)[0].1).unwrap();
            assert!(guide.contains(&format!("\n{source}```\n")), "{language:?}: {source}");
            assert!(source.lines().count() < 15, "{language:?}");
            let new = format!("forebay filter new is-paid --lang {}\n", language.name());
            assert!(guide.contains(&new), "{new}");
        }
    }

    #[test]
    fn a_name_is_one_in_every_language() {
        for name in ["a", "big-orders", "B_2"] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        for name in ["", "2a", "a b", "../a", "a/b", "ä", "-a"] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }
}
