//! Backups of a server that is in use, and what becomes of them.

use crate::nobody::nobody;
use crate::resources::ask;
use crate::run::{ADMIN_KEY, Ended, Folder};
use crate::serve::Serving;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

fn run(folder: &Folder, url: &str, line: &str) -> Ended {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = folder.command(&arguments);
    command.env("FOREBAY_URL", url).env("FOREBAY_KEY", ADMIN_KEY);
    Ended::of(command.output().unwrap())
}

#[track_caller]
fn ok(folder: &Folder, url: &str, line: &str) -> String {
    let ended = run(folder, url, line);
    assert_eq!(ended.code, 0, "{line}: {}", ended.err);
    ended.out
}

/// Publishes one event after the other, and notes the ids of those that were answered.
fn publish(url: &str, answered: &Mutex<BTreeSet<String>>, stop: &AtomicBool) {
    while !stop.load(Ordering::Acquire) {
        let body = r#"{"type":"order.paid","data":{"country":"fr"}}"#;
        let answer = ask(url, "POST", "/v1/events", body);
        let id = answer.split("\"id\":\"").nth(1).and_then(|rest| rest.split('"').next());
        answered.lock().unwrap().insert(id.expect("it is answered").to_owned());
    }
}

/// The ids of the events in a data directory that nobody has open.
fn ids(folder: &Folder, data: &str, to: &str) -> BTreeSet<String> {
    let line = format!("doctor --salvage {to} --data {data}");
    assert_eq!(folder.run(&line.split(' ').collect::<Vec<_>>()).code, 0);
    let text = std::fs::read_to_string(folder.path().join(to)).unwrap();
    let id = |line: &str| {
        let event: serde_json::Value = serde_json::from_str(line).unwrap();
        event["id"].as_str().unwrap().to_owned()
    };
    text.lines().map(id).collect()
}

struct Stopping<'a>(&'a AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn a_backup_of_a_server_in_use_has_all_that_was_answered() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    let url = &serving.url;
    folder.write("countries.csv", "code,name\nfr,France\n");
    ok(&folder, url, "table load countries.csv --app default");
    let create = format!("endpoint create --app default --to {} --uid e", nobody());
    ok(&folder, url, &create);
    let secret = ok(&folder, url, "endpoint secret e --app default");
    let (answered, stop) = (Mutex::default(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| publish(url, &answered, &stop));
        scope.spawn(|| publish(url, &answered, &stop));
        let _stopping = Stopping(&stop);
        for round in 0..3 {
            let before = answered.lock().unwrap().clone();
            let told = ok(&folder, url, &format!("backup {round}.tar"));
            assert!(told.contains("It has the keys"), "{told}");
            let told = ok(&folder, url, &format!("restore {round}.tar --data {round}"));
            assert!(told.contains("all of it read"), "{told}");
            let there = ids(&folder, &round.to_string(), &format!("{round}.ndjson"));
            let missing: Vec<_> = before.difference(&there).collect();
            assert!(missing.is_empty(), "{missing:?} of {} are missing", before.len());
        }
    });
    assert!(answered.lock().unwrap().len() > 20, "little was published meanwhile");
    assert_eq!(serving.stop(), 0);
    // Another machine goes on with it.
    let other = Folder::new();
    let archive = folder.path().join("2.tar");
    let line = format!("restore {} --data forebay-data", archive.display());
    assert_eq!(other.run(&line.split(' ').collect::<Vec<_>>()).code, 0);
    let serving = Serving::start(&other);
    let url = &serving.url;
    assert_eq!(ok(&other, url, "endpoint secret e --app default"), secret);
    assert!(ok(&other, url, "table lookup countries fr --app default").contains("France"));
    assert_eq!(serving.stop(), 0);
}

#[test]
fn what_is_no_whole_backup_is_refused_and_leaves_nothing() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    ok(&folder, &serving.url, "send --type a --data {}");
    let taken = folder.run(&["backup", "a.tar", "--data", "forebay-data"]);
    assert_eq!(taken.code, 4);
    taken.says("leave --data out");
    assert_eq!(serving.stop(), 0);
    let run = |line: &str| folder.run(&line.split(' ').collect::<Vec<_>>());
    assert_eq!(run("backup a.tar --data forebay-data").code, 0);
    run("backup a.tar --data forebay-data").says("is there already");
    let path = |name: &str| folder.path().join(name);
    let whole = std::fs::read(path("a.tar")).unwrap();
    let refused = |bytes: &[u8], code: i32, why: &str| {
        std::fs::write(path("b.tar"), bytes).unwrap();
        let ended = run("restore b.tar --data new");
        assert_eq!(ended.code, code, "{why}: {}", ended.err);
        ended.says(why);
        assert_eq!(entries(&path("new")), 0, "something is left after {why:?}");
    };
    refused(&whole[..whole.len() / 2], 3, "the archive is ");
    // All but its list.
    let list = find(&whole, b"backup.json");
    refused(&whole[..list], 3, "incomplete");
    let mut changed = whole.clone();
    changed[find(&whole, b"4BHEAD") + 20] ^= 1;
    refused(&changed, 3, "HEAD is not as listed");
    refused(b"something else altogether", 3, "the archive is ");
    let mut newer = whole.clone();
    let at = find(&whole, b"\"format\": 1") + 10;
    newer[at] = b'9';
    refused(&newer, 3, "of a newer version");
    std::fs::write(path("new").join("mine"), "mine").unwrap();
    let taken = run("restore a.tar --data new");
    assert_eq!(taken.code, 2);
    taken.says("is not empty");
    assert_eq!(entries(&path("new")), 1, "what is there stays");
}

#[test]
fn without_its_keys_a_backup_opens_no_secret() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    let create = format!("endpoint create --app default --to {}", nobody());
    ok(&folder, &serving.url, &create);
    let told = ok(&folder, &serving.url, "backup a.tar --without-keys --json");
    assert!(told.contains("\"withKeys\":false"), "{told}");
    ok(&folder, &serving.url, "backup with.tar");
    let read = |name: &str| std::fs::read(folder.path().join(name)).unwrap();
    let key = read("forebay-data/secrets.key");
    let has_key = |archive: &str| {
        let bytes = read(archive);
        find(&bytes, &key) < bytes.len()
    };
    assert!(has_key("with.tar") && !has_key("a.tar"));
    assert_eq!(serving.stop(), 0);
    let restored = folder.run(&["restore", "a.tar", "--data", "copy"]);
    assert!(restored.out.contains("put secrets.key into copy"), "{}", restored.out);
    assert!(!folder.path().join("copy/secrets.key").exists());
    let start = folder.run(&["serve", "--dev", "--listen", "127.0.0.1:0", "--data", "copy"]);
    assert_eq!(start.code, 5);
    start.says("secrets.key");
}

#[test]
fn a_backup_goes_through_a_pipe() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    ok(&folder, &serving.url, "send --type a --data {}");
    let mut command = folder.command(&["backup", "-"]);
    command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let restored = folder.run_with(&["restore", "-", "--data", "copy", "--json"], &output.stdout);
    assert!(restored.out.contains("\"head\":1"), "{}{}", restored.out, restored.err);
    assert_eq!(serving.stop(), 0);
}

fn entries(dir: &Path) -> usize {
    std::fs::read_dir(dir).map_or(0, Iterator::count)
}

fn find(bytes: &[u8], part: &[u8]) -> usize {
    bytes.windows(part.len()).position(|window| window == part).unwrap_or(bytes.len())
}
