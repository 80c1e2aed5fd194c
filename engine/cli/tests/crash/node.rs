//! The real binary as a process, which is ended in every way there is.

use crate::home::Home;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Far beyond what a start or a stop may take: to tell a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Node {
    child: Child,
    lines: mpsc::Receiver<String>,
    said: String,
}

/// How a process ended: its exit code, none after a signal, and all that it said.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub said: String,
}

impl Node {
    pub fn start(home: &Home) -> Node {
        Node::spawn(home.serve(&[]))
    }

    /// Its log lines are read as they come, so it never waits for a reader.
    pub fn spawn(mut command: Command) -> Node {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                drop(say.send(line));
            }
        });
        Node { child, lines, said: String::new() }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The next line with `part`; none when the process ended without one.
    pub fn hear(&mut self, part: &str) -> Option<String> {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said += &line;
                    self.said.push('\n');
                    if line.contains(part) {
                        return Some(line);
                    }
                }
                Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("no {part:?} in\n{}", self.said),
            }
        }
    }

    /// Where it listens; how it ended when it does not.
    pub fn try_listening(mut self) -> Result<(Node, SocketAddr), Ended> {
        match self.hear("\"message\":\"listening\"") {
            Some(line) => {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap();
                let addr = line["addr"].as_str().unwrap().parse().unwrap();
                Ok((self, addr))
            }
            None => Err(self.ended()),
        }
    }

    #[track_caller]
    pub fn listening(self) -> (Node, SocketAddr) {
        self.try_listening().unwrap_or_else(|ended| panic!("it does not start: {ended:?}"))
    }

    pub fn signal(&self, name: &str) {
        let id = self.pid().to_string();
        assert!(Command::new("kill").args([name, &id]).status().unwrap().success());
    }

    /// Kill -9; when it was.
    pub fn kill(mut self) -> Instant {
        self.child.kill().unwrap();
        let at = Instant::now();
        self.child.wait().unwrap();
        at
    }

    /// SIGTERM, and all that was in flight must end in time.
    #[track_caller]
    pub fn stop(self) -> Instant {
        let at = Instant::now();
        self.signal("-TERM");
        let ended = self.ended();
        assert_eq!(ended.code, Some(0), "{}", ended.said);
        assert!(ended.said.contains("\"message\":\"stopped\""), "{}", ended.said);
        at
    }

    /// Waits for it to end by itself.
    pub fn ended(mut self) -> Ended {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it said last is still on its way.
                while let Ok(line) = self.lines.recv_timeout(PATIENCE) {
                    self.said += &line;
                    self.said.push('\n');
                }
                return Ended { code: status.code(), said: std::mem::take(&mut self.said) };
            }
            assert!(Instant::now() < until, "it does not end: {}", self.said);
            std::thread::park_timeout(Duration::from_millis(2));
        }
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// A line of `/proc/<pid>/status`, such as `VmRSS`, in KiB.
    pub fn memory_kib(&self, name: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
    }

    /// Clock ticks of CPU, of 100 a second.
    pub fn cpu_ticks(&self) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<_> = text.rsplit_once(')').unwrap().1.split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // After a failed assertion; it has ended already otherwise.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
