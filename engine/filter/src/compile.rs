use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::hash::{Hash, Hasher};
use thiserror::Error;
use wasmtime::{Engine, Module};

use crate::engine::FilterEngine;

/// Turns WebAssembly into what this machine runs. A port: the binary calls a child process with
/// limits, an embedder compiles in place ([`InProcess`]).
pub trait Compile {
    /// `wasm` was verified. What comes back is loaded into this process as machine code, so an
    /// implementation must return nothing but what [`InProcess`] gave, by a way that no one else
    /// can write to.
    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileFailure>;
}

/// Keeps compiled modules between starts. A port; it may lose entries and need not be trusted.
pub trait CompileCache {
    fn load(&self, name: &[u8; 32]) -> Option<Vec<u8>>;
    fn keep(&self, name: &[u8; 32], sealed: &[u8]);
}

/// Keeps nothing.
pub struct NoCache;

impl CompileCache for NoCache {
    fn load(&self, _: &[u8; 32]) -> Option<Vec<u8>> {
        None
    }

    fn keep(&self, _: &[u8; 32], _: &[u8]) {}
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CompileFailure {
    #[error("wasmtime cannot run here: {0}")]
    Engine(String),
    /// The module is at fault: it is beyond what the compiler takes.
    #[error("the module cannot be compiled: {0}")]
    Module(String),
    /// The compiler was ended at its limits of time or memory.
    #[error("compiling the module took too much {0}")]
    Limit(&'static str),
    /// The compiler could not be run; the module is not at fault.
    #[error("the compiler failed: {0}")]
    Compiler(String),
}

/// Seals cache entries. Whoever has it can make this process run any code: it belongs where
/// tenants cannot read.
#[derive(Clone)]
pub struct SealKey([u8; 32]);

impl SealKey {
    pub fn new(secret: [u8; 32]) -> SealKey {
        SealKey(secret)
    }

    fn mac(&self, name: &[u8; 32]) -> Hmac<Sha256> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(name);
        mac
    }

    fn seal(&self, name: &[u8; 32], code: &[u8]) -> Vec<u8> {
        let mut mac = self.mac(name);
        mac.update(code);
        let mut sealed = mac.finalize().into_bytes().to_vec();
        sealed.extend_from_slice(code);
        sealed
    }

    fn open<'a>(&self, name: &[u8; 32], sealed: &'a [u8]) -> Option<&'a [u8]> {
        let (tag, code) = sealed.split_at_checked(TAG_BYTES)?;
        let mut mac = self.mac(name);
        mac.update(code);
        mac.verify_slice(tag).ok()?;
        Some(code)
    }
}

const TAG_BYTES: usize = 32;

/// Compiles in this process, on the calling thread, without limits of time or memory beyond
/// those that verifying set.
pub struct InProcess<'a>(pub &'a FilterEngine);

impl Compile for InProcess<'_> {
    fn compile(&self, wasm: &[u8]) -> Result<Vec<u8>, CompileFailure> {
        self.0
            .wasmtime()
            .precompile_module(wasm)
            .map_err(|e| CompileFailure::Module(format!("{e:#}")))
    }
}

/// The compiled module, from the cache when it holds one that we sealed.
pub(crate) fn compiled(
    engine: &Engine,
    wasm: &[u8],
    digest: &[u8; 32],
    compile: &dyn Compile,
    cache: &dyn CompileCache,
    key: &SealKey,
) -> Result<Module, CompileFailure> {
    let name = entry_name(engine, digest);
    let sealed = cache.load(&name);
    if let Some(module) =
        sealed.and_then(|sealed| key.open(&name, &sealed).and_then(|code| load(engine, code).ok()))
    {
        return Ok(module);
    }
    let code = compile.compile(wasm)?;
    let module = load(engine, &code)?;
    cache.keep(&name, &key.seal(&name, &code));
    Ok(module)
}

/// An entry is good for one module and one build of the engine with one configuration.
pub(crate) fn entry_name(engine: &Engine, digest: &[u8; 32]) -> [u8; 32] {
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.update(digest);
    hasher.0.finalize().into()
}

#[allow(unsafe_code, reason = "the only way to load compiled code; see below")]
fn load(engine: &Engine, code: &[u8]) -> Result<Module, CompileFailure> {
    // SAFETY: the bytes come from `Compile`, whose contract is to return what wasmtime compiled,
    // or from a cache entry that carries our seal over exactly these bytes.
    unsafe { Module::deserialize(engine, code) }
        .map_err(|e| CompileFailure::Compiler(format!("{e:#}")))
}

struct Sha(Sha256);

impl Hasher for Sha {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        unreachable!("only the SHA-256 itself is read")
    }
}
