use crate::exit::{Exit, Failure};
use forebay::{COMPILER_BYTES_MAX, COMPILER_SECS_MAX, ChildCompiler, CompileFailure, Compiler};
use rustix::process::{Resource, Rlimit, setrlimit};
use std::path::Path;
use std::sync::Arc;

/// This binary, by its inode: the file may be another by now.
const ITSELF: &str = "/proc/self/exe";

/// This binary as a compiler, where it can be started again.
pub fn compiler() -> Option<Compiler> {
    let compiler = || -> Compiler { Arc::new(ChildCompiler::new(ITSELF, ["compile"])) };
    Path::new(ITSELF).exists().then(compiler)
}

/// Limits itself, then compiles what comes by stdin to stdout.
pub fn run() -> Result<Exit, Failure> {
    for (resource, max) in [
        (Resource::As, COMPILER_BYTES_MAX),
        (Resource::Cpu, COMPILER_SECS_MAX),
        (Resource::Core, 0),
    ] {
        let limit = Rlimit { current: Some(max), maximum: Some(max) };
        setrlimit(resource, limit).map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    let compiled = forebay::compile_as_child(std::io::stdin().lock(), std::io::stdout().lock());
    compiled.map(|()| Exit::Ok).map_err(|failure| match failure {
        CompileFailure::Module(why) => Failure::new(Exit::Failed, why),
        other => Failure::new(Exit::Usage, other),
    })
}
