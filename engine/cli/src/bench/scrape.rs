use crate::bench::setup::KEY;
use crate::bench::wire::next_message;
use bytes::BytesMut;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What the engine's own metrics say of its commits, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Commits {
    pub groups: f64,
    pub events: f64,
    pub syncs: f64,
    pub sync_seconds: f64,
}

impl Commits {
    pub fn ask(engine: SocketAddr) -> io::Result<Commits> {
        let mut stream = TcpStream::connect(engine)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        let request = format!(
            "GET /metrics HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {KEY}\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut text = Vec::new();
        stream.read_to_end(&mut text)?;
        let answer = next_message(&mut BytesMut::from(&text[..]))?;
        let page = answer.map(|answer| answer.body).unwrap_or_default();
        Ok(Commits::read(&String::from_utf8_lossy(&page)))
    }

    fn read(page: &str) -> Commits {
        let number = |name: &str| {
            let line = page.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().parse().ok()).unwrap_or(0.0)
        };
        Commits {
            groups: number("forebay_commit_events_count "),
            events: number("forebay_commit_events_sum "),
            syncs: number("forebay_fsync_seconds_count "),
            sync_seconds: number("forebay_fsync_seconds_sum "),
        }
    }

    pub fn since(self, before: Commits) -> Commits {
        Commits {
            groups: self.groups - before.groups,
            events: self.events - before.events,
            syncs: self.syncs - before.syncs,
            sync_seconds: self.sync_seconds - before.sync_seconds,
        }
    }

    /// Events that share a commit, on average.
    pub fn group(&self) -> f64 {
        self.events / self.groups.max(1.0)
    }

    /// Of one synced commit, on average.
    pub fn sync_ms(&self) -> f64 {
        self.sync_seconds * 1e3 / self.syncs.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_counts_are_read_off_the_page() {
        let page = "# TYPE forebay_commit_events histogram\n\
                    forebay_commit_events_bucket{le=\"1.0\"} 2\n\
                    forebay_commit_events_sum 30.0\nforebay_commit_events_count 10\n\
                    forebay_fsync_seconds_sum 0.02\nforebay_fsync_seconds_count 5\n";
        let commits = Commits::read(page).since(Commits::default());
        assert_eq!((commits.group(), commits.sync_ms()), (3.0, 4.0));
    }
}
