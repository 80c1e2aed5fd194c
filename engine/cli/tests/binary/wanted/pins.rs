//! What files say of versions that endpoints pin: applied, exported, kept.

use super::PUSHES;
use crate::nobody::nobody;
use crate::resources::Place;
use serde_json::json;

/// An endpoint with this filter.
fn endpoint(filter: &str) -> String {
    let url = nobody();
    format!("[[endpoint]]\nname = \"e\"\nurl = \"{url}\"\nfilters = [\"{filter}\"]\n")
}

#[test]
fn what_an_endpoint_pins_is_applied_exported_and_left_alone() {
    let place = Place::new();
    std::fs::copy(PUSHES, place.folder.path().join("main.wasm")).unwrap();
    let write = |branch: &str, filter: &str| {
        let made = "[[filter]]\nname = \"f\"\nmodule = \"main.wasm\"\n";
        let text = format!("{made}config = {{ branch = \"{branch}\" }}\n{}", endpoint(filter));
        place.folder.write("f.toml", &text);
    };
    let apply = |branch: &str, filter: &str| {
        write(branch, filter);
        let told = place.run("apply -f f.toml --yes");
        assert_eq!(told.code, 0, "{branch} {filter}: {}", told.err);
        place.run("diff -f f.toml").expect(0, "");
    };
    apply("a", "f");
    let first = version_of(&place);
    let pin = format!("f@{}", &first[..10]);
    apply("b", &pin);
    apply("c", &pin);
    assert_eq!(place.json("endpoint get e")["filters"], json!([pin]));
    let versions = place.json("filter versions f");
    let last = &versions["data"][2];
    assert_eq!((&last["version"], &last["pinnedBy"]), (&json!(first), &json!(["ep_1"])));

    let exported = place.out("export --app default");
    assert!(exported.contains(&format!("filters = [\"{pin}\"]\n")), "{exported}");
    place.run_with("diff -f -", &exported).expect(0, "");
    apply("c", "f");
    assert_eq!(place.run_with("apply -f - --yes", &exported).code, 0);
    assert_eq!(place.out("export --app default"), exported);

    place.folder.write("f.toml", &endpoint(&pin));
    assert_eq!(place.run("apply -f f.toml --prune --yes").code, 0);
    place.out("filter get f");

    write("c", "f@00000000");
    let refused = place.run("apply -f f.toml --yes");
    assert_eq!(refused.code, 1, "{}", refused.out);
    refused.says(&format!("kept are {} of the module", &version_of(&place)[..12]));
    write("c", "g@00000000");
    let refused = place.run("apply -f f.toml --yes");
    assert_eq!(refused.code, 2, "{}", refused.out);
    refused.says("neither the server nor the file has its filter `g`");
    write("d", "f\", \"f@00000000");
    let refused = place.run("apply -f f.toml --yes");
    assert_eq!(refused.code, 2, "{}", refused.out);
    refused.says("`f` and `f@00000000` are one filter: name one");
    assert_eq!(place.json("filter get f")["config"], json!({ "branch": "c" }), "it is as it was");
}

fn version_of(place: &Place) -> String {
    place.json("filter get f")["version"].as_str().unwrap().to_owned()
}
