//! What came to each source lately, and what became of it: in memory, so that a restart forgets it.

use event::{EventId, TenantId, Time};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// One request that came to a source. Neither its body nor the value of a header that may be secret
/// is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub at: Time,
    pub took: Duration,
    pub peer: IpAddr,
    pub method: String,
    pub status: u16,
    /// Why nothing was accepted: a stable word.
    pub refused: Option<&'static str>,
    pub id: Option<EventId>,
    pub is_duplicate: bool,
    pub is_conflict: bool,
    /// As the sender said it, where it did.
    pub bytes: Option<u64>,
    pub content_type: Option<String>,
    pub user_agent: Option<String>,
    /// The names of all headers that came.
    pub headers: Vec<String>,
}

/// The last requests of each source.
#[derive(Default)]
pub(crate) struct Journal {
    sources: BTreeMap<Name, VecDeque<(u64, Heard)>>,
    last: u64,
}

type Name = (TenantId, Arc<str>);

/// Of one source, while there are few of them; then less, so that all of them together have no
/// more than `ALL_MAX`.
const EACH_MAX: usize = 100;
const EACH_MIN: usize = 10;
const ALL_MAX: usize = 10_000;
/// Further sources push out those of others.
const SOURCES_MAX: usize = ALL_MAX / EACH_MIN;
/// Of what a sender chose.
const TEXT_BYTES_MAX: usize = 128;
const HEADERS_MAX: usize = 32;

impl Journal {
    pub fn note(&mut self, tenant: &TenantId, source: &Arc<str>, mut heard: Heard) {
        cut(&mut heard);
        // Greater than those of the process before, so that who follows misses none.
        self.last = (self.last + 1).max(heard.at.nanos() / 1_000);
        let name = (tenant.clone(), source.clone());
        if !self.sources.contains_key(&name) {
            self.make_room();
        }
        let each_max = self.each_max();
        let kept = self.sources.entry(name).or_default();
        kept.push_back((self.last, heard));
        if kept.len() > each_max {
            kept.pop_front();
        }
    }

    /// The newest first, those after number `after` alone.
    pub fn newest(
        &self,
        tenant: &TenantId,
        source: &str,
        after: u64,
    ) -> impl Iterator<Item = &(u64, Heard)> {
        let kept = self.sources.get(&(tenant.clone(), source.into()));
        let newest = kept.into_iter().flat_map(|kept| kept.iter().rev());
        newest.take_while(move |(number, _)| *number > after)
    }

    /// Leaves nothing of what the senders of these events chose.
    pub fn forget(&mut self, erased: &BTreeSet<EventId>) {
        for (_, heard) in self.sources.values_mut().flatten() {
            if heard.id.is_some_and(|id| erased.contains(&id)) {
                (heard.content_type, heard.user_agent, heard.bytes) = (None, None, None);
                heard.headers.clear();
            }
        }
    }

    fn each_max(&self) -> usize {
        (ALL_MAX / self.sources.len().max(1)).clamp(EACH_MIN, EACH_MAX)
    }

    fn make_room(&mut self) {
        if self.sources.len() >= SOURCES_MAX {
            // The one that has been quiet for longest.
            let last = |(_, kept): &(&Name, &VecDeque<(u64, Heard)>)| kept.back().map(|(n, _)| *n);
            let quiet = self.sources.iter().min_by_key(last).map(|(name, _)| name.clone());
            quiet.map(|name| self.sources.remove(&name));
        }
        let each_max = (ALL_MAX / (self.sources.len() + 1)).clamp(EACH_MIN, EACH_MAX);
        for kept in self.sources.values_mut() {
            kept.drain(..kept.len().saturating_sub(each_max));
        }
    }
}

fn cut(heard: &mut Heard) {
    let texts = [&mut heard.content_type, &mut heard.user_agent].into_iter().flatten();
    let names = heard.headers.iter_mut();
    for text in texts.chain(names).chain([&mut heard.method]) {
        let end = (0..=TEXT_BYTES_MAX.min(text.len())).rfind(|end| text.is_char_boundary(*end));
        text.truncate(end.unwrap_or(0));
    }
    heard.headers.truncate(HEADERS_MAX);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(ms: u64) -> Heard {
        Heard {
            at: Time::from_millis(ms),
            took: Duration::ZERO,
            peer: IpAddr::from([127, 0, 0, 1]),
            method: "POST".to_owned(),
            status: 202,
            refused: None,
            id: None,
            is_duplicate: false,
            is_conflict: false,
            bytes: Some(7),
            content_type: None,
            user_agent: Some("ü".repeat(200)),
            headers: vec!["x".repeat(500); 50],
        }
    }

    fn count(journal: &Journal, source: &str) -> usize {
        journal.newest(&TenantId::new("t"), source, 0).count()
    }

    #[test]
    fn of_what_was_erased_it_keeps_that_it_came_alone() {
        let (mut journal, tenant) = (Journal::default(), TenantId::new("t"));
        let id = |n| EventId::new(n, event::Offset(n));
        for n in [1, 2] {
            let content_type = Some("text/marker".to_owned());
            journal.note(&tenant, &"a".into(), Heard { id: Some(id(n)), content_type, ..heard(n) });
        }
        journal.forget(&BTreeSet::from([id(1)]));
        let newest: Vec<&Heard> = journal.newest(&tenant, "a", 0).map(|(_, heard)| heard).collect();
        assert!(newest[0].content_type.is_some() && !newest[0].headers.is_empty());
        let bare = Heard {
            content_type: None,
            user_agent: None,
            bytes: None,
            headers: Vec::new(),
            ..newest[1].clone()
        };
        assert_eq!((newest[1], newest[1].id), (&bare, Some(id(1))));
    }

    #[test]
    fn it_keeps_the_newest_and_no_more_than_its_share() {
        let mut journal = Journal::default();
        let tenant = TenantId::new("t");
        for n in 0..250 {
            journal.note(&tenant, &"a".into(), heard(n));
        }
        assert_eq!(count(&journal, "a"), EACH_MAX);
        let newest: Vec<_> = journal.newest(&tenant, "a", 0).collect();
        assert_eq!(newest[0].1.at, Time::from_millis(249));
        assert!(newest.windows(2).all(|pair| pair[0].0 > pair[1].0));
        assert_eq!(journal.newest(&tenant, "a", newest[3].0).count(), 3);
        assert!(newest[0].1.user_agent.as_ref().is_some_and(|text| text.len() == TEXT_BYTES_MAX));
        assert_eq!(newest[0].1.headers.len(), HEADERS_MAX);
        for n in 0..3_000 {
            journal.note(&tenant, &format!("s{n}").into(), heard(1_000 + n));
        }
        let all: usize = journal.sources.values().map(VecDeque::len).sum();
        assert!(all <= ALL_MAX && journal.sources.len() <= SOURCES_MAX, "{all}");
        assert_eq!((count(&journal, "a"), count(&journal, "s2999")), (0, 1));
    }
}
