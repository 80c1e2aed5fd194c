use crate::door::{Bell, Door};
use crate::screen::{Guests, LongRuns, Place, Screen, Step};
use crate::{Answer, Question, ToShard};
use runtime::spawn_thread;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Makes the guests of one thread, on that thread.
pub type GuestMaker = Arc<dyn Fn() -> Box<dyn Guests> + Send + Sync>;

/// Of the threads that guests run on: where they and the rest of the road want the same core, the
/// road, which everybody waits for, has most of it.
pub const GUEST_NICE: u8 = 5;
/// Of those for [long questions](LongRuns), before which all others go.
const LONG_GUEST_NICE: u8 = 10;
const QUESTIONS_MAX: usize = 1024;

/// A thread that is asked everything, and one that takes over from it what is long.
pub(super) struct GuestThreads {
    pub questions: Arc<Door<Question>>,
    pub bells: [Arc<Bell>; 2],
    pub threads: [JoinHandle<()>; 2],
}

/// A thread that runs guests.
struct ScreenPump {
    maker: GuestMaker,
    bell: Arc<Bell>,
    questions: Arc<Door<Question>>,
    shards: Vec<Arc<Door<ToShard>>>,
    role: Role,
    stop: Arc<AtomicBool>,
}

enum Role {
    /// Sends on what is long.
    First(Onward),
    /// Says of each question whether it was long.
    Long(Arc<Door<Asked>>),
}

/// Whose question was answered, and whether it was long.
type Asked = (Place, bool);

/// The way to the thread for what is long.
struct Onward {
    runs: LongRuns,
    door: Arc<Door<Question>>,
    /// Nobody is rung by it: it counts when there is a next question.
    answered: Arc<Door<Asked>>,
    /// What found no room yet.
    waiting: VecDeque<Question>,
}

impl GuestThreads {
    pub fn start(
        n: usize,
        maker: &GuestMaker,
        shards: &[Arc<Door<ToShard>>],
        stop: &Arc<AtomicBool>,
    ) -> io::Result<GuestThreads> {
        let bells = [Bell::new(), Bell::new()];
        let [questions, door] = bells.each_ref().map(|bell| Door::new(QUESTIONS_MAX, bell.clone()));
        let answered = Door::new(QUESTIONS_MAX, Bell::new());
        let pump = |bell: &Arc<Bell>, questions, role| ScreenPump {
            maker: maker.clone(),
            bell: bell.clone(),
            questions,
            shards: shards.to_vec(),
            role,
            stop: stop.clone(),
        };
        let long = pump(&bells[1], door.clone(), Role::Long(answered.clone()));
        let (runs, waiting) = (LongRuns::default(), VecDeque::new());
        let onward = Onward { runs, door, answered, waiting };
        let first = pump(&bells[0], questions.clone(), Role::First(onward));
        let threads = [
            spawn_thread(&format!("guest-{n}"), GUEST_NICE, move || first.run())?,
            spawn_thread(&format!("long-guest-{n}"), LONG_GUEST_NICE, move || long.run())?,
        ];
        Ok(GuestThreads { questions, bells, threads })
    }
}

impl ScreenPump {
    fn run(mut self) {
        let mut guests = (self.maker)();
        let mut screen = Screen::default();
        while !self.stop.load(Ordering::Acquire) {
            self.take_questions(&mut screen);
            let Some(Step { place, answer, is_long }) = screen.step(&mut *guests) else {
                self.sleep();
                continue;
            };
            match &mut self.role {
                Role::First(onward) if is_long => {
                    onward.waiting.extend(screen.leave(&place));
                    onward.runs.add(place);
                }
                // Where it finds no room, the run is long for one question more. What was not run
                // says nothing of it.
                Role::Long(back) if answer.as_ref().is_some_and(|answer| answer.fuel > 0) => {
                    drop(back.push((place, is_long)));
                }
                _ => {}
            }
            match answer {
                Some(answer) => self.answer(answer),
                // What the other threads of this core have to do is short, and waits for it.
                None => std::thread::yield_now(),
            }
        }
    }

    fn take_questions(&mut self, screen: &mut Screen) {
        let Role::First(onward) = &mut self.role else {
            while let Some(question) = self.questions.pop() {
                screen.push(question);
            }
            return;
        };
        while let Some((place, is_long)) = onward.answered.pop() {
            onward.runs.answered(&place, is_long);
        }
        while let Some(question) = self.questions.pop() {
            let place = question.place();
            if onward.runs.has(&place) {
                onward.waiting.push_back(question);
            } else {
                screen.push_at(place, question);
            }
        }
        onward.send();
    }

    /// Until there is a question. What another thread has no room for is offered again.
    fn sleep(&self) {
        let has_waiting = matches!(&self.role, Role::First(onward) if !onward.waiting.is_empty());
        let is_quiet = || self.questions.is_empty() && !self.stop.load(Ordering::Acquire);
        self.bell.sleep(Duration::from_millis(if has_waiting { 1 } else { 1000 }), is_quiet);
    }

    fn answer(&self, answer: Answer) {
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

impl Onward {
    fn send(&mut self) {
        while let Some(question) = self.waiting.pop_front() {
            if let Err(back) = self.door.push(question) {
                self.waiting.push_front(back);
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
