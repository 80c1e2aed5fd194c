use gimli::{
    AttributeValue, DebugLine, DebugLineOffset, DebugLineStr, DebugStr, EndianSlice,
    IncompleteLineProgram, LineProgramHeader, LittleEndian,
};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use wasmparser::{Parser, Payload};

/// Where a module's instructions stand in its source, as its DWARF says. Only `.debug_line` is
/// read, at the first trap and never before, and never more than so much of it: DWARF comes from
/// whoever wrote the module.
pub(crate) struct Sources {
    /// `.debug_line`, `.debug_line_str`, `.debug_str`.
    sections: [Box<[u8]>; 3],
    /// DWARF counts addresses from here in the module.
    code_at: usize,
    places: OnceLock<Places>,
}

#[derive(Default)]
struct Places {
    /// By address.
    rows: Vec<Row>,
    files: Vec<Box<str>>,
}

/// From this address on, up to the next row's.
#[derive(Clone, Copy)]
struct Row {
    address: u32,
    file: u32,
    /// 0 where nothing is known.
    line: u32,
}

type Bytes<'a> = EndianSlice<'a, LittleEndian>;

const SECTIONS: [&str; 3] = [".debug_line", ".debug_line_str", ".debug_str"];
/// Of all three together. A module with more tells no lines.
const SECTION_BYTES_MAX: usize = 4 << 20;
const ROWS_MAX: usize = 200_000;
const FILES_MAX: usize = 4096;
const FILE_CHARS_MAX: usize = 100;
/// Of an address in wasm32.
const ADDRESS_BYTES: u8 = 4;

impl Sources {
    /// None where the module says nothing of lines.
    pub(crate) fn of(wasm: &[u8]) -> Option<Sources> {
        let mut sections: [&[u8]; 3] = Default::default();
        let mut code_at = 0;
        for payload in Parser::new(0).parse_all(wasm) {
            match payload.ok()? {
                Payload::CodeSectionStart { range, .. } => code_at = range.start,
                Payload::CustomSection(custom) => {
                    if let Some(n) = SECTIONS.iter().position(|name| *name == custom.name()) {
                        sections[n] = custom.data();
                    }
                }
                _ => {}
            }
        }
        let bytes: usize = sections.iter().map(|section| section.len()).sum();
        let is_told = !sections[0].is_empty() && bytes <= SECTION_BYTES_MAX;
        is_told.then(|| Sources {
            sections: sections.map(Box::from),
            code_at,
            places: OnceLock::new(),
        })
    }

    /// File and line of the instruction at this offset of the module: `src/lib.rs:12`.
    pub(crate) fn place(&self, module_offset: usize) -> Option<String> {
        let address = u32::try_from(module_offset.checked_sub(self.code_at)?).ok()?;
        let Places { rows, files } = self.places.get_or_init(|| self.read());
        let after = rows.partition_point(|row| row.address <= address);
        let row = rows[..after].last().filter(|row| row.line > 0)?;
        Some(format!("{}:{}", files.get(row.file as usize)?, row.line))
    }

    fn read(&self) -> Places {
        let [line, ..] = &self.sections;
        let section = DebugLine::new(line, LittleEndian);
        let (mut places, mut at) = (Places::default(), 0);
        while at < line.len() && places.rows.len() < ROWS_MAX {
            let Ok(program) = section.program(DebugLineOffset(at), ADDRESS_BYTES, None, None)
            else {
                break;
            };
            let header = program.header();
            let length = usize::from(header.encoding().format.initial_length_size());
            at = at.saturating_add(length).saturating_add(header.unit_length());
            self.read_program(program, &mut places);
        }
        // Where one sequence ends and another begins, the beginning is what holds.
        places.rows.sort_by_key(|row| (row.address, row.line > 0));
        places
    }

    /// A program that cannot be read to its end counts as far as it was read.
    fn read_program(&self, program: IncompleteLineProgram<Bytes<'_>>, places: &mut Places) {
        let mut numbers = BTreeMap::new();
        let mut rows = program.rows();
        let mut start = None;
        while let Ok(Some((header, row))) = rows.next_row() {
            if places.rows.len() >= ROWS_MAX {
                return;
            }
            let start_address = *start.get_or_insert(row.address());
            if row.end_sequence() {
                start = None;
            }
            let address = u32::try_from(row.address());
            // A function that the linker left out is said to be at 0, or at the end of memory.
            let (true, Ok(address)) = (start_address > 0, address) else { continue };
            let line = row.line().filter(|_| !row.end_sequence());
            let file = *numbers
                .entry(row.file_index())
                .or_insert_with(|| self.file(header, row.file_index(), &mut places.files));
            let line = line.map_or(0, |line| u32::try_from(line.get()).unwrap_or(0));
            places.rows.push(Row { address, file, line });
        }
    }

    /// The number of a file's name among `files`; that of no file when there are too many.
    fn file(
        &self,
        header: &LineProgramHeader<Bytes<'_>>,
        index: u64,
        files: &mut Vec<Box<str>>,
    ) -> u32 {
        let name = header.file(index).and_then(|file| {
            let name = self.text(&file.path_name())?;
            // Directory 0 is that of the compilation.
            let folder = (file.directory_index() > 0).then(|| file.directory(header)).flatten();
            match folder.and_then(|folder| self.text(&folder)) {
                Some(folder) if !name.starts_with('/') => Some(format!("{folder}/{name}")),
                _ => Some(name),
            }
        });
        let Some(name) = name.filter(|_| files.len() < FILES_MAX) else { return u32::MAX };
        // The end of a long path says most.
        let surplus = name.chars().count().saturating_sub(FILE_CHARS_MAX);
        files.push(name.chars().skip(surplus).collect());
        files.len() as u32 - 1
    }

    fn text(&self, value: &AttributeValue<Bytes<'_>>) -> Option<String> {
        let [_, line_str, str] = &self.sections;
        let bytes = match value {
            AttributeValue::String(bytes) => *bytes,
            AttributeValue::DebugLineStrRef(at) => {
                DebugLineStr::from(Bytes::new(line_str, LittleEndian)).get_str(*at).ok()?
            }
            AttributeValue::DebugStrRef(at) => {
                DebugStr::new(str, LittleEndian).get_str(*at).ok()?
            }
            _ => return None,
        };
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * FILE_CHARS_MAX)]);
        Some(text.chars().filter(|c| !c.is_control()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = include_bytes!("../tests/guests/lines.wasm");

    fn all_places(sources: &Sources) -> Vec<String> {
        let places = (0..2048).filter_map(|at| sources.place(at)).collect::<Vec<_>>();
        assert!(sources.places.get().is_none_or(|places| places.rows.len() <= ROWS_MAX));
        places
    }

    #[test]
    fn what_is_not_code_has_no_line() {
        let sources = Sources::of(LINES).unwrap();
        let found = all_places(&sources);
        assert!(found.contains(&"lines.c:17".to_owned()), "{found:?}");
        assert_eq!((sources.place(sources.code_at), sources.place(usize::MAX)), (None, None));
        assert!(Sources::of(b"\0asm\x01\0\0\0").is_none());
    }

    #[test]
    fn garbled_lines_are_harmless() {
        let whole = Sources::of(LINES).unwrap();
        let [line, ..] = &whole.sections;
        for at in 0..line.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff, line[at] ^ 1] {
                let mut garbled = line.clone();
                garbled[at] = byte;
                all_places(&of(garbled));
            }
            all_places(&of(line[..at].into()));
        }
    }

    /// Every byte of a program a row of its own.
    #[test]
    fn more_lines_than_anybody_reads_are_not_read() {
        let [line, ..] = &Sources::of(LINES).unwrap().sections;
        let mut line = line.to_vec();
        line.resize(SECTION_BYTES_MAX, 0x4b);
        let length = line.len() as u32 - 4;
        line[..4].copy_from_slice(&length.to_le_bytes());
        let bomb = of(line.into());
        all_places(&bomb);
        assert_eq!(bomb.places.get().unwrap().rows.len(), ROWS_MAX);
    }

    fn of(line: Box<[u8]>) -> Sources {
        let sections = [line, Box::default(), Box::default()];
        Sources { sections, code_at: 0, places: OnceLock::new() }
    }
}
