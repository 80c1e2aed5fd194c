use crate::api::{Parameter, Query};
use crate::problem::Problem;
use schemars::JsonSchema;
use serde::Serialize;

/// How many resources a page has.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "it stands for its schema alone")]
pub(crate) struct PageLimit(#[schemars(range(min = 1, max = 250))] u16);

#[derive(JsonSchema)]
#[schemars(rename = "Ordering", rename_all = "lowercase")]
#[expect(dead_code, reason = "it stands for its schema alone")]
pub(crate) enum Order {
    Ascending,
    Descending,
}

pub(crate) const LIMIT: Parameter =
    Parameter::of::<PageLimit>("limit", "How many a page has; 50 when it is not said.");
pub(crate) const ITERATOR: Parameter =
    Parameter::of::<String>("iterator", "The `iterator` or `prevIterator` of another page.");
pub(crate) const ORDER: Parameter = Parameter::of::<Order>("order", "The order of the list.");

/// Begins an iterator whose name would begin like one that goes back.
const PLAIN: char = '=';

/// The iterator of what comes behind a name.
pub(crate) fn behind(name: &str) -> String {
    match name.starts_with(['-', PLAIN]) {
        true => format!("{PLAIN}{name}"),
        false => name.to_owned(),
    }
}

/// The iterator of what comes before a name.
pub(crate) fn before(name: &str) -> String {
    format!("-{name}")
}

const LIMIT_DEFAULT: u64 = 50;
const LIMIT_MAX: u64 = 250;

/// One page of a list.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "ListResponse_{T}_")]
pub(crate) struct Page<T> {
    pub data: Vec<T>,
    /// Whether there is nothing behind this page, in the direction that was asked for.
    pub done: bool,
    pub iterator: Option<String>,
    pub prev_iterator: Option<String>,
}

impl<T> Page<T> {
    /// Of a list that is short enough to be one page.
    pub fn whole(data: Vec<T>) -> Page<T> {
        Page { data, done: true, iterator: None, prev_iterator: None }
    }
}

/// Which page of a list is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub limit: usize,
    place: Place<String>,
    is_descending: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place<T> {
    Start,
    /// Behind this one, in the order of the list.
    After(T),
    Before(T),
}

/// What a page makes of an entry.
pub(crate) enum Look<O> {
    Shown(O),
    Passed,
    /// Enough was looked at, and not at this one. Never said of the first.
    Tired,
}

impl<T> Place<T> {
    /// Reads what an iterator names.
    pub fn try_map<U>(self, read: impl FnOnce(T) -> Option<U>) -> Result<Place<U>, Problem> {
        let bad = || Problem::parameter("iterator", "it is what another page gave");
        Ok(match self {
            Place::Start => Place::Start,
            Place::After(last) => Place::After(read(last).ok_or_else(bad)?),
            Place::Before(first) => Place::Before(read(first).ok_or_else(bad)?),
        })
    }
}

impl Wanted {
    pub fn of(query: &Query, is_descending: bool) -> Result<Wanted, Problem> {
        let place = match query.one("iterator")?.filter(|text| !text.is_empty()) {
            None => Place::Start,
            Some(text) => match text.strip_prefix('-') {
                Some(first) => Place::Before(first.to_owned()),
                None => Place::After(text.strip_prefix(PLAIN).unwrap_or(text).to_owned()),
            },
        };
        let is_descending = match order(query)? {
            None => is_descending,
            Some("ascending") => false,
            Some("descending") => true,
            Some(_) => return Err(Problem::parameter("order", "it is ascending or descending")),
        };
        Ok(Wanted { limit: limit(query)?, place, is_descending })
    }

    pub fn place(&self) -> Place<&str> {
        match &self.place {
            Place::Start => Place::Start,
            Place::After(last) => Place::After(last),
            Place::Before(first) => Place::Before(first),
        }
    }

    /// Cuts a page out of a list that is in ascending order of its names, by which iterators go.
    pub fn cut_by_name<'a, T, O>(
        &self,
        all: &'a [T],
        name: impl Fn(&T) -> String,
        show: impl FnMut(&'a T) -> Option<O>,
    ) -> Result<Page<O>, Problem> {
        self.cut(all, &name, |text| Some(text.to_owned()), &name, show)
    }

    /// Cuts a page out of a list that is in ascending order of its keys. `read` gives the key
    /// that an iterator names, and `name` what names an entry. What `show` shows nothing of is
    /// passed over; it is asked for what the page has and one more.
    pub fn cut<'a, T, K: Ord, O>(
        &self,
        all: &'a [T],
        key: impl Fn(&T) -> K,
        read: impl Fn(&str) -> Option<K>,
        name: impl Fn(&T) -> String,
        mut show: impl FnMut(&'a T) -> Option<O>,
    ) -> Result<Page<O>, Problem> {
        let look = |entry: &'a T| show(entry).map_or(Look::Passed, Look::Shown);
        self.walk(all, key, read, name, look)
    }

    /// The same, for a list that has so many entries that not all of them can be looked at: a page
    /// that gets tired says where to go on.
    pub fn walk<'a, T, K: Ord, O>(
        &self,
        all: &'a [T],
        key: impl Fn(&T) -> K,
        read: impl Fn(&str) -> Option<K>,
        name: impl Fn(&T) -> String,
        mut look: impl FnMut(&'a T) -> Look<O>,
    ) -> Result<Page<O>, Problem> {
        let place = self.place().try_map(read)?;
        let is_upwards = matches!(place, Place::Before(_)) == self.is_descending;
        let left = match place {
            Place::Start => 0..all.len(),
            Place::After(at) | Place::Before(at) if is_upwards => {
                all.partition_point(|entry| key(entry) <= at)..all.len()
            }
            Place::After(at) | Place::Before(at) => 0..all.partition_point(|entry| key(entry) < at),
        };
        let (mut shown, mut done, mut tired) = (Vec::new(), true, None);
        let mut last = None;
        for n in 0..left.len() {
            let at = if is_upwards { left.start + n } else { left.end - 1 - n };
            match look(&all[at]) {
                Look::Passed => {}
                Look::Shown(out) if shown.len() < self.limit => {
                    shown.push((name(&all[at]), out));
                }
                Look::Shown(_) => {
                    done = false;
                    break;
                }
                Look::Tired => {
                    (done, tired) = (false, last.map(|last: usize| name(&all[last])));
                    break;
                }
            }
            last = Some(at);
        }
        let is_back = matches!(self.place, Place::Before(_));
        if is_back {
            shown.reverse();
        }
        // All up to where a walk got tired was seen, so it goes on from there.
        let ends = [shown.first(), shown.last()].map(|end| end.map(|(name, _)| name));
        let [first, last] = match (is_back, &tired) {
            (true, Some(_)) => [tired.as_ref(), ends[1]],
            (false, Some(_)) => [ends[0], tired.as_ref()],
            (_, None) => ends,
        };
        Ok(Page {
            iterator: last.map(|name| behind(name)),
            prev_iterator: first.map(|name| before(name)),
            data: shown.into_iter().map(|(_, out)| out).collect(),
            done,
        })
    }
}

/// How many a page has.
pub(crate) fn limit(query: &Query) -> Result<usize, Problem> {
    Ok(query.number("limit", 1..=LIMIT_MAX)?.unwrap_or(LIMIT_DEFAULT) as usize)
}

/// Lists of a kind that has one order alone do not take the parameter, so they have none.
fn order(query: &Query) -> Result<Option<&str>, Problem> {
    query.one("order")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(query: &str, all: &[u32]) -> (Vec<u32>, bool, Option<String>, Option<String>) {
        let query = Query::of(query, &[LIMIT, ITERATOR, ORDER]).unwrap();
        let wanted = Wanted::of(&query, false).unwrap();
        let cut = wanted.cut(all, |n| *n, |text| text.parse().ok(), u32::to_string, |n| Some(*n));
        let cut = cut.unwrap();
        (cut.data, cut.done, cut.iterator, cut.prev_iterator)
    }

    #[test]
    fn a_list_is_walked_both_ways_in_both_orders() {
        let all = [1, 3, 5, 7, 9];
        for (order, expected) in [("ascending", [1, 3, 5, 7, 9]), ("descending", [9, 7, 5, 3, 1])] {
            for limit in 1..=6 {
                let ask = |more: &str| page(&format!("limit={limit}&order={order}{more}"), &all);
                let (mut there, mut query) = (Vec::new(), String::new());
                loop {
                    let (data, done, iterator, _) = ask(&query);
                    there.extend(data);
                    query = format!("&iterator={}", iterator.unwrap());
                    if done {
                        break;
                    }
                }
                assert_eq!(there, expected);
                let last = *expected.last().unwrap();
                let (mut back, mut query) = (vec![last], format!("&iterator=-{last}"));
                loop {
                    let (data, done, _, previous) = ask(&query);
                    back.splice(0..0, data);
                    query = format!("&iterator={}", previous.unwrap());
                    if done {
                        break;
                    }
                }
                assert_eq!(back, expected, "backwards by {limit}");
            }
        }
    }

    #[test]
    fn names_may_look_like_iterators() {
        let all = ["--", "-a", "-b", "=a", "a", "b"];
        let walk = |is_back: bool| {
            let (mut names, mut iterator) = (Vec::new(), is_back.then(|| "-c".to_owned()));
            for _ in 0..=all.len() {
                let given = iterator.map(|text| format!("&iterator={text}")).unwrap_or_default();
                let query = Query::of(&format!("limit=1{given}"), &[LIMIT, ITERATOR]).unwrap();
                let wanted = Wanted::of(&query, false).unwrap();
                let page = wanted.cut_by_name(&all, |&name| name.to_owned(), |name| Some(*name));
                let page = page.unwrap();
                names.extend(page.data);
                if page.done {
                    break;
                }
                iterator = if is_back { page.prev_iterator } else { page.iterator };
            }
            names
        };
        assert_eq!(walk(false), all);
        assert_eq!(walk(true), all.iter().rev().copied().collect::<Vec<_>>());
    }

    #[test]
    fn what_is_passed_over_is_on_no_page() {
        let query = Query::of("limit=2", &[LIMIT]).unwrap();
        let wanted = Wanted::of(&query, false).unwrap();
        let odd = |n: &u32| (*n % 2 == 1).then_some(*n);
        let cut = |all: &[u32]| {
            let page = wanted.cut(all, |n| *n, |text| text.parse().ok(), u32::to_string, odd);
            page.map(|page| (page.data, page.done, page.iterator)).unwrap()
        };
        assert_eq!(cut(&[0, 1, 2, 3, 4]), (vec![1, 3], true, Some("3".to_owned())));
        assert_eq!(cut(&[1, 3, 4, 5]), (vec![1, 3], false, Some("3".to_owned())));
        assert_eq!(cut(&[0, 2]), (vec![], true, None));
    }

    /// Every page looks at four entries at most.
    #[test]
    fn a_page_that_gets_tired_is_gone_on_with_in_both_directions() {
        let all: Vec<u32> = (0..20).collect();
        let ask = |wants: fn(u32) -> bool, query: &str| {
            let query = Query::of(query, &[LIMIT, ITERATOR, ORDER]).unwrap();
            let mut looks = 0;
            let look = |n: &u32| match (looks, wants(*n)) {
                (4.., _) => Look::Tired,
                (_, is_wanted) => {
                    looks += 1;
                    if is_wanted { Look::Shown(*n) } else { Look::Passed }
                }
            };
            let wanted = Wanted::of(&query, false).unwrap();
            wanted.walk(&all, |n| *n, |text| text.parse().ok(), u32::to_string, look).unwrap()
        };
        let wants: [fn(u32) -> bool; 3] = [|_| false, |n| n % 7 == 3, |_| true];
        for (wants, limit) in wants.into_iter().flat_map(|wants| [(wants, 1), (wants, 3)]) {
            let expected: Vec<u32> = (0..20).filter(|n| wants(*n)).collect();
            for order in ["ascending", "descending"] {
                let is_down = order == "descending";
                let (mut there, mut iterator, mut pages) = (Vec::new(), None, 0);
                loop {
                    let more = iterator.map(|at: String| format!("&iterator={at}"));
                    let more = more.unwrap_or_default();
                    let page = ask(wants, &format!("limit={limit}&order={order}{more}"));
                    there.extend(page.data);
                    (iterator, pages) = (page.iterator, pages + 1);
                    if page.done {
                        break;
                    }
                }
                assert!(pages >= 5, "{pages} pages have looked at 20");
                if is_down {
                    there.reverse();
                }
                assert_eq!(there, expected, "{order} by {limit}");
                let end = if is_down { "-0" } else { "-19" };
                let (mut back, mut iterator) = (Vec::new(), end.to_owned());
                loop {
                    let query = format!("limit={limit}&order={order}&iterator={iterator}");
                    let page = ask(wants, &query);
                    back.splice(0..0, page.data);
                    if page.done {
                        break;
                    }
                    iterator = page.prev_iterator.unwrap();
                }
                let last = if is_down { 0 } else { 19 };
                let mut before: Vec<u32> =
                    expected.iter().copied().filter(|n| *n != last).collect();
                if is_down {
                    before.reverse();
                }
                assert_eq!(back, before, "{order} by {limit}, backwards");
            }
        }
    }

    #[test]
    fn an_iterator_need_not_be_there_any_more() {
        assert_eq!(page("iterator=4", &[1, 3, 5]).0, [5]);
        assert_eq!(page("iterator=-4", &[1, 3, 5]).0, [1, 3]);
        assert_eq!(page("iterator=9", &[1, 3, 5]), (vec![], true, None, None));
        assert_eq!(page("", &[]), (vec![], true, None, None));
        let query = Query::of("iterator=x", &[ITERATOR]).unwrap();
        let wanted = Wanted::of(&query, false).unwrap();
        let cut = wanted.cut(&[1], |n| *n, |text| text.parse().ok(), i32::to_string, |n| Some(*n));
        assert!(cut.is_err());
    }
}
