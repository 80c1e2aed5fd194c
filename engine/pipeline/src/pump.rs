//! The threads of the road: each loops one step over what its doors hold, carries out what the
//! step wants, and sleeps until it is rung or its deadline comes. No decision is taken here.

mod publisher;
mod reader;
mod returns;
mod screen;
mod shard;
mod start;
mod writer;

pub use publisher::{Publisher, Refused, Reply, Ticket};
pub use screen::{GUEST_NICE, GuestMaker};
pub use shard::{Deliver, DeliverMaker, Delivering};
pub use start::{PumpOptions, Pumps, Road};
pub use writer::OnCommit;
