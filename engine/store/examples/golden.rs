//! Makes the data directory of today's format that `tests/all/golden.rs` opens for ever after:
//!
//! ```text
//! cargo run --release -p store --example golden -- engine/store/tests/golden/format-1
//! ```
//!
//! A new format gets a new directory. The ones before it stay as they are.

use event::Rng;
use log::contract::{listing, random_group};
use log::{Log, MemLog, Sync};
use std::error::Error;
use std::path::PathBuf;
use store::{Store, StoreOptions};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(std::env::args_os().nth(1).ok_or("usage: golden <new directory>")?);
    std::fs::create_dir_all(&dir)?;
    let options = StoreOptions {
        generation_bytes: 6 << 10,
        memtable_bytes: 4 << 10,
        disk_floor_bytes: 0,
        ballast_bytes: 0,
        ..StoreOptions::new(dir.join("data"))
    };
    let model = MemLog::new(20);
    let mut rng = Rng::seeded(1);
    // Twice opened: some of the rows came back from the journal, which is cut to what is in it.
    for groups in [40, 10, 0] {
        let (log, _) = Store::open(options.clone())?;
        let (lease, model_lease) = (log.claim()?, model.claim()?);
        for _ in 0..groups {
            let group = random_group(&mut rng, &model);
            log.commit(lease, &group, Sync::Now)?;
            model.commit(model_lease, &group, Sync::Now)?;
        }
        if groups > 0 {
            log.reclaim(lease)?;
        }
        std::fs::write(dir.join("rows.txt"), listing(&log)?)?;
    }
    // Of whoever held it; the next one makes its own.
    std::fs::remove_file(dir.join("data/LOCK"))?;
    Ok(())
}
