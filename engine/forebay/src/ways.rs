use crate::Plan;
use crate::config::{BadSource, Source};
use arc_swap::ArcSwap;
use ingest::{BadTable, SourceTable};
use pipeline::pump::Publisher;
use registry::{DeclaredSource, Origin, Snapshot};
use std::sync::Arc;

/// The ways in that are in force: those of the configuration, and those that the management API
/// made.
pub struct Ways {
    pub table: Arc<ArcSwap<SourceTable>>,
    declared: ArcSwap<Vec<ingest::Source>>,
    public_url: String,
    body_bytes_max: u64,
}

/// Why a source of the management API cannot be let in.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    #[error(transparent)]
    Source(#[from] BadSource),
    #[error(transparent)]
    Table(#[from] BadTable),
}

impl Ways {
    pub fn new(plan: &Plan) -> Result<Ways, BadTable> {
        Ok(Ways {
            table: Arc::new(ArcSwap::from_pointee(SourceTable::new(plan.sources.clone())?)),
            declared: ArcSwap::from_pointee(plan.sources.clone()),
            public_url: plan.public_url.clone(),
            body_bytes_max: plan.ingest.body_bytes_max as u64,
        })
    }

    /// Those of a configuration that was read again; in force from `refresh` on.
    pub fn declare(&self, plan: &Plan) {
        self.declared.store(Arc::new(plan.sources.clone()));
    }

    /// Puts in force what the registry has now. What it has and cannot be let in, which a check
    /// beforehand has not seen, is told and left out.
    pub fn refresh(&self, publisher: &Publisher) {
        let mut snapshot = publisher.history().latest().clone();
        loop {
            let mut table = SourceTable::new(self.declared.load().to_vec())
                .expect("they were in a table before");
            for source in managed(&snapshot) {
                let added = self.way_in(&source).and_then(|way| Ok(table.add(way)?));
                if let Err(unfit) = added {
                    tracing::error!(source = %source.name, "a source lets nobody in: {unfit}");
                }
            }
            self.table.store(Arc::new(table));
            // Another change may have come, and its table may have been put in force before.
            let now = publisher.history().latest().clone();
            if Arc::ptr_eq(&now, &snapshot) {
                return;
            }
            snapshot = now;
        }
    }

    /// Whether a source could be let in beside those that there are.
    pub fn check(&self, snapshot: &Snapshot, source: &DeclaredSource) -> Result<(), Unfit> {
        let mut table = SourceTable::new(self.declared.load().to_vec())?;
        let is_other =
            |other: &DeclaredSource| (&other.tenant, &other.name) != (&source.tenant, &source.name);
        for other in managed(snapshot).filter(is_other) {
            // What is out of order already is not this one's fault.
            let _ = self.way_in(&other).and_then(|way| Ok(table.add(way)?));
        }
        Ok(table.add(self.way_in(source)?)?)
    }

    fn way_in(&self, source: &DeclaredSource) -> Result<ingest::Source, Unfit> {
        let source = Source::managed(source)?;
        source.check(&self.public_url)?;
        Ok(source.way_in(&self.public_url, self.body_bytes_max)?)
    }
}

fn managed(snapshot: &Snapshot) -> impl Iterator<Item = DeclaredSource> {
    let sources = snapshot.sources().into_iter();
    let managed = sources.filter(|source| source.origin == Origin::Managed);
    managed.map(|source| source.as_declared())
}
