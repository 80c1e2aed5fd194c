//! What is told of a module that nothing is run of.

use crate::kit::*;
use filter::{Form, Inspection, MemoryRange, ModuleLimits, Named, inspect};

fn inspected(wat: &str) -> Inspection {
    inspect(&wat::parse_str(wat).unwrap(), &ModuleLimits::default())
}

fn features(body: &str) -> Vec<&'static str> {
    inspected(&format!("(module (memory 1) (func (param i32) {body}))")).features
}

#[test]
fn each_feature_that_a_module_needs_is_named_and_no_other() {
    assert_eq!(features(""), [""; 0]);
    assert_eq!(features("(drop (i32.extend8_s (local.get 0)))"), ["sign extension"]);
    assert_eq!(features("(drop (f64.const 1))"), ["floating point"]);
    let fill = "(memory.fill (local.get 0) (local.get 0) (local.get 0))";
    assert_eq!(features(fill), ["bulk memory"]);
    assert!(features("(drop (v128.const i32x4 1 2 3 4))").contains(&"SIMD"));
    assert_eq!(features("(return_call 0 (local.get 0))"), ["tail calls"]);
}

#[test]
fn imports_exports_and_memory_are_told_with_their_types() {
    let found = inspected(
        r#"(module
            (import "forebay_v1" "log" (func (param i32 i32 i32) (result i32)))
            (memory (export "memory") 2 16)
            (func (export "forebay_buffer") (param i32) (result i32) (i32.const 16))
            (func (export "forebay_filter_v1") (param i32 i32) (result i32) (i32.const 1))
            (func (export "odd") (param f32)))"#,
    );
    let named = |name: &str, what: &str| Named { name: name.into(), what: what.into() };
    assert_eq!(found.imports, [named("forebay_v1.log", "(i32, i32, i32) -> i32")]);
    assert_eq!(found.exports[0], named("memory", "memory"));
    assert_eq!(found.exports[1], named("forebay_buffer", "(i32) -> i32"));
    assert_eq!(found.exports[3], named("odd", "(f32)"));
    assert_eq!(found.memory, Some(MemoryRange { initial: 128 << 10, maximum: Some(1 << 20) }));
    assert_eq!(found.functions, 3);
    assert_eq!(found.report.unwrap().form, Form::Single);
}

#[test]
fn a_module_that_is_refused_is_told_of_all_the_same() {
    let wat = r#"(module (import "env" "f" (func)) (func (export "g")))"#;
    let wasm = wat::parse_str(wat).unwrap();
    let found = inspect(&wasm, &ModuleLimits::default());
    assert_eq!(found.imports[0].name, "env.f");
    assert_eq!(found.report.unwrap_err().to_string(), refusal(&wasm));
    // Cut off behind the imports.
    let cut = inspect(&wasm[..wasm.len() - 8], &ModuleLimits::default());
    assert_eq!(cut.imports.len(), 1);
    assert!(cut.report.is_err());
}

#[test]
fn who_made_a_module_is_told() {
    let wat = r#"(module
        (@custom "forebay.manifest" "{\"name\":\"x\"}")
        (@producers (language "Rust" "2024") (processed-by "rustc" "1.95")))"#;
    let found = inspected(wat);
    assert_eq!(found.manifest.as_deref(), Some(r#"{"name":"x"}"#));
    assert_eq!(found.sections[0], ("forebay.manifest".into(), 12));
    let made = |field: &str, name: &str, version: &str| {
        (field.to_string(), name.to_string(), version.to_string())
    };
    let wanted = [made("language", "Rust", "2024"), made("processed-by", "rustc", "1.95")];
    assert_eq!(found.producers, wanted);
}
