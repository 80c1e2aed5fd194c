//! The configuration, from a file, the environment and flags.
