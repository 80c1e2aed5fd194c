use control::{BookPage, Denied, Pending};
use runtime::spawn_thread;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use tokio::sync::oneshot;

/// The log of changes, a line each, in two files of the data directory: the one that is written to,
/// and the one before it.
///
/// A line is written at once and never synced for itself: it survives the death of the process.
#[derive(Clone)]
pub struct Book {
    path: PathBuf,
}

/// Of one of the two files.
const FILE_BYTES_MAX: u64 = 8 << 20;
const CHUNK_BYTES: u64 = 256 << 10;
const READER_NICE: u8 = 5;

impl Book {
    pub fn new(data: &Path) -> Book {
        Book { path: data.join("audit.jsonl") }
    }

    fn older(&self) -> PathBuf {
        self.path.with_extension("jsonl.1")
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let open = || {
            let mut options = OpenOptions::new();
            options.create(true).append(true).mode(0o600).open(&self.path)
        };
        let mut file = open()?;
        if file.metadata()?.len() >= FILE_BYTES_MAX {
            fs::rename(&self.path, self.older())?;
            file = open()?;
        }
        // With its end before it, so that a line that was cut spoils no other.
        file.write_all(format!("\n{line}").as_bytes())
    }

    /// Lines from the newest on, or from a place on, and where they end; nothing when there are no
    /// older ones. Those of a place whose file is gone are gone too.
    fn read(&self, from: Option<Place>, count: usize) -> io::Result<BookPage> {
        // Both before either is read: one may become the other meanwhile.
        let mut files = [Backwards::open(&self.path)?, Backwards::open(&self.older())?];
        let names = [files[0].name()?, files[1].name()?];
        let count_of_files = if names[0] == names[1] { 1 } else { 2 };
        let (mut found, mut end, mut from) = (Vec::new(), None, from);
        for (file, name) in files.iter_mut().zip(names).take(count_of_files) {
            match from {
                Some(place) if place.file != name => continue,
                Some(place) => file.at = place.at.min(file.at),
                None => {}
            }
            from = None;
            while let Some(line) = file.next()? {
                if found.len() == count {
                    return Ok((found, end.map(|end: Place| end.to_string())));
                }
                found.push(line);
                end = Some(Place { file: name, at: file.unread() });
            }
        }
        Ok((found, None))
    }
}

impl control::Book for Book {
    fn keep(&self, line: &str) {
        if let Err(error) = self.append(line) {
            let path = self.path.display();
            tracing::error!(%error, %path, "the log of changes cannot be written");
        }
    }

    fn page(&self, from: Option<String>, count: usize) -> Pending<Result<BookPage, Denied>> {
        let (book, (tell, told)) = (self.clone(), oneshot::channel());
        let from = match from.as_deref().map(Place::read) {
            Some(None) => return Box::pin(async { Err(Denied::NotFound) }),
            from => from.flatten(),
        };
        // Without a thread the asker is told that nobody answers.
        let _ = spawn_thread("audit", READER_NICE, move || {
            let _ = tell.send(book.read(from, count));
        });
        Box::pin(async move {
            match told.await {
                Ok(read) => read.map_err(|error| Denied::Failed(error.to_string())),
                Err(_) => Err(Denied::Busy),
            }
        })
    }
}

/// What lies before it in a file is older. It stays true when the file is renamed or copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    /// By its first line.
    file: u64,
    at: u64,
}

impl Place {
    fn read(text: &str) -> Option<Place> {
        let (file, at) = text.split_once('-')?;
        Some(Place { file: u64::from_str_radix(file, 16).ok()?, at: at.parse().ok()? })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:x}-{}", self.file, self.at)
    }
}

/// The lines of a file from its end on.
struct Backwards {
    file: Option<fs::File>,
    /// What lies before it is still to be read.
    at: u64,
    rest: Vec<u8>,
}

impl Backwards {
    fn open(path: &Path) -> io::Result<Backwards> {
        let file = match fs::File::open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            file => Some(file?),
        };
        let at = file.as_ref().map_or(Ok(0), |file| file.metadata().map(|meta| meta.len()))?;
        Ok(Backwards { file, at, rest: Vec::new() })
    }

    /// Of its first line, which tells when and by which request it came to be; the same for all
    /// that have none.
    fn name(&mut self) -> io::Result<u64> {
        let Some(file) = &mut self.file else { return Ok(0) };
        let mut head = Vec::new();
        file.seek(SeekFrom::Start(0))?;
        file.take(CHUNK_BYTES).read_to_end(&mut head)?;
        let first = head.split(|byte| *byte == b'\n').find(|line| !line.is_empty());
        let digest = Sha256::digest(first.unwrap_or_default());
        Ok(digest[..8].iter().fold(0, |name, byte| name << 8 | u64::from(*byte)))
    }

    /// So many bytes of the file were not given yet, from its beginning.
    fn unread(&self) -> u64 {
        self.at + self.rest.len() as u64
    }

    fn next(&mut self) -> io::Result<Option<String>> {
        loop {
            let end = self.rest.iter().rposition(|byte| *byte == b'\n');
            let line = match end {
                Some(end) => self.rest.split_off(end + 1),
                None if self.at == 0 => std::mem::take(&mut self.rest),
                None => {
                    self.more()?;
                    continue;
                }
            };
            self.rest.truncate(end.unwrap_or(0));
            if !line.is_empty() {
                return Ok(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if end.is_none() {
                return Ok(None);
            }
        }
    }

    fn more(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        let count = CHUNK_BYTES.min(self.at);
        self.at -= count;
        file.seek(SeekFrom::Start(self.at))?;
        let mut bytes = vec![0; count as usize];
        file.read_exact(&mut bytes)?;
        bytes.append(&mut self.rest);
        self.rest = bytes;
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn pages_go_back_over_both_files_and_the_oldest_lines_go() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::new(folder.path());
        assert_eq!(book.read(None, 10).unwrap(), (vec![], None));
        let long = "x".repeat(100_000);
        for n in 0..200 {
            book.append(&format!("{n} {long}")).unwrap();
        }
        let number = |line: &String| line.split(' ').next().unwrap().parse::<u64>().unwrap();
        let (mut all, mut from) = (Vec::new(), None);
        loop {
            let (lines, next) = book.read(from, 7).unwrap();
            all.extend(lines.iter().map(number));
            match next {
                Some(next) => from = Place::read(&next),
                None => break,
            }
        }
        let wanted: Vec<u64> = (0..200).rev().take(all.len()).collect();
        assert_eq!(all, wanted);
        assert!((80..200).contains(&all.len()), "{}: the oldest are gone", all.len());
        let files = fs::read_dir(folder.path()).unwrap();
        let bytes: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
        assert!(bytes < 2 * FILE_BYTES_MAX + 200_000, "{bytes}");
    }

    #[test]
    fn what_comes_meanwhile_shifts_no_page() {
        let folder = tempfile::tempdir().unwrap();
        let book = Book::new(folder.path());
        let fill = "x".repeat(80_000);
        let add = |from: u64, to: u64| {
            (from..to).for_each(|n| book.append(&format!("{n} {fill}")).unwrap());
        };
        let number = |line: &String| line.split(' ').next().unwrap().parse::<u64>().unwrap();
        let page = |from: &Option<String>| {
            let from = from.as_deref().map(|text| Place::read(text).unwrap());
            let (lines, next) = book.read(from, 10).unwrap();
            (lines.iter().map(number).collect::<Vec<_>>(), next)
        };
        add(0, 50);
        let (first, place) = page(&None);
        add(50, 60);
        let (second, place) = page(&place);
        // The file becomes the older one, and then is gone.
        add(60, 160);
        assert!(book.older().exists());
        let (third, place) = page(&place);
        let down = |from: u64| (from - 10..from).rev().collect::<Vec<_>>();
        assert_eq!((first, second, third), (down(50), down(40), down(30)));
        add(160, 400);
        assert_eq!(page(&place), (vec![], None));
        assert_eq!(page(&None).0, down(400));
        assert_eq!(Place::read("7"), None);
    }
}
