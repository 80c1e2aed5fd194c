//! The store on real files, real processes and real faults.
//!
//! Short by default; `FOREBAY_STORE_ROUNDS` multiplies what is repeated at random. Counts of how
//! the cases ended go to standard error, past the capture, and so does every part that this
//! machine cannot run: nothing is left out silently.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
#![allow(
    clippy::disallowed_methods,
    reason = "tests measure time, run processes of their own and end them"
)]

mod child;
mod contract;
mod damage;
mod erase;
mod faults;
mod full;
mod golden;
mod kill;
mod power;
mod rot;
mod salvage;
mod size;
mod snapshot;
mod support;
mod turns;
