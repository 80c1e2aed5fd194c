#![allow(clippy::unwrap_used)]

use super::*;
use forebay_filter::Config as _;
use jsontext::Bad;

fn redacted(config: &str, body: &str) -> Result<String, Bad> {
    let config = Config::read(config.as_bytes()).unwrap();
    let edited = body::redacted(&config, body.as_bytes())?;
    let edited = edited.unwrap_or_else(|| body.into());
    jsontext::check(&edited).unwrap();
    Ok(String::from_utf8(edited).unwrap())
}

fn removed(pointers: &str, body: &str) -> String {
    redacted(&format!(r#"{{"pointers":{pointers},"action":"remove"}}"#), body).unwrap()
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
fn a_body_that_is_no_json_tells_its_place() {
    assert_eq!(redacted("{}", "{\"a\" 1}").unwrap_err().to_string(), "expected a colon at byte 5");
}

#[test]
fn depth_hides_nothing() {
    let deep = "[".repeat(100_000) + r#""a\u0040b.com""# + &"]".repeat(100_000);
    let want = "[".repeat(100_000) + "\"X\"" + &"]".repeat(100_000);
    assert_eq!(with_patterns(&deep), want);
    assert_eq!(redacted(r#"{"action":"remove"}"#, &deep).unwrap().len(), want.len() - 1);
}

#[test]
fn what_is_removed_takes_one_comma_with_it() {
    let body = r#"{ "a" : 1 , "b":[1, 2,3] ,"c" : {"d":1}}"#;
    assert_eq!(removed(r#"["/a"]"#, body), r#"{ "b":[1, 2,3] ,"c" : {"d":1}}"#);
    assert_eq!(removed(r#"["/b"]"#, body), r#"{ "a" : 1 ,"c" : {"d":1}}"#);
    assert_eq!(removed(r#"["/c"]"#, body), r#"{ "a" : 1 , "b":[1, 2,3]}"#);
    assert_eq!(removed(r#"["/c/d"]"#, body), r#"{ "a" : 1 , "b":[1, 2,3] ,"c" : {}}"#);
    assert_eq!(removed(r#"["/a","/b"]"#, body), r#"{ "c" : {"d":1}}"#);
    assert_eq!(removed(r#"["/*"]"#, body), "{ }");
    assert_eq!(removed(r#"["/b/0","/b/1"]"#, body), r#"{ "a" : 1 , "b":[3] ,"c" : {"d":1}}"#);
    assert_eq!(removed(r#"["/b/1"]"#, body), r#"{ "a" : 1 , "b":[1,3] ,"c" : {"d":1}}"#);
    assert_eq!(removed(r#"["/b/1","/b/2"]"#, body), r#"{ "a" : 1 , "b":[1] ,"c" : {"d":1}}"#);
    assert_eq!(removed(r#"["/*/*"]"#, "[[1,2],{},[[3]]]"), "[[],{},[]]");
    assert_eq!(
        removed(r#"["/a"]"#, r#"{"a":1,"a@b.com":"a@b.com","n":4111111111111111}"#),
        r#"{"":"","n":null}"#
    );
}

#[test]
fn without_anything_to_redact_every_byte_stays() {
    for body in ["{}", " [ ] ", "0", "\"\"", "{\"a\":[{},[],\"\\\"\",true,false,null,1.5E+3]}\n"] {
        assert_eq!(with_patterns(body), body);
        assert_eq!(removed(r#"["/x"]"#, body), body);
    }
}
