//! fjall's list of the files that a table consists of, read with our own eyes.
//!
//! fjall checks neither that list nor that it is there: with the list of its list of tables gone
//! it takes every table for a leftover and deletes it, and with a changed one it deletes what the
//! list does not name any more. So the lists are checked before it opens anything.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use xxhash_rust::xxh3::{Xxh3, xxh3_128};

/// The first of fjall's small files that is not there or not what was written.
///
/// Only for a database whose making was finished.
pub fn find_damaged_list(database: &Path) -> io::Result<Option<PathBuf>> {
    let version = database.join("version");
    if read(&version)?.as_deref() != Some(VERSION) {
        return Ok(Some(version));
    }
    // Without it fjall knows the name of no table, and deletes them all.
    let names = database.join("keyspaces/0");
    for table in tables(database)?.into_iter().chain([names.clone()]) {
        let current = table.join("current");
        let Some(bytes) = read(&current)? else {
            if table == names {
                return Ok(Some(current));
            }
            // On its way in or out: `Unfinished` looks after it.
            continue;
        };
        let Some(manifest) = Manifest::of_current(&table, &bytes) else {
            return Ok(Some(current));
        };
        let list = read(&manifest.path)?;
        if list.is_none_or(|list| xxh3_128(&list) != manifest.checksum) {
            return Ok(Some(manifest.path));
        }
    }
    Ok(None)
}

/// The first of fjall's sorted files that is not there or not what was written. Reads all of them,
/// so it is for a start that is refused anyway.
pub fn find_damaged_file(database: &Path) -> io::Result<Option<PathBuf>> {
    for table in tables(database)? {
        let Some(current) = read(&table.join("current"))? else { continue };
        let manifest = Manifest::of_current(&table, &current);
        let Some(list) = manifest.map(|manifest| read(&manifest.path)).transpose()?.flatten()
        else {
            continue;
        };
        for (number, checksum) in files_of(&list).unwrap_or_default() {
            let path = table.join(format!("tables/{number}"));
            if checksum_of(&path)? != Some(checksum) {
                return Ok(Some(path));
            }
        }
    }
    Ok(None)
}

const VERSION: &[u8] = b"FJL\x03";

/// Which list is in force, and its checksum.
struct Manifest {
    path: PathBuf,
    checksum: u128,
}

impl Manifest {
    /// `current` is: number u64 │ xxh3 u128 │ 0            (little endian)
    fn of_current(table: &Path, current: &[u8]) -> Option<Manifest> {
        let (number, rest) = current.split_first_chunk()?;
        let (checksum, kind) = rest.split_first_chunk()?;
        let number = u64::from_le_bytes(*number);
        (kind == [0]).then(|| Manifest {
            path: table.join(format!("v{number}")),
            checksum: u128::from_le_bytes(*checksum),
        })
    }
}

/// The files that an intact list names, each with its checksum; nothing when it is not one.
///
/// ```text
/// list    = sections │ "TOC!" │ count u32 │ entries │ trailer            (little endian)
/// entry   = at u64 │ length u64 │ name u16 and bytes
/// trailer = "SFA!" │ 2 bytes │ checksum u128 │ at of "TOC!" u64 │ its length u64
/// section "tables" = levels u8 │ each: runs u8 │ each: files u32 │
///                    each: number u64 │ 0 │ xxh3 u128 │ seqno u64
/// ```
fn files_of(list: &[u8]) -> Option<Vec<(u64, u128)>> {
    let tail = list.get(list.len().checked_sub(16)?..)?;
    let at = u64::from_le_bytes(tail[..8].try_into().ok()?);
    let mut toc = Bytes(list.get(usize::try_from(at).ok()?..)?);
    toc.take(4)?;
    for _ in 0..toc.u32()? {
        let (at, length) = (toc.u64()?, toc.u64()?);
        let name_length = u16::from_le_bytes(toc.take(2)?.try_into().ok()?);
        if toc.take(name_length.into())? == b"tables" {
            let (at, length) = (usize::try_from(at).ok()?, usize::try_from(length).ok()?);
            return files_of_section(Bytes(list.get(at..at.checked_add(length)?)?));
        }
    }
    None
}

fn files_of_section(mut section: Bytes<'_>) -> Option<Vec<(u64, u128)>> {
    let mut files = Vec::new();
    for _level in 0..section.u8()? {
        for _run in 0..section.u8()? {
            for _file in 0..section.u32()? {
                let number = section.u64()?;
                section.take(1)?;
                let checksum = u128::from_le_bytes(section.take(16)?.try_into().ok()?);
                section.u64()?;
                files.push((number, checksum));
            }
        }
    }
    Some(files)
}

/// What is left to take.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn u32(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn u64(&mut self) -> Option<u64> {
        Some(u64::from_le_bytes(self.take(8)?.try_into().ok()?))
    }
}

/// The directories of fjall's tables, its own list of tables left out.
fn tables(database: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(database.join("keyspaces")) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut paths = paths.collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.is_dir() && !path.ends_with("0"));
    paths.sort();
    Ok(paths)
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        bytes => bytes.map(Some),
    }
}

fn checksum_of(path: &Path) -> io::Result<Option<u128>> {
    let mut file = match File::open(path) {
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let (mut hash, mut chunk) = (Xxh3::new(), vec![0; 256 << 10]);
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(Some(hash.digest128())),
            count => hash.update(&chunk[..count]),
        }
    }
}
