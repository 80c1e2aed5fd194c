mod csv;
mod text;

#[cfg(test)]
mod tests;

pub use text::{Form, Reading, TableLimits, read};

use crate::modules::write_whole;
use arc_swap::ArcSwap;
use event::TenantId;
use filter::Table;
use pipeline::pump::Publisher;
use registry::{DeclaredTable, Snapshot, TableDigest};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// The contents of lookup tables: those in force in memory, and in the data directory every one
/// that a version of a table still names, by its digest.
///
/// A content is on disk before the registry names it, and goes when nothing names it any more: a
/// crash between the two leaves a file that the next start takes away.
pub struct Tables {
    dir: PathBuf,
    in_force: ArcSwap<BTreeMap<TenantId, Estate>>,
    /// What is in force or about to be. Held while files are removed, so that none goes which
    /// somebody has just found there.
    known: Mutex<BTreeMap<TableDigest, Weak<Table>>>,
}

/// The tables of a tenant.
#[derive(Clone, Default)]
struct Estate {
    tables: filter::Tables,
    /// Why one of them cannot be read.
    broken: Option<String>,
}

impl Tables {
    /// Opens the folder, making it where there is none. Nothing is in force before `refresh`.
    pub fn open(data: &Path) -> io::Result<Tables> {
        let dir = data.join("tables");
        fs::create_dir_all(&dir)?;
        Ok(Tables { dir, in_force: ArcSwap::default(), known: Mutex::default() })
    }

    /// Keeps a content. It stays as long as somebody has what is answered, and then as long as the
    /// registry names it.
    pub fn keep(&self, table: Arc<Table>) -> io::Result<Arc<Table>> {
        let digest = digest_of(&table);
        let table = self.share(digest, table);
        let path = self.path(&digest);
        // One that is spoilt is made anew.
        if fs::read(&path).ok().is_none_or(|there| there != table.bytes()[..]) {
            write_whole(&path, table.bytes())?;
        }
        Ok(table)
    }

    /// A content that was kept.
    pub fn find(&self, digest: &TableDigest) -> io::Result<Arc<Table>> {
        let known = self.known().get(digest).and_then(Weak::upgrade);
        if let Some(table) = known {
            return Ok(table);
        }
        let path = self.path(digest);
        let broken = |e: io::Error| io::Error::new(e.kind(), format!("{}: {e}", path.display()));
        let table = Table::read(fs::read(&path).map_err(broken)?.into());
        match table.filter(|table| digest_of(table) == *digest) {
            Some(table) => Ok(self.share(*digest, Arc::new(table))),
            None => {
                let text = "it is not the table that it is named for";
                Err(broken(io::Error::new(io::ErrorKind::InvalidData, text)))
            }
        }
    }

    /// What the filters of a tenant may look things up in now.
    ///
    /// Errors: why one of its tables cannot be read.
    pub fn of(&self, tenant: &TenantId) -> Result<filter::Tables, String> {
        match self.in_force.load().get(tenant) {
            None => Ok(filter::Tables::default()),
            Some(Estate { broken: Some(why), .. }) => Err(why.clone()),
            Some(Estate { tables, .. }) => Ok(tables.clone()),
        }
    }

    /// Puts in force what a snapshot has, before anything is looked up.
    pub fn start_with(&self, snapshot: &Snapshot) {
        self.in_force.store(Arc::new(self.estates(snapshot)));
    }

    /// Lets what is about to be declared, and is not there yet, be found already: a filter that
    /// comes together with its table never runs without it.
    pub fn announce(&self, declared: &[DeclaredTable]) {
        self.in_force.rcu(|estates| {
            let mut estates = BTreeMap::clone(estates);
            for table in declared {
                let estate = estates.entry(table.tenant.clone()).or_default();
                if estate.tables.get(&table.name).is_none()
                    && let Ok(found) = self.find(&table.content.digest)
                {
                    let found = [((*table.name).into(), found)];
                    let all = estate.tables.iter().map(|(name, of)| (name.into(), of.clone()));
                    estate.tables = all.chain(found).collect();
                }
            }
            estates
        });
    }

    /// Puts in force what the registry has now.
    pub fn refresh(&self, publisher: &Publisher) {
        let mut snapshot = publisher.history().latest().clone();
        loop {
            self.start_with(&snapshot);
            // Another change may have come, and its tables may have been put in force before.
            let now = publisher.history().latest().clone();
            if Arc::ptr_eq(&now, &snapshot) {
                return;
            }
            snapshot = now;
        }
    }

    fn estates(&self, snapshot: &Snapshot) -> BTreeMap<TenantId, Estate> {
        let mut found: BTreeMap<TenantId, (Vec<_>, Option<String>)> = BTreeMap::new();
        for version in snapshot.tables() {
            let (tables, broken) = found.entry(version.tenant.clone()).or_default();
            match self.find(&version.content.digest) {
                Ok(table) => tables.push(((*version.name).into(), table)),
                Err(error) => {
                    let why = format!("table `{}`: {error}", version.name);
                    tracing::error!("filters that look things up stand still: {why}");
                    *broken = Some(why);
                }
            }
        }
        let estates = found.into_iter().map(|(tenant, (tables, broken))| {
            (tenant, Estate { tables: tables.into_iter().collect(), broken })
        });
        estates.collect()
    }

    /// Removes the contents that nothing names any more.
    pub fn sweep(&self, publisher: &Publisher) {
        let mut known = self.known();
        known.retain(|_, table| table.strong_count() > 0);
        let snapshot = publisher.history().latest().clone();
        let contents = snapshot.tables().into_iter().flat_map(|table| table.contents());
        let named: BTreeSet<TableDigest> = contents.map(|content| content.digest).collect();
        let is_needed = |path: &Path| {
            let digest = path.file_stem().and_then(OsStr::to_str).and_then(TableDigest::read);
            // One that is about to be in force may not have its last name yet.
            let is_whole = path.extension().is_some_and(|extension| extension == "table");
            digest.is_some_and(|digest| {
                known.contains_key(&digest) || (is_whole && named.contains(&digest))
            })
        };
        let swept = fs::read_dir(&self.dir).and_then(|entries| {
            let paths = entries.map(|entry| entry.map(|entry| entry.path()));
            let mut spent = paths.filter(|path| !path.as_ref().is_ok_and(|path| is_needed(path)));
            spent.try_for_each(|path| fs::remove_file(path?))
        });
        if let Err(error) = swept {
            tracing::warn!("{} cannot be tidied up: {error}", self.dir.display());
        }
    }

    /// Two with one content are one.
    fn share(&self, digest: TableDigest, table: Arc<Table>) -> Arc<Table> {
        let mut known = self.known();
        if let Some(other) = known.get(&digest).and_then(Weak::upgrade) {
            return other;
        }
        known.insert(digest, Arc::downgrade(&table));
        table
    }

    fn known(&self) -> std::sync::MutexGuard<'_, BTreeMap<TableDigest, Weak<Table>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, digest: &TableDigest) -> PathBuf {
        self.dir.join(format!("{digest}.table"))
    }
}

/// The name of a content: SHA-256 over its bytes.
pub fn digest_of(table: &Table) -> TableDigest {
    TableDigest(Sha256::digest(table.bytes()).into())
}
