use crate::arguments::ServeArguments;
use crate::commands::compile::compiler;
use crate::exit::{Exit, Failure};
use crate::given::inputs;
use crate::subscriber;
use forebay::config::{Config, Flags, Inputs};
use forebay::{ChangeError, Engine, LogFailure, OpenError, Plan, Reloaded, Reread};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub fn run(arguments: &ServeArguments) -> Result<Exit, Failure> {
    let flags = Flags {
        data: arguments.data.clone(),
        listen: arguments.listen.clone(),
        dev: arguments.dev,
    };
    let file = arguments.file.config.as_deref();
    let config = Config::load(&inputs(file, flags.clone()))?;
    subscriber::install(&config.observe)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Failed, error))?;
    runtime.block_on(serve(config, arguments.file.config.clone(), flags))
}

/// Asks to stop, from a supervisor or a terminal.
struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

async fn serve(config: Config, file: Option<PathBuf>, flags: Flags) -> Result<Exit, Failure> {
    // Before the engine: a signal that comes while it recovers is kept, not lost.
    let no_signals = |error| Failure::new(Exit::Failed, error);
    let mut stop = Stop::listen().map_err(no_signals)?;
    let mut hangup = signal(SignalKind::hangup()).map_err(no_signals)?;
    if config.dev {
        tracing::warn!("--dev: endpoints may be on this machine; never use this in production");
    }
    let inputs = move || inputs(file.as_deref(), flags.clone());
    let engine = Engine::open(plan(&config, inputs)?).map_err(refused)?;
    announce(&config, &engine);
    loop {
        tokio::select! {
            biased;
            () = stop.asked() => return Ok(drain(engine, stop, config.server.drain).await),
            // One that takes its time holds up neither the end nor the news of a failure.
            _ = hangup.recv() => tokio::select! {
                biased;
                () = stop.asked() => return Ok(drain(engine, stop, config.server.drain).await),
                failure = engine.failed() => return Ok(failed(&failure)),
                () = reload(&engine) => {}
            },
            failure = engine.failed() => return Ok(failed(&failure)),
        }
    }
}

fn failed(failure: &LogFailure) -> Exit {
    tracing::error!(%failure, "the log has failed: nothing more can be accepted");
    Exit::Engine(failure.exit_code())
}

/// With the way to read it again, for who asks by the API.
fn plan(
    config: &Config,
    inputs: impl Fn() -> Inputs + Send + Sync + 'static,
) -> Result<Plan, Failure> {
    let running = config.clone();
    let again = move || {
        let config = Config::load(&inputs()).map_err(|error| error.to_string())?;
        let plan = config.plan().map_err(|error| error.to_string())?;
        Ok(Reread { plan, waiting: running.waiting(&config) })
    };
    let plan = config.plan().map_err(Failure::usage)?;
    Ok(Plan { recipe: Some(Arc::new(again)), compiler: compiler(), ..plan })
}

fn refused(error: OpenError) -> Failure {
    Failure::new(Exit::Engine(error.exit_code()), error)
}

fn announce(config: &Config, engine: &Engine) {
    let data = config.data.display();
    let counts = (config.sources.len(), config.filters.len(), config.endpoints.len());
    let (sources, filters, endpoints) = counts;
    match engine.addr() {
        Some(addr) => tracing::info!(
            %addr, %data, sources, filters, endpoints,
            durability = ?config.log.durability, version = env!("CARGO_PKG_VERSION"), "listening"
        ),
        None => tracing::info!(%data, "running without a listener"),
    }
}

/// All or nothing: a configuration that is wrong in one place changes nothing.
async fn reload(engine: &Engine) {
    let Reloaded { changes, waiting } = match engine.reload().await {
        Ok(reloaded) => reloaded,
        Err(ChangeError::Configuration(problems)) => {
            tracing::error!(%problems, "the configuration is wrong: the old one stays in force");
            return;
        }
        Err(error) => {
            tracing::error!(%error, "the configuration was not taken: the old one stays in force");
            return;
        }
    };
    tracing::info!(changes, "the configuration was read again");
    if !waiting.is_empty() {
        let keys = waiting.join(", ");
        tracing::warn!(%keys, "these count from the next start");
    }
}

/// Finishes what is in flight within the grace, or until a second signal hurries.
async fn drain(engine: Engine, mut stop: Stop, grace: Duration) -> Exit {
    tracing::info!(seconds = grace.as_secs(), "stopping: what is in flight may finish");
    tokio::select! {
        biased;
        all_ended = engine.shutdown(grace) => match all_ended {
            true => tracing::info!("stopped"),
            false => tracing::warn!("stopped in time; the rest is tried again after the start"),
        },
        () = stop.asked() => {
            tracing::warn!("stopped in a hurry; what was in flight is tried again after the start");
        }
    }
    Exit::Ok
}

impl Stop {
    fn listen() -> std::io::Result<Stop> {
        let terminate = signal(SignalKind::terminate())?;
        Ok(Stop { terminate, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn asked(&mut self) {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
