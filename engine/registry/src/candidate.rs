use crate::diff::Diff;
use crate::{
    Chain, ChangeSet, Circuit, FilterVersion, How, ModuleDigest, OnError, Origin, Rejected,
    Snapshot,
};
use event::TenantId;
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// Another module or configuration for a filter, with the filter's own limits and policy.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Candidate {
    pub module: ModuleDigest,
    /// A JSON text, handed to the module as it is.
    pub config: String,
    pub share: Share,
    /// So many failures of a canary within [`STOP_WITHIN_MS`] end it, and the first one where its
    /// filter stops at failures; 0: none do. A shadow has the usual number, which says nothing: it
    /// has no say that it could lose.
    #[serde(default = "usual", skip_serializing_if = "is_usual")]
    pub stop_after_faults: u32,
    /// The engine ended it: it judges nothing any more, and is kept to be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// What a candidate gets to judge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Share {
    /// Every event, after the filter itself. What it says is compared, and nothing comes of it.
    Shadow,
    /// In the filter's place, the events of so many of a hundred keys.
    Canary(u8),
}

/// When and why the engine ended a candidate.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Ended {
    pub at_ms: u64,
    /// For people. Nothing of an event is in it: it outlives their erasure.
    pub reason: String,
}

/// Ends the name by which a filter's candidate is told of. No name of a filter ends so.
pub const CANDIDATE: &str = " (candidate)";

/// After so many failures a canary ends where nothing else is said.
pub const STOP_AFTER_FAULTS: u32 = 20;
/// Failures of a canary that are older do not count.
pub const STOP_WITHIN_MS: u64 = 60_000;

fn usual() -> u32 {
    STOP_AFTER_FAULTS
}

fn is_usual(faults: &u32) -> bool {
    *faults == STOP_AFTER_FAULTS
}

impl Candidate {
    /// What earlier versions did not know is left out where it says nothing: a version keeps its
    /// digest.
    pub(crate) fn add_to(&self, hash: &mut Sha256) {
        hash.update(b"candidate");
        hash.update(self.module.0);
        hash.update((self.config.len() as u64).to_be_bytes());
        hash.update(self.config.as_bytes());
        hash.update(match self.share {
            Share::Shadow => [0, 0],
            Share::Canary(percent) => [1, percent],
        });
        if !is_usual(&self.stop_after_faults) {
            hash.update(b"stop");
            hash.update(self.stop_after_faults.to_be_bytes());
        }
        if self.ended.is_some() {
            hash.update(b"ended");
        }
    }
}

impl FilterVersion {
    /// Its candidate, as a filter by itself, also one that has ended.
    pub fn candidate(&self) -> Option<(FilterVersion, Share)> {
        let Candidate { module, config, share, .. } = self.candidate.as_ref()?;
        let name = format!("{}{CANDIDATE}", self.name).into();
        let config = config.as_str().into();
        Some((FilterVersion { name, module: *module, config, ..self.alone() }, *share))
    }

    /// The version itself, without what is tried beside it: its digest is what a list of versions
    /// has.
    pub fn alone(&self) -> FilterVersion {
        FilterVersion { candidate: None, ..self.clone() }
    }

    /// All of it that an endpoint goes by which pins it.
    pub(crate) fn pinned(&self) -> FilterVersion {
        FilterVersion { about: "{}".into(), ..self.alone() }
    }

    /// The same while it is on trial.
    pub fn trial(&self) -> Option<(FilterVersion, Share)> {
        self.candidate.as_ref().filter(|candidate| candidate.ended.is_none())?;
        self.candidate()
    }

    /// How often its canary may not fail, if it has one that ends by that. Where failures stop the
    /// filter they are not to be borne, and its canary is over by one.
    pub fn canary_circuit(&self) -> Option<Circuit> {
        let candidate = self.candidate.as_ref().filter(|candidate| candidate.ended.is_none())?;
        let is_canary = matches!(candidate.share, Share::Canary(_));
        let faults = match self.on_error {
            OnError::Stop => candidate.stop_after_faults.min(1),
            _ => candidate.stop_after_faults,
        };
        (is_canary && faults > 0).then_some(Circuit { faults, within_ms: STOP_WITHIN_MS })
    }

    /// With its candidate as it was before it ended.
    pub(crate) fn as_begun(&self) -> FilterVersion {
        let mut version = self.clone();
        if let Some(candidate) = &mut version.candidate {
            candidate.ended = None;
        }
        version
    }
}

impl Snapshot {
    /// The chain without canaries that have ended since: those judge nothing any more, also where
    /// an earlier version rules.
    pub fn without_ended(&self, chain: Arc<Chain>) -> Arc<Chain> {
        if chain.filters.iter().all(|filter| self.ended(filter).is_none()) {
            return chain;
        }
        let end = |filter: &Arc<FilterVersion>| {
            let Some(ended) = self.ended(filter) else { return filter.clone() };
            let mut filter = FilterVersion::clone(filter);
            if let Some(candidate) = &mut filter.candidate {
                candidate.ended = Some(ended.clone());
            }
            Arc::new(filter)
        };
        Arc::new(chain.with(chain.filters.iter().map(end).collect()))
    }

    /// How the canary of an earlier version has ended in this one.
    fn ended(&self, filter: &FilterVersion) -> Option<&Ended> {
        let tried = filter.candidate.as_ref().filter(|candidate| candidate.ended.is_none())?;
        let newest = self.filter(&filter.tenant, &filter.name)?.candidate.as_ref()?;
        let is_same = newest.module == tried.module && newest.config == tried.config;
        newest.ended.as_ref().filter(|_| is_same)
    }

    /// What ends the candidate of a filter of this digest, also of one that a configuration file
    /// declares: that one stays ended as long as the file says the same of the filter. An empty
    /// set where the filter is another by now.
    pub fn end_candidate(
        &self,
        (tenant, name): (&TenantId, &str),
        version: [u8; 16],
        ended: &Ended,
    ) -> Result<ChangeSet, Rejected> {
        let old = self.filter(tenant, name).filter(|old| old.digest() == version);
        let mut diff = Diff::new(self, old.map_or(Origin::Managed, |old| old.origin));
        if let Some(old) = old.filter(|old| old.trial().is_some()) {
            let mut new = FilterVersion::clone(old);
            if let Some(candidate) = &mut new.candidate {
                candidate.ended = Some(ended.clone());
            }
            diff.set_filter((tenant.clone(), name.into()), How::Updated, new);
            diff.follow();
        }
        diff.finish()
    }
}
