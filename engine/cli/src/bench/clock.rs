use std::time::Instant;

/// One time for loader and receiver, so that an event can carry when it was sent.
#[derive(Clone, Copy)]
pub struct Clock(Instant);

impl Clock {
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// Nanoseconds since the start.
    pub fn now(self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
}
