#![allow(clippy::unwrap_used)]

use super::*;
use forebay_filter::json;

fn redacted(config: &str, body: &str) -> Result<String, Bad> {
    let config: Config = json::from_str(config).unwrap();
    let edits = edits(&config, body.as_bytes())?;
    Ok(String::from_utf8(edits.applied_to(body.as_bytes())).unwrap())
}

fn with_pointers(pointers: &str, body: &str) -> String {
    redacted(&format!(r#"{{"pointers":{pointers},"patterns":[],"mask":"X"}}"#), body).unwrap()
}

fn with_patterns(body: &str) -> String {
    redacted(r#"{"mask":"X"}"#, body).unwrap()
}

#[test]
fn a_pointer_replaces_a_whole_value_of_any_kind() {
    let body = r#"{ "a" : {"b": [1, {"c":"]}"}]} , "d" :  null }"#;
    assert_eq!(with_pointers(r#"["/a"]"#, body), r#"{ "a" : "X" , "d" :  null }"#);
    assert_eq!(
        with_pointers(r#"["/a/b/1/c","/d"]"#, body),
        r#"{ "a" : {"b": [1, {"c":"X"}]} , "d" :  "X" }"#
    );
    assert_eq!(
        with_pointers(r#"["/a/b/*"]"#, body),
        r#"{ "a" : {"b": ["X", "X"]} , "d" :  null }"#
    );
    assert_eq!(with_pointers(r#"["/a","/a/b"]"#, body), r#"{ "a" : "X" , "d" :  null }"#);
    assert_eq!(with_pointers(r#"["/e","/a/b/2"]"#, body), body);
}

#[test]
fn names_match_without_their_escapes_and_each_time() {
    assert_eq!(
        with_pointers(r#"["/e/f"]"#, r#"{"\u0065":{"f":1,"f":2}}"#),
        r#"{"\u0065":{"f":"X","f":"X"}}"#
    );
    assert_eq!(with_pointers(r#"["/*"]"#, "[[],{}, 1e5,-0.5]"), r#"["X","X", "X","X"]"#);
}

#[test]
fn patterns_are_seen_through_escapes() {
    assert_eq!(with_patterns(r#"["mail \u006aane\u0040example.com\n"]"#), r#"["mail X\n"]"#);
    assert_eq!(
        with_patterns(r#"["\ud83d\ude00 4111\u00201111 1111 1111\t"]"#),
        r#"["\ud83d\ude00 X\t"]"#
    );
    assert_eq!(with_patterns(r#"["\\a@b.com\\"]"#), r#"["\\X\\"]"#);
}

#[test]
fn patterns_are_seen_in_names_and_numbers() {
    let body = r#"{"a@b.com":4111111111111111,"n":1700000000000,"m":-4111111111111111}"#;
    assert_eq!(with_patterns(body), r#"{"X":"X","n":1700000000000,"m":-4111111111111111}"#);
}

#[test]
fn the_mask_is_written_as_json() {
    let config = r#"{"pointers":["/a"],"mask":"\"\\"}"#;
    let body = r#"{"a":1,"b":"x@y.com"}"#;
    assert_eq!(redacted(config, body).unwrap(), r#"{"a":"\"\\","b":"\"\\"}"#);
}

#[test]
fn what_is_not_one_json_value_is_refused_with_its_place() {
    for (body, at) in [
        ("", 0),
        ("{", 1),
        ("{\"a\" 1}", 5),
        ("{\"a\":}", 5),
        ("[1,]", 3),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{\"a\":1]", 6),
        ("{\"a\":1,}", 7),
        ("1 2", 2),
        ("\"abc", 4),
        ("\"\\x\"", 1),
        ("\"\\u12\"", 1),
        ("nul", 0),
        ("\u{feff}1", 0),
    ] {
        assert_eq!(redacted("{}", body).unwrap_err().at, at, "{body}");
    }
    let deep = "[".repeat(2000) + &"]".repeat(2000);
    assert_eq!(redacted("{}", &deep).unwrap_err().wanted, "less nesting");
}

/// What serde_json takes for JSON, the scan takes for JSON, and leaves as it is.
#[test]
fn without_anything_to_redact_every_byte_stays() {
    for body in ["{}", " [ ] ", "0", "\"\"", "{\"a\":[{},[],\"\\\"\",true,false,null,1.5E+3]}\n"] {
        json::from_str::<json::Value>(body).unwrap();
        assert_eq!(with_patterns(body), body);
    }
}
