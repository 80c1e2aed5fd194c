use crate::contract::MANIFEST;
use crate::engine::FEATURES;
use crate::limits::ModuleLimits;
use crate::verify::{ModuleReport, Refusal, verify};
use wasmparser::{
    Export, ExternalKind, FuncType, Import, KnownCustom, Parser, Payload, TypeRef, ValType,
    Validator, WasmFeatures,
};

/// What lies in a module, whether or not it is one that is taken.
#[derive(Clone, Debug)]
pub struct Inspection {
    pub functions: u32,
    pub imports: Vec<Named>,
    pub exports: Vec<Named>,
    pub memory: Option<MemoryRange>,
    /// Of WebAssembly, beyond its first version: those without which the module is not valid.
    pub features: Vec<&'static str>,
    /// Custom sections, with their bytes.
    pub sections: Vec<(String, usize)>,
    /// Tools that say of themselves that they made it: (field, name, version).
    pub producers: Vec<(String, String, String)>,
    /// The custom section `forebay.manifest`, when it is there and is UTF-8.
    pub manifest: Option<String>,
    /// Whether the engine takes it, and why not.
    pub report: Result<ModuleReport, Refusal>,
}

/// An import or an export.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    pub name: String,
    /// `(i32, i32) -> i64`, or what else it is: memory, table, global, tag.
    pub what: String,
}

/// In bytes. Without a maximum the filter's limit is the only one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryRange {
    pub initial: u64,
    pub maximum: Option<u64>,
}

/// Reads a module without compiling or running anything of it. Of one that is broken it tells
/// what stands before the break.
pub fn inspect(wasm: &[u8], limits: &ModuleLimits) -> Inspection {
    let mut reading = Reading::default();
    // What ends the reading is in the report.
    let _ = reading.read(wasm);
    let Reading { imports, exports, memory, sections, producers, manifest, functions, .. } =
        reading;
    Inspection {
        functions: functions.len() as u32 - imported_functions(&imports),
        imports,
        exports,
        memory,
        features: features(wasm),
        sections,
        producers,
        manifest,
        report: verify(wasm, limits),
    }
}

#[derive(Default)]
struct Reading {
    types: Vec<FuncType>,
    /// The type of each function, those imported first.
    functions: Vec<u32>,
    imports: Vec<Named>,
    exports: Vec<Named>,
    memory: Option<MemoryRange>,
    sections: Vec<(String, usize)>,
    producers: Vec<(String, String, String)>,
    manifest: Option<String>,
}

impl Reading {
    fn read(&mut self, wasm: &[u8]) -> wasmparser::Result<()> {
        for payload in Parser::new(0).parse_all(wasm) {
            match payload? {
                Payload::TypeSection(section) => {
                    for of in section.into_iter_err_on_gc_types() {
                        self.types.push(of?);
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        self.import(&import?);
                    }
                }
                Payload::FunctionSection(section) => {
                    for of in section {
                        self.functions.push(of?);
                    }
                }
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory?;
                        self.memory = Some(MemoryRange {
                            initial: memory.initial.saturating_mul(64 << 10),
                            maximum: memory.maximum.map(|pages| pages.saturating_mul(64 << 10)),
                        });
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        self.export(&export?);
                    }
                }
                Payload::CustomSection(section) => {
                    let (name, data) = (section.name(), section.data());
                    self.sections.push((name.escape_debug().to_string(), data.len()));
                    if name == MANIFEST {
                        self.manifest = std::str::from_utf8(data).ok().map(str::to_owned);
                    }
                    if let KnownCustom::Producers(producers) = section.as_known() {
                        self.note_producers(producers)?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn import(&mut self, import: &Import<'_>) {
        let what = match import.ty {
            TypeRef::Func(of) | TypeRef::FuncExact(of) => {
                self.functions.push(of);
                self.shown(of)
            }
            TypeRef::Memory(_) => "memory".to_owned(),
            TypeRef::Table(_) => "table".to_owned(),
            TypeRef::Global(_) => "global".to_owned(),
            TypeRef::Tag(_) => "tag".to_owned(),
        };
        let name = format!("{}.{}", import.module.escape_debug(), import.name.escape_debug());
        self.imports.push(Named { name, what });
    }

    fn export(&mut self, export: &Export<'_>) {
        let what = match export.kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let of = self.functions.get(export.index as usize);
                of.map_or_else(|| "function".to_owned(), |of| self.shown(*of))
            }
            ExternalKind::Memory => "memory".to_owned(),
            ExternalKind::Table => "table".to_owned(),
            ExternalKind::Global => "global".to_owned(),
            ExternalKind::Tag => "tag".to_owned(),
        };
        self.exports.push(Named { name: export.name.escape_debug().to_string(), what });
    }

    fn shown(&self, of: u32) -> String {
        let Some(of) = self.types.get(of as usize) else { return "function".to_owned() };
        let list =
            |types: &[ValType]| types.iter().map(ValType::to_string).collect::<Vec<_>>().join(", ");
        match of.results() {
            [] => format!("({})", list(of.params())),
            results => format!("({}) -> {}", list(of.params()), list(results)),
        }
    }

    fn note_producers(
        &mut self,
        producers: wasmparser::ProducersSectionReader<'_>,
    ) -> wasmparser::Result<()> {
        for field in producers {
            let field = field?;
            for value in field.values {
                let value = value?;
                let shown = |text: &str| text.escape_debug().to_string();
                self.producers.push((shown(field.name), shown(value.name), shown(value.version)));
            }
        }
        Ok(())
    }
}

fn imported_functions(imports: &[Named]) -> u32 {
    imports.iter().filter(|import| import.what.starts_with('(')).count() as u32
}

/// Each feature that the module is not valid without, all others being allowed.
fn features(wasm: &[u8]) -> Vec<&'static str> {
    let is_valid = |features| Validator::new_with_features(features).validate_all(wasm).is_ok();
    let all = [FEATURES, WasmFeatures::all()].into_iter().find(|features| is_valid(*features));
    let Some(all) = all else { return Vec::new() };
    let is_needed = |feature: WasmFeatures| all.contains(feature) && !is_valid(all - feature);
    let needed = NAMES.iter().filter(|(feature, _)| is_needed(*feature));
    needed.map(|(_, name)| *name).collect()
}

const NAMES: &[(WasmFeatures, &str)] = &[
    (WasmFeatures::MUTABLE_GLOBAL, "mutable globals"),
    (WasmFeatures::SATURATING_FLOAT_TO_INT, "saturating float to int"),
    (WasmFeatures::SIGN_EXTENSION, "sign extension"),
    (WasmFeatures::MULTI_VALUE, "multiple values"),
    (WasmFeatures::BULK_MEMORY, "bulk memory"),
    (WasmFeatures::CALL_INDIRECT_OVERLONG, "long form of call_indirect"),
    (WasmFeatures::SIMD, "SIMD"),
    (WasmFeatures::FLOATS, "floating point"),
    (WasmFeatures::EXTENDED_CONST, "extended constants"),
    (WasmFeatures::THREADS, "threads"),
    (WasmFeatures::TAIL_CALL, "tail calls"),
    (WasmFeatures::MULTI_MEMORY, "multiple memories"),
    (WasmFeatures::MEMORY64, "64-bit memory"),
    (WasmFeatures::RELAXED_SIMD, "relaxed SIMD"),
    (WasmFeatures::REFERENCE_TYPES, "reference types"),
    (WasmFeatures::EXCEPTIONS, "exceptions"),
    (WasmFeatures::GC, "garbage collection"),
];
