use crate::config::may_weigh;
use crate::{Compiler, Plan};
use arc_swap::ArcSwap;
use control::filter_modules;
use filter::{AdmitFailure, Compile, CompileCache, CompileFailure, FilterEngine, FilterModule};
use filter::{InProcess, ModuleLimits, SealKey};
use registry::{History, ModuleDigest};
use runtime::Entropy;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Every module that a version of a filter may still ask for, and what was uploaded lately: its
/// bytes in the data directory, named by digest, its compiled form in memory and, sealed, in a
/// cache beside it.
pub struct Modules {
    engine: FilterEngine,
    limits: ModuleLimits,
    compiler: Option<Compiler>,
    dir: PathBuf,
    cache: Cache,
    key: SealKey,
    compiled: ArcSwap<BTreeMap<ModuleDigest, Arc<FilterModule>>>,
}

impl Modules {
    /// Opens the folder, making it where there is none. The key that seals the cache is made at
    /// the first start and readable by the owner alone.
    pub fn open(engine: FilterEngine, plan: &Plan, entropy: &dyn Entropy) -> io::Result<Modules> {
        let dir = plan.data.join("modules");
        fs::create_dir_all(&dir)?;
        let key = seal_key(&dir.join("seal.key"), entropy)?;
        let cache = Cache(dir.clone());
        let (limits, compiler) = (plan.module_limits.clone(), plan.compiler.clone());
        Ok(Modules { engine, limits, compiler, dir, cache, key, compiled: ArcSwap::default() })
    }

    pub fn engine(&self) -> &FilterEngine {
        &self.engine
    }

    /// Verifies and compiles a module, and keeps its bytes and its compiled form.
    pub fn admit(
        &self,
        digest: ModuleDigest,
        wasm: &[u8],
    ) -> Result<Arc<FilterModule>, ModuleFailure> {
        if let Some(module) = self.compiled.load().get(&digest) {
            return Ok(module.clone());
        }
        let module = self.keep(digest, wasm)?;
        self.compiled.rcu(|known| {
            let mut known = BTreeMap::clone(known);
            known.insert(digest, module.clone());
            known
        });
        Ok(module)
    }

    /// The same, without a place in memory before somebody looks for it.
    pub fn keep(
        &self,
        digest: ModuleDigest,
        wasm: &[u8],
    ) -> Result<Arc<FilterModule>, ModuleFailure> {
        let here = InProcess(&self.engine);
        let compile = self.compiler.as_deref().map_or(&here as &dyn Compile, |other| other);
        let limits = may_weigh(wasm, &self.limits);
        let module = self.engine.admit(wasm, &limits, compile, &self.cache, &self.key)?;
        let path = self.path(&digest);
        // One that is there already is as young as a new one: `sweep` lets it be for a day.
        let kept = match fs::OpenOptions::new().append(true).open(&path) {
            Ok(file) => file.set_modified(SystemTime::now()),
            Err(_) => write_whole(&path, wasm),
        };
        kept.map_err(|source| ModuleFailure::Disk { path: path.clone(), source })?;
        Ok(module)
    }

    /// Whether a module of this digest was admitted, by this process or an earlier one.
    pub fn has(&self, digest: &ModuleDigest) -> bool {
        self.path(digest).exists()
    }

    /// Of all that is kept, compiled or not.
    pub fn bytes(&self) -> io::Result<u64> {
        fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.metadata()?.len())).sum()
    }

    /// A module that was admitted by this process or an earlier one.
    pub fn find(&self, digest: &ModuleDigest) -> Result<Arc<FilterModule>, ModuleFailure> {
        if let Some(module) = self.compiled.load().get(digest) {
            return Ok(module.clone());
        }
        let path = self.path(digest);
        let broken = |source| ModuleFailure::Disk { path: path.clone(), source };
        let wasm = fs::read(&path).map_err(broken)?;
        if crate::digest_of(&wasm) != *digest {
            let text = "it is not the module that it is named for";
            return Err(broken(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        self.admit(*digest, &wasm)
    }

    /// Removes modules that no version of a filter may ask for any more and no endpoint pins, with
    /// their compiled forms, and compiled forms of another version of the engine. One that was
    /// uploaded within a day may be about to be put in force.
    pub fn sweep(&self, history: &History) {
        let named = history.filters().flat_map(|filter| filter_modules(filter));
        let pinned = history.pins().map(|version| version.module);
        let named: BTreeSet<ModuleDigest> = named.chain(pinned).collect();
        let swept = fs::read_dir(&self.dir).and_then(|entries| {
            let paths: Vec<PathBuf> =
                entries.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
            let modules = paths.iter().filter_map(|path| digest_in(path, "wasm"));
            let needed = modules.filter(|digest| {
                named.contains(digest) || is_younger(&self.path(digest), UPLOAD_AGE_MAX)
            });
            let needed: BTreeSet<ModuleDigest> = needed.collect();
            let forms = needed.iter().map(|digest| ModuleDigest(self.engine.cache_name(&digest.0)));
            let forms: BTreeSet<ModuleDigest> = forms.collect();
            let is_spent = |path: &&PathBuf| {
                digest_in(path, "wasm").is_some_and(|digest| !needed.contains(&digest))
                    || digest_in(path, "compiled").is_some_and(|form| !forms.contains(&form))
            };
            self.compiled.rcu(|known| {
                let mut known = BTreeMap::clone(known);
                known.retain(|digest, _| needed.contains(digest));
                known
            });
            paths.iter().filter(is_spent).try_for_each(fs::remove_file)
        });
        if let Err(error) = swept {
            tracing::warn!("{} cannot be tidied up: {error}", self.dir.display());
        }
    }

    fn path(&self, digest: &ModuleDigest) -> PathBuf {
        self.dir.join(format!("{digest}.wasm"))
    }
}

/// How long a module is kept that was uploaded and that nothing has named.
const UPLOAD_AGE_MAX: Duration = Duration::from_secs(24 * 3600);

/// The digest that a file of this kind is named by.
fn digest_in(path: &Path, extension: &str) -> Option<ModuleDigest> {
    let is_one = path.extension().is_some_and(|found| found == extension);
    let stem = path.file_stem().filter(|_| is_one)?.to_str()?;
    ModuleDigest::read(stem)
}

/// By the clock of the machine, as the file system has it. One of the future is young.
fn is_younger(path: &Path, age: Duration) -> bool {
    let written = fs::metadata(path).and_then(|meta| meta.modified());
    written.is_ok_and(|at| at.elapsed().is_ok_and(|passed| passed < age) || at.elapsed().is_err())
}

/// Why a module is not taken in or not found.
#[derive(Debug, thiserror::Error)]
pub enum ModuleFailure {
    /// Its author has to change it.
    #[error("{0}")]
    Refused(String),
    #[error("{}: {source}", path.display())]
    Disk { path: PathBuf, source: io::Error },
    /// The module is not at fault.
    #[error("{0}")]
    Compiler(String),
}

impl From<AdmitFailure> for ModuleFailure {
    fn from(failure: AdmitFailure) -> ModuleFailure {
        let text = failure.to_string();
        match failure {
            AdmitFailure::Compile(CompileFailure::Engine(_) | CompileFailure::Compiler(_)) => {
                ModuleFailure::Compiler(text)
            }
            AdmitFailure::Compile(CompileFailure::Module(_) | CompileFailure::Limit(_))
            | AdmitFailure::Refused(_) => ModuleFailure::Refused(text),
        }
    }
}

/// Compiled modules as files. What is lost or spoilt is compiled again.
struct Cache(PathBuf);

impl CompileCache for Cache {
    fn load(&self, name: &[u8; 32]) -> Option<Vec<u8>> {
        fs::read(self.path(name)).ok()
    }

    fn keep(&self, name: &[u8; 32], sealed: &[u8]) {
        let path = self.path(name);
        if let Err(err) = write_whole(&path, sealed) {
            tracing::warn!("a compiled module is not kept: {}: {err}", path.display());
        }
    }
}

impl Cache {
    fn path(&self, name: &[u8; 32]) -> PathBuf {
        self.0.join(format!("{}.compiled", ModuleDigest(*name)))
    }
}

/// The cache's key. One that is spoilt is made anew: what it sealed is compiled again.
fn seal_key(path: &Path, entropy: &dyn Entropy) -> io::Result<SealKey> {
    let key = match key_at(path, entropy) {
        Err(err) if err.kind() == io::ErrorKind::InvalidData => make_key(path, entropy),
        found => found,
    };
    key.map(SealKey::new)
}

/// The key in a file of 32 bytes, made where there is none.
///
/// Errors: `InvalidData` for a file of another size.
pub(crate) fn key_at(path: &Path, entropy: &dyn Entropy) -> io::Result<[u8; 32]> {
    match fs::read(path) {
        Ok(bytes) => <[u8; 32]>::try_from(bytes).map_err(|bytes| {
            let found = format!("a key of 32 bytes was expected, {} are there", bytes.len());
            io::Error::new(io::ErrorKind::InvalidData, found)
        }),
        Err(err) if err.kind() == io::ErrorKind::NotFound => make_key(path, entropy),
        Err(err) => Err(err),
    }
}

fn make_key(path: &Path, entropy: &dyn Entropy) -> io::Result<[u8; 32]> {
    let mut key = [0; 32];
    entropy.fill(&mut key);
    write_whole(path, &key)?;
    Ok(key)
}

/// A file that is there whole or not at all, for the owner alone.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let fresh = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    // The name has to survive a power cut too.
    path.parent().map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}
