//! Owns: what the parts of the engine cost beside their bare limits, measured in the same run.
//! Imports: any room; no room imports it.
//! Never: a number without its ratio: a busy machine moves rates, not what stands beside them.

mod arguments;
mod events;
mod measure;
mod parts;
mod report;

use arguments::{Arguments, Part};
use clap::Parser;
use report::{Found, Report};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let folder = arguments.folder()?;
    let mut report = Report::begin(folder.path())?;
    if !arguments.json {
        print!("{report}");
    }
    let (span, only) = (arguments.span(), &*arguments.only);
    let setting = parts::Setting { span, folder: folder.path(), only };
    for part in arguments.parts() {
        let found = measure(part, &setting)?;
        if !arguments.json {
            print!("{found}");
        }
        report.found.push(found);
    }
    match arguments.json {
        true => println!("{}", report.json()),
        false => println!("{}", Report::footer()),
    }
    Ok(())
}

fn measure(part: Part, setting: &parts::Setting<'_>) -> anyhow::Result<Found> {
    use parts::*;
    let cases = match part {
        Part::Log => log::cases(setting),
        Part::Ingest => ingest::cases(setting),
        Part::Delivery => delivery::cases(setting),
        Part::Filters => filters::cases(setting),
        Part::Tables => tables::cases(setting),
        Part::Languages => languages::cases(setting),
        Part::Matching => matching::cases(setting),
        Part::Condition => condition::cases(setting),
        Part::Door => door::cases(setting),
        Part::Signature => signature::cases(setting),
        Part::Road => road::cases(setting),
        Part::Neighbours => neighbours::cases(setting),
        Part::Node => node::cases(setting),
    };
    let cases = cases.map_err(|error| error.context(format!("the part `{}`", part.name())))?;
    Ok(Found { part: part.name(), about: part.about(), cases })
}
