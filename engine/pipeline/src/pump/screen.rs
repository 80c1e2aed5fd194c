use crate::door::{Bell, Door};
use crate::screen::{Guests, Screen};
use crate::{Question, ToShard};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Makes the guests of one thread, on that thread.
pub type GuestMaker = Arc<dyn Fn() -> Box<dyn Guests> + Send + Sync>;

/// A thread that runs guests.
pub(super) struct ScreenPump {
    pub maker: GuestMaker,
    pub bell: Arc<Bell>,
    pub questions: Arc<Door<Question>>,
    pub shards: Vec<Arc<Door<ToShard>>>,
    pub stop: Arc<AtomicBool>,
}

impl ScreenPump {
    pub fn run(self) {
        let mut guests = (self.maker)();
        let mut screen = Screen::default();
        while !self.stop.load(Ordering::Acquire) {
            while let Some(question) = self.questions.pop() {
                screen.push(question);
            }
            if screen.is_idle() {
                let is_quiet = || self.questions.is_empty() && !self.stop.load(Ordering::Acquire);
                self.bell.sleep(Duration::from_secs(1), is_quiet);
                continue;
            }
            let Some(answer) = screen.step(&mut *guests) else {
                // What the other threads of this core have to do is short, and waits for it.
                std::thread::yield_now();
                continue;
            };
            let shard = answer.shard as usize;
            let mut message = ToShard::Answer(answer);
            while let Err(back) = self.shards[shard].push(message) {
                if self.stop.load(Ordering::Acquire) {
                    return;
                }
                message = back;
                std::thread::park_timeout(Duration::from_micros(200));
            }
        }
    }
}
