//! Damage to any file of a directory: each byte flipped, each file cut, emptied or gone.
//!
//! Whatever is done to it, one of these has to come of it: all that was synced is there; the start
//! is refused with exit code 3 and a file, nothing is changed, and a salvage finds what is intact;
//! or it opens and tells what is damaged. Short by default, all of it with many rounds.

use crate::support::{Dice, open, options, rounds, scratch, spawn, tell};
use event::{Rng, Time};
use log::contract::{ALL, Unlike, compare_events, compare_rows, event, random_group};
use log::{Failure, Group, Log, MemLog, Sync};
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use store::{Recovered, Store, StoreOptions, salvage};
use tempfile::TempDir;

/// A directory that a closed log has left, file by file, and what is in it.
struct Image {
    files: Vec<(PathBuf, Vec<u8>)>,
    model: MemLog,
    /// Where each event from the floor on stands, byte by byte: file and range.
    places: Vec<Vec<(usize, Range<usize>)>>,
}

const BIG_BYTES: usize = 66 << 20;

fn small(dir: &Path) -> StoreOptions {
    StoreOptions {
        generation_bytes: 20 << 10,
        memtable_bytes: 8 << 10,
        spawn: Some(spawn),
        ..options(dir)
    }
}

impl Image {
    /// Some groups stand in tables alone, some in the journal alone, most in both: fjall lets a
    /// journal go once it is full, so a first event fills it and is dropped by its retention.
    fn new() -> Image {
        let home = scratch();
        let model = MemLog::new(40);
        let log = open(small(home.path()));
        let (lease, model_lease) = (log.claim().unwrap(), model.claim().unwrap());
        let mut rng = Rng::seeded(7);
        let commit = |group: &Group| {
            log.commit(lease, group, Sync::Now).unwrap();
            model.commit(model_lease, group, Sync::Now).unwrap();
        };
        let random = |rng: &mut Rng, count: u64| {
            for _ in 0..count {
                // Stubs are in two places, and rounds of erasure fill journals with megabytes.
                let group = random_group(rng, &model);
                commit(&Group { floor: None, erased: Vec::new(), ..group });
            }
        };
        random(&mut rng, 30);
        let mut big = event::Event::clone(&event(model.head().0));
        big.body = vec![0xab; BIG_BYTES].into();
        commit(&Group { events: vec![Arc::new(big)], ..Group::default() });
        let floor = model.head();
        random(&mut rng, 25);
        commit(&Group { floor: Some(floor), ..Group::default() });
        log.reclaim(lease).unwrap();
        // The journal goes when all that it holds is in tables, which takes fjall a while.
        let deadline = Instant::now() + Duration::from_secs(60);
        while home.path().join("log/0.jnl").exists() {
            assert!(Instant::now() < deadline, "the first journal never goes");
            std::thread::yield_now();
        }
        random(&mut rng, 8);
        drop(log);
        // Opened once more, so that the journal is no longer than what was written.
        drop(open(small(home.path())));
        let files = files_of(home.path());
        let places = places_of(&model, &files);
        Image { files, model, places }
    }

    /// The events that a salvage has to find.
    fn intact(&self, change: &Change) -> u64 {
        let is_intact =
            |(file, range): &(usize, Range<usize>)| *file != change.file || change.spares(range);
        self.places.iter().filter(|places| places.iter().any(is_intact)).count() as u64
    }

    fn lay(&self, change: &Change) -> TempDir {
        let dir = scratch();
        for (n, (path, bytes)) in self.files.iter().enumerate() {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            let changed = if change.file == n { change.apply(bytes) } else { Some(bytes.clone()) };
            if let Some(bytes) = changed {
                fs::write(path, bytes).unwrap();
            }
        }
        dir
    }
}

fn places_of(model: &MemLog, files: &[(PathBuf, Vec<u8>)]) -> Vec<Vec<(usize, Range<usize>)>> {
    let events = model.read(model.floor()..model.head(), ALL).unwrap();
    let find = |event: &Arc<event::Event>| {
        let mut frame = Vec::new();
        log::codec::encode_event(event, &mut frame);
        let found = files.iter().enumerate().flat_map(|(n, (_, bytes))| {
            let starts = bytes.windows(frame.len()).enumerate();
            let starts = starts.filter(|(_, window)| *window == frame).map(|(at, _)| at);
            starts.map(|at| (n, at..at + frame.len())).collect::<Vec<_>>()
        });
        found.collect()
    };
    events.iter().map(find).collect()
}

/// Paths below `dir`, with what is in them; what only tells who holds it is left out.
fn files_of(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut dirs) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(next) = dirs.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_owned();
                files.push((name, fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[derive(Clone, Copy, Debug)]
struct Change {
    file: usize,
    how: How,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Flip(usize),
    Cut(usize),
    Zero,
    Append,
    Delete,
}

impl Change {
    fn apply(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = bytes.to_owned();
        match self.how {
            How::Flip(at) => bytes[at] ^= 1 << (at % 8),
            How::Cut(length) => bytes.truncate(length),
            How::Zero => bytes.fill(0),
            How::Append => bytes.extend([0x5a; 100]),
            How::Delete => return None,
        }
        Some(bytes)
    }

    /// Whether the bytes of a range are as they were.
    fn spares(&self, range: &Range<usize>) -> bool {
        match self.how {
            How::Flip(at) => !range.contains(&at),
            How::Cut(length) => range.end <= length,
            How::Append => true,
            How::Zero | How::Delete => false,
        }
    }
}

/// What came of it; a wrong ending is a text that begins with `WRONG`.
fn ending(image: &Image, change: &Change) -> String {
    let dir = image.lay(change);
    let before = files_of(&dir.path().join("log"));
    let opened = catch_unwind(AssertUnwindSafe(|| Store::open(small(dir.path()))));
    match opened {
        Err(_) => "WRONG: a panic at the start".into(),
        Ok(Err(failure)) => refused(image, change, dir.path(), &before, &failure),
        Ok(Ok((log, recovered))) => {
            let looked = catch_unwind(AssertUnwindSafe(|| look(image, &log, &recovered)));
            looked.unwrap_or_else(|_| "WRONG: a panic at a read".into())
        }
    }
}

fn refused(
    image: &Image,
    change: &Change,
    dir: &Path,
    before: &[(PathBuf, Vec<u8>)],
    failure: &Failure,
) -> String {
    if failure.exit_code() != 3 {
        return format!("WRONG: exit {}: {failure}", failure.exit_code());
    }
    let kind = match failure {
        Failure::Corrupt { last_intact: Some(_), .. } => "naming file and last intact offset",
        Failure::Corrupt { .. } => "naming the file",
        _ => "naming the table of rows",
    };
    let after = files_of(&dir.join("log"));
    let is_kept = before.iter().all(|file| {
        after.iter().any(|other| other == file) || !file.0.to_string_lossy().contains("tables/")
    });
    if !is_kept {
        return "WRONG: a refused start has changed a file".into();
    }
    let mut found = 0;
    let salvaged = salvage(dir, &mut |event| {
        found += u64::from(event.offset() >= image.model.floor());
        Ok(())
    });
    let (intact, count) = (image.intact(change), image.places.len() as u64);
    match salvaged {
        Ok(_) if found == count => format!("refused (exit 3), {kind}; all salvaged"),
        Ok(_) if found == intact => {
            format!("refused (exit 3), {kind}; all salvaged but the damaged")
        }
        Ok(_) => format!("WRONG: salvaged {found} of {intact} intact events"),
        Err(failure) => format!("WRONG: nothing salvaged: {failure}"),
    }
}

fn look(image: &Image, log: &Store, recovered: &Recovered) -> String {
    let told = recovered.torn.is_some() || !recovered.damaged.is_empty() || recovered.head_was_lost;
    if log.head() != image.model.head() || log.floor() != image.model.floor() {
        return format!("WRONG: head {} floor {}", log.head(), log.floor());
    }
    let events = compare_events(log, &image.model);
    let rows = compare_rows(log, &image.model, Time::ZERO);
    match (events, rows) {
        (Err(Unlike::Silent(what)), _) | (_, Err(Unlike::Silent(what))) => {
            format!("WRONG: {what}").chars().take(300).collect()
        }
        (Ok(()), Ok(())) if told => "every row is there, and the start tells".into(),
        (Ok(()), Ok(())) => "every row is there".into(),
        (Err(_), Ok(())) => "a read names the damaged event, the others are there".into(),
        (_, Err(Unlike::Told(Failure::DamagedRow { .. }))) => {
            "a read names the damaged table of rows (exit 3)".into()
        }
        (_, Err(Unlike::Told(failure))) => format!("WRONG: {failure}"),
    }
}

/// A case that hangs would say nothing at all.
fn with_watchdog(work: impl FnOnce(&AtomicU64)) {
    let done = Arc::new(AtomicU64::new(0));
    let seen = done.clone();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let watch = std::thread::spawn(move || {
        let mut last = u64::MAX;
        while stopped.recv_timeout(Duration::from_secs(120)).is_err() {
            let now = seen.load(Ordering::Relaxed);
            if now == last {
                tell(&format!("case {now} hangs"));
                std::process::abort();
            }
            last = now;
        }
    });
    work(&done);
    stop.send(()).unwrap();
    watch.join().unwrap();
}

fn run(what: &str, image: &Image, changes: impl Iterator<Item = Change>) {
    let mut table: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut wrong = Vec::new();
    let silence = std::env::var("FOREBAY_STORE_ROUNDS").is_ok();
    with_watchdog(|done| {
        for change in changes {
            let path = &image.files[change.file].0;
            let end = ending(image, &change);
            if end.starts_with("WRONG") {
                if silence && wrong.len() < 200 {
                    tell(&format!("{} {:?}: {end}", path.display(), change.how));
                }
                wrong.push(format!("{} {:?}: {end}", path.display(), change.how));
            }
            *table.entry((kind_of(path), end)).or_default() += 1;
            done.fetch_add(1, Ordering::Relaxed);
        }
    });
    tell(&format!("{what}:"));
    for ((kind, end), count) in &table {
        tell(&format!("  {count:7} {kind}: {end}"));
    }
    assert!(wrong.is_empty(), "{} cases: {:#?}", wrong.len(), &wrong[..wrong.len().min(20)]);
}

fn kind_of(path: &Path) -> String {
    let text = path.to_string_lossy();
    let name = path.file_name().unwrap().to_string_lossy();
    match &*name {
        _ if text.contains("/0/tables/") => "sorted file of fjall's list of tables".into(),
        _ if text.contains("/tables/") => "sorted file".into(),
        name if name.starts_with('v') && name != "version" => "list of sorted files".into(),
        name if name.ends_with(".jnl") => "journal".into(),
        name => name.to_owned(),
    }
}

fn each_file(image: &Image, how: impl Fn(usize) -> Vec<How>) -> Vec<Change> {
    let files = image.files.iter().enumerate();
    let all = files.flat_map(|(file, (_, bytes))| {
        how(bytes.len()).into_iter().map(move |how| Change { file, how })
    });
    all.collect()
}

#[test]
fn damage_to_any_file_is_never_a_silent_loss() {
    let image = Image::new();
    let bytes: usize = image.files.iter().map(|(_, bytes)| bytes.len()).sum();
    tell(&format!("an image of {} files, {bytes} bytes", image.files.len()));
    let mut dice = Dice(1);
    let share = rounds(1).max(1);
    // One byte in so many: the whole with as many rounds.
    let flips = each_file(&image, |length| (0..length).map(How::Flip).collect());
    let flips = flips.into_iter().filter(|_| dice.roll(600) < share);
    run("one byte flipped", &image, flips);
    let whole = each_file(&image, |_| vec![How::Delete, How::Zero, How::Append, How::Cut(0)]);
    run("a file gone, zeroed, longer or emptied", &image, whole.into_iter());
    let mut dice = Dice(2);
    let cuts = each_file(&image, |length| (1..length).map(How::Cut).collect());
    let cuts = cuts.into_iter().filter(|_| dice.roll(1200) < share);
    run("a file cut", &image, cuts);
}
