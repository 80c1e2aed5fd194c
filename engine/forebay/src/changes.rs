use crate::modules::Modules;
use crate::tables::Tables;
use crate::ways::Ways;
use crate::{ChangeError, OpenError, Plan, Recipe, Reloaded, Reread};
use ingest::SourceTable;
use pipeline::pump::{Publisher, Refused};
use pipeline::writer::{Command, CommandError};
use registry::{ChangeSet, History};
use runtime::spawn_thread;
use std::io;
use std::sync::Arc;
use tokio::sync::{Semaphore, oneshot};

/// What is configured, and how it changes while the engine runs. Cheap to clone.
#[derive(Clone)]
pub struct Changes {
    pub publisher: Publisher,
    pub ways: Arc<Ways>,
    pub modules: Arc<Modules>,
    pub tables: Arc<Tables>,
    recipe: Option<Recipe>,
    /// One configuration is put in force at a time: what the registry has and what lets events in
    /// are of the same one.
    turn: Arc<Semaphore>,
}

impl Changes {
    pub fn new(
        publisher: Publisher,
        modules: Arc<Modules>,
        tables: Arc<Tables>,
        plan: &Plan,
    ) -> Result<Changes, OpenError> {
        let ways = Ways::new(plan).map_err(|bad| OpenError::Sources(bad.to_string()))?;
        ways.refresh(&publisher);
        let (ways, turn) = (Arc::new(ways), Arc::new(Semaphore::new(1)));
        tables.sweep(&publisher);
        modules.sweep(&publisher.history());
        Ok(Changes { publisher, ways, modules, tables, recipe: plan.recipe.clone(), turn })
    }

    /// Whole or not at all: everything is checked before anything is put in force.
    pub async fn apply(&self, plan: &Plan) -> Result<usize, ChangeError> {
        let _turn = self.turn.acquire().await;
        self.put(plan.clone()).await
    }

    async fn put(&self, plan: Plan) -> Result<usize, ChangeError> {
        let (modules, tables) = (self.modules.clone(), self.tables.clone());
        let plan = aside(move || {
            for (digest, wasm) in &plan.modules {
                let admitted = modules.admit(*digest, wasm);
                admitted.map_err(|failure| ChangeError::Module(failure.to_string()))?;
            }
            for table in plan.tables.values() {
                let kept = tables.keep(table.clone());
                kept.map_err(|error| ChangeError::Table(error.to_string()))?;
            }
            let sources = SourceTable::new(plan.sources.clone());
            sources.map_err(|bad| ChangeError::Sources(bad.to_string()))?;
            Ok(plan)
        })
        .await?;
        self.tables.announce(&plan.declared.tables);
        let changed = self.change(|history| history.latest().diff(&plan.declared)).await;
        self.renew_tables();
        let changed = changed?;
        self.ways.declare(&plan);
        self.ways.refresh(&self.publisher);
        Ok(changed)
    }

    /// Lets filters look things up in what the registry has now, and takes away what it has no
    /// more.
    pub fn renew_tables(&self) {
        self.tables.refresh(&self.publisher);
        let (tables, publisher) = (self.tables.clone(), self.publisher.clone());
        // Without a thread the next change, or the next start, takes it away.
        let _ = spawn_thread("tables", SWEEP_NICE, move || tables.sweep(&publisher));
    }

    /// Reads the configuration again and applies it.
    pub async fn reload(&self) -> Result<Reloaded, ChangeError> {
        let recipe = self.recipe.clone().ok_or(ChangeError::NoRecipe)?;
        let _turn = self.turn.acquire().await;
        let Reread { plan, waiting } =
            aside(move || recipe().map_err(ChangeError::Configuration)).await?;
        Ok(Reloaded { changes: self.put(plan).await?, waiting })
    }

    /// Makes a change from the newest snapshot, again if another came first. Gives how many
    /// resources changed.
    pub async fn change(
        &self,
        make: impl Fn(&History) -> Result<ChangeSet, registry::Rejected>,
    ) -> Result<usize, ChangeError> {
        loop {
            let history = self.publisher.history();
            let set = make(&history).map_err(ChangeError::Rejected)?;
            let changed = set.changed().len();
            if set.is_empty() {
                return Ok(0);
            }
            match self.publisher.command(Command::Change(set)).await {
                Ok(Ok(())) => return Ok(changed),
                Ok(Err(CommandError::Stale)) => continue,
                Ok(Err(_)) => {
                    unreachable!("a change looks for nothing")
                }
                Err(Refused::Busy) => return Err(ChangeError::Busy),
                Err(Refused::Stopping) => return Err(ChangeError::Stopping),
            }
        }
    }
}

const SWEEP_NICE: u8 = 5;

/// Reads files and compiles, where nothing waits for it but who asked.
async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ChangeError> + Send + 'static,
) -> Result<T, ChangeError> {
    let (tell, told) = oneshot::channel();
    let work = move || {
        // The asker may have gone: then nothing is put in force.
        let _ = tell.send(work());
    };
    spawn_thread("reload", 0, work).map_err(ChangeError::Threads)?;
    let broken = || ChangeError::Threads(io::Error::other("it ended without an answer"));
    told.await.unwrap_or_else(|_| Err(broken()))
}
