//! What is refused at upload, and in which words; and the compile cache.

use crate::kit::*;
use event::Verdict;
use filter::{
    AdmitFailure, Compile, CompileCache, CompileFailure, Form, InProcess, ModuleLimits, SealKey,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

fn refused(wat: &str) -> String {
    refusal(&wat::parse_str(expanded(wat)).unwrap())
}

const REST: &str = r#"(memory (export "memory") 2)
  (func (export "forebay_buffer") (param i32) (result i32) (i32.const 4096))
  (func (export "forebay_process_v1") (param i32 i32) (result i64) (i64.const 0))"#;

fn with(head: &str) -> String {
    format!("(module {head} {REST})")
}

#[test]
fn w7_every_feature_that_is_off_is_refused_by_name() {
    for (wat, name) in [
        (guest!("w7-threads"), "threads"),
        (guest!("w7-shared-memory"), "threads"),
        (guest!("w7-shared-global"), "threads"),
        (guest!("w7-tail-calls"), "tail calls"),
        (guest!("w7-relaxed-simd"), "relaxed SIMD"),
        (guest!("w7-reference-types"), "reference types"),
        (guest!("w7-exceptions"), "exceptions"),
        (guest!("w7-legacy-exceptions"), "exceptions (legacy)"),
        (guest!("w7-gc"), "garbage collection or typed references"),
        (guest!("w7-typed-references"), "garbage collection or typed references"),
        (guest!("w7-custom-descriptors"), "custom descriptors"),
        (guest!("w7-wide-arithmetic"), "wide arithmetic"),
        (guest!("w7-multi-memory"), "multiple memories"),
        (guest!("w7-memory64"), "64-bit memory"),
        (guest!("w7-custom-page-sizes"), "custom page sizes"),
        (guest!("w7-memory-control"), "memory control"),
        (guest!("w7-stack-switching"), "stack switching"),
        (guest!("w7-compact-imports"), "compact imports"),
    ] {
        let text = refused(wat);
        assert!(text.starts_with(&format!("the module uses {name}")), "{name}: {text}");
    }
}

#[test]
fn w7_what_is_no_core_module_is_refused_by_kind() {
    for (wat, text) in [
        (guest!("w7-component"), "this is a component"),
        (guest!("w11-machine-code"), "precompiled"),
        (guest!("w7-text"), "not WebAssembly"),
        (guest!("w7-nothing"), "not WebAssembly"),
        (guest!("w7-half"), "not a valid module"),
        (guest!("w6-large"), "the limit is 8388608"),
    ] {
        assert!(refused(wat).contains(text), "{}", refused(wat));
    }
}

#[test]
fn w7_imports_are_refused_by_name_and_signature() {
    for (wat, text) in [
        (guest!("w7-import-unknown"), "unknown import env.fetch; only forebay_v1"),
        (guest!("w7-import-http"), "unknown import forebay_v1.http; forebay_v1 has"),
        (guest!("w7-import-bindgen"), "build without wasm-bindgen"),
        (guest!("w7-import-of-component"), "not a component"),
        (guest!("w7-import-memory"), "the import env.memory is a memory"),
        (guest!("w7-import-global"), "the import env.t is not a function"),
        (
            guest!("w7-import-exact"),
            "the import forebay_v1.now_ns is of an exact type (custom descriptors)",
        ),
        (
            guest!("w7-import-signature"),
            "the import forebay_v1.log is declared as (i32, i64) -> nothing, but it is \
             (i32, i32, i32) -> i32",
        ),
    ] {
        let refusal = refused(wat);
        assert!(refusal.contains(text), "{refusal}");
    }
}

#[test]
fn w5_exports_are_asked_for_by_name_and_signature() {
    for (wat, text) in [
        (guest!("w5-no-exports"), "does not export memory"),
        (guest!("w5-no-buffer"), "does not export forebay_buffer ((i32) -> i32)"),
        (guest!("w5-no-entry"), "neither forebay_process_v1 nor forebay_filter_v1"),
        (
            guest!("w5-later-contract"),
            "forebay_process_v2 is of a contract later than forebay_process_v1",
        ),
        (
            guest!("w5-wrong-signature"),
            "the export forebay_filter_v1 is (i32) -> nothing, it must be (i32, i32) -> i32",
        ),
    ] {
        assert!(refused(wat).contains(text), "{}", refused(wat));
    }
}

#[test]
fn w2_declared_sizes_are_bounded() {
    for (wat, text) in [
        (guest!("w2-maximum"), "maximum of 1024 MiB, the limit is 1024 MiB"),
        (guest!("w2-start-of-4-gib"), "starts with 4096 MiB"),
        (guest!("w2-start"), "starts with 32 MiB of memory, the limit is 32 MiB"),
        (guest!("w2-table"), "elements in a table"),
        (guest!("w2-tables"), "1000 tables, the limit is 1"),
    ] {
        assert!(refused(wat).contains(text), "{}", refused(wat));
    }
    admit(&with("").replace("\"memory\") 2", "\"memory\") 1 16384"));
}

#[test]
fn a_module_says_what_it_is() {
    let manifest = r#"(@custom "forebay.manifest" "{\"name\":\"x\"}")"#;
    let module =
        admit(&with(&format!(r#"(import "forebay_v1" "now_ns" (func (result i64))) {manifest}"#)));
    let report = module.report();
    assert_eq!((report.form, report.memory_bytes), (Form::Batch, 128 << 10));
    assert_eq!(report.imports, ["forebay_v1.now_ns"]);
    assert_eq!(report.manifest.as_deref(), Some("{\"name\":\"x\"}"));
    assert_eq!(admit(SINGLE).report().form, Form::Single);
}

#[test]
fn what_common_compilers_emit_is_taken() {
    let go = ["args_get", "args_sizes_get", "environ_get", "environ_sizes_get"]
        .map(|name| {
            format!(
                r#"(import "wasi_snapshot_preview1" "{name}" (func (param i32 i32) (result i32)))"#
            )
        })
        .concat();
    let head = go
        + r#"(import "wasi_snapshot_preview1" "proc_exit" (func (param i32)))
             (type $t (func)) (table 1 funcref) (elem (i32.const 0) func $f)
             (func $f (call_indirect (type $t) (i32.const 0)))
             (func (export "_initialize"))
             (func (result v128) (i8x16.add (v128.const i64x2 0 0) (v128.const i64x2 1 1)))
             (func (param f32) (result i32) (i32.trunc_sat_f32_s (local.get 0)))
             (func (result i32) (i32.extend8_s (i32.const 1)))
             (func (result i32 i32) (i32.const 1) (i32.const 2))"#;
    assert_eq!(ask(&only(&with(&head)), &events(&[b"x"])).verdicts, [Verdict::Pass]);
}

#[derive(Default)]
struct Shelf {
    entries: RefCell<BTreeMap<[u8; 32], Vec<u8>>>,
}

impl CompileCache for Shelf {
    fn load(&self, name: &[u8; 32]) -> Option<Vec<u8>> {
        self.entries.borrow().get(name).cloned()
    }

    fn keep(&self, name: &[u8; 32], sealed: &[u8]) {
        self.entries.borrow_mut().insert(*name, sealed.to_vec());
    }
}

struct Counting(Cell<u32>);

impl Compile for Counting {
    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        self.0.set(self.0.get() + 1);
        InProcess(engine()).compile(wasm)
    }
}

#[test]
fn w11_only_what_we_sealed_is_loaded_from_the_cache() {
    let (shelf, compiler) = (Shelf::default(), Counting(Cell::new(0)));
    let wasm = wat::parse_str(BY_BODY).unwrap();
    let verdict = |key: u8, wasm: &[u8]| {
        let (limits, key) = (ModuleLimits::default(), SealKey::new([key; 32]));
        let module = engine().admit(wasm, &limits, &compiler, &shelf, &key).unwrap();
        ask(&chain(&[Setting::default().of(&module)]), &events(&[b"p"])).verdicts.remove(0)
    };
    assert_eq!(verdict(1, &wasm), Verdict::Pass);
    assert_eq!(verdict(1, &wasm), Verdict::Pass);
    assert_eq!(compiler.0.get(), 1, "the second time it came from the cache");
    let good = shelf.entries.borrow().values().next().unwrap().clone();
    for at in [0, 31, 32, 33, good.len() / 2, good.len() - 1] {
        let mut edited = good.clone();
        edited[at] ^= 1;
        *shelf.entries.borrow_mut().values_mut().next().unwrap() = edited;
        let before = compiler.0.get();
        assert_eq!(verdict(1, &wasm), Verdict::Pass);
        assert_eq!(compiler.0.get(), before + 1, "byte {at} was edited");
        assert_eq!(*shelf.entries.borrow().values().next().unwrap(), good, "and made good");
    }
    for foreign in [vec![], good[..20].to_vec(), good[32..].to_vec()] {
        *shelf.entries.borrow_mut().values_mut().next().unwrap() = foreign;
        assert_eq!(verdict(1, &wasm), Verdict::Pass);
    }
    let before = compiler.0.get();
    assert_eq!(verdict(2, &wasm), Verdict::Pass);
    assert_eq!(compiler.0.get(), before + 1, "sealed with another key");
    // One module's entry under another's name.
    let other = wat::parse_str(guest!("w11-in-the-cache")).unwrap();
    assert_eq!(verdict(2, &other), Verdict::Drop);
    let mine = shelf.entries.borrow().values().next().unwrap().clone();
    shelf.entries.borrow_mut().values_mut().for_each(|entry| *entry = mine.clone());
    let before = compiler.0.get();
    assert_eq!(verdict(2, &wasm), Verdict::Pass);
    assert_eq!(verdict(2, &other), Verdict::Drop);
    assert_eq!(compiler.0.get(), before + 1);
}

#[test]
fn w11_a_precompiled_module_is_not_an_upload() {
    for wat in [BY_BODY, guest!("w11-in-the-cache")] {
        let code = InProcess(engine()).compile(&wat::parse_str(wat).unwrap()).unwrap();
        assert!(matches!(admit_bytes(&code), Err(AdmitFailure::Refused(_))));
    }
}
