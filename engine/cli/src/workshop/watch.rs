use super::Language;
use super::cases::files;
use super::subject::Subject;
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

/// How often files are looked at: soon enough for a person, and cheap.
const PAUSE: Duration = Duration::from_millis(200);

/// When each file that a test is made of was written, and its size.
pub type Looks = BTreeMap<PathBuf, Option<(SystemTime, u64)>>;

pub fn look(subject: Option<Subject>) -> Looks {
    let Some(subject) = subject else { return Looks::new() };
    let cases = files(&subject.folder);
    let all = [subject.path].into_iter().chain(subject.script).chain(cases);
    all.map(seen).collect()
}

/// What the filter of a folder is compiled from, at any depth: the SDK as well.
pub fn look_at_sources(folder: &Path) -> Looks {
    let mut looks = Looks::new();
    if let Some(language) = Language::of(folder) {
        add_sources(folder, language.source_ends(), &mut looks);
    }
    looks
}

/// Where compilers and installers write.
const NOT_WRITTEN_BY_AUTHORS: [&str; 3] = ["node_modules", "target", "zig-out"];

fn add_sources(folder: &Path, ends: &[&str], looks: &mut Looks) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        if name.starts_with('.') || NOT_WRITTEN_BY_AUTHORS.contains(&&*name) {
            continue;
        }
        let end = path.extension().and_then(OsStr::to_str);
        // A link to a folder is not followed: it may lead back here.
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            add_sources(&path, ends, looks);
        } else if end.is_some_and(|end| ends.contains(&end)) {
            looks.extend([seen(path)]);
        }
    }
}

fn seen(path: PathBuf) -> (PathBuf, Option<(SystemTime, u64)>) {
    let found = fs::metadata(&path).ok();
    let look = found.and_then(|found| Some((found.modified().ok()?, found.len())));
    (path, look)
}

/// Returns when it no longer looks as before, and has stayed so for a moment: who writes a file may
/// not be done with it.
pub fn wait(before: &Looks, now: impl Fn() -> Looks) {
    let mut last = now();
    loop {
        sleep(PAUSE);
        let looks = now();
        if looks != *before && looks == last {
            return;
        }
        last = looks;
    }
}
