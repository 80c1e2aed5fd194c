pub mod check;
pub mod compile;
pub mod config;
pub mod doctor;
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

pub fn openapi() -> Result<Exit, Failure> {
    print(&format!("{:#}\n", forebay::openapi()))?;
    Ok(Exit::Ok)
}

pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "forebay", &mut script);
    print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Ok)
}
