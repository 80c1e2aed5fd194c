use crate::arguments::BackupArguments;
use crate::client::Call;
use crate::exit::{Exit, Failure};
use crate::given::print;
use forebay::{Backup, BackupSummary, Time, verify_backup};
use hyper::Method;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub fn run(options: &BackupArguments) -> Result<Exit, Failure> {
    let bar = bytes_bar();
    if options.file == Path::new("-") {
        let bytes = write(options, &mut bar.wrap_write(std::io::stdout().lock()))?;
        bar.finish_and_clear();
        eprintln!("{bytes} bytes were written");
        return Ok(Exit::Ok);
    }
    let (part, file) = Part::new(&options.file)?;
    write(options, &mut bar.wrap_write(&file))?;
    file.sync_all().map_err(|error| part.failure(&error))?;
    // What was sent may not be what has arrived.
    bar.set_position(0);
    let read = File::open(&part.0).map_err(|error| part.failure(&error))?;
    let summary = verify_backup(bar.wrap_read(BufReader::new(read)));
    let summary = summary.map_err(|error| Failure::new(Exit::Engine(error.exit_code()), error))?;
    bar.finish_and_clear();
    part.keep(&options.file)?;
    tell(options, &summary)?;
    Ok(Exit::Ok)
}

/// Bytes on their way, where a person can see it.
pub fn bytes_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {bytes} {bytes_per_sec} {msg}");
    ProgressBar::new_spinner().with_style(style.expect("the template is a fixed text"))
}

fn write(options: &BackupArguments, out: &mut dyn Write) -> Result<u64, Failure> {
    let Some(data) = &options.data else { return download(options, out) };
    if !data.join("log").is_dir() {
        let data = data.display();
        return Err(Failure::usage(format!("{data} is no data directory: it has no `log`")));
    }
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let now = Time::from_millis(since_1970.unwrap_or(Duration::ZERO).as_millis() as u64);
    let backup = Backup::of(data, !options.without_keys, now).map_err(|failure| {
        let hint = match failure.exit_code() {
            4 => "\nhelp: leave --data out, and the server that has it makes the backup",
            _ => "",
        };
        Failure::new(Exit::Engine(failure.exit_code()), format!("{failure}{hint}"))
    })?;
    let summary = backup.write(out).map_err(|error| disk(&options.file, &error))?;
    Ok(summary.bytes)
}

/// A server waits up to four minutes for what was erased to leave its disk.
const BEGIN_MAX: Duration = Duration::from_secs(300);

fn disk(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Engine(5), format!("{}: {error}", path.display()))
}

/// From the server, as it comes.
fn download(options: &BackupArguments, out: &mut dyn Write) -> Result<u64, Failure> {
    let mut url = options.server.url("/v1/backup")?;
    if options.without_keys {
        url.set_query(Some("keys=false"));
    }
    let bearer = format!("Bearer {}", options.server.key()?);
    let headers = vec![("authorization".into(), bearer)];
    let call = Call { method: Method::GET, url, headers, body: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, error))?;
    runtime.block_on(async {
        let mut stream = call.stream_within(BEGIN_MAX).await?.map_err(|answer| answer.refusal())?;
        let cut = |error: anyhow::Error| {
            Failure::new(Exit::Unreachable, format!("the server broke it off: {error:#}"))
        };
        let failed = |error: std::io::Error| disk(&options.file, &error);
        let mut bytes = 0;
        while let Some(piece) = stream.next().await.map_err(cut)? {
            bytes += piece.len() as u64;
            out.write_all(&piece).map_err(failed)?;
        }
        out.flush().map_err(failed)?;
        Ok(bytes)
    })
}

/// A file that has its name once it is whole, and goes when it does not get there.
struct Part(PathBuf);

impl Part {
    fn new(path: &Path) -> Result<(Part, File), Failure> {
        if path.exists() {
            let path = path.display();
            return Err(Failure::usage(format!("{path} is there already: give another name")));
        }
        let mut name = path.file_name().map(OsString::from).unwrap_or_default();
        name.push(".part");
        let part = path.with_file_name(name);
        let file = File::create_new(&part).map_err(|error| {
            Failure::usage(format!(
                "cannot make {}: {error}: if no other backup writes it, remove it",
                part.display()
            ))
        })?;
        Ok((Part(part), file))
    }

    fn keep(self, path: &Path) -> Result<(), Failure> {
        fs::rename(&self.0, path).map_err(|error| self.failure(&error))
    }

    fn failure(&self, error: &std::io::Error) -> Failure {
        disk(&self.0, error)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

fn tell(options: &BackupArguments, summary: &BackupSummary) -> Result<(), Failure> {
    let BackupSummary { head, floor, files, bytes, with_keys } = summary;
    let file = options.file.display();
    if options.server.json {
        let told = json!({
            "file": file.to_string(), "floor": floor.0, "head": head.0, "files": files,
            "bytes": bytes, "withKeys": with_keys,
        });
        return print(&format!("{told}\n"));
    }
    let events = head.distance_from(*floor);
    let keys = match with_keys {
        true => "It has the keys: keep it as you keep the data directory.",
        false => "Keep secrets.key elsewhere: without it nobody reads the secrets in this one.",
    };
    print(&format!(
        "{file} has {events} events (offsets {floor} to {head}) in {files} files, {bytes} bytes.\n\
         {keys}\n"
    ))
}
