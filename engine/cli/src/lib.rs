//! Owns: all of the binary `forebay`: commands, exit codes, the globals of its process, its bench.
//! Imports: forebay, event, signature.
//! Never: a power that an embedder of the library or a caller of the API lacks.

#![allow(clippy::disallowed_methods, reason = "the binary meets the machine")]

mod arguments;
pub mod bench;
mod client;
mod commands;
mod context;
mod demo;
#[cfg(test)]
mod examples;
mod exit;
mod given;
mod live;
mod number;
mod resources;
mod samples;
mod subscriber;
mod wanted;
mod workshop;

use arguments::{Arguments, Command};
use clap::Parser;
use exit::{Exit, Failure};
use std::process::ExitCode;

/// All of the binary: reads the arguments, runs the command, tells how it ended.
pub fn main() -> ExitCode {
    prepare_process();
    let arguments = Arguments::parse();
    match run(arguments) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprint!("{failure}");
            failure.exit.into()
        }
    }
}

/// What the library leaves to the process: what is written is for its owner alone, and as many
/// files and sockets may be open as the system lets it have.
fn prepare_process() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // Where that is refused the limit stays, and fewer senders are let in at once.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn run(arguments: Arguments) -> Result<Exit, Failure> {
    match arguments.command {
        Command::Demo(options) => demo::run(&options),
        Command::Serve(options) => commands::serve::run(&options),
        Command::Check(options) => commands::check::run(&options),
        Command::Config(options) => commands::config::run(&options),
        Command::Send(options) => commands::send::run(&options),
        Command::Trigger(options) => commands::trigger::run(&options),
        Command::App(command) => command.run(),
        Command::Endpoint(command) => command.run(),
        Command::EventType(command) => command.run(),
        Command::Compile => commands::compile::run(),
        Command::Source(command) => command.run(),
        Command::Filter(command) => command.run(),
        Command::Table(command) => command.run(),
        Command::Key(command) => command.run(),
        Command::Apply(command) => command.run(),
        Command::Diff(command) => command.run(),
        Command::Export(command) => command.run(),
        Command::Context(command) => command.run(),
        Command::Dlq(command) => command.run(),
        Command::Explain(command) => command.run(),
        Command::Erase(command) => command.run(),
        Command::Audit(command) => command.run(),
        Command::Stats(command) => command.run(),
        Command::Tail(command) => command.run(),
        Command::Listen(command) => command.run(),
        Command::Sign(options) => commands::sign::run(&options),
        Command::Verify(options) => commands::verify::run(&options),
        Command::Bench(options) => bench::run(&options),
        Command::Doctor(options) => commands::doctor::run(&options),
        Command::Backup(options) => commands::backup::run(&options),
        Command::Restore(options) => commands::restore::run(&options),
        Command::Openapi => commands::openapi(),
        Command::Man { dir } => commands::man(dir.as_deref()),
        Command::Completions { shell } => commands::completions(shell),
    }
}
