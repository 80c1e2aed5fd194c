//! What files say of candidates: applied, exported, ended.

use super::PUSHES;
use crate::resources::Place;
use serde_json::json;

/// Starts with whatever configuration.
const EASY: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../examples/filters/trap-on-marker/trap-on-marker.wasm"
);

#[test]
fn what_is_tried_beside_a_filter_is_applied_exported_and_ended() {
    let place = Place::new();
    std::fs::copy(PUSHES, place.folder.path().join("main.wasm")).unwrap();
    let apply = |more: &str| {
        let filter =
            "[[filter]]\nname = \"f\"\nmodule = \"main.wasm\"\nconfig = { branch = \"a\" }";
        place.folder.write("f.toml", &format!("{filter}\n{more}\n"));
        let told = place.run("apply -f f.toml --yes");
        assert_eq!(told.code, 0, "{more}: {}", told.err);
        place.run("diff -f f.toml").expect(0, "");
    };
    let shown = || place.json("filter candidate show f");
    apply("candidate = { config = { branch = \"b\" }, canary = 10 }");
    assert_eq!((&shown()["canary"], &shown()["stopAfterFaults"]), (&json!(10), &json!(20)));
    let other = "candidate = { config = { branch = \"b\" }, canary = 20, stop_after_faults = 5 }";
    apply(other);
    assert_eq!((&shown()["canary"], &shown()["stopAfterFaults"]), (&json!(20), &json!(5)));
    apply(&format!("on_error = \"drop\"\n{other}"));
    assert_eq!(shown()["canary"], 20, "what is put in force ends it, and it is begun again");
    let exported = place.out("export --app default");
    assert!(exported.contains("candidate = { "), "{exported}");
    place.run_with("diff -f -", &exported).expect(0, "");
    apply("on_error = \"drop\"");
    place.run("filter candidate show f").expect(1, "").says("nothing is on trial");
}

#[test]
fn whatever_is_tried_beside_a_filter_is_applied_as_it_was_exported() {
    let place = Place::new();
    std::fs::copy(EASY, place.folder.path().join("easy.wasm")).unwrap();
    let filter = |name: &str, module: &str, candidate: &str| {
        format!(
            "[[filter]]\nname = \"{name}\"\nmodule = \"{module}\"\n\
             config = {{ mask = \"x\" }}\ncandidate = {{ {candidate} }}\n"
        )
    };
    let file = [
        filter("null", "easy.wasm", "config_json = '{\"a\":null}', canary = 10"),
        filter("empty", "easy.wasm", "config = {}"),
        filter("forebay/redact", "forebay/redact", "config = { mask = \"y\" }"),
    ];
    place.folder.write("all.toml", &file.concat());
    let applied = place.run("apply -f all.toml --yes");
    assert_eq!(applied.code, 0, "{}", applied.err);
    place.run("diff -f all.toml").expect(0, "");

    let exported = place.out("export --app default");
    for said in [
        "candidate = { canary = 10, config_json = '{\"a\":null}', module = \"sha256:",
        "candidate = { config = {}, module = \"sha256:",
        "candidate = { config = { mask = \"y\" }, module = \"forebay/redact\" }\n",
    ] {
        assert!(exported.contains(said), "{said} in {exported}");
    }
    place.run_with("diff -f -", &exported).expect(0, "");
    let bare = exported.lines().filter(|line| !line.starts_with("candidate"));
    let bare: String = bare.map(|line| format!("{line}\n")).collect();
    assert_eq!(place.run_with("apply -f - --yes", &bare).code, 0);
    assert_eq!(place.out("export --app default"), bare, "all of them are over");
    let again = place.run_with("apply -f - --yes", &exported);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(place.out("export --app default"), exported);
}

#[test]
fn one_that_does_not_start_stops_it_before_the_first_change() {
    let place = Place::new();
    let refused = |candidate: &str, why: &str| {
        let filter = "[[filter]]\nname = \"f\"\nmodule = \"forebay/redact\"\n";
        let text = format!("[[event_type]]\nname = \"a\"\n{filter}candidate = {{ {candidate} }}\n");
        place.folder.write("f.toml", &text);
        let told = place.run("apply -f f.toml --yes");
        assert_eq!(told.code, 1, "{}", told.out);
        told.says("error: filter `f`: candidate: 422 ");
        told.says(why);
        told.says("done before it: nothing\nnot begun: event type `a`, filter `f`\n");
        place.run("event-type ls").expect(0, "").says("there are none");
    };
    refused("config = { odd = 1 }", "the filter does not start");
    place.run("filter get f").expect(1, "");
    place.out("filter push f forebay/redact");
    refused("config = { odd = 1 }, canary = 5", "the filter does not start");
    let unknown = format!("module = \"sha256:{}\"", "0".repeat(64));
    refused(&unknown, "no module of this SHA-256 was uploaded");
    place.run("filter candidate show f").expect(1, "").says("nothing is on trial");
}
