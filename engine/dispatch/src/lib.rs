//! Owns: what one lane does and when: order, window, rate, retry schedule, breaker, trouble.
//! Imports: event.
//! Never: a thread, async, a clock, randomness, I/O. Time and draws are arguments.

mod breaker;
pub mod bug;
mod effects;
pub mod lane;
mod rate;
mod rules;
mod schedule;
mod window;

pub use breaker::Breaker;
pub use effects::Effects;
pub use lane::{Lane, Offer, Order};
pub use rate::RateLimit;
pub use rules::{Ordering, Rules};
pub use schedule::RetrySchedule;
pub use window::Window;
