//! The cases of filters that are not in Rust.

use std::path::Path;

fn check(name: &str) {
    let filters = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a folder above");
    cases::check_module(filters.join(name).to_str().expect("a path in UTF-8"));
}

#[test]
fn a_sample_is_drawn_as_its_cases_say() {
    check("sample");
}

#[test]
fn xml_becomes_json_as_its_cases_say() {
    check("xml-to-json");
}
