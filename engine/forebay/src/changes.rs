use crate::modules::Modules;
use crate::ways::Ways;
use crate::{ChangeError, OpenError, Plan, Recipe};
use ingest::SourceTable;
use pipeline::pump::Publisher;
use pipeline::writer::{Command, CommandError};
use registry::{ChangeSet, History};
use std::sync::Arc;

/// What is configured, and how it changes while the engine runs. Cheap to clone.
#[derive(Clone)]
pub struct Changes {
    pub publisher: Publisher,
    pub ways: Arc<Ways>,
    pub modules: Arc<Modules>,
    recipe: Option<Recipe>,
}

impl Changes {
    pub fn new(
        publisher: Publisher,
        modules: Arc<Modules>,
        plan: &Plan,
    ) -> Result<Changes, OpenError> {
        let ways = Ways::new(plan).map_err(|bad| OpenError::Sources(bad.to_string()))?;
        ways.refresh(&publisher);
        Ok(Changes { publisher, ways: Arc::new(ways), modules, recipe: plan.recipe.clone() })
    }

    /// Whole or not at all: everything is checked before anything is put in force.
    pub async fn apply(&self, plan: &Plan) -> Result<usize, ChangeError> {
        for (digest, wasm) in &plan.modules {
            self.modules.admit(*digest, wasm).map_err(ChangeError::Module)?;
        }
        let sources = SourceTable::new(plan.sources.clone());
        sources.map_err(|bad| ChangeError::Sources(bad.to_string()))?;
        let changed = self.change(|history| history.latest().diff(&plan.declared)).await?;
        self.ways.declare(plan);
        self.ways.refresh(&self.publisher);
        Ok(changed)
    }

    /// Reads the configuration again and applies it.
    pub async fn reload(&self) -> Result<usize, ChangeError> {
        let recipe = self.recipe.as_ref().ok_or(ChangeError::NoRecipe)?;
        let plan = recipe().map_err(ChangeError::Configuration)?;
        self.apply(&plan).await
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
                Ok(Err(CommandError::NotFound | CommandError::Damaged)) => {
                    unreachable!("a change looks for nothing")
                }
                Err(_) => return Err(ChangeError::Stopping),
            }
        }
    }
}
