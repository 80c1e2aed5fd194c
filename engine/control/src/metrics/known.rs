use arc_swap::ArcSwap;
use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One value for each name that was seen, for at most `max` names; what comes later shares one.
///
/// Names may come from strangers, so their number is bounded. Reading takes no lock, and a name
/// that is known costs one look-up; a new one copies the map, which happens `max` times at most.
pub(super) struct Known<K, V> {
    kept: ArcSwap<BTreeMap<K, Arc<V>>>,
    max: usize,
    others: V,
}

impl<K: Ord + Clone, V: Default> Known<K, V> {
    pub fn new(max: usize) -> Known<K, V> {
        Known { kept: ArcSwap::default(), max, others: V::default() }
    }

    /// Hands the value of `name` over, or the shared one when there is no room for the name.
    pub fn tell<Q>(&self, name: &Q, tell: impl FnOnce(&V))
    where
        K: Borrow<Q>,
        Q: Ord + ToOwned<Owned = K> + ?Sized,
    {
        let kept = self.kept.load();
        if let Some(value) = kept.get(name) {
            return tell(value);
        }
        if kept.len() >= self.max {
            return tell(&self.others);
        }
        self.kept.rcu(|kept| {
            let mut next = BTreeMap::clone(kept);
            if next.len() < self.max {
                next.entry(name.to_owned()).or_default();
            }
            next
        });
        tell(self.kept.load().get(name).map_or(&self.others, |value| &**value));
    }

    /// Those with a name, in the order of their names.
    pub fn kept(&self) -> Arc<BTreeMap<K, Arc<V>>> {
        self.kept.load_full()
    }

    /// None as long as every name had room.
    pub fn others(&self) -> Option<&V> {
        (self.kept.load().len() >= self.max).then_some(&self.others)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn names_beyond_the_bound_share_one_value() {
        let known: Known<String, AtomicU64> = Known::new(3);
        for n in 0..100_000 {
            known.tell(&*format!("name {}", n % 1000), |count| {
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        let kept = known.kept();
        assert_eq!(kept.keys().collect::<Vec<_>>(), ["name 0", "name 1", "name 2"]);
        assert!(kept.values().all(|count| count.load(Ordering::Relaxed) == 100));
        assert_eq!(known.others().unwrap().load(Ordering::Relaxed), 100_000 - 300);
    }

    #[test]
    fn threads_that_meet_a_name_at_once_count_alike() {
        let known: Known<u16, AtomicU64> = Known::new(64);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..4000_u16 {
                        known.tell(&(n % 50), |count| {
                            count.fetch_add(1, Ordering::Relaxed);
                        });
                    }
                });
            }
        });
        let counts: Vec<u64> =
            known.kept().values().map(|count| count.load(Ordering::Relaxed)).collect();
        assert_eq!(counts, [4 * 80; 50]);
        assert!(known.others().is_none());
    }
}
