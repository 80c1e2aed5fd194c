use crate::door::{Bell, Door};
use crate::{ReadRequest, Reader, ToShard};
use log::Log;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The thread that reads the log for all shards.
pub(super) struct ReaderPump {
    pub log: Arc<dyn Log>,
    pub bell: Arc<Bell>,
    pub requests: Arc<Door<ReadRequest>>,
    pub shards: Vec<Arc<Door<ToShard>>>,
    pub stop: Arc<AtomicBool>,
}

impl ReaderPump {
    pub fn run(self) {
        let mut reader = Reader::default();
        while !self.stop.load(Ordering::Acquire) {
            while let Some(request) = self.requests.pop() {
                reader.push(request);
            }
            let Some(answer) = reader.step(&*self.log) else {
                let is_quiet = || self.requests.is_empty() && !self.stop.load(Ordering::Acquire);
                self.bell.sleep(Duration::from_secs(1), is_quiet);
                continue;
            };
            let shard = answer.shard as usize;
            self.bring(shard, ToShard::Read(answer));
        }
    }

    /// Waits for room: a shard never waits for the reader, so its door empties.
    fn bring(&self, shard: usize, mut message: ToShard) {
        while let Err(back) = self.shards[shard].push(message) {
            if self.stop.load(Ordering::Acquire) {
                return;
            }
            message = back;
            std::thread::park_timeout(Duration::from_micros(200));
        }
    }
}
