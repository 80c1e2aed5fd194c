use super::Refusal;
use crate::limits::ModuleLimits;
use wasmparser::{FunctionBody, ImportSectionReader, Imports, Payload};

/// Counts what a module declares and refuses what would be costly to compile, before anything
/// else looks at it.
pub(super) struct Counts<'a> {
    limits: &'a ModuleLimits,
    functions: u32,
    locals_total: u64,
}

impl<'a> Counts<'a> {
    pub(super) fn new(limits: &'a ModuleLimits) -> Counts<'a> {
        Counts { limits, functions: 0, locals_total: 0 }
    }

    pub(super) fn functions(&self) -> u32 {
        self.functions
    }

    pub(super) fn check(&mut self, payload: &Payload<'_>) -> Result<(), Refusal> {
        let limits = self.limits;
        match payload {
            Payload::TypeSection(section) => at_most("types", section.count(), limits.types),
            Payload::ImportSection(section) => {
                no_groups(section)?;
                at_most("imports", section.count(), limits.imports)
            }
            Payload::FunctionSection(section) => {
                self.functions = section.count();
                at_most("functions", section.count(), limits.functions)
            }
            Payload::TableSection(section) => {
                for table in section.clone() {
                    let table = table.map_err(|e| Refusal::new(e.to_string()))?;
                    at_most("elements in a table", table.ty.initial, limits.table_elements)?;
                }
                at_most("tables", section.count(), 1)
            }
            Payload::GlobalSection(section) => at_most("globals", section.count(), limits.globals),
            Payload::ExportSection(section) => at_most("exports", section.count(), limits.exports),
            Payload::ElementSection(section) => {
                at_most("element segments", section.count(), limits.element_segments)
            }
            Payload::DataCountSection { count, .. } => {
                at_most("data segments", *count, limits.data_segments)
            }
            Payload::DataSection(section) => {
                at_most("data segments", section.count(), limits.data_segments)
            }
            Payload::CodeSectionStart { count, .. } => {
                at_most("functions", *count, limits.functions)
            }
            Payload::CodeSectionEntry(body) => self.check_body(body),
            _ => Ok(()),
        }
    }

    fn check_body(&mut self, body: &FunctionBody<'_>) -> Result<(), Refusal> {
        let bytes = body.range().len();
        at_most("bytes in one function", bytes as u64, self.limits.function_bytes as u64)?;
        let locals = body.get_locals_reader().map_err(|e| Refusal::new(e.to_string()))?;
        let mut total = 0u64;
        for local in locals {
            let (count, _) = local.map_err(|e| Refusal::new(e.to_string()))?;
            total += u64::from(count);
            at_most("locals in one function", total, u64::from(self.limits.locals))?;
        }
        self.locals_total += total;
        at_most("locals in all functions", self.locals_total, self.limits.locals_total)
    }
}

/// A group of imports counts as one. The validator lets it by, and the compiler does not.
fn no_groups(section: &ImportSectionReader<'_>) -> Result<(), Refusal> {
    let mut groups = section.clone().into_iter().flatten();
    if groups.any(|group| !matches!(group, Imports::Single(..))) {
        let text = "the module uses compact imports, which filters may not";
        return Err(Refusal::new(text));
    }
    Ok(())
}

fn at_most<N: PartialOrd + std::fmt::Display>(
    what: &str,
    found: N,
    limit: N,
) -> Result<(), Refusal> {
    if found > limit {
        return Err(Refusal::new(format!("the module has {found} {what}, the limit is {limit}")));
    }
    Ok(())
}
