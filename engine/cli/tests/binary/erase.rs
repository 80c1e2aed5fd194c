//! Erasure through the whole binary: no file of the data directory holds it afterwards.

use crate::nobody::nobody;
use crate::resources::Place;
use crate::run::{ADMIN_KEY, Ended, Folder};
use crate::serve::Serving;
use std::path::Path;

const MARKER: &str = "a-person-who-is-to-be-forgotten";

fn has_marker(dir: &Path) -> bool {
    std::fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => has_marker(&path),
            // A file may go while this looks.
            false => std::fs::read(&path).is_ok_and(|bytes| {
                bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
            }),
        }
    })
}

/// Neither of a server, at once after the erasure's answer, nor of a directory that one has left.
/// A command of an admin's.
fn run(folder: &Folder, serving: &Serving, line: &str) -> Ended {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = folder.command(&arguments);
    command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
    Ended::of(command.output().unwrap())
}

#[test]
fn what_was_erased_before_a_backup_is_not_in_it() {
    let folder = Folder::new();
    let send = format!("send --type a --data {{\"who\":\"{MARKER}\"}} --event-key {MARKER}");
    let erase = format!("erase --event-key {MARKER} --yes");
    let has_marker = |name: &str| {
        let bytes = std::fs::read(folder.path().join(name)).unwrap();
        bytes.windows(MARKER.len()).any(|window| window == MARKER.as_bytes())
    };
    let serving = Serving::start(&folder);
    let run = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = folder.command(&arguments);
        command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        let ended = Ended::of(command.output().unwrap());
        assert_eq!(ended.code, 0, "{line}: {}", ended.err);
    };
    run(&send);
    run("backup before.tar");
    assert!(has_marker("before.tar"));
    run(&erase);
    run("backup after.tar");
    assert!(!has_marker("after.tar"));
    run(&send);
    run(&erase);
    assert_eq!(serving.stop(), 0);
    let taken = folder.run(&["backup", "later.tar", "--data", "forebay-data"]);
    assert_eq!(taken.code, 0, "{}", taken.err);
    assert!(!has_marker("later.tar"));
}

#[test]
fn an_erasure_that_cannot_end_is_told_to_whoever_waits() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    let run = |line: &str| run(&folder, &serving, line);
    // A folder is none that is removed.
    std::fs::create_dir_all(folder.path().join("forebay-data/aside/stays")).unwrap();
    assert_eq!(run("send --type a --data {} --event-key k").code, 0);
    let waited = run("erase --event-key k --yes --wait");
    assert_eq!(waited.code, 1, "{}", waited.err);
    waited.says("cannot be rewritten or removed");
    let told = serving.wait_for("aside");
    assert!(told.contains("stays") && told.contains("ERROR"), "{told}");
    assert_eq!(serving.stop(), 0);
}

#[test]
fn what_is_left_of_a_removed_application_can_be_erased_in_either_order() {
    for is_removed_first in [true, false] {
        let place = Place::new();
        let app = place.out("app create --name Shop --uid shop").trim().to_owned();
        place.out("endpoint create --app shop --to http://127.0.0.1:59009/in");
        let data = format!("{{\"who\":\"{MARKER}\"}}");
        for _ in 0..2 {
            place.out(&format!("send --app shop --type a --data {data} --event-key {MARKER}"));
        }
        let folder = place.folder.path().join("forebay-data");
        assert!(has_marker(&folder), "it is there before");
        let erase = format!("erase --app {app} --everything --yes --wait --json");
        let remove = || place.run("app rm shop").expect(0, "").says(&app);
        if is_removed_first {
            remove();
            // Its uid is nobody's now.
            let lost = place.run("erase --app shop --everything --yes");
            lost.expect(1, "").says("called by its id");
        }
        let erased = place.out(&erase);
        assert_eq!(erased, "{\"damaged\":0,\"erased\":2,\"isOnDisk\":false}\n");
        if !is_removed_first {
            remove();
        }
        assert!(!has_marker(&folder), "removed first: {is_removed_first}");
        assert_eq!(place.serving.stop(), 0);
        assert!(!has_marker(&folder), "removed first: {is_removed_first}");
    }
}

#[test]
fn what_is_erased_is_in_no_file_of_the_data_directory() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    let run = |line: &str| run(&folder, &serving, line);
    let ok = |line: &str| assert_eq!(run(line).code, 0, "{line}");
    // Nobody listens there: what is to be tried again keeps its bytes.
    ok(&format!("endpoint create --app default --to {} --uid e", nobody()));
    for n in 0..3 {
        let data = format!("{{\"who\":\"{MARKER}\",\"n\":{n}}}");
        ok(&format!("send --type a --data {data} --event-key {MARKER}"));
    }
    ok("send --type a --data {\"n\":3} --event-key another");
    let data = folder.path().join("forebay-data");
    assert!(has_marker(&data), "it is there before");
    run(&format!("erase --event-key {MARKER}")).says("give --yes");
    assert!(has_marker(&data));
    let erased = run(&format!("erase --event-key {MARKER} --yes --wait --json"));
    assert_eq!(erased.out, "{\"damaged\":0,\"erased\":3,\"isOnDisk\":false}\n", "{}", erased.err);
    assert!(!has_marker(&data), "it is in a file");
    let left = run("tail --since 2020-01-01T00:00:00Z --no-follow --content --json");
    assert!(left.out.contains("another") && !left.out.contains(MARKER), "{}", left.out);
    assert_eq!(serving.stop(), 0);
    assert!(!has_marker(&data));
}
