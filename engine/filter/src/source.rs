use gimli::{
    AttributeValue, DebugLine, DebugLineOffset, EndianSlice, IncompleteLineProgram,
    LineInstruction, LineProgramHeader, LittleEndian, Reader,
};
use std::collections::BTreeMap;
use std::sync::LazyLock;
use wasmparser::{Parser, Payload};

/// Where a module's instructions stand in its source, as its DWARF says. Only `.debug_line` is
/// read, at the first trap and never before, and never more than so much of it: DWARF comes from
/// whoever wrote the module.
pub(crate) struct Sources {
    /// DWARF counts addresses from here in the module.
    code_at: usize,
    /// The sections until the first who asks, and then what they say. Who asks meanwhile waits, so
    /// that the same trap has the same words; what the reading takes is bounded below.
    places: LazyLock<Places, Box<dyn FnOnce() -> Places + Send>>,
}

/// `.debug_line`, `.debug_line_str`, `.debug_str`.
type Sections = [Box<[u8]>; 3];

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
const SECTION_BYTES_MAX: usize = 1 << 20;
/// Of one program, where a byte can make a file of 88.
const HEADER_BYTES_MAX: usize = 64 << 10;
const ROWS_MAX: usize = 200_000;
/// Of those looked for, found or not.
const FILES_MAX: usize = 4096;
const FILE_CHARS_MAX: usize = 100;
/// Of an address in wasm32.
const ADDRESS_BYTES: u8 = 4;

impl Sources {
    /// None where the module says nothing of lines.
    pub(crate) fn of(wasm: &[u8]) -> Option<Sources> {
        let (sections, code_at) = sections(wasm)?;
        Some(Sources::new(sections, code_at))
    }

    fn new(sections: Sections, code_at: usize) -> Sources {
        Sources { code_at, places: LazyLock::new(Box::new(move || read(&sections))) }
    }

    /// File and line of the instruction at this offset of the module: `src/lib.rs:12`.
    pub(crate) fn place(&self, module_offset: usize) -> Option<String> {
        let address = u32::try_from(module_offset.checked_sub(self.code_at)?).ok()?;
        let Places { rows, files } = &*self.places;
        let after = rows.partition_point(|row| row.address <= address);
        let row = rows[..after].last().filter(|row| row.line > 0)?;
        Some(format!("{}:{}", files.get(row.file as usize)?, row.line))
    }
}

/// And where the code begins, from which DWARF counts.
fn sections(wasm: &[u8]) -> Option<(Sections, usize)> {
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
    is_told.then(|| (sections.map(Box::from), code_at))
}

fn read([line, line_str, str]: &Sections) -> Places {
    let section = DebugLine::new(line, LittleEndian);
    let mut reading = Reading { line_str, str, places: Places::default(), files_tried: 0 };
    let mut at = 0;
    while at < line.len() && !reading.is_full() {
        let Some((unit_bytes, header_bytes)) = lengths(&line[at..]) else { break };
        if header_bytes <= HEADER_BYTES_MAX {
            let program = section.program(DebugLineOffset(at), ADDRESS_BYTES, None, None);
            let Ok(program) = program else { break };
            reading.read_program(program);
        }
        at = at.saturating_add(unit_bytes);
    }
    let mut places = reading.places;
    // Where one sequence ends and another begins, the beginning is what holds.
    places.rows.sort_by_key(|row| (row.address, row.line > 0));
    places.rows.shrink_to_fit();
    places
}

/// Of a unit and of its header, which gimli reads whole before it says how long it is.
fn lengths(unit: &[u8]) -> Option<(usize, usize)> {
    let mut rest = Bytes::new(unit, LittleEndian);
    let (length, format) = rest.read_initial_length().ok()?;
    let whole = length.saturating_add(usize::from(format.initial_length_size()));
    let version = rest.read_u16().ok()?;
    if version >= 5 {
        // The sizes of an address and of a segment's selector.
        rest.skip(2).ok()?;
    }
    Some((whole, rest.read_length(format).ok()?))
}

/// Whether gimli can run it. It negates what a line goes back by, and one number has no opposite,
/// which is a panic; and it keeps every file that a program defines.
fn can_run(program: &IncompleteLineProgram<Bytes<'_>>) -> bool {
    let header = program.header();
    let mut instructions = header.instructions();
    let mut files = 0;
    while let Ok(Some(instruction)) = instructions.next_instruction(header) {
        match instruction {
            LineInstruction::AdvanceLine(i64::MIN) => return false,
            LineInstruction::DefineFile(_) => files += 1,
            _ => {}
        }
    }
    files <= FILES_MAX
}

struct Reading<'a> {
    line_str: &'a [u8],
    str: &'a [u8],
    places: Places,
    files_tried: usize,
}

impl Reading<'_> {
    /// The last row is kept for an end.
    fn is_full(&self) -> bool {
        self.places.rows.len() + 1 >= ROWS_MAX
    }

    /// A program that cannot be read to its end counts as far as it was read.
    fn read_program(&mut self, program: IncompleteLineProgram<Bytes<'_>>) {
        if !can_run(&program) {
            return;
        }
        let mut numbers = BTreeMap::new();
        let mut rows = program.rows();
        let (mut start, mut unended) = (None, None);
        while let Ok(Some((header, row))) = rows.next_row() {
            if self.is_full() {
                break;
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
                .or_insert_with(|| self.file(header, row.file_index()));
            let line = line.map_or(0, |line| u32::try_from(line.get()).unwrap_or(0));
            self.places.rows.push(Row { address, file, line });
            unended = (!row.end_sequence()).then_some(address);
        }
        // Else its last line would be that of all code behind it.
        if let Some(address) = unended {
            let address = address.saturating_add(1);
            self.places.rows.push(Row { address, file: u32::MAX, line: 0 });
        }
    }

    /// The number of a file's name among `files`; that of no file when there are too many.
    fn file(&mut self, header: &LineProgramHeader<Bytes<'_>>, index: u64) -> u32 {
        if self.files_tried >= FILES_MAX {
            return u32::MAX;
        }
        self.files_tried += 1;
        let Some(name) = self.name(header, index) else { return u32::MAX };
        // The end of a long path says most.
        let surplus = name.chars().count().saturating_sub(FILE_CHARS_MAX);
        let files = &mut self.places.files;
        files.push(name.chars().skip(surplus).collect());
        files.len() as u32 - 1
    }

    fn name(&self, header: &LineProgramHeader<Bytes<'_>>, index: u64) -> Option<String> {
        let file = header.file(index)?;
        let name = self.text(&file.path_name())?;
        // Directory 0 is that of the compilation.
        let folder = (file.directory_index() > 0).then(|| file.directory(header)).flatten();
        match folder.and_then(|folder| self.text(&folder)) {
            Some(folder) if !name.starts_with('/') => Some(format!("{folder}/{name}")),
            _ => Some(name),
        }
    }

    /// Its end is looked for in what is kept of it and no further: there may be none.
    fn text(&self, value: &AttributeValue<Bytes<'_>>) -> Option<String> {
        let bytes = match value {
            AttributeValue::String(bytes) => bytes.slice(),
            AttributeValue::DebugLineStrRef(at) => self.line_str.get(at.0..)?,
            AttributeValue::DebugStrRef(at) => self.str.get(at.0..)?,
            _ => return None,
        };
        let bytes = &bytes[..bytes.len().min(4 * FILE_CHARS_MAX)];
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        let text = String::from_utf8_lossy(&bytes[..end]);
        Some(text.chars().filter(|c| !c.is_control()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &[u8] = include_bytes!("../tests/guests/lines.wasm");

    fn all_places(sources: &Sources) -> Vec<String> {
        let places = (0..2048).filter_map(|at| sources.place(at)).collect::<Vec<_>>();
        assert!(sources.places.rows.len() <= ROWS_MAX);
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
        let line = line_of_lines();
        for at in 0..line.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff, line[at] ^ 1] {
                let mut garbled = line.clone();
                garbled[at] = byte;
                all_places(&of(garbled, &[]));
            }
            all_places(&of(line[..at].to_vec(), &[]));
        }
    }

    /// Every byte of a program a row of its own.
    #[test]
    fn more_lines_than_anybody_reads_are_not_read() {
        let mut line = line_of_lines();
        line.resize(SECTION_BYTES_MAX, 0x4b);
        let length = line.len() as u32 - 4;
        line[..4].copy_from_slice(&length.to_le_bytes());
        let bomb = of(line, &[]);
        all_places(&bomb);
        let rows = &bomb.places.rows;
        assert_eq!(rows.len(), ROWS_MAX);
        let last = rows.last().unwrap().address as usize;
        assert!(bomb.place(last - 1).is_some());
        assert_eq!((rows[ROWS_MAX - 1].line, bomb.place(last + 1000)), (0, None));
    }

    #[test]
    fn names_without_an_end_are_not_looked_through() {
        let many = FILES_MAX + 1000;
        let program = a_row_for_each_of(many);
        let endless =
            of(unit(false, STRP, &vec![0; 4 * many], many, &program), &vec![b'x'; 800_000]);
        assert!(endless.place(0x10).is_some());
        let Places { rows, files } = &*endless.places;
        assert_eq!((rows.len(), files.len()), (many + 1, FILES_MAX));
        assert!(files.iter().all(|file| file.len() == FILE_CHARS_MAX));

        // The first ones point out of the section.
        let mut names = vec![0xff; 4 * FILES_MAX];
        names.resize(4 * many, 0);
        let missing = of(unit(false, STRP, &names, many, &program), b"a.c\0");
        assert_eq!(missing.place(0x10), None);
        assert_eq!(missing.places.files.len(), 0);
    }

    #[test]
    fn a_header_larger_than_anybody_writes_is_passed_over() {
        let lines = line_of_lines();
        let rows = |line: Vec<u8>| {
            let sources = of(line, &[]);
            assert!(all_places(&sources).contains(&"lines.c:17".to_owned()));
            sources.places.rows.len()
        };
        let alone = rows(lines.clone());
        for is_64 in [false, true] {
            let of_files = |n: usize| {
                let unit = unit(is_64, DATA1, &vec![0; n], n, &a_row_for_each_of(1));
                rows([unit, lines.clone()].concat())
            };
            // With a row and its end.
            assert_eq!(of_files(HEADER_BYTES_MAX - 100), alone + 2);
            assert_eq!(of_files(HEADER_BYTES_MAX), alone);
        }
    }

    #[test]
    fn a_program_that_breaks_off_tells_nothing_of_what_follows() {
        let whole = a_row_for_each_of(1);
        // Without an end, and with an instruction of which the rest is missing.
        let cut = &whole[..whole.len() - 3];
        for program in [cut.to_vec(), [cut, &[0, 0x7f]].concat()] {
            let sources = of(unit(false, STRING, b"a.c\0", 1, &program), &[]);
            assert_eq!(sources.place(0x10), Some("a.c:1".to_owned()));
            assert_eq!((sources.place(0x11), sources.place(0x1000)), (None, None));
        }
    }

    #[test]
    fn a_line_as_far_back_as_numbers_go_is_not_run() {
        let back = [&[3_u8][..], &[0x80; 9], &[0x7f, 1]].concat();
        let program = [a_row_for_each_of(1), back].concat();
        let sources = of(unit(false, STRING, b"a.c\0", 1, &program), &[]);
        assert_eq!(sources.place(0x10), None);
    }

    const STRING: u8 = 0x08;
    const DATA1: u8 = 0x0b;
    const STRP: u8 = 0x0e;

    /// In version 5: files of which nothing is said but a path, in this form.
    fn unit(is_64: bool, form: u8, paths: &[u8], files: usize, program: &[u8]) -> Vec<u8> {
        let lengths: [u8; 12] = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
        let no_folders: [u8; 4] = [1, 1, DATA1, 0];
        let start =
            [&[1_u8, 1, 1, 0xfb, 14, 13][..], &lengths, &no_folders, &[1, 1, form]].concat();
        let header = [start, leb(files), paths.to_vec()].concat();
        let word = |n: usize| match is_64 {
            true => (n as u64).to_le_bytes().to_vec(),
            false => (n as u32).to_le_bytes().to_vec(),
        };
        let rest = [&[5_u8, 0, 4, 0][..], &*word(header.len()), &header, program].concat();
        let mark: &[u8] = if is_64 { &[0xff; 4] } else { &[] };
        [mark, &*word(rest.len()), &rest].concat()
    }

    /// From 0x10 on, a byte each, and their end.
    fn a_row_for_each_of(files: usize) -> Vec<u8> {
        let mut program = vec![0, 5, 2, 0x0f, 0, 0, 0];
        for file in 0..files {
            program.extend([vec![4], leb(file), vec![32]].concat());
        }
        program.extend([2, 1, 0, 1, 1]);
        program
    }

    /// Of three bytes, whatever it is.
    fn leb(n: usize) -> Vec<u8> {
        vec![(n & 0x7f) as u8 | 0x80, ((n >> 7) & 0x7f) as u8 | 0x80, (n >> 14) as u8]
    }

    fn line_of_lines() -> Vec<u8> {
        let ([line, ..], _) = sections(LINES).unwrap();
        line.into_vec()
    }

    fn of(line: Vec<u8>, str: &[u8]) -> Sources {
        let sections = [line.into_boxed_slice(), Box::default(), str.into()];
        Sources::new(sections, 0)
    }
}
