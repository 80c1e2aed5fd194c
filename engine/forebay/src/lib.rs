//! Owns: the engine as a library: its configuration, and the wiring of all rooms.
//! Imports: every room; it alone reads configuration files and the environment.
//! Never: a policy of its own, a global of the process, anything that an embedder lacks.

pub mod config;
