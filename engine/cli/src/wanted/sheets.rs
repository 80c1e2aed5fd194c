use crate::exit::Failure;
use forebay::config::{Inputs, Sheet, Wanted, wanted};
use std::io::Read;
use std::path::{Path, PathBuf};

/// All that the files want, those of a folder in the order of their names.
pub fn read(files: &[String]) -> Result<Vec<Wanted>, Failure> {
    let mut sheets = Vec::new();
    for file in files {
        match &**file {
            "-" => {
                let mut text = String::new();
                let read = std::io::stdin().read_to_string(&mut text);
                read.map_err(|error| Failure::usage(format!("stdin: {error}")))?;
                sheets.push(Sheet { path: PathBuf::from("stdin"), text });
            }
            path if Path::new(path).is_dir() => {
                for path in within(Path::new(path))? {
                    sheets.push(sheet(path)?);
                }
            }
            path => sheets.push(sheet(PathBuf::from(path))?),
        }
    }
    Ok(wanted(&sheets, &Inputs::of_process().environment)?)
}

fn within(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let fail = |error| Failure::usage(format!("{}: {error}", folder.display()));
    let entries = std::fs::read_dir(folder).map_err(fail)?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<Result<_, _>>().map_err(fail)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "toml"));
    paths.sort_unstable();
    match paths.is_empty() {
        true => Err(Failure::usage(format!("{} has no .toml file", folder.display()))),
        false => Ok(paths),
    }
}

fn sheet(path: PathBuf) -> Result<Sheet, Failure> {
    match std::fs::read_to_string(&path) {
        Ok(text) => Ok(Sheet { path, text }),
        Err(error) => Err(Failure::usage(format!("{}: {error}", path.display()))),
    }
}
