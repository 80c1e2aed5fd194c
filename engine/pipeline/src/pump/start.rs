use super::publisher::{Publisher, Queued};
use super::reader::ReaderPump;
use super::screen::{GuestMaker, GuestThreads};
use super::shard::{DeliverMaker, ShardPump};
use super::writer::{OnCommit, ShardDoor, WriterPump};
use crate::door::{Bell, Door};
use crate::writer::{Loss, Started};
use crate::{Question, Shard, ShardStart};
use arc_swap::ArcSwap;
use event::{LaneId, Offset};
use log::{Failure, Log};
use runtime::{Clock, spawn_thread, tasks};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const ARRIVALS_MAX: usize = 16_384;
const COMMANDS_MAX: usize = 256;
const SHARD_INBOX_MAX: usize = 1024;
const READS_MAX: usize = 4096;

pub struct PumpOptions {
    pub clock: Arc<dyn Clock>,
    pub guest_threads: usize,
    /// Bytes of arrivals that may wait for the writer.
    pub queued_bytes_max: usize,
    pub guests: GuestMaker,
    pub deliver: DeliverMaker,
    /// Told when retention takes what a lane has not read.
    pub on_loss: Box<dyn Fn(Loss, LaneId, Offset, Offset) + Send>,
    pub on_commit: OnCommit,
    /// Told, on the writer's thread, when the log has failed: the process must end.
    pub on_fatal: Box<dyn FnOnce(Failure) + Send>,
}

/// What a start is made of: the log and what was read back from it.
pub struct Road {
    pub log: Arc<dyn Log>,
    pub started: Started,
}

/// The running threads of the road.
pub struct Pumps {
    pub publisher: Publisher,
    stop_writer: Arc<AtomicBool>,
    stop_rest: Arc<AtomicBool>,
    writer_bell: Arc<Bell>,
    bells: Vec<Arc<Bell>>,
    inboxes: Vec<Arc<Door<crate::ToShard>>>,
    drained: Vec<Arc<AtomicBool>>,
    writer: Option<JoinHandle<()>>,
    rest: Vec<JoinHandle<()>>,
}

impl Pumps {
    pub fn start(road: Road, options: PumpOptions) -> io::Result<Pumps> {
        let Started { writer, shards: starts } = road.started;
        let writer_bell = Bell::new();
        let arrivals = Door::new(ARRIVALS_MAX, writer_bell.clone());
        let commands = Door::new(COMMANDS_MAX, writer_bell.clone());
        let reports = Door::new(starts.len() * 2, writer_bell.clone());
        let queued = Arc::new(Queued { bytes_max: options.queued_bytes_max, ..Queued::default() });
        let history = Arc::new(ArcSwap::new(writer.history().clone()));
        let pauses = Arc::new(ArcSwap::new(writer.pauses().clone()));
        let publisher = Publisher { arrivals, commands, queued, history, pauses, returns: None };
        let shard_bells: Vec<_> = starts.iter().map(|_| Bell::new()).collect();
        let inboxes: Vec<_> =
            shard_bells.iter().map(|bell| Door::new(SHARD_INBOX_MAX, bell.clone())).collect();
        let mut pumps = Pumps {
            publisher,
            stop_writer: Arc::default(),
            stop_rest: Arc::default(),
            writer_bell,
            bells: shard_bells.clone(),
            inboxes,
            drained: Vec::new(),
            writer: None,
            rest: Vec::new(),
        };
        let reads = pumps.start_reader(road.log)?;
        let guests = pumps.start_guests(&options)?;
        for (start, bell) in starts.into_iter().zip(shard_bells) {
            let is_drained: Arc<AtomicBool> = Arc::default();
            pumps.drained.push(is_drained.clone());
            let inbox = pumps.inboxes[start.shard as usize].clone();
            let doors = (inbox, reads.clone(), guests.clone(), reports.clone());
            pumps.start_shard(start, bell, doors, is_drained, &options)?;
        }
        let PumpOptions { clock, on_loss, on_commit, on_fatal, .. } = options;
        let pump = WriterPump {
            writer,
            clock,
            bell: pumps.writer_bell.clone(),
            arrivals: pumps.publisher.arrivals.clone(),
            commands: pumps.publisher.commands.clone(),
            reports,
            queued: pumps.publisher.queued.clone(),
            shards: pumps.inboxes.iter().cloned().map(ShardDoor::new).collect(),
            stop: pumps.stop_writer.clone(),
            history: pumps.publisher.history.clone(),
            pauses: pumps.publisher.pauses.clone(),
            on_loss,
            on_commit,
        };
        pumps.writer = Some(spawn_thread("writer", 0, move || {
            if let Err(failure) = pump.run() {
                on_fatal(failure);
            }
        })?);
        Ok(pumps)
    }

    fn start_reader(&mut self, log: Arc<dyn Log>) -> io::Result<Arc<Door<crate::ReadRequest>>> {
        let bell = Bell::new();
        self.bells.push(bell.clone());
        let requests = Door::new(READS_MAX, bell.clone());
        let shards = self.inboxes.clone();
        let (asked, stop) = (requests.clone(), self.stop_rest.clone());
        let pump = ReaderPump { log, bell, requests: asked, shards, stop };
        self.rest.push(spawn_thread("reader", 0, move || pump.run())?);
        Ok(requests)
    }

    fn start_guests(&mut self, options: &PumpOptions) -> io::Result<Vec<Arc<Door<Question>>>> {
        let mut doors = Vec::new();
        for n in 0..options.guest_threads.max(1) {
            let GuestThreads { questions, bells, threads } =
                GuestThreads::start(n, &options.guests, &self.inboxes, &self.stop_rest)?;
            self.bells.extend(bells);
            self.rest.extend(threads);
            doors.push(questions);
        }
        Ok(doors)
    }

    fn start_shard(
        &mut self,
        start: ShardStart,
        bell: Arc<Bell>,
        doors: ShardDoors,
        is_drained: Arc<AtomicBool>,
        options: &PumpOptions,
    ) -> io::Result<()> {
        let (inbox, reads, guests, reports) = doors;
        let (clock, maker) = (options.clock.clone(), options.deliver.clone());
        let (stop, name) = (self.stop_rest.clone(), format!("shard-{}", start.shard));
        self.rest.push(spawn_thread(&name, 0, move || {
            let shard = Shard::start(start, clock.now());
            let pump =
                ShardPump { shard, clock, bell, inbox, reads, guests, reports, stop, is_drained };
            let running = tasks::run(async move { pump.run(maker()).await });
            running.expect("a thread of its own can have a runtime of its own");
        })?);
        Ok(())
    }

    /// Follows the road: no new arrivals, the writer drained, nothing new started, what is in
    /// flight finished within `grace`, its outcomes committed, everything closed.
    ///
    /// Blocks. True when all that was in flight ended in time; the rest will be tried again by
    /// the next start.
    pub fn shut_down(mut self, clock: &dyn Clock, grace: Duration) -> bool {
        self.publisher.close();
        let deadline = clock.now() + grace;
        for inbox in &self.inboxes {
            while inbox.push(crate::ToShard::Drain).is_err() && clock.now() < deadline {
                std::thread::park_timeout(Duration::from_millis(1));
            }
        }
        let is_drained = || self.drained.iter().all(|drained| drained.load(Ordering::Acquire));
        while !is_drained() && clock.now() < deadline && !self.writer_has_ended() {
            std::thread::park_timeout(Duration::from_millis(5));
        }
        let all_ended = is_drained();
        self.stop_writer.store(true, Ordering::Release);
        self.writer_bell.ring();
        let ended = self.writer.take().map(JoinHandle::join);
        self.stop_rest.store(true, Ordering::Release);
        self.bells.iter().for_each(|bell| bell.ring());
        let others = self.rest.drain(..).map(JoinHandle::join);
        let panicked = others.chain(ended).filter(Result::is_err).count();
        assert_eq!(panicked, 0, "a thread of the road has panicked");
        all_ended
    }

    fn writer_has_ended(&self) -> bool {
        self.writer.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

type ShardDoors = (
    Arc<Door<crate::ToShard>>,
    Arc<Door<crate::ReadRequest>>,
    Vec<Arc<Door<Question>>>,
    Arc<Door<crate::Report>>,
);
