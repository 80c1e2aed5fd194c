//! Owns: the start of the process; all the rest of it is the library beside it.
//! Imports: cli.
//! Never: anything of its own.

fn main() -> std::process::ExitCode {
    cli::main()
}
