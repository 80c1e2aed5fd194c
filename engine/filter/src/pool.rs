use crate::instance::Instance;
use crate::limits::{IDLE_BYTES_MAX, IDLE_INSTANCES_MAX};
use crate::spec::FilterSpec;
use std::collections::{BTreeMap, VecDeque};

/// The idle instances of one guest thread, the last used at the back.
#[derive(Default)]
pub(crate) struct Pool {
    idle: VecDeque<([u8; 32], Instance)>,
    /// Sizes of batches that a filter had no room for, or answered with too much.
    refused: BTreeMap<[u8; 32], usize>,
    memory_bytes_max: usize,
    /// How often the idle ones were forgotten: what was taken before that is not kept.
    round: u64,
}

const REFUSALS_MAX: usize = 4096;

impl Pool {
    pub(crate) fn take(&mut self, spec: &FilterSpec) -> Option<Instance> {
        let place = self.idle.iter().rposition(|(identity, _)| *identity == spec.identity)?;
        self.idle.remove(place).map(|(_, instance)| instance)
    }

    /// For `keep`, as it was when an instance was taken or started.
    pub(crate) fn round(&self) -> u64 {
        self.round
    }

    pub(crate) fn forget_idle(&mut self) {
        self.idle.clear();
        self.round += 1;
    }

    /// All but the round, by which what is under way is known.
    pub(crate) fn forget(&mut self) {
        *self = Pool { round: self.round, ..Pool::default() };
    }

    /// Keeps an instance for the next batch of its filter; the longest unused ones make room.
    pub(crate) fn keep(&mut self, spec: &FilterSpec, instance: Instance, round: u64) {
        if spec.isolate || instance.is_worn() || round != self.round {
            return;
        }
        self.idle.push_back((spec.identity, instance));
        let mut bytes = self.idle_bytes();
        while self.idle.len() > 1
            && (self.idle.len() > IDLE_INSTANCES_MAX || bytes > IDLE_BYTES_MAX)
        {
            bytes -= self.idle.pop_front().map_or(0, |(_, idle)| idle.memory_bytes());
        }
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(crate) fn idle_bytes(&self) -> usize {
        self.idle.iter().map(|(_, idle)| idle.memory_bytes()).sum()
    }

    /// Remembers how large an instance has grown, also one that is not kept.
    pub(crate) fn note(&mut self, instance: &Instance) {
        self.memory_bytes_max = self.memory_bytes_max.max(instance.memory_bytes());
    }

    pub(crate) fn memory_bytes_max(&self) -> usize {
        self.memory_bytes_max
    }

    /// Remembers that a batch of this weight was too large for the filter.
    pub(crate) fn refuse(&mut self, spec: &FilterSpec, weight: usize) {
        if self.refused.len() >= REFUSALS_MAX {
            self.refused.clear();
        }
        let least = self.refused.entry(spec.identity).or_insert(weight);
        *least = weight.min(*least);
    }

    /// The weight that a batch for this filter should stay below.
    pub(crate) fn weight_max(&self, spec: &FilterSpec) -> usize {
        self.refused.get(&spec.identity).copied().unwrap_or(usize::MAX)
    }
}
