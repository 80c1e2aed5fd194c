use control::{CircuitState, FilterWatch};
use event::Time;
use filter::{ChainSpec, FilterSpec};
use registry::FilterVersion;
use std::sync::Arc;

/// The canaries of a chain that their failures end.
pub struct Canaries(Vec<Canary>);

pub struct Canary {
    /// Its filter's place in the chain.
    place: usize,
    pub filter: Arc<FilterVersion>,
    /// By which its failures are told.
    pub name: Arc<str>,
    circuit: Arc<CircuitState>,
    /// The filter without it.
    alone: Arc<FilterSpec>,
}

impl Canaries {
    /// Of these filters, in the chain's order; `alone` makes one that has no candidate.
    pub fn of(
        filters: &[Arc<FilterVersion>],
        watch: &FilterWatch,
        alone: impl Fn(&FilterVersion) -> Result<FilterSpec, String>,
    ) -> Result<Canaries, String> {
        let mut canaries = Vec::new();
        for (place, filter) in filters.iter().enumerate() {
            let (Some(circuit), Some((canary, _))) = (watch.canary(filter), filter.trial()) else {
                continue;
            };
            let alone = Arc::new(alone(filter)?);
            canaries.push(Canary {
                place,
                filter: filter.clone(),
                name: canary.name,
                circuit,
                alone,
            });
        }
        Ok(Canaries(canaries))
    }

    /// The chain without those that failed too often; none when all may be asked.
    pub fn left_out(&self, chain: &ChainSpec, now: Time) -> Option<ChainSpec> {
        let failed = || self.0.iter().filter(move |canary| !canary.circuit.is_closed(now));
        failed().next()?;
        let mut chain = chain.clone();
        for canary in failed() {
            chain.filters[canary.place] = canary.alone.clone();
        }
        Some(chain)
    }

    /// Something of this name failed: gives the canary that this was once too often for.
    pub fn failed(&self, name: &str, now: Time) -> Option<&Canary> {
        let canary = self.0.iter().find(|canary| *canary.name == *name)?;
        // What it was asked before it ended may fail after.
        (canary.circuit.is_closed(now) && canary.circuit.failed(now)).then_some(canary)
    }
}
