use crate::run::{ADMIN_KEY, Ended, Folder};
use crate::serve::{Serving, receiver};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const BY_KEY: &str = include_str!("../../../filter/tests/guests/by-key.wat");

fn asking(folder: &Folder, serving: &Serving, line: &str) -> Command {
    let arguments: Vec<&str> = line.split(' ').collect();
    let mut command = folder.command(&arguments);
    command.env("FOREBAY_URL", &serving.url).env("FOREBAY_KEY", ADMIN_KEY);
    command
}

fn run(folder: &Folder, serving: &Serving, line: &str) -> Ended {
    Ended::of(asking(folder, serving, line).output().unwrap())
}

#[track_caller]
fn out(folder: &Folder, serving: &Serving, line: &str) -> String {
    let ended = run(folder, serving, line);
    assert_eq!(ended.code, 0, "{line}: {}", ended.err);
    ended.out
}

#[track_caller]
fn asked(folder: &Folder, serving: &Serving, line: &str) -> Value {
    serde_json::from_str(&out(folder, serving, &format!("{line} --json"))).unwrap()
}

#[test]
fn events_are_enriched_from_a_table_that_is_loaded() {
    let (hooks, received) = receiver();
    let folder = Folder::new();
    std::fs::write(folder.path().join("by-key.wasm"), wat::parse_str(BY_KEY).unwrap()).unwrap();
    folder.write("countries.csv", "code,name\nDE,Germany\nFR,France\n");
    let serving = Serving::start(&folder);
    let first = out(&folder, &serving, "table load countries.csv --value name");
    assert_eq!(first.trim().len(), 32);
    assert_eq!(out(&folder, &serving, "table lookup countries FR"), "France\n");
    run(&folder, &serving, "table lookup countries XX").expect(1, "").says("no such key");
    run(&folder, &serving, "table lookup cities XX").expect(1, "").says("no such table");
    out(&folder, &serving, "filter push by-key by-key.wasm");
    let create = format!("endpoint create --to {hooks} --filter by-key");
    out(&folder, &serving, &create);
    let send = |serving: &Serving| {
        let id = out(&folder, serving, "send --type order.paid --data {} --event-key DE");
        let is_it = |head: &str| head.contains(&format!("webhook-id: {}", id.trim()));
        // After a kill earlier ones may come again.
        loop {
            let (head, body) = received.recv_timeout(Duration::from_secs(60)).unwrap();
            if is_it(&head) {
                return body;
            }
        }
    };
    assert_eq!(send(&serving), "Germany");

    folder.write("new.csv", "name,code\nDeutschland,DE\n");
    let load = "table load new.csv --name countries --by code --value name";
    let second = out(&folder, &serving, load);
    assert_eq!(send(&serving), "Deutschland");
    let dry_run = asked(&folder, &serving, "filter dry-run by-key --events 10");
    assert!(dry_run.to_string().contains("Deutschland"), "{dry_run}");
    let versions = asked(&folder, &serving, "table versions countries");
    let named: Vec<&Value> =
        versions["data"].as_array().unwrap().iter().map(|version| &version["version"]).collect();
    assert_eq!(named, [&json!(second.trim()), &json!(first.trim())]);
    let listed = out(&folder, &serving, "table ls");
    assert!(listed.starts_with("NAME       VERSION"), "{listed}");

    folder.write("broken.csv", "code,name\nDE,Germany\nDE,Again\n");
    let broken = run(&folder, &serving, "table load broken.csv --name countries --value name");
    broken.expect(1, "").says("line 3: the key `DE` is there already");
    run(&folder, &serving, "table load notes.txt").expect(2, "").says("name it .csv");
    folder.write("lines.ndjson", "{\"id\": \"DE\"}\n");
    let no_key = run(&folder, &serving, "table load lines.ndjson");
    no_key.expect(2, "").says("lines.ndjson: say with --by which member of each line is the key");
    assert_eq!(send(&serving), "Deutschland", "what is refused changes nothing");

    serving.kill();
    let serving = Serving::start(&folder);
    assert_eq!(send(&serving), "Deutschland");
    out(&folder, &serving, "table rollback countries");
    assert_eq!(send(&serving), "Germany");
    run(&folder, &serving, "table rm countries").expect(0, "").says("removed countries");
    assert_eq!(send(&serving), "{}", "a table that is not there has no keys");
    assert_eq!(serving.stop(), 0);
}

#[test]
fn a_declared_table_is_read_again_and_no_command_changes_it() {
    let folder = Folder::with(
        "[[table]]\nname = \"countries\"\nfile = \"countries.json\"\n\
         [[table]]\nname = \"sizes\"\nfile = \"sizes.ndjson\"\nkey = \"id\"\nvalue = \"size\"\n",
    );
    folder.write("countries.json", "{\"DE\": \"Germany\"}");
    folder.write("sizes.ndjson", "{\"id\": 1, \"size\": \"small\"}\n{\"id\": 2, \"size\": 7}\n");
    let serving = Serving::start(&folder);
    assert_eq!(out(&folder, &serving, "table lookup countries DE"), "Germany\n");
    assert_eq!(out(&folder, &serving, "table lookup sizes 2"), "7\n");
    assert_eq!(asked(&folder, &serving, "table get sizes")["declared"], true);
    run(&folder, &serving, "table rm countries").expect(1, "").says("configuration file");
    folder.write("countries.json", "{\"DE\": \"Deutschland\"}");
    serving.reload();
    assert_eq!(out(&folder, &serving, "table lookup countries DE"), "Deutschland\n");
    folder.write("countries.json", "{\"DE\": \"Alemania\"}");
    let load = "table load countries.json";
    run(&folder, &serving, load).expect(1, "").says("configuration file");
    assert_eq!(serving.stop(), 0);
}

/// A server that is killed at any moment of a load has the old table afterwards, or the new one.
#[test]
fn a_load_that_a_kill_cuts_short_leaves_a_whole_table() {
    let folder = Folder::new();
    let table = |version: usize, keys: usize| {
        let rows: String = (0..keys).map(|n| format!("key-{n},v{version}\n")).collect();
        folder.write(&format!("v{version}.csv"), &format!("k,v\n{rows}"));
    };
    let mut serving = Serving::start(&folder);
    table(0, 60_000);
    out(&folder, &serving, "table load v0.csv --name t --value v");
    let (mut in_force, mut cut_short) = (0, 0);
    for round in 1..=12 {
        table(round, 60_000 + round);
        let load = format!("table load v{round}.csv --name t --value v");
        let mut load = asking(&folder, &serving, &load);
        let mut load = load.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // A moment of the load, another one each time: nobody answers on this channel.
        let (_nobody, moment) = mpsc::channel::<()>();
        let _ = moment.recv_timeout(Duration::from_millis(8 * round as u64));
        serving.kill();
        cut_short += usize::from(!load.wait().unwrap().success());
        serving = Serving::start(&folder);
        let keys = asked(&folder, &serving, "table get t")["keys"].as_u64().unwrap() as usize;
        let version = keys - 60_000;
        assert!(version == in_force || version == round, "{version} after {in_force}, {round}");
        in_force = version;
        let last = format!("table lookup t key-{}", keys - 1);
        assert_eq!(out(&folder, &serving, &last), format!("v{version}\n"));
        let first = out(&folder, &serving, "table lookup t key-0");
        assert_eq!(first, format!("v{version}\n"));
        let versions = asked(&folder, &serving, "table versions t");
        let files = std::fs::read_dir(folder.path().join("forebay-data/tables")).unwrap().count();
        assert_eq!(files, versions["data"].as_array().unwrap().len(), "files of no version");
    }
    assert!(cut_short > 0, "no kill came before the end of its load");
    assert_eq!(serving.stop(), 0);
}
