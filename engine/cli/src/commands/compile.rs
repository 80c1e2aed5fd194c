use crate::exit::{Exit, Failure};
use forebay::{COMPILER_BYTES_MAX, COMPILER_SECS_MAX, ChildCompiler, CompileFailure, Compiler};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::path::Path;
use std::sync::Arc;

/// This binary, by its inode: the file may be another by now.
const ITSELF: &str = "/proc/self/exe";
/// Between the two limits of time. The first ends it by SIGXCPU, which says why; the last by
/// SIGKILL, as the kernel does when memory runs out.
const CPU_GRACE_SECS: u64 = 5;

/// This binary as a compiler, where it can be started again.
pub fn compiler() -> Option<Compiler> {
    let compiler = || -> Compiler { Arc::new(ChildCompiler::new(ITSELF, ["compile"])) };
    Path::new(ITSELF).exists().then(compiler)
}

/// Limits itself, then compiles what comes by stdin to stdout.
pub fn run() -> Result<Exit, Failure> {
    for (resource, max, grace) in [
        (Resource::As, COMPILER_BYTES_MAX, 0),
        (Resource::Cpu, COMPILER_SECS_MAX, CPU_GRACE_SECS),
        (Resource::Core, 0, 0),
    ] {
        // A limit that the server was started with may be less, and cannot be raised.
        let given = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let hard = given.min(max + grace);
        let limit = Rlimit { current: Some(hard.saturating_sub(grace)), maximum: Some(hard) };
        setrlimit(resource, limit).map_err(|error| Failure::new(Exit::Usage, error))?;
    }
    let compiled = forebay::compile_as_child(std::io::stdin().lock(), std::io::stdout().lock());
    compiled.map(|()| Exit::Ok).map_err(|failure| match failure {
        CompileFailure::Module(why) => Failure::new(Exit::Failed, why),
        other => Failure::new(Exit::Usage, other),
    })
}
