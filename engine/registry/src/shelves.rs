use crate::ChainId;
use event::{EndpointId, TenantId};
use std::collections::BTreeMap;
use std::sync::Arc;

const SHELVES: usize = 256;

/// A tenant's own name for something.
pub(crate) type Name = (TenantId, Arc<str>);

/// What says on which shelf a key stands.
pub(crate) trait Shelved: Ord + Clone {
    fn shelf(&self) -> u8;
}

impl Shelved for EndpointId {
    fn shelf(&self) -> u8 {
        self.0 as u8
    }
}

impl Shelved for ChainId {
    fn shelf(&self) -> u8 {
        self.0[0]
    }
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

impl Shelved for Arc<str> {
    fn shelf(&self) -> u8 {
        fold(SEED, self)
    }
}

impl Shelved for TenantId {
    fn shelf(&self) -> u8 {
        fold(SEED, self.as_str())
    }
}

impl Shelved for Name {
    fn shelf(&self) -> u8 {
        fold(u64::from(self.0.shelf()), &self.1)
    }
}

fn fold(seed: u64, text: &str) -> u8 {
    let hash = text.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x100_0000_01b3));
    (hash >> 24) as u8 ^ hash as u8
}

/// A map that is cheap to copy and then change in one place.
///
/// Copies share their shelves; a change copies the one shelf that it touches. With n entries a
/// copy costs 256 reference counts and a change n / 256 entries.
#[derive(Clone, Debug)]
pub(crate) struct Shelves<K, V>(Vec<Arc<BTreeMap<K, V>>>);

impl<K, V> Default for Shelves<K, V> {
    fn default() -> Self {
        // One empty shelf for all: the first change of each copies it.
        let empty = Arc::new(BTreeMap::new());
        Shelves(vec![empty; SHELVES])
    }
}

impl<K: Shelved, V: Clone> Shelves<K, V> {
    pub(crate) fn get(&self, key: &K) -> Option<&V> {
        self.0[key.shelf() as usize].get(key)
    }

    pub(crate) fn shelf_mut(&mut self, key: &K) -> &mut BTreeMap<K, V> {
        Arc::make_mut(&mut self.0[key.shelf() as usize])
    }

    pub(crate) fn insert(&mut self, key: K, value: V) -> Option<V> {
        self.shelf_mut(&key).insert(key, value)
    }

    pub(crate) fn remove(&mut self, key: &K) -> Option<V> {
        self.shelf_mut(key).remove(key)
    }

    /// By shelf, then by key: the same order at every start, but no order a reader would know.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.0.iter().flat_map(|shelf| shelf.iter())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.iter().map(|shelf| shelf.len()).sum()
    }

    /// All values, in the order of their keys.
    pub(crate) fn sorted(&self) -> Vec<&V> {
        let mut entries: Vec<_> = self.iter().collect();
        entries.sort_unstable_by_key(|(key, _)| *key);
        entries.into_iter().map(|(_, value)| value).collect()
    }
}
