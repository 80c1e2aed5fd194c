use crate::path::Step;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The places of a body that a condition names. The rest of a body is checked and dropped, so
/// that what a hostile one takes in memory goes with the condition, not with its size.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Sorted by their steps once the condition is compiled; no two alike.
    places: Vec<Place>,
}

#[derive(Debug)]
struct Place {
    steps: Vec<Step>,
    /// Where in what was found it stands.
    slot: usize,
    /// The members of an object are to be counted.
    is_counted: bool,
    /// The entries of a list are to be kept.
    is_searched: bool,
}

/// What stood at each place; None where nothing did.
pub(crate) type Found = Vec<Option<Member>>;

/// A JSON value, without what is inside of it unless that is asked for.
#[derive(Debug)]
pub(crate) enum Member {
    Null,
    Bool(bool),
    Number(Number),
    Text(Box<str>),
    List {
        count: usize,
        entries: Box<[Member]>,
    },
    /// How many members it has, where they are counted.
    Object(usize),
}

impl Wanted {
    /// The slot of a place.
    pub fn add(&mut self, steps: Vec<Step>) -> usize {
        if let Some(known) = self.places.iter().position(|place| place.steps == steps) {
            return known;
        }
        let slot = self.places.len();
        self.places.push(Place { steps, slot, is_counted: false, is_searched: false });
        slot
    }

    pub fn count(&mut self, slot: usize) {
        self.places[slot].is_counted = true;
    }

    pub fn search(&mut self, slot: usize) {
        self.places[slot].is_searched = true;
    }

    /// Nothing is added after this.
    pub fn sorted(mut self) -> Wanted {
        self.places.sort_unstable_by(|a, b| a.steps.cmp(&b.steps));
        self
    }

    /// Reads a body once. One that is not JSON, or that nests deeper than 128 levels, which
    /// serde_json refuses, has nothing at any place.
    pub fn find(&self, body: &[u8]) -> Found {
        let mut found: Found = self.places.iter().map(|_| None).collect();
        let mut reader = serde_json::Deserializer::from_slice(body);
        let reading = Reading { places: &self.places, depth: 0, is_kept: false, found: &mut found };
        let read = reading.deserialize(&mut reader);
        if read.and_then(|_| reader.end()).is_err() {
            found.iter_mut().for_each(|slot| *slot = None);
        }
        found
    }
}

/// What several conditions name together.
#[derive(Debug, Default)]
pub(crate) struct Union {
    places: BTreeMap<Vec<Step>, Mark>,
}

#[derive(Debug)]
struct Mark {
    slot: usize,
    is_counted: bool,
    is_searched: bool,
}

impl Union {
    /// The slots that what one condition names has here, by its own slots.
    pub fn add(&mut self, wanted: &Wanted) -> Box<[usize]> {
        let mut slots = vec![0; wanted.places.len()];
        for place in &wanted.places {
            let slot = self.places.len();
            let new = || Mark { slot, is_counted: false, is_searched: false };
            let mark = self.places.entry(place.steps.clone()).or_insert_with(new);
            mark.is_counted |= place.is_counted;
            mark.is_searched |= place.is_searched;
            slots[place.slot] = mark.slot;
        }
        slots.into()
    }

    pub fn into_wanted(self) -> Wanted {
        let place = |(steps, mark): (Vec<Step>, Mark)| {
            let Mark { slot, is_counted, is_searched } = mark;
            Place { steps, slot, is_counted, is_searched }
        };
        Wanted { places: self.places.into_iter().map(place).collect() }
    }
}

/// One value, and the places at or below it: a run of the sorted ones, alike in `depth` steps.
struct Reading<'w, 'f> {
    places: &'w [Place],
    depth: usize,
    /// It is the entry of a list that is searched.
    is_kept: bool,
    found: &'f mut Found,
}

impl<'w> Reading<'w, '_> {
    /// The place that is this very value.
    fn here(&self) -> Option<&'w Place> {
        self.places.first().filter(|place| place.steps.len() == self.depth)
    }

    /// Puts the value where it is wanted. What is given back is shallow: no list finds a list.
    fn settle(self, member: Member) -> Member {
        let Some(place) = self.here() else { return member };
        let shallow = match &member {
            Member::Null => Member::Null,
            Member::Bool(truth) => Member::Bool(*truth),
            Member::Number(number) => Member::Number(number.clone()),
            Member::Text(text) if self.is_kept => Member::Text(text.clone()),
            Member::Text(_) => Member::Null,
            Member::List { .. } => Member::List { count: 0, entries: Box::default() },
            Member::Object(_) => Member::Object(0),
        };
        self.found[place.slot] = Some(member);
        shallow
    }
}

impl<'de> DeserializeSeed<'de> for Reading<'_, '_> {
    type Value = Member;

    /// Never `IgnoredAny`, which lets through what is no value: a body is JSON or not, whatever
    /// the condition looks at.
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_, '_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Member, E> {
        Ok(self.settle(Member::Bool(value)))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Member, E> {
        Ok(self.settle(Member::Number(value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Member, E> {
        Ok(self.settle(Member::Number(value.into())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Member, E> {
        Ok(self.settle(Number::from_f64(value).map_or(Member::Null, Member::Number)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Member, E> {
        if self.is_kept || self.here().is_some() {
            return Ok(self.settle(Member::Text(value.into())));
        }
        Ok(Member::Null)
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(self.settle(Member::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Member, A::Error> {
        let is_searched = self.here().is_some_and(|place| place.is_searched);
        let (mut count, mut entries) = (0, Vec::new());
        loop {
            let entry = Reading {
                places: below_item(self.places, self.depth, count),
                depth: self.depth + 1,
                is_kept: is_searched,
                found: &mut *self.found,
            };
            let Some(entry) = list.next_element_seed(entry)? else { break };
            if is_searched {
                entries.push(entry);
            }
            count += 1;
        }
        Ok(self.settle(Member::List { count, entries: entries.into() }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        let is_counted = self.here().is_some_and(|place| place.is_counted);
        let mut names = BTreeSet::new();
        while let Some((places, name)) =
            map.next_key_seed(Name { places: self.places, depth: self.depth, is_counted })?
        {
            names.extend(name);
            // Of two members of one name the last counts.
            places.iter().for_each(|place| self.found[place.slot] = None);
            let (depth, found) = (self.depth + 1, &mut *self.found);
            map.next_value_seed(Reading { places, depth, is_kept: false, found })?;
        }
        Ok(self.settle(Member::Object(names.len())))
    }
}

/// A member's name: the places that it leads to, and itself where it is counted.
struct Name<'w> {
    places: &'w [Place],
    depth: usize,
    is_counted: bool,
}

impl<'de, 'w> DeserializeSeed<'de> for Name<'w> {
    type Value = (&'w [Place], Option<Box<str>>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de, 'w> Visitor<'de> for Name<'w> {
    type Value = (&'w [Place], Option<Box<str>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        let places = below_name(self.places, self.depth, name);
        Ok((places, self.is_counted.then(|| name.into())))
    }
}

/// Sorted: the place itself, then those below members, by name, then those below items.
fn below_name<'w>(places: &'w [Place], depth: usize, name: &str) -> &'w [Place] {
    let is_before = |place: &Place| match place.steps.get(depth) {
        None => true,
        Some(Step::Member(other)) => **other < *name,
        Some(Step::Item(_)) => false,
    };
    let rest = &places[places.partition_point(is_before)..];
    let is_it = |place: &Place| match place.steps.get(depth) {
        Some(Step::Member(other)) => **other == *name,
        _ => false,
    };
    &rest[..rest.partition_point(is_it)]
}

fn below_item(places: &[Place], depth: usize, at: usize) -> &[Place] {
    let is_before = |place: &Place| match place.steps.get(depth) {
        None | Some(Step::Member(_)) => true,
        Some(Step::Item(other)) => *other < at,
    };
    let rest = &places[places.partition_point(is_before)..];
    let is_it =
        |place: &Place| matches!(place.steps.get(depth), Some(Step::Item(other)) if *other == at);
    &rest[..rest.partition_point(is_it)]
}

#[cfg(test)]
mod tests;
