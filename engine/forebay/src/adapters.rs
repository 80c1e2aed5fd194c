//! Ten-line bridges from the ports of one room to the services of another.

pub mod accept;
pub mod backup;
pub mod book;
pub mod bookmarks;
pub mod canaries;
pub mod control;
pub mod deliver;
mod gate;
pub mod guests;
pub mod tables;
mod turns;
