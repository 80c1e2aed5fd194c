#![allow(clippy::unwrap_used)]

use super::*;
use forebay_filter::{Config as _, Sample};

fn after(config: &str, body: &str) -> String {
    let config = Config::read(config.as_bytes()).unwrap();
    let sample = Sample::new("x", body.as_bytes());
    match fields(&config, sample.event()) {
        Verdict::Pass => body.into(),
        Verdict::Emit(outputs) => {
            let body = outputs[0].body.clone().unwrap();
            check(&body).unwrap();
            String::from_utf8(body.into()).unwrap()
        }
        verdict => format!("{verdict:?}"),
    }
}

#[test]
fn what_is_picked_stays_where_it_is() {
    let body = r#"{"a": {"b": [1, 2.50], "c":3}, "d":[{"e":4,"f":5},{"f":6}], "g":7}"#;
    assert_eq!(after(r#"{"pick":["/a/b","/g"]}"#, body), r#"{"a":{"b":[1, 2.50]},"g":7}"#);
    assert_eq!(after(r#"{"pick":["/d/*/f"]}"#, body), r#"{"d":[{"f":5},{"f":6}]}"#);
    assert_eq!(after(r#"{"pick":["/d/*/e"]}"#, body), r#"{"d":[{"e":4}]}"#);
    assert_eq!(after(r#"{"pick":["/x","/a/x","/g/x"]}"#, body), "{}");
    assert_eq!(after(r#"{"pick":["/*"]}"#, body), body);
    assert_eq!(after(r#"{"pick":["/0"]}"#, "[1,2]"), "[1]");
    assert_eq!(after(r#"{"pick":["/0"]}"#, "7"), "7");
}

#[test]
fn what_is_dropped_is_gone_each_time() {
    let body = r#"{"a":1,"\u0061":2,"b":[{"c":1,"d":2},{"c":3}], "e":{"f":{}}}"#;
    assert_eq!(after(r#"{"drop":["/a","/e"]}"#, body), r#"{"b":[{"c":1,"d":2},{"c":3}]}"#);
    assert_eq!(
        after(r#"{"drop":["/b/*/c","/b/0/c","/a"]}"#, body),
        r#"{"b":[{"d":2},{}],"e":{"f":{}}}"#
    );
    assert_eq!(after(r#"{"drop":["/b/0","/e/f/g"]}"#, r#"{"b":[1,2]}"#), r#"{"b":[2]}"#);
    assert_eq!(after(r#"{"drop":["/b/7","/a/b"]}"#, body), body);
}

#[test]
fn a_member_gets_another_name_and_its_place_stays() {
    let body = r#"{"a":1,"b":{"c":2,"d":3}}"#;
    assert_eq!(
        after(r#"{"rename":{"/a":"x\"","/b/c":"e"}}"#, body),
        r#"{"x\"":1,"b":{"e":2,"d":3}}"#
    );
    assert_eq!(after(r#"{"rename":{"/a":"b"}}"#, body), r#"{"b":1}"#);
    assert_eq!(after(r#"{"rename":{"/z":"b"}}"#, body), body);
}

#[test]
fn what_is_set_is_made_when_it_is_not_there() {
    let body = r#"{"a":1,"b":[{"c":2}],"t":"x"}"#;
    assert_eq!(
        after(r#"{"set":{"/a":[1.0],"/b/0/c":null,"/n/m~1":"y"}}"#, body),
        r#"{"a":[1.0],"b":[{"c":null}],"t":"x","n":{"m/":"y"}}"#
    );
    assert_eq!(
        after(r#"{"set":{"/b/-":3,"/b/*/d":4}}"#, body),
        r#"{"a":1,"b":[{"c":2,"d":4},3],"t":"x"}"#
    );
    assert_eq!(after(r#"{"set":{"/t/u":3,"/b/9":1,"/a":1}}"#, body), body);
}

#[test]
fn flat_names_are_paths() {
    let body = r#"{"a":{"b":1,"c":[10,{"d":"x"}],"e":{},"f":[]},"g":null}"#;
    assert_eq!(
        after(r#"{"flatten":true}"#, body),
        r#"{"a.b":1,"a.c.0":10,"a.c.1.d":"x","a.e":{},"a.f":[],"g":null}"#
    );
    assert_eq!(after(r#"{"flatten":"_"}"#, r#"[[1],2]"#), r#"{"0_0":1,"1":2}"#);
    assert_eq!(after(r#"{"flatten":true}"#, "{}"), "{}");
    assert_eq!(after(r#"{"flatten":true}"#, " 7"), " 7");
    let deep = format!("{}1{}", "{\"a\":".repeat(40), "}".repeat(40));
    let flat = after(r#"{"flatten":true}"#, &deep);
    assert_eq!(
        flat,
        format!("{{\"{}a\":{}1{}}}", "a.".repeat(31), "{\"a\":".repeat(8), "}".repeat(8))
    );
}

#[test]
fn steps_follow_one_another() {
    let config = r#"{"pick":["/u"],"drop":["/u/p"],"rename":{"/u/n":"name"},"set":{"/u/v":2},
        "flatten":"."}"#;
    assert_eq!(after(config, r#"{"u":{"n":"J","p":"s"},"w":1}"#), r#"{"u.name":"J","u.v":2}"#);
}

#[test]
fn more_items_than_memory_has_room_for_are_refused() {
    let many = format!("[{}1]", "1,".repeat(200_000));
    assert!(after(r#"{"drop":["/7"]}"#, &many).contains("more than 200000 items"));
    let nested = format!("{{\"a\":{many}}}");
    assert_eq!(after(r#"{"drop":["/a"]}"#, &nested), "{}");
}
