use crate::directory::Directory;
use log::Failure;
use std::io;
use std::path::{Path, PathBuf};

/// Tables without a manifest, out of fjall's sight.
///
/// fjall deletes such a table when it opens, taking it for one whose making or dropping was
/// interrupted. It may also be one that lost its manifest. So it is kept until the start knows
/// that no table is missing.
pub struct Unfinished {
    moves: Vec<Move>,
}

const PREFIX: &str = "unfinished-";

struct Move {
    table: PathBuf,
    aside: PathBuf,
}

impl Unfinished {
    /// Puts back what a start took and was killed before it knew: whether a table is missing is
    /// then asked again.
    pub fn put_back(dir: &Directory) -> Result<(), Failure> {
        let disk = |source| dir.disk(source);
        for entry in std::fs::read_dir(dir.path()).map_err(disk)? {
            let aside = entry.map_err(disk)?.path();
            let name = aside.file_name().and_then(|name| name.to_str());
            let Some(number) = name.and_then(|name| name.strip_prefix(PREFIX)) else { continue };
            let table = dir.database().join("keyspaces").join(number);
            if table.exists() { remove(&aside) } else { std::fs::rename(&aside, &table) }
                .map_err(disk)?;
        }
        Ok(())
    }

    pub fn take(dir: &Directory) -> Result<Unfinished, Failure> {
        let mut unfinished = Unfinished { moves: Vec::new() };
        let entries = match std::fs::read_dir(dir.database().join("keyspaces")) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(unfinished),
            entries => entries.map_err(|source| dir.disk(source))?,
        };
        for entry in entries {
            let table = entry.map_err(|source| dir.disk(source))?.path();
            let has_files =
                has_files_in(&table.join("tables")).map_err(|source| dir.disk(source))?;
            if !table.join("current").exists() && has_files {
                let name = table.file_name().and_then(|name| name.to_str()).unwrap_or("table");
                let aside = dir.path().join(format!("{PREFIX}{name}"));
                let moved = remove(&aside).and_then(|()| std::fs::rename(&table, &aside));
                moved.map_err(|source| dir.disk(source))?;
                unfinished.moves.push(Move { table, aside });
            }
        }
        Ok(unfinished)
    }

    /// No table is missing, so these were on their way out.
    pub fn forget(self) -> io::Result<()> {
        self.moves.iter().try_for_each(|one| remove(&one.aside))
    }

    /// One of these may be what is missing; nothing may have changed after a start that refuses.
    pub fn restore(self) -> io::Result<()> {
        self.moves.iter().try_for_each(|one| std::fs::rename(&one.aside, &one.table))
    }

    /// What to name when a table is missing.
    pub fn first(&self) -> Option<&Path> {
        self.moves.first().map(|one| one.table.as_path())
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(err) if err.kind() != io::ErrorKind::NotFound => Err(err),
        _ => Ok(()),
    }
}

/// Whether a directory is there and has something in it.
pub fn has_files_in(dir: &Path) -> io::Result<bool> {
    match std::fs::read_dir(dir) {
        Err(err) if is_absent(err.kind()) => Ok(false),
        entries => Ok(entries?.next().transpose()?.is_some()),
    }
}

fn is_absent(kind: io::ErrorKind) -> bool {
    matches!(kind, io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
