mod counts;

use crate::contract::{
    EXPORTS, Export, FILTER, IMPORTS, Import, MANIFEST, MEMORY, PROCESS, Value, signature,
};
use crate::engine::FEATURES;
use crate::limits::{MEMORY_BYTES_CEILING, ModuleLimits};
use counts::Counts;
use std::collections::BTreeMap;
use thiserror::Error;
use wasmparser::{
    CompositeInnerType, Encoding, ExternalKind, FuncType, FuncValidatorAllocations, Parser,
    Payload, TypeRef, ValType, ValidPayload, Validator, WasmFeatures,
};

/// Why a module is not taken. The text is for its author and names what is at fault.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Refusal(Box<str>);

impl Refusal {
    pub(crate) fn new(text: impl Into<String>) -> Refusal {
        Refusal(text.into().into())
    }
}

/// Which of the two calling forms a module offers; the richer one is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// `forebay_process_v1`: a batch in, verdicts out.
    Batch,
    /// `forebay_filter_v1`: one body in, keep or drop out.
    Single,
}

/// What a verified module is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleReport {
    pub form: Form,
    pub functions: u32,
    /// What it asks for at its start.
    pub memory_bytes: u64,
    /// `module.name` of each import.
    pub imports: Vec<String>,
    /// The custom section `forebay.manifest`, when it is there and is UTF-8.
    pub manifest: Option<String>,
}

/// Exported functions by name, with their parameters and results.
type Functions = BTreeMap<String, FuncType>;

pub(crate) fn verify(wasm: &[u8], limits: &ModuleLimits) -> Result<ModuleReport, Refusal> {
    check_kind(wasm, limits)?;
    let mut counts = Counts::new(limits);
    let mut validator = Validator::new_with_features(FEATURES);
    let mut allocations = FuncValidatorAllocations::default();
    let mut shape = Shape::default();
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.map_err(|e| name_feature(wasm, &e))?;
        // Counts come first: they bound the work and the memory of everything after them.
        counts.check(&payload)?;
        let valid = validator.payload(&payload).map_err(|e| name_feature(wasm, &e))?;
        match valid {
            ValidPayload::Func(function, body) => {
                let mut function = function.into_validator(std::mem::take(&mut allocations));
                function.validate(&body).map_err(|e| name_feature(wasm, &e))?;
                allocations = function.into_allocations();
            }
            ValidPayload::End(types) => shape.resolve_exports(&types),
            _ => shape.note(&payload, &validator)?,
        }
    }
    shape.report(counts.functions(), limits)
}

fn check_kind(wasm: &[u8], limits: &ModuleLimits) -> Result<(), Refusal> {
    if wasm.len() > limits.module_bytes {
        return Err(Refusal::new(format!(
            "the module has {} bytes, the limit is {}",
            wasm.len(),
            limits.module_bytes
        )));
    }
    if wasm.starts_with(b"\x7fELF") {
        return Err(Refusal::new(
            "this is a precompiled module; upload the WebAssembly that it was made of",
        ));
    }
    if !wasm.starts_with(b"\0asm") {
        return Err(Refusal::new("this is not WebAssembly: it does not begin with \\0asm"));
    }
    if Parser::is_component(wasm) {
        return Err(Refusal::new(
            "this is a component; a filter is a core module (for Rust: target \
             wasm32-unknown-unknown, crate type cdylib)",
        ));
    }
    Ok(())
}

/// What the payloads say of imports, exports and memory.
#[derive(Default)]
struct Shape {
    imports: Vec<String>,
    exported: Vec<(String, ExternalKind, u32)>,
    functions: Functions,
    memory_bytes: u64,
    manifest: Option<String>,
}

impl Shape {
    fn note(&mut self, payload: &Payload<'_>, validator: &Validator) -> Result<(), Refusal> {
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } => {
                return Err(Refusal::new("this is a component; a filter is a core module"));
            }
            Payload::ImportSection(section) => {
                for import in section.clone().into_imports() {
                    let import = import.map_err(|e| Refusal::new(e.to_string()))?;
                    self.note_import(&import, validator)?;
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.clone() {
                    let memory = memory.map_err(|e| Refusal::new(e.to_string()))?;
                    self.memory_bytes = memory.initial.saturating_mul(64 << 10);
                    let maximum = memory.maximum.unwrap_or(0).saturating_mul(64 << 10);
                    if maximum > MEMORY_BYTES_CEILING {
                        return Err(Refusal::new(format!(
                            "the memory is declared with a maximum of {} MiB, the limit is {} MiB",
                            maximum >> 20,
                            MEMORY_BYTES_CEILING >> 20
                        )));
                    }
                }
            }
            Payload::ExportSection(section) => {
                for export in section.clone() {
                    let export = export.map_err(|e| Refusal::new(e.to_string()))?;
                    self.exported.push((export.name.to_string(), export.kind, export.index));
                }
            }
            Payload::CustomSection(section) if section.name() == MANIFEST => {
                self.manifest = std::str::from_utf8(section.data()).ok().map(str::to_string);
            }
            _ => {}
        }
        Ok(())
    }

    fn note_import(
        &mut self,
        import: &wasmparser::Import<'_>,
        validator: &Validator,
    ) -> Result<(), Refusal> {
        let name = format!("{}.{}", import.module.escape_debug(), import.name.escape_debug());
        let index = match import.ty {
            TypeRef::Func(index) => index,
            // The validator lets it by, and the compiler does not.
            TypeRef::FuncExact(_) => {
                return Err(Refusal::new(format!(
                    "the import {name} is of an exact type (custom descriptors)"
                )));
            }
            TypeRef::Memory(_) => {
                return Err(Refusal::new(format!(
                    "the import {name} is a memory; a filter exports its own (linker flag \
                     --import-memory must be off)"
                )));
            }
            _ => return Err(Refusal::new(format!("the import {name} is not a function"))),
        };
        let known = IMPORTS.iter().find(|i| i.module == import.module && i.name == import.name);
        let Some(known) = known else {
            return Err(Refusal::new(unknown_import(import, &name)));
        };
        let types = validator.types(0).ok_or_else(|| Refusal::new("the module has no types"))?;
        let found = match &types[types.core_type_at_in_module(index)].composite_type.inner {
            CompositeInnerType::Func(found) => found,
            _ => return Err(Refusal::new(format!("the import {name} is not a function"))),
        };
        let Import { params, result, .. } = known;
        if !is_same(found, params, *result) {
            return Err(Refusal::new(format!(
                "the import {name} is declared as {}, but it is {}",
                shown(found),
                signature(params, *result)
            )));
        }
        self.imports.push(name);
        Ok(())
    }

    fn resolve_exports(&mut self, types: &wasmparser::types::Types) {
        let types = types.as_ref();
        for (name, kind, index) in &self.exported {
            if *kind == ExternalKind::Func {
                let id = types.core_function_at(*index);
                if let CompositeInnerType::Func(found) = &types[id].composite_type.inner {
                    self.functions.insert(name.clone(), found.clone());
                }
            }
        }
    }

    fn report(self, functions: u32, limits: &ModuleLimits) -> Result<ModuleReport, Refusal> {
        let has_memory = self
            .exported
            .iter()
            .any(|(name, kind, _)| name == MEMORY && *kind == ExternalKind::Memory);
        if !has_memory {
            return Err(missing(MEMORY, "its memory"));
        }
        for Export { name, params, result } in EXPORTS {
            let Some(found) = self.functions.get(*name) else { continue };
            if !is_same(found, params, *result) {
                return Err(Refusal::new(format!(
                    "the export {name} is {}, it must be {}",
                    shown(found),
                    signature(params, *result)
                )));
            }
        }
        if !self.functions.contains_key(EXPORTS[0].name) {
            return Err(missing(EXPORTS[0].name, &signature(EXPORTS[0].params, EXPORTS[0].result)));
        }
        let form = self.form()?;
        if self.memory_bytes > limits.memory_bytes {
            return Err(Refusal::new(format!(
                "the module starts with {} MiB of memory, the limit is {} MiB",
                self.memory_bytes >> 20,
                limits.memory_bytes >> 20
            )));
        }
        let Shape { imports, memory_bytes, manifest, .. } = self;
        Ok(ModuleReport { form, functions, memory_bytes, imports, manifest })
    }

    fn form(&self) -> Result<Form, Refusal> {
        if self.functions.contains_key(PROCESS) {
            return Ok(Form::Batch);
        }
        if self.functions.contains_key(FILTER) {
            return Ok(Form::Single);
        }
        let later = self.functions.keys().find(|name| name.starts_with("forebay_process_v"));
        Err(Refusal::new(match later {
            Some(name) => format!("the export {name} is of a contract later than {PROCESS}"),
            None => format!("the module exports neither {PROCESS} nor {FILTER}"),
        }))
    }
}

fn missing(name: &str, what: &str) -> Refusal {
    Refusal::new(format!("the module does not export {name} ({what})"))
}

fn unknown_import(import: &wasmparser::Import<'_>, name: &str) -> String {
    let hint = match import.module {
        "forebay_v1" => "; forebay_v1 has no such function",
        "wasi_snapshot_preview1" => "; it is no function of WASI preview 1",
        "wasi_unstable" => "; use wasi_snapshot_preview1",
        module if module.starts_with("wasi:") => "; a filter is a core module, not a component",
        "__wbindgen_placeholder__" | "wbg" => "; build without wasm-bindgen",
        _ => "; only forebay_v1, wasi_snapshot_preview1 and env.abort are bound",
    };
    format!("unknown import {name}{hint}")
}

fn is_same(found: &FuncType, params: &[Value], result: Option<Value>) -> bool {
    let same = |(ours, theirs): (&Value, &ValType)| val_type(*ours) == *theirs;
    found.params().len() == params.len()
        && params.iter().zip(found.params()).all(same)
        && found.results() == result.map(val_type).as_slice()
}

fn val_type(value: Value) -> ValType {
    match value {
        Value::I32 => ValType::I32,
        Value::I64 => ValType::I64,
        Value::F64 => ValType::F64,
    }
}

fn shown(found: &FuncType) -> String {
    let list = |types: &[ValType]| {
        types.iter().take(12).map(ValType::to_string).collect::<Vec<_>>().join(", ")
    };
    let results = match found.results() {
        [] => "nothing".to_string(),
        results => list(results),
    };
    format!("({}) -> {results}", list(found.params()))
}

/// Turns what the validator says into the feature's name: the one that, were it on, would let
/// the module get past this place.
fn name_feature(wasm: &[u8], error: &wasmparser::Error) -> Refusal {
    let at = error.offset();
    let threads = WasmFeatures::THREADS | WasmFeatures::SHARED_EVERYTHING_THREADS;
    let references = WasmFeatures::REFERENCE_TYPES | WasmFeatures::GC_TYPES;
    let gc = references | WasmFeatures::FUNCTION_REFERENCES | WasmFeatures::GC;
    let names = [
        (threads, "threads (shared memory, atomics)"),
        (WasmFeatures::TAIL_CALL, "tail calls"),
        (WasmFeatures::MULTI_MEMORY, "multiple memories"),
        (WasmFeatures::MEMORY64, "64-bit memory"),
        (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
        (references, "reference types"),
        (WasmFeatures::EXCEPTIONS, "exceptions"),
        (WasmFeatures::LEGACY_EXCEPTIONS, "exceptions (legacy)"),
        (WasmFeatures::WIDE_ARITHMETIC, "wide arithmetic"),
        (WasmFeatures::CUSTOM_PAGE_SIZES, "custom page sizes"),
        (WasmFeatures::MEMORY_CONTROL, "memory control"),
        (WasmFeatures::STACK_SWITCHING | WasmFeatures::GC_TYPES, "stack switching"),
        (gc, "garbage collection or typed references"),
        (gc | WasmFeatures::CUSTOM_DESCRIPTORS, "custom descriptors"),
        (WasmFeatures::all(), "several proposals to WebAssembly together"),
    ];
    for (feature, name) in names {
        let later = Validator::new_with_features(FEATURES | feature).validate_all(wasm);
        if later.map_or_else(|e| e.offset() > at, |_| true) {
            return Refusal::new(format!("the module uses {name}, which filters may not"));
        }
    }
    Refusal::new(format!("not a valid module: {error}"))
}
