use filter::{Compile, CompileFailure, FilterEngine, InProcess};
use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Compiles each module in a process of its own, so that none can take the engine's memory or a
/// core for good. The process is to call [`compile_as_child`].
pub struct ChildCompiler {
    program: PathBuf,
    arguments: Vec<OsString>,
}

/// Of the address space of a compiler. A module of 8 MiB has made one use 37 MiB of memory.
pub const COMPILER_BYTES_MAX: u64 = 4 << 30;
/// Of processor time; that module has taken 23 s, one of 119 KiB 0.2.
pub const COMPILER_SECS_MAX: u64 = 60;
/// Whatever else the machine does meanwhile.
const PATIENCE: Duration = Duration::from_secs(180);
const WORDS_BYTES_MAX: usize = 4 << 10;

impl ChildCompiler {
    pub fn new(
        program: impl Into<PathBuf>,
        arguments: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> ChildCompiler {
        let arguments = arguments.into_iter().map(Into::into).collect();
        ChildCompiler { program: program.into(), arguments }
    }

    fn spawn(&self) -> io::Result<Child> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
    }
}

impl Compile for ChildCompiler {
    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        let failed = |error: io::Error| {
            let program = self.program.display();
            CompileFailure::Compiler(format!("{program}: {error}"))
        };
        let mut child = self.spawn().map_err(failed)?;
        let answered = hand_over(&mut child, wasm).and_then(|()| answer(&mut child));
        let (code, words) = answered.inspect_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
        })?;
        let status = child.wait().map_err(failed)?;
        if status.success() { Ok(code) } else { Err(failure(status, &words)) }
    }
}

/// On a thread of its own: a compiler that does not read must not hold up who waits for it.
fn hand_over(child: &mut Child, wasm: &[u8]) -> Result<(), CompileFailure> {
    let (mut input, wasm) = (child.stdin.take().expect("it is piped"), wasm.to_vec());
    // One that ends early says why by its status.
    let write = move || drop(input.write_all(&wasm));
    let started = runtime::spawn_thread("compiler-in", 0, write);
    started.map(drop).map_err(|error| CompileFailure::Compiler(error.to_string()))
}

/// What it wrote, and what it said of itself.
fn answer(child: &mut Child) -> Result<(Vec<u8>, String), CompileFailure> {
    let (mut out, err) = (child.stdout.take(), child.stderr.take());
    let (tell, told) = mpsc::channel();
    let read = move || {
        let (mut code, mut words) = (Vec::new(), Vec::new());
        let read = out.as_mut().map(|out| out.read_to_end(&mut code));
        let said = err.map(|err| err.take(WORDS_BYTES_MAX as u64).read_to_end(&mut words));
        let is_whole = [read, said].into_iter().flatten().all(|read| read.is_ok());
        // Who is out of patience does not listen any more.
        let _ = tell.send(is_whole.then(|| (code, String::from_utf8_lossy(&words).into_owned())));
    };
    let broken = |why: &str| CompileFailure::Compiler(why.to_owned());
    runtime::spawn_thread("compiler-out", 0, read).map_err(|error| broken(&error.to_string()))?;
    match told.recv_timeout(PATIENCE) {
        Ok(Some(answer)) => Ok(answer),
        Ok(None) => Err(broken("its answer broke off")),
        Err(_) => Err(CompileFailure::Limit("time")),
    }
}

fn failure(status: ExitStatus, words: &str) -> CompileFailure {
    use std::os::unix::process::ExitStatusExt;
    let words = words.trim().trim_start_matches("error: ");
    const ABORTED: i32 = 6;
    const OUT_OF_TIME: i32 = 24;
    const KILLED: i32 = 9;
    match (status.code(), status.signal()) {
        (_, Some(OUT_OF_TIME)) => CompileFailure::Limit("time"),
        (_, Some(ABORTED | KILLED)) => CompileFailure::Limit("memory"),
        (Some(1), _) => CompileFailure::Module(words.to_owned()),
        _ => CompileFailure::Compiler(format!("{status}: {words}")),
    }
}

/// Compiles the module that comes by `input`, on behalf of a [`ChildCompiler`], and writes what it
/// comes to. The process has to have limited itself before, and to end with 1 when the module is at
/// fault.
pub fn compile_as_child(
    mut input: impl Read,
    mut output: impl Write,
) -> Result<(), CompileFailure> {
    let broken = |error: io::Error| CompileFailure::Compiler(error.to_string());
    let mut wasm = Vec::new();
    input.read_to_end(&mut wasm).map_err(broken)?;
    let code = InProcess(&FilterEngine::new()?).compile(&wasm)?;
    output.write_all(&code).and_then(|()| output.flush()).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(script: &str, wasm: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        ChildCompiler::new("/bin/sh", ["-c", script]).compile(wasm)
    }

    #[test]
    fn what_a_compiler_comes_to_is_told_apart() {
        assert_eq!(asked("cat", b"code"), Ok(b"code".to_vec()));
        let large = vec![7; 8 << 20];
        assert_eq!(asked("cat", &large), Ok(large.clone()), "more than a pipe holds");
        let at_fault = asked("cat >/dev/null; echo error: too odd >&2; exit 1", &large);
        assert_eq!(at_fault, Err(CompileFailure::Module("too odd".into())));
        let at_once = asked("exit 1", &large);
        assert_eq!(at_once, Err(CompileFailure::Module(String::new())), "it did not read");
        assert_eq!(asked("kill -XCPU $$", b""), Err(CompileFailure::Limit("time")));
        assert_eq!(asked("kill -ABRT $$", b""), Err(CompileFailure::Limit("memory")));
        assert_eq!(asked("kill -KILL $$", b""), Err(CompileFailure::Limit("memory")));
        assert!(matches!(asked("exit 2", b""), Err(CompileFailure::Compiler(_))));
        let missing = ChildCompiler::new("/nowhere/forebay", ["compile"]).compile(b"");
        assert!(missing.unwrap_err().to_string().contains("/nowhere/forebay"));
    }

    #[test]
    fn a_child_gives_what_the_engine_would() {
        let wasm = crate::config::Shipped::find("forebay/redact").unwrap().wasm;
        let mut code = Vec::new();
        compile_as_child(wasm, &mut code).unwrap();
        let here = InProcess(&FilterEngine::new().unwrap()).compile(wasm).unwrap();
        assert_eq!(code.len(), here.len());
        let broken = compile_as_child(&b"\0asm nothing"[..], Vec::new());
        assert!(matches!(broken, Err(CompileFailure::Module(_))));
    }
}
