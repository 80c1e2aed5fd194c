use event::Offset;
use log::Failure;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::xxh3_64;

/// How far the log was synced, as the writer last said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// One past the last synced event.
    pub offset: Offset,
    /// The last synced group. Groups are numbered from 1 and leave none out, so a lost one is
    /// noticed whatever rows it held.
    pub group: u64,
    /// The writer closed the log and wrote nothing after it.
    pub is_clean: bool,
}

/// The file `HEAD`: two slots a page apart, written in turn, the later intact one counts.
///
/// Written after each sync and not synced itself. The death of the process leaves it exact; a
/// power cut may leave it behind, never ahead.
///
/// ```text
/// magic 6 │ format 2 │ turn 8 │ offset 8 │ group 8 │ clean 8 │ checksum 8
/// ```
pub struct HeadFile {
    file: File,
    path: PathBuf,
    turn: u64,
}

/// What the file said when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// There is a file, but neither slot is intact.
    Unreadable,
    Head(Head),
}

const MAGIC: [u8; 6] = *b"4BHEAD";
/// Of the whole directory. A later one is refused: it may hold what this code would not see.
const FORMAT: u16 = 1;
const SLOT_BYTES: usize = 48;
const SLOT_DISTANCE: u64 = 4096;

impl HeadFile {
    pub fn open(path: &Path) -> Result<(HeadFile, Found), Failure> {
        let disk = |source| Failure::Disk { path: path.to_owned(), source };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(disk)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(disk)?;
        let slots = [0, SLOT_DISTANCE as usize].map(|at| slot(bytes.get(at..at + SLOT_BYTES)));
        let newest = slots.into_iter().flatten().max_by_key(|slot| slot.turn);
        // Of either slot: the later one of a newer version may be torn.
        let newer = slots.into_iter().flatten().find(|slot| slot.format > FORMAT);
        if let Some(Slot { format, .. }) = newer {
            let why = format!("written by a newer version (format {format}, known is {FORMAT})");
            return Err(Failure::Unusable { path: path.to_owned(), why });
        }
        let found = match newest {
            Some(slot) => Found::Head(slot.head),
            None if bytes.is_empty() => Found::Nothing,
            None => Found::Unreadable,
        };
        let turn = newest.map_or(0, |slot| slot.turn);
        Ok((HeadFile { file, path: path.to_owned(), turn }, found))
    }

    pub fn write(&mut self, head: Head) -> Result<(), Failure> {
        self.turn += 1;
        let bytes = encode(self.turn, head);
        let written = self.file.write_all_at(&bytes, self.turn % 2 * SLOT_DISTANCE);
        written.map_err(|source| Failure::Disk { path: self.path.clone(), source })
    }

    pub fn sync(&self) -> Result<(), Failure> {
        let synced = self.file.sync_all();
        synced.map_err(|source| Failure::Disk { path: self.path.clone(), source })
    }
}

/// A whole file that says `head`.
pub fn slots(head: Head) -> Vec<u8> {
    let mut bytes = encode(2, head);
    bytes.resize(SLOT_DISTANCE as usize, 0);
    bytes.extend(encode(1, head));
    bytes
}

fn encode(turn: u64, head: Head) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(SLOT_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&FORMAT.to_be_bytes());
    for number in [turn, head.offset.0, head.group, u64::from(head.is_clean)] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    let checksum = xxh3_64(&bytes);
    bytes.extend_from_slice(&checksum.to_be_bytes());
    bytes
}

#[derive(Clone, Copy)]
struct Slot {
    format: u16,
    turn: u64,
    head: Head,
}

fn slot(bytes: Option<&[u8]>) -> Option<Slot> {
    let (content, checksum) = bytes?.split_at(SLOT_BYTES - 8);
    if content[..6] != MAGIC || checksum != xxh3_64(content).to_be_bytes() {
        return None;
    }
    let number = |i: usize| {
        let at = 8 + 8 * i;
        u64::from_be_bytes(content[at..at + 8].try_into().expect("eight bytes"))
    };
    let turn = number(0);
    if turn == u64::MAX {
        // No process writes so often: somebody else wrote it, and there is no turn after it.
        return None;
    }
    let format = u16::from_be_bytes(content[6..8].try_into().expect("two bytes"));
    let head = Head { offset: Offset(number(1)), group: number(2), is_clean: number(3) != 0 };
    Some(Slot { format, turn, head })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn head(offset: u64) -> Head {
        Head { offset: Offset(offset), group: offset + 1, is_clean: false }
    }

    #[test]
    fn a_slot_after_which_there_is_no_turn_is_none_of_ours() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("HEAD");
        let (mut file, _) = HeadFile::open(&path).unwrap();
        file.turn = u64::MAX - 1;
        file.write(head(7)).unwrap();
        let (mut file, found) = HeadFile::open(&path).unwrap();
        assert!(matches!(found, Found::Unreadable));
        file.write(head(8)).unwrap();
    }

    #[test]
    fn the_later_intact_slot_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("HEAD");
        let (mut file, found) = HeadFile::open(&path).unwrap();
        assert_eq!(found, Found::Nothing);
        for offset in 1..=5 {
            file.write(head(offset)).unwrap();
        }
        let reopen = || HeadFile::open(&path).unwrap().1;
        assert_eq!(reopen(), Found::Head(head(5)));
        let whole = std::fs::read(&path).unwrap();
        for at in (0..64).chain(4096..whole.len()) {
            let mut changed = whole.clone();
            changed[at] ^= 0x40;
            std::fs::write(&path, &changed).unwrap();
            let in_newest = (4096..4096 + SLOT_BYTES).contains(&at);
            assert_eq!(reopen(), Found::Head(head(if in_newest { 4 } else { 5 })), "byte {at}");
        }
        std::fs::write(&path, vec![0; 4096]).unwrap();
        assert_eq!(reopen(), Found::Unreadable);
    }

    #[test]
    fn a_newer_format_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("HEAD");
        HeadFile::open(&path).unwrap().0.write(head(1)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let slot = &mut bytes[4096..];
        slot[7] = 2;
        let checksum = xxh3_64(&slot[..SLOT_BYTES - 8]).to_be_bytes();
        slot[SLOT_BYTES - 8..].copy_from_slice(&checksum);
        std::fs::write(&path, &bytes).unwrap();
        let refused = HeadFile::open(&path).err().unwrap();
        assert_eq!(refused.exit_code(), 2, "{refused}");
    }
}
