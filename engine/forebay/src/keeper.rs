use crate::OpenError;
use crate::modules::write_whole;
use control::Stats;
use runtime::{Clock, spawn_thread};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// The thread that gathers what is counted and keeps it, in `stats/` of the data directory: the
/// minutes of an hour in a file each, and whole hours in another.
///
/// Files are written once a minute and at the end, and never synced for themselves: a kill takes
/// the last minute of counts, a power cut what the system has not written yet. One that cannot be
/// read or written is told in the log, and nothing else comes of it.
pub struct Keeper {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

const BEAT: Duration = Duration::from_secs(10);
const BEATS_OF_A_SAVE: u32 = 6;
const NICE: u8 = 10;
/// Files of minutes are of no use for longer, in hours.
const HOURS_OF_MINUTES: u64 = 6;
/// The file of whole hours is written anew when it has grown by so much.
const GROWTH_BYTES_MAX: u64 = 8 << 20;
const HOUR_SECS: u64 = 3600;

impl Keeper {
    /// Reads what was kept, and starts.
    pub fn start(
        data: &Path,
        stats: Arc<Stats>,
        clock: Arc<dyn Clock>,
    ) -> Result<Keeper, OpenError> {
        let mut files = Files { folder: data.join("stats"), kept_bytes: 0 };
        files.load(&stats);
        let stop: Arc<AtomicBool> = Arc::default();
        let told = stop.clone();
        let work = move || {
            let mut beats = 0;
            loop {
                let is_last = told.load(Ordering::Acquire);
                stats.gather(clock.wall());
                beats += 1;
                if is_last || beats % BEATS_OF_A_SAVE == 0 {
                    files.save(&stats, &*clock);
                }
                if is_last {
                    return;
                }
                std::thread::park_timeout(BEAT);
            }
        };
        let thread = spawn_thread("stats", NICE, work).map_err(OpenError::Threads)?;
        Ok(Keeper { stop, thread })
    }

    /// Keeps all that was counted.
    pub fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.thread.thread().unpark();
        drop(self.thread.join());
    }
}

struct Files {
    folder: PathBuf,
    /// Of the file of whole hours, when it was last written anew.
    kept_bytes: u64,
}

impl Files {
    fn hours(&self) -> PathBuf {
        self.folder.join("hours.jsonl")
    }

    fn minutes(&self, hour: u64) -> PathBuf {
        self.folder.join(format!("{hour}.jsonl"))
    }

    fn load(&mut self, stats: &Stats) {
        match self.read(stats) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.complain("read", &error),
            Ok(()) => {}
        }
    }

    fn read(&mut self, stats: &Stats) -> io::Result<()> {
        let mut minutes = self.hours_of_minutes()?;
        minutes.sort_unstable();
        match read_text(&self.hours()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            hours => {
                let hours = hours?;
                self.kept_bytes = hours.len() as u64;
                stats.read_hours(&hours);
            }
        }
        for hour in minutes {
            stats.read_minutes(&read_text(&self.minutes(hour))?);
        }
        Ok(())
    }

    fn save(&mut self, stats: &Stats, clock: &dyn Clock) {
        if let Err(error) = self.write(stats, clock) {
            self.complain("written", &error);
        }
    }

    fn write(&mut self, stats: &Stats, clock: &dyn Clock) -> io::Result<()> {
        let unsaved = stats.take_unsaved();
        let now = clock.wall();
        let over = stats.hours_over(now);
        if unsaved.is_empty() && over.is_empty() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o700).create(&self.folder)?;
        for (hour, lines) in unsaved {
            append(&self.minutes(hour), &lines)?;
        }
        for (hour, lines) in &over {
            append(&self.hours(), lines)?;
            stats.hour_is_kept(*hour);
        }
        if !over.is_empty() {
            self.tidy(stats, now.secs() / HOUR_SECS)?;
        }
        Ok(())
    }

    /// Minutes that are too old go, and hours when much of their file is of no use any more.
    fn tidy(&mut self, stats: &Stats, hour: u64) -> io::Result<()> {
        let first = hour.saturating_sub(HOURS_OF_MINUTES);
        for old in self.hours_of_minutes()?.into_iter().filter(|old| *old < first) {
            fs::remove_file(self.minutes(old))?;
        }
        if fs::metadata(self.hours())?.len() > 2 * self.kept_bytes + GROWTH_BYTES_MAX {
            let kept = stats.kept_hours();
            write_whole(&self.hours(), kept.as_bytes())?;
            self.kept_bytes = kept.len() as u64;
        }
        Ok(())
    }

    fn hours_of_minutes(&self) -> io::Result<Vec<u64>> {
        let mut hours = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let hour: Option<u64> =
                name.to_str().and_then(|name| name.strip_suffix(".jsonl")?.parse().ok());
            hours.extend(hour);
        }
        Ok(hours)
    }

    fn complain(&self, what: &str, error: &io::Error) {
        let folder = self.folder.display();
        tracing::warn!(%folder, %error, "the statistics of the past cannot be {what}");
    }
}

/// What a torn line spoilt is passed over by whoever reads the lines.
fn read_text(path: &Path) -> io::Result<String> {
    Ok(String::from_utf8_lossy(&fs::read(path)?).into_owned())
}

/// With an end of line before it, so that a line that was cut spoils no other.
fn append(path: &Path, lines: &str) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.create(true).append(true).mode(0o600).open(path)?;
    file.write_all(format!("\n{lines}").as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use event::{TenantId, Time};
    use runtime::ManualClock;

    const START: Time = Time::from_secs(470_000 * HOUR_SECS);

    fn files(folder: &Path) -> Files {
        Files { folder: folder.join("stats"), kept_bytes: 0 }
    }

    fn count(stats: &Stats, clock: &ManualClock, events: usize) {
        let mut tally = stats.tally();
        let counts = tally.of_type(&TenantId::new("x"), "a");
        (0..events).for_each(|_| counts.accepted(1));
        stats.gather(clock.wall());
    }

    #[test]
    fn what_was_kept_is_read_again_and_old_files_go() {
        let folder = tempfile::tempdir().unwrap();
        let clock = ManualClock::at(START);
        let (stats, mut kept) = (Stats::new(), files(folder.path()));
        for _ in 0..20 {
            count(&stats, &clock, 3);
            kept.save(&stats, &clock);
            clock.advance(Duration::from_secs(HOUR_SECS / 2));
        }
        let again = Stats::new();
        files(folder.path()).load(&again);
        assert_eq!(again.kept_hours(), stats.kept_hours());
        assert_eq!(stats.kept_hours().lines().count(), 2 * 9, "nine hours are over");
        let minutes = kept.hours_of_minutes().unwrap();
        assert!((6..=8).contains(&minutes.len()), "{minutes:?}");
        // What a crash left of a line spoils no other.
        append(&kept.minutes(minutes[0]), "{\"t\":28").unwrap();
        count(&stats, &clock, 1);
        kept.save(&stats, &clock);
        let again = Stats::new();
        files(folder.path()).load(&again);
        assert_eq!(again.kept_hours(), stats.kept_hours());
    }

    #[test]
    fn a_folder_that_cannot_be_written_stops_nothing() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("stats"), "a file").unwrap();
        let clock: Arc<dyn Clock> = Arc::new(ManualClock::at(START));
        let stats = Stats::new();
        let keeper = Keeper::start(folder.path(), stats.clone(), clock).unwrap();
        stats.tally().of_type(&TenantId::new("x"), "a").accepted(1);
        keeper.stop();
    }
}
