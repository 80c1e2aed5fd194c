//! The filter by hand in `examples/filters/hello`: its text and its module are the same filter.

use cases::{Answer, Guest};
use forebay_filter::Sample;

#[test]
fn text_and_module_keep_json_objects_only() {
    let text = include_bytes!("../../../examples/filters/hello/hello.wat");
    let module = include_bytes!("../../../examples/filters/hello/hello.wasm");
    for filter in [&text[..], module] {
        let mut guest = Guest::start(filter, b"{}").expect("it keeps the contract");
        let events = ["{}", "[]", "", "{\"a\":1}"].map(|body| Sample::new("x", body.as_bytes()));
        let answers = guest.filter(&events).expect("nothing traps");
        assert_eq!(answers, [Answer::Pass, Answer::Drop, Answer::Drop, Answer::Pass]);
    }
}

#[test]
fn an_import_that_the_contract_lacks_is_refused_by_name() {
    let asks = r#"(module (import "env" "open_socket" (func)) (memory (export "memory") 1))"#;
    let error = Guest::start(asks.as_bytes(), b"{}").err().expect("it is refused");
    assert!(error.contains("env") && error.contains("open_socket"), "{error}");
}

#[test]
fn an_import_of_another_signature_is_refused() {
    let asks = r#"(module (import "forebay_v1" "fail" (func)) (memory (export "memory") 1))"#;
    assert!(Guest::start(asks.as_bytes(), b"{}").is_err());
}
