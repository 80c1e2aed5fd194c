use super::language::Language;
use super::sections::without;
use super::subject::Subject;
use super::toolchain::{MODULE, Recipe, Telling, recipe};
use super::{plain, size, words};
use crate::commands::compile::compiler;
use crate::exit::{Exit, Failure};
use crate::given::print;
use clap::Args;
use forebay::{Setup, Workbench, digest_of, inspect};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Compile a filter, and check that the engine takes it
///
/// Ends with 1 when it does not compile or the engine would refuse it, with 2 when a compiler is
/// missing; then it says which, and how to install it.
#[derive(Args)]
#[command(after_help = HELP)]
pub struct BuildFilter {
    /// The folder of the filter
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,
    /// Keep the lines of the source too, so that a trap names them; the module grows
    #[arg(long)]
    debug: bool,
    /// Print what was built as JSON
    #[arg(long)]
    json: bool,
}

const HELP: &str = "\
The language is told by what lies in the folder: Cargo.toml, go.mod, runner.wasm with a script, or
files that end with .py, .ts, .zig, .cpp or .c. The module is filter.wasm there. A script is not
compiled: it is started once, and becomes the configuration filter.json of what runs it, the module
runner.wasm or, for Python, forebay/python.

The module keeps the names of its functions, and a trap tells in which of them it was. With --debug
it tells the lines too in Rust, C, C++ and Zig; the code is the same.

Examples:
  forebay filter build
  forebay filter build filters/big-orders --debug
  forebay filter build --json && forebay filter test";

/// A module that the engine takes, and the configuration that was made for it.
pub struct Built {
    language: Language,
    /// A file, or the name of one that comes with this binary.
    module: PathBuf,
    wasm: Vec<u8>,
    config: Option<PathBuf>,
}

impl BuildFilter {
    pub fn run(&self) -> Result<Exit, Failure> {
        let folder = &self.folder;
        let language = Language::of(folder).ok_or_else(|| {
            let shown = folder.display();
            Failure::usage(format!(
                "{shown} has nothing that looks like a filter: `forebay filter new` begins one"
            ))
        })?;
        let telling = if self.debug { Telling::Lines } else { Telling::Names };
        let built = match language {
            Language::Javascript | Language::Python => script(folder, language)?,
            _ => module(folder, language, telling)?,
        };
        built.tell(self.json)?;
        Ok(Exit::Ok)
    }
}

/// Compiles what is no script. A failure is one of usage when it cannot even begin to.
pub fn module(folder: &Path, language: Language, telling: Telling) -> Result<Built, Failure> {
    let recipe = recipe(language, folder, telling)?;
    follow(&recipe, folder)?;
    let module = folder.join(MODULE);
    let product = folder.join(&recipe.product);
    let failed = |error| Failure::new(Exit::Failed, format!("{}: {error}", product.display()));
    let compiled = fs::read(&product).map_err(failed)?;
    let wasm = without(&compiled, recipe.is_surplus).unwrap_or_else(|| compiled.clone());
    if product != module || wasm != compiled {
        fs::write(&module, &wasm).map_err(failed)?;
    }
    if let Err(refusal) = inspect(&wasm).report {
        let shown = module.display();
        return Err(Failure::new(Exit::Failed, format!("the engine refuses {shown}: {refusal}")));
    }
    Ok(Built { language, module, wasm, config: None })
}

/// Runs the compiler in the filter's folder. What it says goes to stderr.
fn follow(recipe: &Recipe, folder: &Path) -> Result<(), Failure> {
    let shown: Vec<String> =
        recipe.command.iter().map(|word| plain(&word.to_string_lossy())).collect();
    eprintln!("$ {}", shown.join(" "));
    let (program, rest) = recipe.command.split_first().expect("a recipe has a program");
    let mut command = Command::new(program);
    command.args(rest).current_dir(folder).envs(recipe.environment.iter().copied());
    let status = command.stdin(Stdio::null()).stdout(std::io::stderr()).status();
    let failed = |why: String| Failure::new(Exit::Failed, format!("{}: {why}", shown[0]));
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(format!("it does not compile ({status})"))),
        Err(error) => Err(failed(error.to_string())),
    }
}

/// Starts the script once, as the engine would, and writes the configuration that has it.
fn script(folder: &Path, language: Language) -> Result<Built, Failure> {
    let subject = Subject::find(folder, None)?;
    let loaded = subject.load()?;
    let settings = folder.join("config.json");
    let settings = match settings.is_file() {
        true => fs::read_to_string(&settings)
            .map_err(|error| Failure::usage(format!("{}: {error}", settings.display())))?,
        false => "{}".to_owned(),
    };
    let config = loaded.config(&settings)?;
    let bench = Workbench::open(&loaded.wasm, compiler().as_ref())
        .map_err(|failure| Failure::new(Exit::Failed, failure))?;
    let guest = bench.guest(&Setup { config: &config, ..Setup::default() });
    let guest = guest.map_err(Failure::usage)?;
    if let Some(fault) = guest.start_fault() {
        let shown = subject.script.as_deref().unwrap_or(folder).display();
        let why = plain(words(&fault));
        return Err(Failure::new(Exit::Failed, format!("{shown}: {why}")));
    }
    let path = folder.join("filter.json");
    fs::write(&path, format!("{config}\n"))
        .map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", path.display())))?;
    Ok(Built { language, module: subject.path, wasm: loaded.wasm, config: Some(path) })
}

impl Built {
    fn tell(&self, is_json: bool) -> Result<(), Failure> {
        let (module, wasm) = (self.module.display(), &self.wasm);
        let digest = digest_of(wasm).to_string();
        if is_json {
            let told = json!({
                "language": self.language.name(),
                "module": self.module,
                "config": self.config,
                "bytes": wasm.len(),
                "digest": digest,
            });
            return print(&format!("{told:#}\n"));
        }
        print(&format!("{module}  {}  sha256 {digest}\n", size(wasm.len())))?;
        if let Some(config) = &self.config {
            print(&format!("{}  its configuration, with the script\n", config.display()))?;
        }
        Ok(())
    }
}
