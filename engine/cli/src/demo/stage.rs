use crate::demo::audit::{DeadLetter, Owed};
use crate::demo::endpoints::ENDPOINTS;
use crate::demo::news::News;
use crate::demo::payload::Payload;
use crate::demo::posts::Post;
use crate::demo::progress::Progress;
use crate::demo::setup::{Ports, Secrets};
use crate::demo::tally::Tally;
use crate::demo::{Sabotage, block_on, in_thread, receiver, sender, setup};
use anyhow::Context;
use event::EndpointId;
use forebay::{Engine, Log};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The engine under way, and all that plays around it.
pub struct Stage {
    engine: Engine,
    pub addr: SocketAddr,
    secrets: Secrets,
    config: PathBuf,
    news: Receiver<News>,
    /// For the sender; kept so that the receiver is not the last to hold one.
    tell: Sender<News>,
    /// Holds the dead port.
    _dead: tokio::net::TcpSocket,
}

/// More dead letters than this are a failure of their own kind.
const DEAD_MAX: usize = 100_000;
const GRACE: Duration = Duration::from_secs(10);
/// By the engine's books all is done, and for so long it stayed so.
const SETTLED: Duration = Duration::from_secs(1);
/// Longer than any pause that an endpoint of the demo is given.
const STALLED: Duration = Duration::from_secs(45);

impl Stage {
    pub fn set(dir: &Path, sabotage: Option<Sabotage>) -> anyhow::Result<Stage> {
        let secrets = Secrets::fresh()?;
        let (tell, news) = channel();
        let receiver = receiver::start(&secrets.endpoints, sabotage, tell.clone())?;
        let (_dead, dead) = receiver::dead_port()?;
        let ports = Ports { receiver, dead };
        let (plan, config) = setup::plan(dir, &secrets, ports, sabotage)?;
        let engine = Engine::open(plan)?;
        let addr = engine.addr().context("the engine listens")?;
        Ok(Stage { engine, addr, secrets, config, news, tell, _dead })
    }

    pub fn send(&self, payloads: Arc<Vec<Payload>>, posts: Vec<Post>) -> anyhow::Result<()> {
        sender::start(self.addr, payloads, posts, &self.secrets.sources, self.tell.clone())
    }

    /// Counts until all that is owed was seen, or nothing more is to be expected.
    pub fn follow(&self, tally: &mut Tally, owed: &Owed) -> anyhow::Result<()> {
        const LOOK_EVERY: Duration = Duration::from_millis(100);
        let books = self.books();
        let mut progress = Progress::start(owed);
        let mut looked_at = Instant::now();
        let (mut heard_at, mut settled_since) = (Instant::now(), None);
        loop {
            match self.news.recv_timeout(LOOK_EVERY) {
                Ok(news) => {
                    tally.take(news);
                    heard_at = Instant::now();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => unreachable!("the stage holds a sender"),
            }
            if looked_at.elapsed() < LOOK_EVERY {
                continue;
            }
            looked_at = Instant::now();
            let dead = books.dead()?;
            progress.show(tally, owed, &dead);
            let is_all_there = tally.arrived == owed.arrivals.iter().sum::<usize>();
            if !tally.is_all_sent {
                continue;
            }
            // It has to be so at every look for that long.
            settled_since = settled_since.filter(|_| books.are_settled().unwrap_or(false));
            let is_settled = settled_since.get_or_insert_with(Instant::now).elapsed() > SETTLED;
            if (is_all_there && dead == owed.dead) || is_settled || heard_at.elapsed() > STALLED {
                progress.end();
                return Ok(());
            }
        }
    }

    /// What the engine has written down. They can be read also after it has stopped.
    pub fn books(&self) -> Books {
        let place = |name: &str| ENDPOINTS.iter().position(|endpoint| endpoint.name == name);
        let of_engine = self.engine.endpoints().into_iter();
        let places = of_engine.filter_map(|(id, name)| Some((id, place(&name)?))).collect();
        Books { log: self.engine.log().clone(), places }
    }

    /// Stops everything; what was still under way is counted, too.
    pub fn strike(self, tally: &mut Tally) -> anyhow::Result<()> {
        block_on(self.engine.shutdown(GRACE))?;
        self.news.try_iter().for_each(|news| tally.take(news));
        Ok(())
    }

    /// Stays up until Ctrl-C and shows what arrives.
    pub fn stay(self, dir: TempDir) -> anyhow::Result<()> {
        let dir = dir.keep();
        eprintln!("\nStill up, until Ctrl-C, in {}", dir.display());
        eprintln!("  configuration  {}", self.config.display());
        eprintln!("  GitHub's way in http://{}/in/github; to send to it:\n", self.addr);
        eprintln!("  body='{{\"zen\":\"Keep it logically awesome.\"}}'");
        eprintln!(
            "  sum=$(printf %s \"$body\" | openssl dgst -sha256 -hmac '{}' -r)",
            self.secrets.sources[0]
        );
        eprintln!("  curl -si -H 'X-GitHub-Event: ping' \\");
        eprintln!("       -H \"X-Hub-Signature-256: sha256=${{sum%% *}}\" \\");
        eprintln!("       -d \"$body\" http://{}/in/github\n", self.addr);
        let Stage { engine, news, .. } = self;
        in_thread("news", move || async move {
            for news in news {
                if let News::Arrived(arrived) = news {
                    let name = ENDPOINTS[arrived.endpoint].name;
                    eprintln!("{name} got {} ({} bytes)", arrived.id, arrived.body.len());
                }
            }
        })?;
        block_on(async {
            tokio::signal::ctrl_c().await?;
            eprintln!("\nstopping");
            engine.shutdown(GRACE).await;
            anyhow::Ok(())
        })?
    }
}

/// The engine's log, read.
pub struct Books {
    log: Arc<dyn Log>,
    /// Which of the demo's endpoints has which id.
    places: Vec<(EndpointId, usize)>,
}

impl Books {
    pub fn dead_letters(&self) -> anyhow::Result<Vec<DeadLetter>> {
        let mut letters = Vec::new();
        for (delivery, row) in self.log.dead(None, DEAD_MAX)? {
            let parcel = self.log.parcel(delivery)?.context("a dead letter has a parcel")?;
            letters.push(DeadLetter {
                endpoint: self.place(delivery.lane.endpoint)?,
                id: parcel.event.id,
                reason: row.reason.into(),
                attempts: row.attempts,
            });
        }
        Ok(letters)
    }

    /// Dead letters by endpoint.
    fn dead(&self) -> anyhow::Result<Vec<usize>> {
        let mut dead = vec![0; ENDPOINTS.len()];
        for (delivery, _) in self.log.dead(None, DEAD_MAX)? {
            dead[self.place(delivery.lane.endpoint)?] += 1;
        }
        Ok(dead)
    }

    /// Nothing is owed to anybody any more.
    fn are_settled(&self) -> anyhow::Result<bool> {
        let head = self.log.head();
        let is_routed = self.log.watermarks()?.is_some_and(|marks| marks.least() >= head);
        let is_read = self.log.lanes()?.iter().all(|(_, row)| row.cursor >= head);
        Ok(is_routed && is_read && self.log.retries(None, 1)?.is_empty())
    }

    fn place(&self, id: EndpointId) -> anyhow::Result<usize> {
        let found = self.places.iter().find(|(known, _)| *known == id);
        found.map(|(_, place)| *place).with_context(|| format!("{id:?} is none of the demo's"))
    }
}
