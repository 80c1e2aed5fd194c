use super::cases::files;
use super::subject::Subject;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
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
    let one = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        Some((found.modified().ok()?, found.len()))
    };
    all.map(|path| (path.clone(), one(&path))).collect()
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
