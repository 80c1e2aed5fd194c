use crate::instance::Instance;
use crate::limits::{IDLE_BYTES_MAX, IDLE_INSTANCES_MAX};
use crate::spec::FilterSpec;
use std::collections::{BTreeMap, VecDeque};

/// The idle instances of one guest thread, the last used at the back.
#[derive(Default)]
pub(crate) struct Pool {
    idle: VecDeque<Idle>,
    /// Sizes of batches that a filter had no room for, or answered with too much.
    refused: BTreeMap<[u8; 32], usize>,
    memory_bytes_max: usize,
}

struct Idle {
    identity: [u8; 32],
    age: u64,
    instance: Instance,
}

const REFUSALS_MAX: usize = 4096;

impl Pool {
    /// One of this age; those of another are ended. None for a filter that is to be isolated.
    pub(crate) fn take(&mut self, spec: &FilterSpec, age: u64) -> Option<Instance> {
        if spec.isolate {
            return None;
        }
        let is_own = |idle: &Idle| idle.identity == spec.identity;
        let place = self.idle.iter().rposition(is_own)?;
        if self.idle[place].age == age {
            return self.idle.remove(place).map(|idle| idle.instance);
        }
        self.idle.retain(|idle| !is_own(idle));
        None
    }

    /// Keeps an instance for the next batch of its filter; the longest unused ones make room.
    pub(crate) fn keep(&mut self, spec: &FilterSpec, instance: Instance, age: u64) {
        if spec.isolate || instance.is_worn() {
            return;
        }
        self.idle.push_back(Idle { identity: spec.identity, age, instance });
        let mut bytes = self.idle_bytes();
        while self.idle.len() > 1
            && (self.idle.len() > IDLE_INSTANCES_MAX || bytes > IDLE_BYTES_MAX)
        {
            bytes -= self.idle.pop_front().map_or(0, |idle| idle.instance.memory_bytes());
        }
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.len()
    }

    pub(crate) fn idle_bytes(&self) -> usize {
        self.idle.iter().map(|idle| idle.instance.memory_bytes()).sum()
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
