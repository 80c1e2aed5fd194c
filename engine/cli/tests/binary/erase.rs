//! Erasure through the whole binary: no file of the data directory holds it afterwards.

use crate::nobody::nobody;
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

#[test]
fn what_is_erased_is_in_no_file_of_the_data_directory() {
    let folder = Folder::new();
    let serving = Serving::start(&folder);
    let run = |line: &str| {
        let arguments: Vec<&str> = line.split(' ').collect();
        let mut command = folder.command(&arguments);
        command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
        Ended::of(command.output().unwrap())
    };
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
    assert_eq!(erased.out, "{\"erased\":3,\"isOnDisk\":false}\n", "{}", erased.err);
    assert!(!has_marker(&data), "it is in a file");
    let left = run("tail --since 2020-01-01T00:00:00Z --no-follow --content --json");
    assert!(left.out.contains("another") && !left.out.contains(MARKER), "{}", left.out);
    assert_eq!(serving.stop(), 0);
    assert!(!has_marker(&data));
}
