//! A whole `Control` behind a real HTTP server on loopback, with a log in memory.
#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests meet the machine")]

mod access;
mod again;
mod apps;
mod attempts;
mod audit;
mod chosen;
mod commands;
mod endpoints;
mod erase;
mod event_types;
mod examples;
mod explain;
mod filters;
mod keys;
mod letters;
mod matrix;
mod messages;
mod node;
mod openapi;
mod pages;
mod pins;
mod poller;
mod requests;
mod scrape;
mod sources;
mod stats;
mod tables;
mod tail;
mod tenants;
mod transformations;
