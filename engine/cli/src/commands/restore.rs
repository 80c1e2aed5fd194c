use crate::arguments::RestoreArguments;
use crate::commands::backup::bytes_bar;
use crate::exit::{Exit, Failure};
use crate::given::print;
use forebay::{LogFailure, RestoreError, Restored, Restoring};
use serde_json::json;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

pub fn run(options: &RestoreArguments) -> Result<Exit, Failure> {
    let shown = options.file.display();
    let archive: Box<dyn Read> = match options.file == Path::new("-") {
        true => Box::new(std::io::stdin().lock()),
        false => {
            let file = File::open(&options.file);
            Box::new(file.map_err(|error| Failure::usage(format!("{shown}: {error}")))?)
        }
    };
    let failed = |error: RestoreError| {
        Failure::new(Exit::Engine(error.exit_code()), format!("{shown}: {error}"))
    };
    let bar = bytes_bar();
    let archive = bar.wrap_read(BufReader::with_capacity(256 << 10, archive));
    let restoring = Restoring::unpack(archive, &options.data).map_err(failed)?;
    bar.set_message("unpacked; now all of it is read");
    let restored = restoring.finish().map_err(failed)?;
    bar.finish_and_clear();
    tell(options, &restored)?;
    Ok(Exit::Ok)
}

fn tell(options: &RestoreArguments, restored: &Restored) -> Result<(), Failure> {
    let Restored { head, floor, files, bytes, with_keys, made_at_ms, damaged } = restored;
    let data = options.data.display();
    let made_at = jiff::Timestamp::from_millisecond(i64::try_from(*made_at_ms).unwrap_or(0));
    let made_at = made_at.unwrap_or_default();
    if options.json {
        let told = json!({
            "data": data.to_string(), "floor": floor.0, "head": head.0, "files": files,
            "bytes": bytes, "withKeys": with_keys, "madeAt": made_at.to_string(),
            "damaged": damaged.iter().map(ToString::to_string).collect::<Vec<_>>(),
        });
        return print(&format!("{told}\n"));
    }
    let events = head.distance_from(*floor);
    print(&format!(
        "{data} has the {events} events (offsets {floor} to {head}) of {made_at}, all of it read.\n"
    ))?;
    for damage in damaged {
        let then = match damage {
            LogFailure::Damaged { .. } => "it is a gap, and the others flow",
            _ => "if the start refuses it, `forebay doctor --salvage` takes out all that is intact",
        };
        print(&format!("It was so when the backup was made: {damage}; {then}.\n"))?;
    }
    if !with_keys {
        print(&format!(
            "The backup has no keys: put secrets.key into {data} before the first start.\n"
        ))?;
    }
    print(&format!("Start it by: forebay serve --data {data}\n"))
}
