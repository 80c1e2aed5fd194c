pub mod backup;
pub mod check;
pub mod compile;
pub mod config;
pub mod doctor;
pub mod restore;
pub mod send;
pub mod serve;
pub mod sign;
pub mod trigger;
pub mod verify;

use crate::arguments::Arguments;
use crate::exit::{Exit, Failure};
use crate::given::print;
use clap::CommandFactory;
use clap_complete::Shell;
use std::path::Path;

pub fn openapi() -> Result<Exit, Failure> {
    print(&format!("{:#}\n", forebay::openapi()))?;
    Ok(Exit::Ok)
}

pub fn man(dir: Option<&Path>) -> Result<Exit, Failure> {
    let fail = |error: std::io::Error| Failure::new(Exit::Failed, format!("man: {error}"));
    let Some(dir) = dir else {
        let mut page = Vec::new();
        clap_mangen::Man::new(Arguments::command()).render(&mut page).map_err(fail)?;
        print(&String::from_utf8_lossy(&page))?;
        return Ok(Exit::Ok);
    };
    std::fs::create_dir_all(dir).map_err(fail)?;
    clap_mangen::generate_to(Arguments::command(), dir).map_err(fail)?;
    eprintln!("the pages are in {}", dir.display());
    Ok(Exit::Ok)
}

pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "forebay", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
