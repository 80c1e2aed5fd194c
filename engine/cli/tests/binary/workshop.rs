//! What a filter's author does without a server. Compilers of all languages are put to work by
//! `.ci/filters`.

use crate::resources::Going;
use crate::run::{Ended, Folder};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const LANGUAGES: [&str; 8] =
    ["rust", "c", "cpp", "zig", "go", "assemblyscript", "javascript", "python"];

/// Of this repository.
fn shipped(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn json_of(ended: &Ended) -> Value {
    serde_json::from_str(&ended.out).unwrap_or_else(|error| panic!("{error}: {}", ended.out))
}

/// A folder with the filter that keeps JSON objects, and these cases.
fn hello(cases: &Value) -> Folder {
    let folder = Folder::new();
    let module = shipped("examples/filters/hello/hello.wasm");
    fs::copy(module, folder.path().join("filter.wasm")).unwrap();
    folder.write("cases.json", &cases.to_string());
    folder
}

fn object(name: &str, want: &str) -> Value {
    json!({ "name": name, "event": { "type": "x", "body": { "a": 1 } }, "want": want })
}

#[test]
fn a_new_filter_is_a_folder_that_nothing_overwrites() {
    let folder = Folder::new();
    for language in LANGUAGES {
        let ended =
            folder.run(&["filter", "new", "my-first", "--lang", language, "--dir", language]);
        ended.expect(0, &format!("{language}\n")).says("forebay filter build");
        let place = folder.path().join(language);
        for file in ["README.md", ".gitignore", "cases/first.json"] {
            assert!(place.join(file).is_file(), "{language}: {file}");
        }
        let readme = fs::read_to_string(place.join("README.md")).unwrap();
        assert!(readme.starts_with("# my-first\n"), "{readme}");
    }
    let manifest = fs::read_to_string(folder.path().join("rust/Cargo.toml")).unwrap();
    assert!(manifest.contains("name = \"my-first\""), "{manifest}");
    let made = json_of(&folder.run(&["filter", "new", "second", "--lang", "c", "--json"]));
    let told = [&made["name"], &made["language"], &made["folder"]];
    assert_eq!(told, ["second", "c", "second"]);
    let files = made["files"].as_array().unwrap();
    assert!(files.contains(&json!("filter.c")) && files.contains(&json!(".gitignore")), "{made}");
    for file in files {
        assert!(folder.path().join("second").join(file.as_str().unwrap()).is_file(), "{file}");
    }
    folder.write("c/filter.c", "mine");
    let again = ["filter", "new", "my-first", "--lang", "c", "--dir", "c"];
    folder.run(&again).expect(2, "").says("c is there and has something in it");
    assert_eq!(fs::read_to_string(folder.path().join("c/filter.c")).unwrap(), "mine");
}

#[test]
fn what_can_be_begun_is_listed() {
    let folder = Folder::new();
    let list = folder.run(&["filter", "new", "--list"]);
    assert_eq!(list.code, 0);
    let unknown = folder.run(&["filter", "new", "x", "--lang", "cobol"]);
    assert_eq!((unknown.code, &*unknown.out), (2, ""));
    for language in LANGUAGES {
        assert!(list.out.contains(&format!("\n{language} ")), "{language}: {}", list.out);
        unknown.says(language);
    }
    let listed = json_of(&folder.run(&["filter", "new", "--list", "--json"]));
    let all = listed["data"].as_array().unwrap();
    assert!(all.iter().map(|one| &one["language"]).eq(LANGUAGES.iter()), "{listed}");
    assert!(all[1]["needs"].as_str().unwrap().starts_with("clang 19"), "{listed}");
    folder.run(&["filter", "new", "x"]).expect(2, "").says("--lang");
    folder.run(&["filter", "new", "../x", "--lang", "c"]).expect(2, "").says("no name");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_none());
}

#[test]
fn a_script_is_built_and_tested_without_any_toolchain() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["filter", "new", "paid", "--lang", "javascript"]).code, 0);
    let built = folder.run(&["filter", "build", "paid", "--json"]);
    assert_eq!(built.code, 0, "{}", built.err);
    assert_eq!(json_of(&built)["config"], "paid/filter.json");
    let config = fs::read_to_string(folder.path().join("paid/filter.json")).unwrap();
    let config: Value = serde_json::from_str(&config).unwrap();
    assert!(config["script"].as_str().unwrap().contains("order.paid"));
    let tested = folder.run(&["filter", "test", "paid"]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
    assert!(tested.out.ends_with("\n2 passed, 0 failed\n"), "{}", tested.out);
    folder.write("paid/filter.js", "export default (event) => {\n  return tru e;\n}\n");
    folder.run(&["filter", "build", "paid"]).expect(1, "").says("script:2:14");
}

/// The runner is the binary's own: the folder has the script alone.
#[test]
fn a_script_in_python_needs_no_module_beside_it() {
    let folder = Folder::new();
    assert_eq!(folder.run(&["filter", "new", "paid", "--lang", "python"]).code, 0);
    assert!(!folder.path().join("paid/runner.wasm").exists());
    let built = folder.run(&["filter", "build", "paid", "--json"]);
    assert_eq!(built.code, 0, "{}", built.err);
    let built = json_of(&built);
    let told = [&built["language"], &built["module"], &built["config"]];
    assert_eq!(told, ["python", "forebay/python", "paid/filter.json"]);
    let tested = folder.run(&["filter", "test", "paid"]);
    assert_eq!(tested.code, 0, "{}{}", tested.out, tested.err);
    assert!(tested.out.ends_with("\n2 passed, 0 failed\n"), "{}", tested.out);
    folder.write("paid/filter.py", "def filter(event, config):\n    return tru e\n");
    folder.run(&["filter", "build", "paid"]).expect(1, "").says("script:2:16");
}

#[test]
fn a_compiler_that_is_missing_is_named_with_how_to_install_it() {
    let folder = Folder::new();
    let empty = folder.path().join("bin");
    fs::create_dir(&empty).unwrap();
    for (language, way) in [
        ("rust", "rustup target add wasm32-unknown-unknown"),
        ("c", "apt-get install clang-19 lld-19"),
        ("cpp", "apt-get install clang-19 lld-19"),
        ("zig", "pip install ziglang"),
        ("go", "https://go.dev/dl"),
        ("assemblyscript", "npm install --prefix assemblyscript assemblyscript@"),
    ] {
        folder.run(&["filter", "new", "x", "--lang", language, "--dir", language]);
        let mut build = folder.command(&["filter", "build", language]);
        let ended = Ended::of(build.env("PATH", &empty).output().unwrap());
        ended.expect(2, "").says(way);
    }
    folder.run(&["filter", "build", "bin"]).expect(2, "").says("forebay filter new");
}

/// A folder `x` with a filter in this language, and a compiler for it that does this.
fn with_compiler(language: &str, compiler: &str, script: &str) -> Folder {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    assert_eq!(folder.run(&["filter", "new", "x", "--lang", language]).code, 0);
    fs::create_dir(folder.path().join("bin")).unwrap();
    let path = folder.write(&format!("bin/{compiler}"), &format!("#!/bin/sh\n{script}"));
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// With that compiler, and what a shell has.
fn beside_compiler(folder: &Folder, arguments: &[&str]) -> Command {
    let mut command = folder.command(arguments);
    let bin = folder.path().join("bin");
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display()));
    command
}

fn with_clang(compile: &str) -> Folder {
    let asked = "*print-prog*) echo /wasm-ld ;;\n*print-targets*) echo wasm32 ;;";
    let script = format!("case $* in\n{asked}\n*) {compile} ;; esac\n");
    with_compiler("c", "clang-19", &script)
}

#[test]
fn what_the_engine_would_refuse_is_not_built() {
    let folder = with_clang("printf '\\000asm\\001\\000\\000\\000' >filter.wasm");
    let ended = beside_compiler(&folder, &["filter", "build", "x"]).output().unwrap();
    Ended::of(ended).expect(1, "").says("the engine refuses x/filter.wasm: the module does not");
}

/// Zig writes all of it or nothing. What clang writes is what it was asked for.
#[test]
fn a_build_keeps_names_and_with_debug_lines() {
    let lines = shipped("engine/filter/tests/guests/lines.wasm");
    let copy = format!("cat {} >filter.wasm", lines.display());
    let zig = format!("case $* in\nversion) echo 0.17.1 ;;\n*) {copy} ;; esac\n");
    let sections = |folder: &Folder, debug: &[&str]| {
        let build = [&["filter", "build", "x"][..], debug].concat();
        let ended = Ended::of(beside_compiler(folder, &build).output().unwrap());
        assert_eq!(ended.code, 0, "{}", ended.err);
        let found = json_of(&folder.run(&["filter", "inspect", "x", "--json"]));
        let sections = found["sections"].as_array().unwrap().iter();
        let names: Vec<_> = sections.map(|one| one["name"].as_str().unwrap().to_owned()).collect();
        (names, ended)
    };
    let whole = ["name", ".debug_line", ".debug_info"];
    let has = |found: &[String]| whole.map(|name| found.iter().any(|one| one == name));
    let folder = with_compiler("zig", "zig", &zig);
    assert_eq!(has(&sections(&folder, &[]).0), [true, false, false]);
    assert_eq!(has(&sections(&folder, &["--debug"]).0), [true, true, false]);
    let folder = with_clang(&copy);
    let (found, ended) = sections(&folder, &[]);
    assert_eq!(has(&found), [true, true, true]);
    ended.says(" -g0 -o filter.wasm filter.c\n");
    assert!(!ended.err.contains(" -s "), "{}", ended.err);
    sections(&folder, &["--debug"]).1.says(" -gline-tables-only -o filter.wasm filter.c\n");
}

#[test]
fn shipped_filters_and_examples_keep_their_cases() {
    let folder = Folder::new();
    let places = ["filters", "examples/filters"].map(|place| fs::read_dir(shipped(place)).unwrap());
    let entries = places.into_iter().flatten().map(|entry| entry.unwrap().path());
    let filters: Vec<PathBuf> = entries.filter(|path| path.join("cases.json").is_file()).collect();
    assert!(filters.len() > 15, "{filters:?}");
    for filter in filters {
        let ended = folder.run(&["filter", "test", filter.to_str().unwrap(), "--json"]);
        assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
        let report = json_of(&ended);
        assert_eq!(report["failed"], 0, "{report}");
        assert!(report["passed"].as_u64().unwrap() > 1, "{report}");
        assert!(report["cases"][0]["fuel"].as_u64().unwrap() > 0, "{report}");
    }
}

#[test]
fn the_filter_of_the_document_keeps_the_cases_of_the_document() {
    let text = fs::read_to_string(shipped("engine/docs/filters.md")).unwrap();
    let block =
        |mark: &str| text.split(&format!("```{mark}\n")).nth(1).unwrap().split("```").next();
    let folder = Folder::new();
    folder.run(&["filter", "new", "f", "--lang", "javascript"]);
    folder.write("f/filter.js", block("js").unwrap());
    folder.write("f/cases/first.json", block("json").unwrap());
    let ended = folder.run(&["filter", "test", "f"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    assert!(ended.out.ends_with("\n3 passed, 0 failed\n"), "{}", ended.out);
}

/// The first configurations in the READMEs of what runs scripts: they keep what is worth 100.
#[test]
fn the_scripts_of_the_readmes_run() {
    for (language, end) in [("javascript", "js"), ("python", "py")] {
        let text = fs::read_to_string(shipped(&format!("sdk/{language}/README.md"))).unwrap();
        let block = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
        let configured: toml::Table = block.parse().unwrap();
        let filter = &configured["filter"][0];
        assert_eq!(filter["module"].as_str(), Some(&*format!("forebay/{language}")));
        let folder = Folder::new();
        folder.run(&["filter", "new", "f", "--lang", language]);
        let script = filter["config"]["script"].as_str().unwrap();
        folder.write(&format!("f/filter.{end}"), script);
        let case = |amount: i64, want: &str| {
            let event = json!({ "type": "order.paid", "body": { "amount": amount } });
            let config = json!({ "min": filter["config"]["min"].as_integer().unwrap() });
            json!({ "name": amount.to_string(), "config": config, "event": event, "want": want })
        };
        let cases = json!([case(100, "pass"), case(99, "drop")]);
        folder.write("f/cases/first.json", &cases.to_string());
        let ended = folder.run(&["filter", "test", "f"]);
        assert_eq!(ended.code, 0, "{language}: {}{}", ended.out, ended.err);
    }
}

#[test]
fn a_case_that_fails_is_told_with_what_differs() {
    let folder = hello(&json!([object("kept", "pass"), object("wrong", "drop")]));
    let ended = folder.run(&["filter", "test"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    for line in ["ok      kept ", "FAILED  wrong ", "  verdict: wanted drop, got pass\n"] {
        assert!(ended.out.contains(line), "no {line:?} in {}", ended.out);
    }
    assert!(ended.out.ends_with("\n1 passed, 1 failed\n"), "{}", ended.out);
    let report = json_of(&folder.run(&["filter", "test", "--json"]));
    assert_eq!((&report["passed"], &report["failed"]), (&json!(1), &json!(1)));
    assert_eq!(report["cases"][1]["differences"], json!(["verdict: wanted drop, got pass"]));
}

#[test]
fn bodies_and_headers_of_outputs_are_compared() {
    let source = shipped("filters/github-push-to-slack");
    let cases = fs::read_to_string(source.join("cases.json")).unwrap();
    let cases: Value = serde_json::from_str(&cases).unwrap();
    let emits = |case: &&Value| case["want"]["emit"][0]["body"].is_object();
    let mut case = cases.as_array().unwrap().iter().find(emits).unwrap().clone();
    let output = &mut case["want"]["emit"][0];
    output["body"]["surplus"] = json!([1]);
    output["headers"] = json!({ "x-none": ["a", "b"] });
    output["type"] = json!("other");
    let folder = Folder::new();
    folder.write("cases.json", &json!([case]).to_string());
    let module = source.join("github-push-to-slack.wasm");
    let ended = folder.run(&["filter", "test", ".", "--module", module.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let lines = [
        "body /surplus: wanted [1], got nothing",
        "header x-none: wanted a, b, got none",
        "type: wanted other, got ",
    ];
    for line in lines {
        assert!(ended.out.contains(line), "no {line:?} in {}", ended.out);
    }
}

#[test]
fn several_events_are_one_batch() {
    let bodies = json!([
        { "type": "x", "body": {} },
        { "type": "x", "body": "[]", "time": "2026-01-31T00:00:00Z", "key": "k", "source": "s" },
        { "type": "x", "body_base64": "e30=", "headers": { "a": ["1", "2"] } },
    ]);
    let mut case = json!({ "name": "three", "events": bodies, "want": ["pass", "drop", "pass"] });
    let folder = hello(&json!([]));
    fs::remove_file(folder.path().join("cases.json")).unwrap();
    fs::create_dir(folder.path().join("cases")).unwrap();
    folder.write("cases/batch.json", &case.to_string());
    let ended = folder.run(&["filter", "test"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    case["want"] = json!(["pass", "pass", "pass"]);
    folder.write("cases/batch.json", &case.to_string());
    let ended = folder.run(&["filter", "test", "filter.wasm"]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("event 1: verdict: wanted pass, got drop"), "{}", ended.out);
}

/// One that counts what it has seen: right alone, and wrong beside others.
const MINDFUL: &str = "\
let seen = 0;
export default (event) => {
  seen += 1;
  log('warn', `number ${seen}`);
  if (event.type === 'later') return retry(60_000, 'not yet');
  if (event.type === 'made') return { headers: { 'x-a': '1', 'x-b': '2' }, body: { n: [1] } };
  return seen === 1;
};";

#[test]
fn a_filter_that_remembers_is_found_out() {
    let folder = Folder::new();
    folder.run(&["filter", "new", "f", "--lang", "javascript"]);
    folder.write("f/filter.js", MINDFUL);
    let case = |name: &str, of: &str, want: Value| {
        let event = json!({ "type": of });
        json!({ "name": name, "event": event, "want": want })
    };
    let made = json!({ "emit": [{ "headers_include": { "X-B": "2" }, "body": { "n": [1.0] } }] });
    let mut cases = vec![
        case("later", "later", json!({ "retry": { "delay_ms": 60_000, "reason": "yet" } })),
        case("made", "made", made),
    ];
    folder.write("f/cases/first.json", &json!(cases).to_string());
    let ended = folder.run(&["filter", "test", "f"]);
    assert_eq!(ended.code, 0, "{}{}", ended.out, ended.err);
    cases.push(case("first", "x", json!("pass")));
    cases[0]["want"]["retry"]["delay_ms"] = json!(5);
    cases[1]["want"]["emit"][0]["body"] = json!({ "n": [2] });
    folder.write("f/cases/first.json", &json!(cases).to_string());
    let ended = folder.run(&["filter", "test", "f"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    for line in [
        "delay_ms: wanted 5, got 60000",
        "body /n/0: wanted 2, got 1",
        "in one batch with the other cases: verdict: wanted pass, got drop",
        "it logged (warn): number 1",
    ] {
        assert!(ended.out.contains(line), "no {line:?} in {}", ended.out);
    }
}

#[test]
fn broken_cases_are_usage_and_all_are_told() {
    let folder = hello(&json!([object("kept", "pass")]));
    fs::create_dir(folder.path().join("cases")).unwrap();
    folder.write("cases/a.json", "[{ \"name\": \"a\" }]");
    folder.write("cases/b.json", r#"{"name":"b","events":[{"type":"x"}],"want":[]}"#);
    folder.write("cases/c.json", r#"{"name":"c","event":{"type":"x"},"want":"paß"}"#);
    folder.write("cases/d.json", r#"{"name":"d","event":{"type":"x","time":"now"},"want":"pass"}"#);
    let ended = folder.run(&["filter", "test"]).expect(2, "");
    ended.says("cases/a.json: missing field `want` at line 1");
    ended.says("cases/b.json: case \"b\": it has 1 events and wants 0 answers");
    ended.says("cases/c.json: case \"c\": want: unknown variant `paß`");
    ended.says("cases/d.json: case \"d\": time: ");
    Folder::new().run(&["filter", "test"]).expect(2, "").says("`forebay filter build .` first");
    let none = hello(&json!([]));
    none.run(&["filter", "test"]).expect(2, "").says("error: . has no cases");
    none.run(&["filter", "test", "filter.wasm"]).expect(2, "").says("error: . has no cases");
    let nowhere = none.run(&["filter", "test", "nowhere"]).expect(2, "");
    nowhere.says("there is no such folder or module: nowhere");
}

#[test]
fn a_test_that_watches_runs_again_when_a_case_changes() {
    let folder = hello(&json!([object("kept", "pass")]));
    let watching = Going::start(&folder, "", "filter test --watch");
    let wait_for = |word: &str| while watching.next() != word {};
    wait_for("1 passed, 0 failed");
    folder.write("cases.json", &json!([object("dropped, as they say", "drop")]).to_string());
    wait_for("0 passed, 1 failed");
    folder.write("cases.json", "[");
    while !watching.next().starts_with("error: ./cases.json: ") {}
    folder.write("cases.json", &json!([object("kept, after all", "pass")]).to_string());
    wait_for("1 passed, 0 failed");
}

/// A source is the name of the module that it becomes. Each build is counted.
const COMPILE: &str = "echo >>builds
read -r module <filter.c
test -f \"$module\" || { echo \"filter.c:1: no $module\"; exit 1; }
cat \"$module\" >filter.wasm";

#[test]
fn a_test_that_watches_builds_again_when_a_source_changes() {
    let folder = with_clang(COMPILE);
    for (module, name) in [
        ("examples/filters/hello/hello.wasm", "kept"),
        ("engine/filter/tests/guests/lines.wasm", "dropped"),
    ] {
        fs::copy(shipped(module), folder.path().join("x").join(name)).unwrap();
    }
    folder.write("x/filter.c", "kept\n");
    folder.write("x/cases/first.json", &json!([object("kept", "pass")]).to_string());
    let watching = Going::of(beside_compiler(&folder, &["filter", "test", "x", "--watch"]));
    let wait_for = |line: &str| while watching.next() != line {};
    let builds = || fs::read(folder.path().join("x/builds")).unwrap().len();
    wait_for("1 passed, 0 failed");
    folder.write("x/filter.c", "dropped\n");
    wait_for("0 passed, 1 failed");

    folder.write("x/filter.c", "nothing\n");
    wait_for("filter.c:1: no nothing");
    for line in [
        "error: clang-19: it does not compile (exit status: 1)",
        "waiting for a change; Ctrl-C ends this",
    ] {
        assert_eq!(watching.next(), line, "no case is run");
    }
    folder.write("x/forebay.h", "// It is compiled too.\n");
    wait_for("filter.c:1: no nothing");
    folder.write("x/filter.c", "kept\n");
    wait_for("1 passed, 0 failed");

    // Not for what a compiler wrote, and not for a case.
    let before = builds();
    fs::create_dir(folder.path().join("x/target")).unwrap();
    folder.write("x/target/made.c", "made\n");
    folder.write("x/cases/first.json", &json!([object("dropped", "drop")]).to_string());
    wait_for("0 passed, 1 failed");
    assert_eq!(builds(), before);
}

#[test]
fn a_test_that_watches_reads_a_script_again_when_it_changes() {
    let folder = Folder::new();
    folder.run(&["filter", "new", "f", "--lang", "javascript"]);
    let watching = Going::start(&folder, "", "filter test f --watch");
    let wait_for = |word: &str| while watching.next() != word {};
    wait_for("2 passed, 0 failed");
    folder.write("f/filter.js", "export default () => true;\n");
    wait_for("1 passed, 1 failed");
}

#[test]
fn a_module_that_nobody_here_can_build_is_tested_as_it_lies_there() {
    let folder = hello(&json!([object("kept", "pass")]));
    folder.write("filter.c", "kept\n");
    let mut test = folder.command(&["filter", "test", "--watch"]);
    test.env("PATH", folder.path());
    let watching = Going::of(test);
    let mut awaited = vec!["apt-get install clang-19 lld-19", "1 passed, 0 failed"];
    while !awaited.is_empty() {
        let line = watching.next();
        awaited.retain(|part| !line.contains(part));
    }
}

#[test]
fn what_an_event_costs_is_measured_by_size_of_batch() {
    let folder = Folder::new();
    let module = shipped("filters/redact/redact.wasm");
    let module = module.to_str().unwrap();
    let config = r#"{"pointers":["/customer/name"]}"#;
    let bench = ["filter", "bench", module, "--seconds", "0.05", "--config", config];
    let ended = folder.run(&[&bench[..], &["--json"]].concat());
    assert_eq!(ended.code, 0, "{}", ended.err);
    let report = json_of(&ended);
    let batches = report["batches"].as_array().unwrap();
    assert_eq!(batches.iter().map(|b| &b["batch"]).collect::<Vec<_>>(), [1, 16, 256]);
    for batch in batches {
        assert_eq!(batch["verdict"], "emit", "{report}");
        for number in ["events", "eventsPerSecond", "nanosPerEvent", "fuelPerEvent", "memoryBytes"]
        {
            assert!(batch[number].as_f64().unwrap() > 0.0, "{number}: {report}");
        }
    }
    let table = folder.run(&bench).out;
    assert!(table.contains("BATCH") && table.contains("NS/EVENT"), "{table}");
    let body = folder.write("body", "no JSON").to_str().unwrap().to_owned();
    let refused = ["filter", "bench", module, "--config", "{\"pointers\":5}", "--body", &body];
    folder.run(&refused).expect(1, "").says("refused its configuration");
}

#[test]
fn a_module_is_inspected_and_a_refusal_is_told() {
    let folder = Folder::new();
    let module = shipped("sdk/conformance/modules/go.wasm");
    let found = json_of(&folder.run(&["filter", "inspect", module.to_str().unwrap(), "--json"]));
    assert_eq!(found["accepted"], true, "{found}");
    assert_eq!(found["contract"]["export"], "forebay_process_v1");
    let imports: Vec<&str> =
        found["imports"].as_array().unwrap().iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert!(imports.contains(&"wasi_snapshot_preview1.fd_write"), "{imports:?}");
    let features = found["features"].as_array().unwrap();
    assert!(features.contains(&json!("sign extension")), "{features:?}");
    assert!(found["memory"]["initialBytes"].as_u64().unwrap() > 0);

    // (module (import "env" "open_socket" (func)))
    let strange = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x02\x13\x01\x03env\x0bopen_socket\0\0";
    fs::write(folder.path().join("strange.wasm"), strange).unwrap();
    let ended = folder.run(&["filter", "inspect", "strange.wasm"]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    assert!(ended.out.contains("env.open_socket  ()"), "{}", ended.out);
    let refusal = "the engine refuses it: unknown import env.open_socket";
    assert!(ended.out.contains(refusal), "{}", ended.out);
    folder.write("text.wasm", "no module");
    let ended = folder.run(&["filter", "inspect", "text.wasm"]);
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("this is not WebAssembly"), "{}", ended.out);
    folder.run(&["filter", "inspect", "none.wasm"]).expect(2, "").says("none.wasm");
}

#[test]
fn a_manifest_is_shown_line_by_line() {
    let ended = Folder::new().run(&["filter", "inspect", "forebay/redact"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    let lines = "\n  manifest   {\n               \"name\": \"redact\",\n";
    assert!(ended.out.contains(lines), "no {lines:?} in {}", ended.out);
    assert!(!ended.out.contains('\u{fffd}'), "{}", ended.out);
}
