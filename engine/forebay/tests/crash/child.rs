//! The process that is ended: this test binary, started again.

use crate::scene::plan;
use forebay::Engine;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const DATA: &str = "FOREBAY_CRASH_DATA";
const RECEIVER: &str = "FOREBAY_CRASH_RECEIVER";
/// Far beyond what a start or a stop may take: to tell a hang.
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Child {
    inner: std::process::Child,
    lines: mpsc::Receiver<String>,
}

impl Child {
    pub fn start(data: &Path, receiver: SocketAddr) -> Child {
        let mut inner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child::a_child_lives_until_it_is_stopped"])
            .args(["--nocapture", "--test-threads=1"])
            .env(DATA, data)
            .env(RECEIVER, receiver.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let out = BufReader::new(inner.stdout.take().unwrap());
        let (say, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in out.lines().map_while(Result::ok) {
                drop(say.send(line));
            }
        });
        Child { inner, lines }
    }

    /// What the child says after `word`.
    fn hear(&mut self, word: &str) -> String {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            let line = line.unwrap_or_else(|_| panic!("no `{word}`: {:?}", self.inner.try_wait()));
            if let Some(rest) = line.strip_prefix(word) {
                return rest.trim().to_owned();
            }
        }
    }

    pub fn listening(&mut self) -> SocketAddr {
        self.hear("listening").parse().unwrap()
    }

    /// Kill -9; when it was.
    pub fn kill(mut self) -> Instant {
        self.inner.kill().unwrap();
        let at = Instant::now();
        self.inner.wait().unwrap();
        at
    }

    /// As by SIGTERM: the engine shuts down, and all that was in flight must end in time.
    pub fn stop(mut self) -> Instant {
        let at = Instant::now();
        drop(self.inner.stdin.take());
        assert_eq!(self.hear("stopped"), "true", "all that was in flight has ended");
        let status = self.inner.wait().unwrap();
        assert!(status.success(), "{status}");
        at
    }
}

/// Started without a role, this checks that a child whose directory is in use says so and ends.
#[test]
fn a_child_lives_until_it_is_stopped() {
    let Some(data) = std::env::var_os(DATA) else {
        let data = tempfile::tempdir().unwrap();
        let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
        let engine = Engine::open(plan(data.path(), nobody)).unwrap();
        let mut second = Child::start(data.path(), nobody);
        assert_eq!(second.inner.wait().unwrap().code(), Some(4), "the directory is in use");
        let stopped = runtime::tasks::run(engine.shutdown(PATIENCE));
        assert!(stopped.unwrap());
        return;
    };
    let receiver = std::env::var(RECEIVER).unwrap().parse().unwrap();
    let engine = match Engine::open(plan(Path::new(&data), receiver)) {
        Ok(engine) => engine,
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(error.exit_code().into());
        }
    };
    say(&format!("listening {}", engine.addr().unwrap()));
    let (closed, closing) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        // Nothing is ever written there: it closes.
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        closed.send(()).unwrap();
    });
    let stopped = runtime::tasks::run(async move {
        tokio::select! {
            failure = engine.failed() => {
                eprintln!("{failure}");
                std::process::exit(failure.exit_code().into());
            }
            _ = closing => engine.shutdown(PATIENCE).await,
        }
    });
    say(&format!("stopped {}", stopped.unwrap()));
    std::process::exit(0);
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    // The harness may have begun a line.
    out.write_all(format!("\n{line}\n").as_bytes()).unwrap();
    out.flush().unwrap();
}
