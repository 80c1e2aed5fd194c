use crate::resources::Place;
use serde_json::json;

fn listed(place: &Place, options: &str) -> String {
    let all = place.json(format!("endpoint ls --app shop {options}").trim_end());
    let all = all["data"].as_array().unwrap().iter();
    let uids: Vec<&str> = all.map(|endpoint| endpoint["uid"].as_str().unwrap()).collect();
    uids.join(" ")
}

#[test]
fn endpoints_are_listed_by_what_they_are() {
    let place = Place::new();
    place.out("app create --name Shop --uid shop");
    for (uid, more) in [
        ("all", ""),
        ("orders", "--type order.* --channel blue"),
        ("users", "--type user.new --disabled true"),
    ] {
        let create = format!("endpoint create --app shop --to https://{uid}.example.com/in");
        place.out(format!("{create} --uid {uid} {more}").trim_end());
    }
    for (options, wanted) in [
        ("", "all orders users"),
        ("--type order.paid", "all orders"),
        ("--type order.paid --type user.new", "all orders users"),
        ("--channel red", "all users"),
        ("--disabled", "users"),
        ("--enabled", "all orders"),
        ("--search ORDERS.example", "orders"),
        ("--search a&b", ""),
        ("--type user.new --enabled", "all"),
        ("--enabled --limit 1", "all"),
    ] {
        assert_eq!(listed(&place, options), wanted, "{options}");
    }
    place.run("endpoint ls --app shop --disabled --enabled").expect(2, "").says("cannot be used");
    place.run("endpoint ls --app shop --channel a/b").expect(1, "").says("channel");
    place.run("app ls --search x").expect(2, "").says("--search");
}

/// A list does not say what a script says, and a file needs it.
#[test]
fn scripts_are_exported_whole() {
    let place = Place::new();
    let code = "function/**/handler(w){return/**/w}";
    let create = "endpoint create --to https://example.com/in --uid slim --transformation";
    place.out(&format!("{create} {code}"));
    let told = place.json("endpoint ls")["data"][0]["transformation"].clone();
    assert_eq!((&told["bytes"], told.get("code")), (&json!(code.len()), None));
    assert!(place.out("export").contains(code));
    assert_eq!(place.json("endpoint get slim")["transformation"]["code"], code);
}
