use super::take::Take;
use bytes::Bytes;
use event::{Offset, Time};
use std::fs;
use std::path::Path;
use store::doors::{
    Found, Head, HeadFile, Journal, Mark, OpenGeneration, Scan, Step, decode_index,
};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// What is read before fjall sees it: HEAD, journals, marks, and an index.
pub fn recovery(bytes: &[u8]) {
    let mut take = Take(bytes);
    match take.byte() % 5 {
        0 => head(&mut take),
        1 => raw_journal(take.rest()),
        2 => journal(&mut take),
        3 => marks(take.rest()),
        _ => index(take.rest()),
    }
}

/// Memory rather than a disk, where there is such a place.
fn folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.expect("a folder can be made")
}

/// Two slots are made to fit, or not; then what is written is what is found again.
fn head(take: &mut Take<'_>) {
    let folder = folder();
    let path = folder.path().join("HEAD");
    let mut file = vec![0; 4096 + 48];
    for at in [0, 4096] {
        let is_sealed = !take.byte().is_multiple_of(4);
        let slot = take.slice(48);
        file[at..at + slot.len()].copy_from_slice(slot);
        if is_sealed {
            file[at..at + 6].copy_from_slice(b"4BHEAD");
            let checksum = xxh3_64(&file[at..at + 40]).to_be_bytes();
            file[at + 40..at + 48].copy_from_slice(&checksum);
        }
    }
    file.truncate(usize::from(take.byte()) * 64);
    fs::write(&path, &file).unwrap();
    let Ok((mut file, _)) = HeadFile::open(&path) else { return };
    let next = Head {
        offset: Offset(take.u64()),
        group: take.u64(),
        is_clean: take.byte().is_multiple_of(2),
    };
    file.write(next).unwrap();
    drop(file);
    assert_eq!(HeadFile::open(&path).unwrap().1, Found::Head(next), "what was last written counts");
}

fn raw_journal(bytes: &[u8]) {
    let folder = folder();
    let path = folder.path().join("0.jnl");
    fs::write(&path, bytes).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    let mut last = 0;
    while let Step::Batch(_) = journal.step().unwrap() {
        assert!(journal.at() > last && journal.at() <= bytes.len() as u64);
        last = journal.at();
    }
    assert_eq!(journal.at(), last);
    let rest = journal.rest().unwrap();
    assert!(bytes[last as usize..].starts_with(&rest));
    let scan = Scan::read(folder.path(), 0).unwrap();
    assert_eq!(scan.last.is_some(), scan.first.is_some());
}

/// Journals as the store writes them, then bytes of them changed. No change may go unnoticed
/// and take a group along.
fn journal(take: &mut Take<'_>) {
    let folder = folder();
    let groups = 1 + u64::from(take.byte() % 6);
    let in_first = u64::from(take.byte()) % (groups + 1);
    let mut files = [Vec::new(), Vec::new()];
    for group in 1..=groups {
        let size = usize::from(take.byte());
        let mark = mark(group, take.byte().is_multiple_of(2));
        files[usize::from(group > in_first)].extend(batch(group * 8, &mark, take.slice(size)));
    }
    files[1].extend_from_slice(&[0; 64]);
    let paths = [0, 1].map(|n| folder.path().join(format!("{n}.jnl")));
    let write = |files: &[Vec<u8>; 2]| {
        paths.iter().zip(files).for_each(|(path, bytes)| fs::write(path, bytes).unwrap());
        Scan::read(folder.path(), 0).unwrap()
    };
    let whole = write(&files);
    assert!(whole.broken.is_none(), "an intact journal is broken");
    assert_eq!(whole.last.map(|mark| mark.group), Some(groups));
    let mut has_change = false;
    while !take.0.is_empty() {
        let (file, at) = (usize::from(take.byte()) % 2, take.u32() as usize);
        let change = take.byte();
        // Zeros behind the end are room, not journal.
        let length = files[file].len() - if file == 1 { 64 } else { 0 };
        if let Some(byte) = files[file][..length].get_mut(at % length.max(1)) {
            *byte ^= change;
            has_change |= change != 0;
        }
    }
    let seen = write(&files);
    assert!(seen.synced_group <= whole.synced_group, "a sync that was never written");
    let (last, all) = (seen.last.map_or(0, |mark| mark.group), groups);
    assert!(last <= all, "a group that was never written");
    assert!(seen.broken.is_some() || last == all, "{last} of {all} groups, and nothing is said");
    assert!(has_change || seen.broken.is_none());
}

fn mark(group: u64, is_synced: bool) -> Mark {
    let synced_group = if is_synced { group - 1 } else { 0 };
    Mark {
        group,
        synced_group,
        synced_head: Offset(synced_group * 3),
        first: Offset((group - 1) * 3),
        head: Offset(group * 3),
        seqno: group * 8,
        open: OpenGeneration { newest: Time::from_secs(group), ..OpenGeneration::default() },
    }
}

/// One batch of fjall's: a header, items, a trailer over the items.
fn batch(seqno: u64, mark: &Mark, value: &[u8]) -> Vec<u8> {
    let mark = mark.encode();
    let mut items = Vec::new();
    for (key, value) in [(&b"event"[..], value), (&b"mark"[..], &mark[..])] {
        items.extend_from_slice(&[2, 0, 0]);
        items.extend_from_slice(&7u64.to_le_bytes());
        items.extend_from_slice(&(key.len() as u16).to_le_bytes());
        items.extend_from_slice(&(value.len() as u32).to_le_bytes());
        items.extend_from_slice(&(value.len() as u32).to_le_bytes());
        items.extend_from_slice(key);
        items.extend_from_slice(value);
    }
    let mut hash = Xxh3::new();
    hash.update(&items);
    let mut bytes = vec![1];
    bytes.extend_from_slice(&2u32.to_le_bytes());
    bytes.extend_from_slice(&seqno.to_le_bytes());
    bytes.extend_from_slice(&items);
    bytes.push(3);
    bytes.extend_from_slice(&hash.digest().to_le_bytes());
    bytes.extend_from_slice(b"FJL\x03");
    bytes
}

/// A mark is found wherever it stands, and written again it is the same.
fn marks(bytes: &[u8]) {
    let found: Vec<Mark> = Mark::find_all(bytes).collect();
    for mark in &found {
        assert_eq!(Mark::decode(&mark.encode()), Some(*mark));
    }
    let mut take = Take(bytes);
    let numbers: [u64; 11] = std::array::from_fn(|_| take.u64());
    let [group, synced_group, synced_head, first, head, seqno, number, start, size, newest, sum] =
        numbers;
    let open = OpenGeneration {
        number,
        first: Offset(start),
        bytes: size,
        newest: Time::from_nanos(newest),
        checksum: sum,
    };
    let (synced_head, first, head) = (Offset(synced_head), Offset(first), Offset(head));
    let mark = Mark { group, synced_group, synced_head, first, head, seqno, open };
    let mut rubble = [bytes, &mark.encode(), bytes].concat();
    assert_eq!(Mark::find_all(&rubble).filter(|found| *found == mark).count() % 2, 1);
    let at = bytes.len() + group as usize % 100;
    rubble[at] ^= 0x10;
    let intact = Mark::find_all(&rubble).filter(|found| !found_in(&found_of(bytes), found)).count();
    assert_eq!(intact, 0, "a changed mark counts");
}

fn found_of(bytes: &[u8]) -> Vec<Mark> {
    Mark::find_all(bytes).collect()
}

fn found_in(all: &[Mark], one: &Mark) -> bool {
    all.contains(one)
}

fn index(bytes: &[u8]) {
    let Some(entries) = decode_index(&Bytes::copy_from_slice(bytes)) else { return };
    assert!(entries.len() <= bytes.len() / 6 + 1, "more entries than there is room for");
    assert!(entries.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
}
