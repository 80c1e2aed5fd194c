use super::asked::figure;
use super::client::{Ask, Client, Page};
use crate::measure::{Figure, Meter, Turn};
use std::time::{Duration, Instant};

const LIMIT: usize = 250;

/// What a client sees who asks for all pages of a list.
pub struct Walk {
    /// Those that lead to a page, the first of them empty.
    pub iterators: Vec<String>,
    /// The first of each page.
    pub ids: Vec<String>,
    pub count: u64,
    /// The answer to each request, without reading it.
    took: Vec<Duration>,
    turn: Turn,
}

impl Walk {
    pub fn through(client: &mut Client, list: &str) -> anyhow::Result<Walk> {
        let meter = Meter::start();
        let mut walk = Walk {
            iterators: Vec::new(),
            ids: Vec::new(),
            count: 0,
            took: Vec::new(),
            turn: Turn::default(),
        };
        let mut next = Some(String::new());
        while let Some(iterator) = next {
            let began = Instant::now();
            let answer = client.ask(&Ask::of(page(list, LIMIT, "", &iterator)))?;
            walk.took.push(began.elapsed());
            let Page { entries, done, iterator: behind } = serde_json::from_slice(&answer)?;
            walk.count += entries.len() as u64;
            walk.ids.extend(entries.into_iter().next().map(|entry| entry.id));
            walk.iterators.push(iterator);
            next = behind.filter(|_| !done);
        }
        walk.turn = meter.stop(walk.took.len() as u64);
        Ok(walk)
    }

    pub fn figure(&self, name: &str) -> Figure {
        figure(name.to_owned(), self.took.clone(), self.turn.wall, self.turn.cpu)
    }
}

/// The path of a page; an empty iterator is that of the first one.
pub fn page(list: &str, limit: usize, more: &str, iterator: &str) -> String {
    format!("{list}?limit={limit}{more}&iterator={iterator}")
}
