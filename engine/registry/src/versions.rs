use event::Offset;
use std::sync::Arc;

/// The versions of one resource by the offset from which each rules. None is a tombstone.
#[derive(Clone, Debug)]
pub(crate) struct Versions<T>(Vec<(Offset, Option<Arc<T>>)>);

impl<T> Default for Versions<T> {
    fn default() -> Self {
        Versions(Vec::new())
    }
}

impl<T> Versions<T> {
    pub(crate) fn at(&self, offset: Offset) -> Option<&Arc<T>> {
        let after = self.0.partition_point(|(since, _)| *since <= offset);
        self.0[..after].last()?.1.as_ref()
    }

    /// The one in force at `offset` and all after it, in their order.
    pub(crate) fn from(&self, offset: Offset) -> impl Iterator<Item = &Arc<T>> {
        let after = self.0.partition_point(|(since, _)| *since <= offset);
        self.0[after.saturating_sub(1)..].iter().filter_map(|(_, value)| value.as_ref())
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<T>> {
        self.0.iter().filter_map(|(_, value)| value.as_ref())
    }

    /// Whether it was there, as far as is known yet, and is no more.
    pub(crate) fn is_removed(&self) -> bool {
        self.at(Offset::MAX).is_none() && self.all().next().is_some()
    }

    /// Answers which version this one ends, if any. Versions come in the order of their offsets;
    /// one from the same offset takes the place of the last.
    pub(crate) fn set(&mut self, since: Offset, value: Option<Arc<T>>) -> Option<Offset> {
        match self.0.last_mut() {
            Some(last) if last.0 == since => {
                last.1 = value;
                None
            }
            last => {
                let ended = last.map(|last| last.0);
                assert!(ended.is_none_or(|ended| ended < since), "versions come in order");
                self.0.push((since, value));
                ended
            }
        }
    }

    /// Whether the version from `since` is of no use to anyone at or above `trim`.
    pub(crate) fn is_spent(&self, since: Offset, trim: Offset) -> bool {
        let Ok(at) = self.0.binary_search_by_key(&since, |version| version.0) else {
            return false;
        };
        let is_followed = self.0.get(at + 1).is_some_and(|next| next.0 <= trim);
        is_followed || (self.0[at].1.is_none() && since <= trim)
    }

    pub(crate) fn remove(&mut self, since: Offset) {
        self.0.retain(|version| version.0 != since);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_in_force_is_among_those_from_an_offset() {
        let mut versions = Versions::default();
        for (since, value) in [(3, Some("a")), (5, None), (8, Some("b")), (9, Some("c"))] {
            versions.set(Offset(since), value.map(Arc::new));
        }
        let from = |offset| versions.from(Offset(offset)).map(|text| **text).collect::<Vec<_>>();
        assert_eq!(from(0), ["a", "b", "c"]);
        assert_eq!(from(4), ["a", "b", "c"]);
        assert_eq!(from(5), ["b", "c"], "a tombstone is no version");
        assert_eq!(from(8), ["b", "c"]);
        assert_eq!(from(99), ["c"]);
    }

    #[test]
    fn what_was_there_is_removed_until_it_is_forgotten() {
        let mut versions = Versions::default();
        assert!(!versions.is_removed());
        versions.set(Offset(3), Some(Arc::new("a")));
        assert!(!versions.is_removed());
        versions.set(Offset(5), None);
        assert!(versions.is_removed());
        versions.remove(Offset(3));
        assert!(!versions.is_removed(), "a tombstone alone hides nothing");
    }
}
