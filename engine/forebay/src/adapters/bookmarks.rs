use crate::modules::write_whole;
use control::Denied;
use event::{EndpointId, Offset};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Where consumers have come to, a line each time in a file of the data directory; the last line
/// of a consumer counts.
///
/// A line is written at once and never synced for itself: a power cut may take the last ones, and
/// then a consumer is told again what it had.
pub struct Bookmarks {
    path: PathBuf,
    is_there: Box<dyn Fn(EndpointId) -> bool>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    places: BTreeMap<(EndpointId, Box<str>), Offset>,
    /// In the file.
    lines: usize,
}

/// A line of the file. The names of its members never change.
#[derive(Serialize, Deserialize)]
struct Line {
    ep: u64,
    consumer: Box<str>,
    next: u64,
}

const OF_ENDPOINT_MAX: usize = 100;
const ALL_MAX: usize = 10_000;
/// Beside one for each consumer: when there are more, the file is written anew.
const LINES_SPARE_MAX: usize = 100_000;

impl Bookmarks {
    /// `is_there` says whether there still is an endpoint of this id.
    pub fn open(data: &Path, is_there: Box<dyn Fn(EndpointId) -> bool>) -> Bookmarks {
        let path = data.join("consumers.jsonl");
        let mut state = State::default();
        match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                let path = path.display();
                tracing::error!(%path, %error, "where consumers have come to cannot be read");
            }
            Ok(bytes) => state.read(&String::from_utf8_lossy(&bytes)),
        }
        Bookmarks { path, is_there, state: state.into() }
    }

    fn write(&self, state: &mut State, line: &Line) -> io::Result<()> {
        if state.lines > state.places.len() + LINES_SPARE_MAX {
            let all = state.places.iter();
            let lines = all.map(|((ep, consumer), next)| {
                text(&Line { ep: ep.0, consumer: consumer.clone(), next: next.0 })
            });
            write_whole(&self.path, lines.collect::<String>().as_bytes())?;
            state.lines = state.places.len();
        }
        let mut options = OpenOptions::new();
        let mut file = options.create(true).append(true).mode(0o600).open(&self.path)?;
        state.lines += 1;
        // With an end before it, so that a line that was cut spoils no other.
        file.write_all(text(line).as_bytes())
    }
}

fn text(line: &Line) -> String {
    let line = serde_json::to_string(line).expect("texts and numbers can be written");
    format!("\n{line}")
}

impl State {
    fn read(&mut self, text: &str) {
        for line in text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()) {
            self.places.insert((EndpointId(line.ep), line.consumer), Offset(line.next));
            self.lines += 1;
        }
    }

    fn has_room(&self, endpoint: EndpointId) -> bool {
        let first = (endpoint, Box::from(""));
        let own = self.places.range(first..).take_while(|((of, _), _)| *of == endpoint);
        self.places.len() < ALL_MAX && own.count() < OF_ENDPOINT_MAX
    }
}

impl control::Bookmarks for Bookmarks {
    fn find(&self, endpoint: EndpointId, consumer: &str) -> Option<Offset> {
        self.state.borrow().places.get(&(endpoint, consumer.into())).copied()
    }

    fn put(&self, endpoint: EndpointId, consumer: &str, next: Offset) -> Result<(), Denied> {
        let mut state = self.state.borrow_mut();
        let key: (EndpointId, Box<str>) = (endpoint, consumer.into());
        if !state.places.contains_key(&key) && !state.has_room(endpoint) {
            state.places.retain(|(of, _), _| (self.is_there)(*of));
            if !state.has_room(endpoint) {
                let why = format!("an endpoint has {OF_ENDPOINT_MAX} consumers at most");
                return Err(Denied::Rejected(why));
            }
        }
        let line = Line { ep: endpoint.0, consumer: key.1.clone(), next: next.0 };
        // First the file: nobody is told that a place is kept which is not.
        self.write(&mut state, &line).map_err(|error| Denied::Failed(error.to_string()))?;
        state.places.insert(key, next);
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use control::Bookmarks as _;

    fn open(folder: &Path) -> Bookmarks {
        Bookmarks::open(folder, Box::new(|endpoint| endpoint.0 != 2))
    }

    #[test]
    fn places_outlive_a_restart_and_a_line_that_was_cut() {
        let folder = tempfile::tempdir().unwrap();
        let bookmarks = open(folder.path());
        assert_eq!(bookmarks.find(EndpointId(1), "a"), None);
        for n in 0..10 {
            bookmarks.put(EndpointId(1), "a", Offset(n)).unwrap();
            bookmarks.put(EndpointId(1), "b", Offset(2 * n)).unwrap();
        }
        let path = folder.path().join("consumers.jsonl");
        let whole = fs::read(&path).unwrap();
        fs::write(&path, &whole[..whole.len() - 4]).unwrap();
        let again = open(folder.path());
        let found = ["a", "b"].map(|name| again.find(EndpointId(1), name).unwrap().0);
        assert_eq!(found, [9, 16], "the last line of b is gone, so it is told more once more");
        again.put(EndpointId(1), "b", Offset(30)).unwrap();
        assert_eq!(open(folder.path()).find(EndpointId(1), "b"), Some(Offset(30)));
        assert_eq!(open(folder.path()).find(EndpointId(3), "a"), None);
    }

    #[test]
    fn they_have_an_end_and_those_of_endpoints_that_are_gone_make_room() {
        let folder = tempfile::tempdir().unwrap();
        let bookmarks = open(folder.path());
        let put =
            |endpoint, n: usize| bookmarks.put(EndpointId(endpoint), &format!("c{n}"), Offset(1));
        for n in 0..OF_ENDPOINT_MAX {
            put(1, n).unwrap();
            put(2, n).unwrap();
        }
        assert!(matches!(put(1, OF_ENDPOINT_MAX), Err(Denied::Rejected(_))));
        put(1, 0).unwrap();
        assert_eq!(bookmarks.find(EndpointId(2), "c0"), None, "its endpoint is gone");
    }

    #[test]
    fn the_file_is_written_anew_when_it_has_grown() {
        let folder = tempfile::tempdir().unwrap();
        let bookmarks = open(folder.path());
        for n in 0..LINES_SPARE_MAX as u64 + 20 {
            bookmarks.put(EndpointId(1), "a", Offset(n)).unwrap();
        }
        let path = folder.path().join("consumers.jsonl");
        assert!(fs::metadata(path).unwrap().len() < 10_000);
        let last = open(folder.path()).find(EndpointId(1), "a");
        assert_eq!(last, Some(Offset(LINES_SPARE_MAX as u64 + 19)));
    }
}
