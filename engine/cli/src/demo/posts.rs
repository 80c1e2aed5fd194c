use crate::demo::digest::digest_of;
use crate::demo::payload::{Payload, Provider, Times};
use std::collections::BTreeSet;

/// One request that is to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Post {
    /// Its place among the payloads.
    pub payload: usize,
    pub serial: u32,
    pub how: How,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    Once,
    /// The provider did not hear the answer and sends the same delivery again.
    Twice,
    /// The body is not the one that was signed.
    Forged,
}

/// One delivery in so many is sent again.
const TWICE_EVERY: u32 = 50;

/// What to send for `count` events: the payloads in turn, and what is sent a certain number of
/// times spread among them. Each provider is forged once.
pub fn posts(payloads: &[Payload], count: usize) -> Vec<Post> {
    let of_turn = |n: &usize| payloads[*n].times == Times::InTurn;
    let in_turn: Vec<usize> = (0..payloads.len()).filter(of_turn).collect();
    let mut special = Vec::new();
    for (n, payload) in payloads.iter().enumerate() {
        if let Times::Exactly(times) = payload.times {
            special.extend(std::iter::repeat_n(n, times));
        }
    }
    let mut order: Vec<usize> =
        in_turn.iter().copied().cycle().take(count.saturating_sub(special.len())).collect();
    for (n, payload) in special.iter().enumerate() {
        let at = (n + 1) * order.len() / (special.len() + 1);
        order.insert(at, *payload);
    }
    let mut posts: Vec<Post> = Vec::new();
    for (serial, payload) in (1..).zip(order) {
        let is_special = payloads[payload].times != Times::InTurn;
        let is_twice = serial % TWICE_EVERY == 0 && !is_special;
        let how = if is_twice { How::Twice } else { How::Once };
        posts.push(Post { payload, serial, how });
    }
    posts.extend(forged(payloads, posts.len() as u32));
    posts
}

fn forged(payloads: &[Payload], serials: u32) -> Vec<Post> {
    let of = |provider| payloads.iter().position(|payload| payload.provider == provider);
    let found = Provider::ALL.into_iter().filter_map(of);
    let forged = (serials + 1..).zip(found);
    forged.map(|(serial, payload)| Post { payload, serial, how: How::Forged }).collect()
}

/// Those that make an event each. A corpus may hold one delivery several times over.
pub fn distinct<'p>(payloads: &[Payload], posts: &'p [Post]) -> Vec<&'p Post> {
    let mut seen = BTreeSet::new();
    let is_first = |post: &&Post| {
        let payload = &payloads[post.payload];
        let (id, body) = payload.delivery(post.serial);
        post.how != How::Forged && seen.insert(key_of(payload, &id, &body))
    };
    posts.iter().filter(is_first).collect()
}

/// What makes two requests the same delivery.
pub fn key_of(payload: &Payload, id: &str, body: &[u8]) -> [u8; 32] {
    digest_of(&[payload.provider.name().as_bytes(), id.as_bytes(), body])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::payload::bundled;

    #[test]
    fn as_many_as_were_asked_for_and_the_special_ones_exactly() {
        let payloads = bundled();
        for count in [30, 300, 2000] {
            let posts = posts(&payloads, count);
            assert_eq!(distinct(&payloads, &posts).len(), count);
            assert_eq!(posts.iter().filter(|post| post.how == How::Forged).count(), 5);
            for (n, payload) in payloads.iter().enumerate() {
                let of_it = |post: &&Post| post.payload == n && post.how != How::Forged;
                let sent = posts.iter().filter(of_it).count();
                match payload.times {
                    Times::Exactly(times) => assert_eq!(sent, times),
                    Times::InTurn => assert!(sent > 0),
                }
            }
        }
    }

    #[test]
    fn one_delivery_twice_in_a_corpus_is_one_event() {
        let twin = |provider| Payload::new(provider, "push", r#"{"id":"evt_1"}"#.into(), true);
        let payloads = [twin(Provider::Stripe), twin(Provider::Stripe), twin(Provider::GitHub)];
        assert_eq!(distinct(&payloads, &posts(&payloads, 6)).len(), 3);
    }
}
