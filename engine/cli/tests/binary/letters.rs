use crate::nobody::nobody;
use crate::resources::{Place, ask, until};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Letters of two endpoints of one application and of one of another: `order.paid`, `order.late`
/// and twice `user.new` of the first, `order.paid` of the other. Nobody listens there, and there is
/// one attempt: so few that no breaker opens, also when each is tried once more.
fn graveyard() -> Place {
    let place = Place::new();
    for (app, uid, wants) in
        [("shop", "orders", "order.*"), ("shop", "users", "user.new"), ("club", "all", "*")]
    {
        if place.run(&format!("app get {app}")).code != 0 {
            place.out(&format!("app create --name {app} --uid {app}"));
        }
        endpoint(&place, app, uid, wants);
    }
    for (app, types) in [
        ("shop", &["order.paid", "order.late", "user.new", "user.new"][..]),
        ("club", &["order.paid"][..]),
    ] {
        send(&place, app, types);
    }
    until(|| Some(()).filter(|()| count(&place, "") == 5));
    place
}

/// At which nobody listens, and with one attempt.
fn endpoint(place: &Place, app: &str, uid: &str, wants: &str) {
    let to = format!("--to {}", nobody());
    place.out(&format!("endpoint create --app {app} --uid {uid} --type {wants} {to}"));
    let path = format!("/api/v1/app/{app}/endpoint/{uid}");
    let patched = ask(&place.serving.url, "PATCH", &path, r#"{"schedule":[]}"#);
    assert!(patched.contains("200 OK"), "{patched}");
}

fn send(place: &Place, app: &str, types: &[&str]) {
    let key = place.out(&format!("key create --name {app} --role producer --app {app}"));
    for event_type in types {
        let sent = place.with_key(key.trim(), &format!("send --type {event_type} --data {{}}"));
        assert_eq!(sent.code, 0, "{}", sent.err);
    }
}

/// How often a letter was tried; 0 while it is on its way and so none.
fn attempts(place: &Place, id: &str) -> u64 {
    let listed = place.json("dlq ls");
    let mut all = listed["data"].as_array().unwrap().iter();
    let found = all.find(|letter| letter["id"] == id);
    found.map_or(0, |letter| letter["attempts"].as_u64().unwrap())
}

fn ids(place: &Place, options: &str) -> Vec<String> {
    let listed = place.json(format!("dlq ls {options}").trim_end());
    let all = listed["data"].as_array().unwrap().iter();
    all.map(|letter| letter["id"].as_str().unwrap().to_owned()).collect()
}

fn count(place: &Place, options: &str) -> usize {
    ids(place, options).len()
}

#[test]
fn dead_letters_are_chosen_by_what_they_are() {
    let place = graveyard();
    let (past, future) = ("2001-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    for (options, wanted) in [
        ("--app shop", 4),
        ("--app shop --endpoint orders", 2),
        ("--type order.paid", 2),
        ("--type order.*", 3),
        ("--type order.paid --type user.new", 4),
        ("--app club --type user.new", 0),
        (&*format!("--since {past} --until {future}"), 5),
        (&*format!("--since {future}"), 0),
        (&*format!("--until {past}"), 0),
        ("--type order.* --limit 1", 1),
    ] {
        assert_eq!(count(&place, options), wanted, "{options}");
    }
    place.run("dlq ls --type o*").expect(2, "").says("order.*");
    place.run("dlq ls --since yesterday").expect(2, "").says("2026-01-31T00:00:00Z");
}

#[test]
fn nothing_is_purged_that_was_not_named() {
    let place = graveyard();
    for deed in ["redrive", "purge"] {
        place.run(&format!("dlq {deed}")).expect(2, "").says("say which: ids, --endpoint");
        // The environment of a shell may have it.
        place.run(&format!("dlq {deed} --app shop")).expect(2, "").says("--all");
        place.run(&format!("dlq {deed} dl_1-0-0-0 --all")).expect(2, "").says("cannot be used");
    }
    let told = place.run("dlq purge --all --dry-run");
    assert_eq!((told.code, told.out.lines().count()), (0, 1 + 5), "{}", told.out);
    told.says("5 would be purged");
    assert_eq!(count(&place, ""), 5, "that was a dry run");
    let named = ids(&place, "--type user.new");
    let dry = place.json(&format!("dlq purge {} --dry-run", named[0]));
    assert_eq!(
        (&dry["data"][0]["id"], dry["data"].as_array().unwrap().len()),
        (&json!(named[0]), 1)
    );

    // A name is no way into another application, and one wrong name is enough for nothing.
    let of_club = ids(&place, "--app club").remove(0);
    for deed in ["redrive", "purge", "purge --dry-run"] {
        let line = format!("dlq {deed} --app shop {} {of_club}", named[0]);
        place.run(&line).expect(1, "").says(&format!("{of_club} is of another application"));
    }
    assert_eq!((count(&place, ""), attempts(&place, &of_club)), (5, 1), "nothing was done");
    assert_eq!(attempts(&place, &named[0]), 1, "nothing was done");

    let told = place.json("dlq purge --app shop --type order.late");
    assert_eq!(told, json!({ "purged": 1, "gone": 0 }));
    assert_eq!((count(&place, "--type order.late"), count(&place, "")), (0, 4));
    let line = format!("dlq purge --app shop {}", named.join(" "));
    place.run(&line).expect(0, "").says("purged 2");
    let refused = place.run(&format!("dlq purge {}", named[0]));
    refused.expect(1, "").says("(0 of 1 were purged): 404");
    place.run("dlq purge --app shop --all").expect(0, "").says("purged 1");
    assert_eq!(count(&place, "--app club"), 1, "it was of another application");
    place.run("dlq purge --all").expect(0, "").says("purged 1");
    assert_eq!(place.json("dlq ls"), json!({ "data": [] }));
}

/// What a redrive does is seen by the attempts, for nobody listens still.
#[test]
fn dead_letters_are_redriven_by_what_they_are() {
    let place = graveyard();
    let (meant, others) = (ids(&place, "--type order.*"), ids(&place, "--type user.new"));
    let told = place.run("dlq redrive --type order.*");
    told.expect(0, "").says("redriven 3");
    until(|| Some(()).filter(|()| meant.iter().all(|id| attempts(&place, id) == 2)));
    assert!(others.iter().all(|id| attempts(&place, id) == 1), "they were not meant");
    place.run("dlq redrive --all --rate 0/s").expect(2, "").says("50/s");
}

/// More than are asked for at a time, of so many endpoints that no breaker opens.
#[test]
fn a_rate_holds_from_one_letter_to_the_next() {
    let place = Place::new();
    place.out("app create --name crowd --uid crowd");
    for n in 0..9 {
        endpoint(&place, "crowd", &format!("e{n}"), "*");
    }
    send(&place, "crowd", &["a", "b"]);
    until(|| Some(()).filter(|()| count(&place, "") == 18));
    let all = ids(&place, "");
    let begun = Instant::now();
    place.run("dlq redrive --all --rate 20/s").expect(0, "").says("redriven 18");
    // Seventeen come after another; however slow the machine is, it takes no less.
    assert!(begun.elapsed() >= 17 * Duration::from_millis(50), "{:?}", begun.elapsed());
    until(|| Some(()).filter(|()| all.iter().all(|id| attempts(&place, id) == 2)));
}

/// The second would be asked for a minute later.
#[test]
fn a_refusal_ends_a_slow_rate_at_once() {
    let place = graveyard();
    let (gone, letter) =
        (ids(&place, "--type user.new").remove(0), ids(&place, "--app club").remove(0));
    place.run(&format!("dlq purge {gone}")).expect(0, "");
    let refused = place.run(&format!("dlq redrive {gone} {letter} --rate 1/m"));
    refused.expect(1, "").says(&format!("{gone} (0 of 2 were redriven): 404"));
    assert_eq!(attempts(&place, &letter), 1, "it was not redriven");
}

#[test]
fn an_endpoint_recovers_what_was_given_up_on() {
    let place = graveyard();
    let (mine, other) = (ids(&place, "--app shop --endpoint orders"), ids(&place, "--app club"));
    let recover = "endpoint recover orders --app shop --since";
    let none = place.out(&format!("{recover} 2001-01-01T00:00:00Z --until 2002-01-01T00:00:00Z"));
    assert!(none.starts_with("qtask_"), "{none}");
    let task: Value = place.json(&format!("{recover} 2001-01-01T00:00:00Z"));
    assert_eq!((&task["task"], &task["status"]), (&json!("endpoint.recover"), &json!("running")));
    until(|| Some(()).filter(|()| mine.iter().all(|id| attempts(&place, id) == 2)));
    assert_eq!(attempts(&place, &other[0]), 1, "it is of another endpoint");
    place.run(&format!("{recover} yesterday")).expect(1, "").says("since");
    place.run("endpoint recover orders --app shop").expect(2, "").says("--since");
}
