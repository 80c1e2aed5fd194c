use crate::{Endpoint, TypePattern};
use event::EndpointId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Endpoints in the order of their ids.
type Posting = Arc<Vec<Arc<Endpoint>>>;

/// Which endpoints of one tenant want which event types.
///
/// Every endpoint stands once in the posting of each of its patterns, so a match visits the
/// postings that apply and nothing else.
#[derive(Clone, Debug, Default)]
pub(crate) struct TypeIndex {
    all: Posting,
    exact: BTreeMap<Arc<str>, Posting>,
    /// By the text before `.*`.
    under: BTreeMap<Arc<str>, Posting>,
}

impl TypeIndex {
    pub(crate) fn add(&mut self, endpoint: &Arc<Endpoint>) {
        if endpoint.is_polled() {
            return;
        }
        for pattern in patterns(endpoint) {
            let posting = match pattern {
                TypePattern::All => &mut self.all,
                TypePattern::Exact(exact) => self.exact.entry(exact.clone()).or_default(),
                TypePattern::Under(stem) => self.under.entry(stem.clone()).or_default(),
            };
            let posting = Arc::make_mut(posting);
            // The same pattern twice, or a new version: one place all the same.
            match place(posting, endpoint.id) {
                Ok(at) => posting[at] = endpoint.clone(),
                Err(at) => posting.insert(at, endpoint.clone()),
            }
        }
    }

    pub(crate) fn remove(&mut self, endpoint: &Endpoint) {
        for pattern in patterns(endpoint) {
            match pattern {
                TypePattern::All => drop_from(&mut self.all, endpoint.id),
                TypePattern::Exact(exact) => remove_from(&mut self.exact, exact, endpoint.id),
                TypePattern::Under(stem) => remove_from(&mut self.under, stem, endpoint.id),
            }
        }
    }

    pub(crate) fn matching(&self, event_type: &str) -> Matches<'_> {
        let mut matches = Matches::default();
        matches.merge(&self.all);
        if let Some(posting) = self.exact.get(event_type) {
            matches.merge(posting);
        }
        if self.under.is_empty() {
            return matches;
        }
        for (dot, _) in event_type.match_indices('.') {
            let is_below = dot + 1 < event_type.len();
            if let Some(posting) = self.under.get(&event_type[..dot]).filter(|_| is_below) {
                matches.merge(posting);
            }
        }
        matches
    }
}

/// An endpoint without any pattern wants everything.
fn patterns(endpoint: &Endpoint) -> &[TypePattern] {
    if endpoint.types.is_empty() { &[TypePattern::All] } else { &endpoint.types }
}

fn place(posting: &[Arc<Endpoint>], id: EndpointId) -> Result<usize, usize> {
    // Snapshots are built in id order, where the place is nearly always the end.
    match posting.last() {
        Some(last) if last.id >= id => posting.binary_search_by_key(&id, |endpoint| endpoint.id),
        _ => Err(posting.len()),
    }
}

fn drop_from(posting: &mut Posting, id: EndpointId) {
    let posting = Arc::make_mut(posting);
    if let Ok(at) = place(posting, id) {
        posting.remove(at);
    }
}

fn remove_from(postings: &mut BTreeMap<Arc<str>, Posting>, stem: &Arc<str>, id: EndpointId) {
    let Some(posting) = postings.get_mut(stem) else { return };
    drop_from(posting, id);
    if posting.is_empty() {
        postings.remove(stem);
    }
}

/// The endpoints that want an event type, each once, in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct Matches<'a> {
    /// What is left of each posting; none is empty.
    rest: Vec<&'a [Arc<Endpoint>]>,
}

impl<'a> Matches<'a> {
    pub(crate) fn only(endpoint: &'a Arc<Endpoint>) -> Matches<'a> {
        Matches { rest: vec![std::slice::from_ref(endpoint)] }
    }

    fn merge(&mut self, posting: &'a Posting) {
        if !posting.is_empty() {
            self.rest.push(posting);
        }
    }
}

impl<'a> Iterator for Matches<'a> {
    type Item = &'a Arc<Endpoint>;

    fn next(&mut self) -> Option<&'a Arc<Endpoint>> {
        if let [only] = &mut self.rest[..] {
            let (first, rest) = only.split_first()?;
            *only = rest;
            return Some(first);
        }
        let first = self.rest.iter().filter_map(|rest| rest.first()).min_by_key(|e| e.id)?;
        for rest in &mut self.rest {
            if rest.first().is_some_and(|endpoint| endpoint.id == first.id) {
                *rest = &rest[1..];
            }
        }
        Some(first)
    }
}
