use log::{Failure, Room};
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// The directory of a store, held by this process alone as long as this lives.
///
/// ```text
/// LOCK      who has it          HEAD     how far the log was synced
/// BALLAST   room kept aside     log/     fjall's files          aside/   what a start cut off
/// ```
pub struct Directory {
    path: PathBuf,
    disk_floor_bytes: u64,
    lock: File,
}

/// Too little room for something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    pub free_bytes: u64,
    /// So many have to be free, with the floor.
    pub needed_bytes: u64,
}

/// Below this nothing can be opened: a start writes a little before it can free anything.
const START_BYTES: u64 = 4 << 20;

/// Where a backup lies until it was looked at and is moved to its place.
pub const RESTORING: &str = "restoring";

/// How many torn tails are kept.
const ASIDE_MAX: usize = 8;

impl Directory {
    pub fn take(path: &Path, disk_floor_bytes: u64) -> Result<Directory, Failure> {
        make_private(path)?;
        if path.join(RESTORING).exists() {
            let why = format!(
                "a backup is being restored into it, or was until something ended that: then empty \
                 it, its folder `{RESTORING}` too, and restore again"
            );
            return Err(Failure::Unusable { path: path.to_owned(), why });
        }
        let lock = lock(path)?;
        make_private(&path.join("log"))?;
        Ok(Directory { path: path.to_owned(), disk_floor_bytes, lock })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn database(&self) -> PathBuf {
        self.path.join("log")
    }

    pub fn head(&self) -> PathBuf {
        self.path.join("HEAD")
    }

    pub fn room(&self) -> Result<Room, Failure> {
        let free_bytes = self.free_bytes()?;
        Ok(Room { free_bytes, is_below_floor: free_bytes < self.disk_floor_bytes })
    }

    /// What is missing for so many bytes to have room above the floor, if anything is.
    pub fn shortage(&self, bytes: u64) -> Result<Option<Shortage>, Failure> {
        let free_bytes = self.free_bytes()?;
        let needed_bytes = self.disk_floor_bytes.saturating_add(bytes);
        let shortage = Shortage { free_bytes, needed_bytes };
        Ok((free_bytes < needed_bytes).then_some(shortage))
    }

    /// Refuses what would take the last room: events below the floor, rows below a quarter of it.
    pub fn admit(&self, has_events: bool) -> Result<(), Failure> {
        let floor = if has_events { self.disk_floor_bytes } else { self.disk_floor_bytes / 4 };
        let free_bytes = self.free_bytes()?;
        if free_bytes >= floor {
            return Ok(());
        }
        Err(Failure::Full { path: self.path.clone(), free_bytes })
    }

    /// Gives the ballast up when there is not even room to start; whether it did.
    pub fn free_ballast(&self) -> Result<bool, Failure> {
        let ballast = self.path.join("BALLAST");
        // Rows are refused below a part of the floor: a start has to be able to write some.
        let needed = START_BYTES.max(self.disk_floor_bytes / 4);
        if self.free_bytes()? >= needed || !ballast.exists() {
            return Ok(false);
        }
        std::fs::remove_file(&ballast).map_err(|source| self.disk(source))?;
        Ok(true)
    }

    /// Puts the ballast back once there is room for it and the floor. Its absence harms nothing
    /// yet, so a failure is not one.
    pub fn lay_ballast(&self, bytes: u64) -> Result<(), Failure> {
        let ballast = self.path.join("BALLAST");
        let needed = self.disk_floor_bytes.saturating_add(bytes.saturating_mul(2));
        if bytes == 0 || ballast.exists() || self.free_bytes()? < needed {
            return Ok(());
        }
        let file = private().write(true).create_new(true).open(&ballast);
        let file = file.map_err(|source| self.disk(source))?;
        let flags = rustix::fs::FallocateFlags::empty();
        if rustix::fs::fallocate(&file, flags, 0, bytes).is_err() {
            std::fs::remove_file(&ballast).map_err(|source| self.disk(source))?;
        }
        Ok(())
    }

    /// Starts over with a database in which nothing was ever written.
    pub fn empty_database(&self) -> Result<(), Failure> {
        let database = self.database();
        std::fs::remove_dir_all(&database).map_err(|source| self.disk(source))?;
        make_private(&database)
    }

    /// Keeps bytes that are about to be cut off; where.
    pub fn set_aside(&self, from: &Path, at: u64, bytes: &[u8]) -> Result<PathBuf, Failure> {
        let aside = self.path.join("aside");
        make_private(&aside)?;
        let stem = from.file_name().and_then(|name| name.to_str()).unwrap_or("journal");
        let names = (0..).map(|n| aside.join(format!("{stem}-{at}-{n}")));
        let path = names.into_iter().find(|path| !path.exists()).expect("numbers do not end");
        let write = || -> io::Result<()> {
            let mut file = private().write(true).create_new(true).open(&path)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            sync_dir(&aside)
        };
        write().map_err(|source| self.disk(source))?;
        self.forget_old(&aside);
        Ok(path)
    }

    /// Torn tails are for whoever wants to know what a crash took; nobody may ever ask.
    fn forget_old(&self, aside: &Path) {
        let entries = std::fs::read_dir(aside).into_iter().flatten().flatten();
        let mut paths: Vec<_> = entries
            .map(|entry| (entry.metadata().and_then(|m| m.modified()).ok(), entry.path()))
            .collect();
        paths.sort();
        for (_, path) in paths.iter().take(paths.len().saturating_sub(ASIDE_MAX)) {
            let _ = std::fs::remove_file(path);
        }
    }

    /// What was cut off may hold what was erased since. Once this returns not even a power cut
    /// brings it back.
    ///
    /// Errors: `Disk` names the first that cannot be removed; the others are gone.
    pub fn forget_aside(&self) -> Result<(), Failure> {
        let aside = self.path.join("aside");
        let disk = |path: &Path, source| Failure::Disk { path: path.to_owned(), source };
        let entries = match std::fs::read_dir(&aside) {
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(|source| disk(&aside, source))?,
        };
        let (mut is_changed, mut left) = (false, Ok(()));
        for entry in entries {
            let path = entry.map_err(|source| disk(&aside, source))?.path();
            is_changed = true;
            left = left.and(std::fs::remove_file(&path).map_err(|source| disk(&path, source)));
        }
        if is_changed {
            sync_dir(&aside).map_err(|source| disk(&aside, source))?;
        }
        left
    }

    fn free_bytes(&self) -> Result<u64, Failure> {
        let told = rustix::fs::statvfs(&self.path).map_err(|err| self.disk(err.into()))?;
        Ok(told.f_bavail.saturating_mul(told.f_frsize))
    }

    pub fn disk(&self, source: io::Error) -> Failure {
        Failure::Disk { path: self.path.clone(), source }
    }
}

impl Drop for Directory {
    /// The end of the process would do. But a child that was just forked has the file too, for a
    /// moment, and with it the lock.
    fn drop(&mut self) {
        let _ = self.lock.unlock();
    }
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Makes what was created in a directory outlive a power cut.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Nobody else may read what is in it, whatever the mode of the files: fjall makes its own.
fn make_private(path: &Path) -> Result<(), Failure> {
    let unusable =
        |err: io::Error| Failure::Unusable { path: path.to_owned(), why: err.to_string() };
    let made = path.ancestors().take_while(|path| !path.exists()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(unusable)?;
    // One that was there may have been made by a start that was cut short.
    for parent in path.ancestors().skip(1).take(made.max(1)) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        match sync_dir(parent) {
            // Not ours to read, so it was not made by us.
            Err(err) if err.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced.map_err(|source| Failure::Disk { path: parent.to_owned(), source })?,
        }
    }
    let mode = std::fs::metadata(path).map_err(unusable)?.mode() & 0o7777;
    if mode & 0o077 != 0 {
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(unusable)?;
    }
    Ok(())
}

fn lock(dir: &Path) -> Result<File, Failure> {
    let path = dir.join("LOCK");
    let unusable = |err: io::Error| Failure::Unusable { path: path.clone(), why: err.to_string() };
    let open = private().read(true).write(true).create(true).truncate(false).open(&path);
    let mut file = open.map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let pid = std::fs::read_to_string(&path).unwrap_or_default();
            let holder = match pid.trim() {
                "" => "another process".to_owned(),
                pid => format!("process {pid}"),
            };
            return Err(Failure::Locked { path: dir.to_owned(), holder });
        }
        Err(TryLockError::Error(err)) => return Err(unusable(err)),
    }
    // The pid is a courtesy to whoever comes second; on a full disk it may be missing.
    let pid = std::process::id().to_string();
    let _ = file.set_len(0).and_then(|()| file.write_all(pid.as_bytes()));
    Ok(file)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_private_and_has_one_holder() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let held = Directory::take(&path, 0).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(&held.database())), (0o700, 0o700));
        assert_eq!(mode(&path.join("LOCK")), 0o600);
        let refused = Directory::take(&path, 0).err().unwrap();
        assert_eq!(refused.exit_code(), 4);
        assert!(refused.to_string().contains(&std::process::id().to_string()), "{refused}");
        drop(held);
        std::fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        Directory::take(&path, 0).unwrap();
        assert_eq!(mode(&path), 0o700);
    }

    #[test]
    fn the_floor_refuses_events_before_rows() {
        let parent = tempfile::tempdir().unwrap();
        let free = Directory::take(parent.path(), 0).unwrap().room().unwrap().free_bytes;
        let low = Directory::take(parent.path(), free.saturating_mul(2)).unwrap();
        assert!(low.room().unwrap().is_below_floor);
        assert!(matches!(low.admit(true), Err(Failure::Full { .. })));
        low.admit(false).unwrap();
    }

    #[test]
    fn what_is_set_aside_is_kept_beside_earlier_ones() {
        let parent = tempfile::tempdir().unwrap();
        let dir = Directory::take(parent.path(), 0).unwrap();
        let a = dir.set_aside(Path::new("x/3.jnl"), 17, b"one").unwrap();
        let b = dir.set_aside(Path::new("x/3.jnl"), 17, b"two").unwrap();
        assert_eq!(std::fs::read(a).unwrap(), b"one");
        assert_eq!(std::fs::read(b).unwrap(), b"two");
        for n in 0..20 {
            dir.set_aside(Path::new("x/4.jnl"), n, b"more").unwrap();
        }
        assert_eq!(std::fs::read_dir(parent.path().join("aside")).unwrap().count(), ASIDE_MAX);
    }
}
