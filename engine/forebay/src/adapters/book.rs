use control::{BookPage, Denied, Pending};
use runtime::spawn_thread;
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

    /// Lines from the newest on, after so many, and how many they are then; nothing when there are
    /// no more.
    fn read(&self, skip: u64, count: usize) -> io::Result<BookPage> {
        let (mut found, mut passed) = (Vec::new(), 0);
        for path in [self.path.clone(), self.older()] {
            let mut lines = Backwards::open(&path)?;
            while let Some(line) = lines.next()? {
                if found.len() == count {
                    return Ok((found, Some(passed)));
                }
                passed += 1;
                if passed > skip {
                    found.push(line);
                }
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

    fn page(&self, skip: Option<u64>, count: usize) -> Pending<Result<BookPage, Denied>> {
        let (book, (tell, told)) = (self.clone(), oneshot::channel());
        // Without a thread the asker is told that nobody answers.
        let _ = spawn_thread("audit", READER_NICE, move || {
            let _ = tell.send(book.read(skip.unwrap_or(0), count));
        });
        Box::pin(async move {
            match told.await {
                Ok(read) => read.map_err(|error| Denied::Failed(error.to_string())),
                Err(_) => Err(Denied::Busy),
            }
        })
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
        assert_eq!(book.read(0, 10).unwrap(), (vec![], None));
        let long = "x".repeat(100_000);
        for n in 0..200 {
            book.append(&format!("{n} {long}")).unwrap();
        }
        let number = |line: &String| line.split(' ').next().unwrap().parse::<u64>().unwrap();
        let (mut all, mut skip) = (Vec::new(), 0);
        loop {
            let (lines, next) = book.read(skip, 7).unwrap();
            all.extend(lines.iter().map(number));
            match next {
                Some(next) => skip = next,
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
}
