//! Senders with one connection each, who remember what they sent and what they were told.

use crate::letter::Letter;
use event::Rng;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;

const SENDERS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(60);

/// A letter and what became of it at its sender.
pub struct Sent {
    pub letter: Letter,
    /// The life in which its last post broke off, when one did.
    pub broken: Option<u32>,
    pub accepted: Option<Accepted>,
}

/// A 2xx.
pub struct Accepted {
    pub id: String,
    pub at: Instant,
}

#[derive(Clone, Copy, PartialEq)]
enum Target {
    Nobody,
    Life { number: u32, addr: SocketAddr, is_last: bool },
}

pub struct Senders {
    target: watch::Sender<Target>,
    answers: mpsc::Receiver<u32>,
    thread: JoinHandle<Vec<Sent>>,
}

impl Senders {
    pub fn start() -> Senders {
        let (target, targets) = watch::channel(Target::Nobody);
        let (answered, answers) = mpsc::channel();
        let run = move || {
            let all = async move {
                let senders = (0..SENDERS).map(|n| {
                    let sender = Sender::new(n, answered.clone());
                    runtime::tasks::spawn(sender.run(targets.clone()))
                });
                let mut sent = Vec::new();
                for sender in senders.collect::<Vec<_>>() {
                    sent.extend(sender.await.unwrap());
                }
                sent
            };
            runtime::tasks::run(all).unwrap()
        };
        Senders { target, answers, thread: std::thread::spawn(run) }
    }

    pub fn send_to(&self, number: u32, addr: SocketAddr) {
        self.target.send_replace(Target::Life { number, addr, is_last: false });
    }

    pub fn wait_for_answer(&self, life: u32) {
        while self.answers.recv_timeout(PATIENCE).expect("a minute without an answer") < life {}
    }

    /// What was not answered is sent once more; then all is told.
    pub fn finish(self, number: u32, addr: SocketAddr) -> Vec<Sent> {
        self.target.send_replace(Target::Life { number, addr, is_last: true });
        self.thread.join().unwrap()
    }
}

struct Sender {
    n: usize,
    rng: Rng,
    answered: mpsc::Sender<u32>,
    sent: Vec<Sent>,
    /// Posts again what broke off; otherwise it is forgotten, as careless senders do.
    is_careful: bool,
}

impl Sender {
    fn new(n: usize, answered: mpsc::Sender<u32>) -> Sender {
        let is_careful = n.is_multiple_of(2);
        Sender { n, rng: Rng::seeded(n as u64), answered, sent: Vec::new(), is_careful }
    }

    async fn run(mut self, mut targets: watch::Receiver<Target>) -> Vec<Sent> {
        let mut last = 0;
        loop {
            let is_new =
                |target: &Target| matches!(target, Target::Life { number, .. } if *number > last);
            let target = *targets.wait_for(is_new).await.unwrap();
            let Target::Life { number, addr, is_last } = target else { unreachable!("waited for") };
            last = number;
            // An engine that is ended breaks whatever its senders are doing; while it lives they
            // come back.
            while self.live(number, addr, is_last).await.is_err() && *targets.borrow() == target {
                runtime::tasks::sleep(Duration::from_millis(10)).await;
            }
            if is_last {
                return self.sent;
            }
        }
    }

    async fn live(&mut self, life: u32, addr: SocketAddr, is_last: bool) -> io::Result<()> {
        let mut stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        if self.is_careful {
            self.say_again(&mut stream, life).await?;
        }
        if is_last {
            return Ok(());
        }
        loop {
            let n = self.sent.len() as u64;
            let letter = Letter::new(self.n, n, &mut self.rng);
            self.sent.push(Sent { letter, broken: None, accepted: None });
            self.post(&mut stream, life).await?;
            if life.is_multiple_of(2) {
                runtime::tasks::sleep(Duration::from_millis(1)).await;
            }
        }
    }

    /// The last letter once more: a repeat of what was answered is known as one, with its id.
    async fn say_again(&mut self, stream: &mut TcpStream, life: u32) -> io::Result<()> {
        let Some(last) = self.sent.last() else { return Ok(()) };
        let known = last.accepted.as_ref().map(|accepted| accepted.id.clone());
        let answer = self.post(stream, life).await?;
        if let Some(id) = known {
            assert!(answer.contains("\"duplicate\":true"), "a repeat is no new event: {answer}");
            assert_eq!(id_in(&answer), id);
        }
        Ok(())
    }

    async fn post(&mut self, stream: &mut TcpStream, life: u32) -> io::Result<String> {
        let sent = self.sent.last_mut().expect("the letter is there");
        loop {
            sent.broken = Some(life);
            let (status, answer) = exchange(stream, &sent.letter.request()).await?;
            sent.broken = None;
            match status {
                202 => {
                    let accepted = Accepted { id: id_in(&answer), at: Instant::now() };
                    sent.accepted.get_or_insert(accepted);
                    self.answered.send(life).unwrap();
                    return Ok(answer);
                }
                503 | 507 => runtime::tasks::sleep(Duration::from_millis(20)).await,
                other => panic!("answered {other}: {answer}"),
            }
        }
    }
}

fn id_in(answer: &str) -> String {
    let at = answer.find("evt_").unwrap_or_else(|| panic!("no id in {answer}"));
    answer[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> io::Result<(u16, String)> {
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    loop {
        if stream.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = std::str::from_utf8(&answer).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.map_or(0, |length| length.parse().unwrap());
        if body.len() >= length {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let is_refused = [503, 507].contains(&status);
            assert!(
                !is_refused || head.contains("\r\nretry-after: "),
                "when to come again: {head}"
            );
            return Ok((status, body.to_owned()));
        }
    }
}
