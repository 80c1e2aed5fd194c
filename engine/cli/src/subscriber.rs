use crate::exit::Failure;
use forebay::config::{LogFormat, Observe};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// Installs where log lines go, for the rest of the process: stderr.
pub fn install(observe: &Observe) -> Result<(), Failure> {
    let filter = filter(observe)?;
    let is_pretty = match observe.log_format {
        LogFormat::Pretty => true,
        LogFormat::Json => false,
        LogFormat::Auto => std::io::stderr().is_terminal(),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match is_pretty {
        true => builder.with_target(false).try_init(),
        false => builder.json().flatten_event(true).try_init(),
    };
    installed.map_err(Failure::usage)
}

/// Whether the directives can be read.
pub fn check(observe: &Observe) -> Result<(), Failure> {
    filter(observe).map(drop)
}

/// The store's own lines are about files of its own; whoever wants them names them.
const QUIET: &str = "fjall=warn,lsm_tree=warn";

fn filter(observe: &Observe) -> Result<EnvFilter, Failure> {
    EnvFilter::try_new(format!("{QUIET},{}", observe.log)).map_err(|error| {
        let text = &observe.log;
        Failure::usage(format!(
            "`log` under [observe] is {text:?}: {error}\n  = help: write a level such as \
             \"info\", or directives such as \"info,delivery=debug\""
        ))
    })
}
