use crate::{GOOD, load};
use std::fs;
use std::path::{Path, PathBuf};

/// Each `bad/<name>.toml` is refused with exactly the words of `bad/<name>.txt`. To write these
/// anew, run with `BLESS=1` and read what changed.
#[test]
fn what_is_wrong_is_told_in_full() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/bad");
    let files = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        files.filter(|path| path.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    assert!(files.len() >= 20, "the table is there");
    let variables = [("GOOD", GOOD), ("EMPTY", "\n"), ("SHORT", "hunter2")];
    let mut wrong = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let told = match load(&file, &variables) {
            Ok(_) => "nothing is wrong\n".to_owned(),
            Err(error) => error.to_string(),
        };
        let told = told.replace(&format!("{}/", folder.display()), "");
        assert!(!told.contains("hunter2"), "{name} shows a secret:\n{told}");
        let expected = file.with_extension("txt");
        if std::env::var_os("BLESS").is_some() {
            fs::write(&expected, &told).unwrap();
        }
        if fs::read_to_string(&expected).unwrap_or_default() != told {
            wrong.push(format!("== {name}\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
