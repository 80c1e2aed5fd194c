//! fjall's journal, read with our own eyes and never written.
//!
//! fjall trusts a record's header, stops at the first one it cannot read and cuts the file there,
//! without a word of what came after. So its journals are read before it opens them.

use crate::mark::Mark;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::Xxh3;

/// The journals in a directory, oldest first; the last one is written to.
pub fn paths(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut journals = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "jnl") {
            let stem = path.file_stem().and_then(|stem| stem.to_str());
            let number = stem.and_then(|stem| stem.parse::<u64>().ok());
            journals.push((number.unwrap_or(u64::MAX), path));
        }
    }
    journals.sort();
    Ok(journals.into_iter().map(|(_, path)| path).collect())
}

/// One batch of ours, intact.
#[derive(Clone, Copy, Debug)]
pub struct Batch {
    pub seqno: u64,
    pub mark: Mark,
}

/// What stands at a place in a journal.
pub enum Step {
    Batch(Batch),
    /// Nothing but zeros from here to the end of the file: fjall allocates ahead.
    End,
    Broken,
}

/// Reads one journal, batch by batch.
///
/// ```text
/// batch = 1 │ items u32 │ seqno u64        the header is in no checksum
///         2 │ type │ compression │ keyspace u64 │ key u16 │ value u32 │ stored u32 │ key │ value
///         3 │ xxh3 of all items u64 │ "FJL" 3            (little endian)
/// ```
pub struct Journal {
    reader: BufReader<File>,
    bytes: u64,
    /// Where the next batch starts.
    at: u64,
    item: Vec<u8>,
}

const START: u8 = 1;
const ITEM: u8 = 2;
const END: u8 = 3;
const TRAILER: [u8; 4] = [b'F', b'J', b'L', 3];
const ITEM_HEADER_BYTES: usize = 21;

impl Journal {
    pub fn open(path: &Path) -> io::Result<Journal> {
        let file = File::open(path)?;
        let bytes = file.metadata()?.len();
        let reader = BufReader::with_capacity(256 << 10, file);
        Ok(Journal { reader, bytes, at: 0, item: Vec::new() })
    }

    /// The end of the last batch that `step` gave.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// Takes back what `step` gave since.
    pub fn back_to(&mut self, at: u64) {
        self.at = at;
    }

    /// The next batch. After anything else there is no sense in asking again.
    pub fn step(&mut self) -> io::Result<Step> {
        match self.batch() {
            Ok(Some((batch, length))) => {
                self.at += length;
                return Ok(Step::Batch(batch));
            }
            Ok(None) => {}
            Err(err) if err.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(err) => return Err(err),
        }
        Ok(if self.is_zero_from_here()? { Step::End } else { Step::Broken })
    }

    /// All bytes from the end of the last intact batch on.
    pub fn rest(&mut self) -> io::Result<Vec<u8>> {
        self.reader.seek(SeekFrom::Start(self.at))?;
        let mut bytes = Vec::new();
        self.reader.read_to_end(&mut bytes)?;
        let written = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        bytes.truncate(written);
        Ok(bytes)
    }

    fn is_zero_from_here(&mut self) -> io::Result<bool> {
        self.reader.seek(SeekFrom::Start(self.at))?;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                return Ok(true);
            }
            if chunk.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            let length = chunk.len();
            self.reader.consume(length);
        }
    }

    fn batch(&mut self) -> io::Result<Option<(Batch, u64)>> {
        let start: [u8; 13] = self.array()?;
        if start[0] != START {
            return Ok(None);
        }
        let count = u32::from_le_bytes(start[1..5].try_into().expect("four bytes"));
        let seqno = u64::from_le_bytes(start[5..].try_into().expect("eight bytes"));
        let mut length = start.len() as u64;
        let mut hash = Xxh3::new();
        let mut mark = None;
        for _ in 0..count {
            let Some((bytes, found)) = self.item(length, &mut hash)? else { return Ok(None) };
            length += bytes;
            mark = found.or(mark);
        }
        let end: [u8; 13] = self.array()?;
        length += end.len() as u64;
        let is_whole =
            end[0] == END && end[1..9] == hash.digest().to_le_bytes() && end[9..] == TRAILER;
        Ok(mark.filter(|_| is_whole).map(|mark| (Batch { seqno, mark }, length)))
    }

    /// Hashes one item; its length and the mark that its value is.
    fn item(&mut self, before: u64, hash: &mut Xxh3) -> io::Result<Option<(u64, Option<Mark>)>> {
        let header: [u8; ITEM_HEADER_BYTES] = self.array()?;
        let key = usize::from(u16::from_le_bytes(header[11..13].try_into().expect("two bytes")));
        let stored = u32::from_le_bytes(header[17..].try_into().expect("four bytes")) as usize;
        let length = (ITEM_HEADER_BYTES + key + stored) as u64;
        if header[0] != ITEM || self.at + before + length > self.bytes {
            return Ok(None);
        }
        self.item.resize(key + stored, 0);
        self.reader.read_exact(&mut self.item)?;
        hash.update(&header);
        hash.update(&self.item);
        Ok(Some((length, Mark::decode(&self.item[key..]))))
    }

    fn array<const N: usize>(&mut self) -> io::Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
