//! Nothing of one tenant is seen by another: everything that can be asked, asked with the ids of
//! somebody else's things.

mod belongings;
mod modules;
mod rows;

use crate::node::{Node, Reply, key};
use belongings::{Belongings, Form, make_shared_type, mark};
use control::Role;
use event::TenantId;
use rows::{Row, rows};
use serde_json::Value;

const OWN: &str = "horse";
const THEIRS: &str = "okapi";

/// Every role that is bound to an application.
const ROLES: [fn(TenantId) -> Role; 4] = [
    Role::Manager,
    |tenant| Role::Producer { tenant, types: None },
    |tenant| Role::Reader(Some(tenant)),
    Role::portal,
];

/// What shows its owner the word that it was made with: else the sweeps would find nothing,
/// whatever there was to be found.
const TELLING: &[&str] = &[
    "dead-letter.get",
    "event.explain",
    "filter.candidate.get",
    "filter.get",
    "filter.list",
    "filter.log",
    "filter.versions",
    "key.get",
    "key.list",
    "source.get",
    "source.get-secret",
    "source.journal",
    "source.list",
    "stats",
    "tail",
    "v1.application.get",
    "v1.application.list",
    "v1.endpoint.get",
    "v1.endpoint.get-headers",
    "v1.endpoint.list",
    "v1.endpoint.transformation-get",
    "v1.message-attempt.get",
    "v1.message-attempt.list-attempted-destinations",
    "v1.message-attempt.list-attempted-messages",
    "v1.message-attempt.list-by-endpoint",
    "v1.message-attempt.list-by-msg",
    "v1.message.get",
    "v1.message.list",
    "v1.message.poller.consumer-poll",
    "v1.message.poller.poll",
];

/// A node of two applications that have the same, and a key of one of them.
struct World {
    node: Node,
    own: Belongings,
    theirs: Belongings,
    bearer: String,
}

impl World {
    fn new(role: fn(TenantId) -> Role) -> World {
        let mut node = Node::new();
        // On a listener that others reach, so that nothing is open but what says so.
        node.is_loopback = false;
        make_shared_type(&node);
        let [own, theirs] = [OWN, THEIRS].map(|word| Belongings::fill(&node, word));
        let token = key(&mut node, role(own.app()), u64::MAX);
        World { node, own, theirs, bearer: format!("authorization: Bearer {token}") }
    }

    /// What an operator is told of the others' things.
    fn of_theirs(&self, rows: &[&Row]) -> Vec<Reply> {
        let bearer = self.node.bearer();
        let ask = |row: &&Row| row.ask(Form::Id, |_| Some(&self.theirs), &[&bearer], "");
        self.node.ask(&rows.iter().map(ask).collect::<Vec<_>>())
    }

    /// A request about things of this application's own.
    fn of_own(&self, row: &Row, lines: &[&str], more: &str) -> String {
        let lines: Vec<&str> = [&[&*self.bearer][..], lines].concat();
        // An endpoint is not asked for: the whole list is.
        let whose = |place: &str| {
            let narrows = row.has(place) && place != "app";
            (!narrows).then_some(&self.own)
        };
        row.ask(Form::Id, whose, &lines, more)
    }
}

fn says(reply: &Reply, text: &str) -> bool {
    reply.body.contains(text) || reply.headers.values().any(|value| value.contains(text))
}

/// Everything that is read, but the backup, which is no text.
fn reads(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|row| row.is_read() && row.id != "node.backup").collect()
}

#[test]
fn whoever_has_a_thing_is_told_of_it_by_every_operation() {
    let (world, rows) = (World::new(Role::Manager), rows());
    let asked = reads(&rows);
    let mut silent = TELLING.to_vec();
    for (row, reply) in asked.iter().zip(world.of_theirs(&asked)) {
        let names_something = row.app().is_some() || !row.places().is_empty();
        let is_told = reply.status == 200 || !names_something;
        assert!(is_told, "{} cannot be filled: {} {}", row.id, reply.status, reply.body);
        if says(&reply, &mark(THEIRS)) {
            silent.retain(|id| *id != row.id);
        }
    }
    assert!(silent.is_empty(), "these say nothing of what their owner has: {silent:?}");
}

#[test]
fn no_list_and_no_stream_has_anything_of_another() {
    let rows = rows();
    for role in ROLES {
        let world = World::new(role);
        let asked = reads(&rows);
        let requests = asked.iter().map(|row| world.of_own(row, &[], ""));
        for (row, reply) in asked.iter().zip(world.node.ask(&requests.collect::<Vec<_>>())) {
            assert!(reply.status < 500 && reply.status != 0, "{}: {}", row.id, reply.status);
            let (app, endpoint) = (world.theirs.app(), world.theirs.endpoint_in_json());
            for text in [THEIRS, app.as_str(), world.theirs.message(), &*endpoint] {
                assert!(!says(&reply, text), "{} shows `{text}`: {}", row.id, reply.body);
            }
        }
    }
}

/// Where a list of the others' goes on, where it does.
fn iterators(world: &World, rows: &[Row]) -> Vec<(usize, String)> {
    let lists = rows.iter().enumerate().filter(|(_, row)| row.is_read() && row.has("iterator"));
    let lists: Vec<_> = lists.filter(|(_, row)| row.app().is_some()).collect();
    let bearer = world.node.bearer();
    let whose = |_: &str| Some(&world.theirs);
    let requests = lists.iter().map(|(_, row)| row.ask(Form::Id, whose, &[&bearer], "limit=1"));
    let replies = world.node.ask(&requests.collect::<Vec<_>>());
    let next = |reply: &Reply| reply.json()["iterator"].as_str().map(str::to_owned);
    let pairs = lists.iter().zip(&replies);
    pairs.filter_map(|((n, _), reply)| Some((*n, next(reply)?))).collect()
}

#[test]
fn a_place_in_anothers_list_leads_to_nothing_of_it() {
    let rows = rows();
    for role in ROLES {
        let world = World::new(role);
        let places = iterators(&world, &rows);
        assert!(places.len() >= 10, "{} lists can be gone on with", places.len());
        let on = |(n, place): &(usize, String)| {
            world.of_own(&rows[*n], &[], &format!("limit=50&iterator={place}"))
        };
        let mut requests: Vec<String> = places.iter().map(on).collect();
        let mut ids: Vec<&str> = places.iter().map(|(n, _)| &*rows[*n].id).collect();
        let tail = rows.iter().find(|row| row.id == "tail").unwrap();
        let last = format!("last-event-id: {}", world.theirs.message());
        requests.push(world.of_own(tail, &[&last], ""));
        ids.push("tail");
        for (id, reply) in ids.iter().zip(world.node.ask(&requests)) {
            assert!(reply.status < 500 && reply.status != 0, "{id}: {}", reply.status);
            // Pages may repeat the place that they were asked for.
            assert!(!says(&reply, &mark(THEIRS)), "{id}: {}", reply.body);
        }
    }
}

/// Which places of a request name others' things.
fn foreign_places(row: &Row) -> Vec<Vec<&str>> {
    let places = row.places();
    let mut sets: Vec<Vec<&str>> = Vec::new();
    sets.extend(row.app().map(|app| [&[app][..], &places[..]].concat()));
    if places.len() > 1 {
        sets.extend(places.iter().map(|place| vec![*place]));
    }
    if !places.is_empty() {
        sets.push(places);
    }
    sets
}

/// One way to ask for others' things, and the same of things that there are not.
struct Try {
    what: String,
    names_their_app: bool,
    requests: [String; 2],
}

fn tries(world: &World, row: &Row) -> Vec<Try> {
    let absent = Belongings::absent();
    let mut tries = Vec::new();
    for foreign in foreign_places(row) {
        for form in [Form::Id, Form::OwnName] {
            let request = |of: &Belongings| {
                let whose = |place: &str| {
                    let narrows = row.has(place) && place != "app";
                    let own = (!narrows).then_some(&world.own);
                    if foreign.contains(&place) { Some(of) } else { own }
                };
                row.ask(form, whose, &[&world.bearer], "")
            };
            tries.push(Try {
                what: format!("{} with their {foreign:?} by {form:?}", row.id),
                names_their_app: row.app().is_some_and(|app| foreign.contains(&app)),
                requests: [request(&absent), request(&world.theirs)],
            });
        }
    }
    tries
}

/// Asks for all of it, and gives what was answered otherwise than it should be.
fn leaks(world: &World, rows: &[&Row]) -> Vec<String> {
    let tries: Vec<Try> = rows.iter().flat_map(|row| tries(world, row)).collect();
    let requests: Vec<String> = tries.iter().flat_map(|one| one.requests.clone()).collect();
    let replies = world.node.ask(&requests);
    let mut leaks = Vec::new();
    for (one, pair) in tries.iter().zip(replies.chunks(2)) {
        let (absent, theirs) = (&pair[0], &pair[1]);
        let told = format!("{}: {} {}", one.what, theirs.status, theirs.body);
        // What is not understood is not looked for.
        let is_asked = !matches!(absent.status, 0 | 400 | 405 | 408 | 411..);
        let is_hidden = theirs.status == absent.status
            && (!one.names_their_app || matches!(theirs.status, 403 | 404))
            && !says(theirs, &mark(THEIRS));
        if !is_asked {
            leaks.push(format!("{} cannot be filled: {} {}", one.what, absent.status, absent.body));
        } else if !is_hidden {
            leaks.push(format!("{told}, and {} for what there is not", absent.status));
        }
    }
    leaks
}

#[test]
fn anothers_things_are_as_if_they_were_not_there() {
    let rows = rows();
    let all = reads(&rows);
    let telling: Vec<&Row> = all.into_iter().filter(|row| !row.places().is_empty()).collect();
    // What was made by a name is there when it is asked for: each such operation has a node of its
    // own, and the others share one.
    let (making, others): (Vec<&Row>, Vec<&Row>) = rows.iter().partition(|row| row.may_make());
    let mut groups: Vec<Vec<&Row>> = making.into_iter().map(|row| vec![row]).collect();
    groups.push(others);
    for role in ROLES {
        for group in &groups {
            let world = World::new(role);
            let before = bodies(&world.of_theirs(&telling));
            let leaks = leaks(&world, group);
            assert!(leaks.is_empty(), "{:?}\n{}", role(world.own.app()), leaks.join("\n"));
            let after = bodies(&world.of_theirs(&telling));
            for ((row, before), after) in telling.iter().zip(&before).zip(&after) {
                assert_eq!(before, after, "{} after others asked", row.id);
            }
        }
    }
}

fn bodies(replies: &[Reply]) -> Vec<(u16, Value)> {
    let body = |reply: &Reply| serde_json::from_str(&reply.body).unwrap_or_default();
    replies.iter().map(|reply| (reply.status, body(reply))).collect()
}
