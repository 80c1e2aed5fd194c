use super::*;
use bytes::Bytes;
use condition::Condition;
use event::{EndpointId, Envelope, EventId, Headers, Offset, StreamId, TenantId, Time};
use pipeline::Askers;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

fn event(offset: u64, body: &str) -> Event {
    let event_type = if offset.is_multiple_of(2) { "even" } else { "odd" };
    let envelope = Envelope {
        tenant: TenantId::new("acme"),
        stream: StreamId(0),
        source: "shop".into(),
        event_type: event_type.into(),
        key: None,
        time: Time::from_secs(1),
        headers: Headers::new(),
    };
    let body = Bytes::copy_from_slice(body.as_bytes());
    Event { id: EventId::new(1, Offset(offset)), envelope, body }
}

/// Chains of one run, told apart by their numbers.
fn chain(number: usize, condition: Option<&str>) -> Arc<Chain> {
    let mut id = [7; 16];
    id[..8].copy_from_slice(&number.to_le_bytes());
    let condition = condition.map(|text| Arc::new(Condition::compile(text).unwrap()));
    let (tenant, filters) = (TenantId::new("acme"), Vec::new());
    Arc::new(Chain { id: ChainId(id), run: ChainId([1; 16]), tenant, condition, filters })
}

fn question(
    chains: Vec<Arc<Chain>>,
    events: Vec<Event>,
    asks: impl Fn(usize, usize) -> bool,
) -> Question {
    let mut asking = Pairs::new(events.len(), chains.len());
    for row in 0..events.len() {
        let columns = (0..chains.len()).filter(|column| asks(row, *column));
        columns.for_each(|column| asking.add(row, column));
    }
    let runs = vec![0; events.len()];
    let events = events.into_iter().map(Arc::new).collect();
    let askers = Askers::lasting();
    Question { id: 1, shard: 0, chains, events, runs, asking, askers }
}

/// With how often it gave way.
fn sift(gates: &Gates, question: &Question) -> (Sifted, u64) {
    let mut sifting = pin!(gates.sift(question));
    let mut turns = 0;
    loop {
        match sifting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(sifted) => return (sifted, turns),
            Poll::Pending => turns += 1,
        }
    }
}

#[test]
fn each_chain_hears_what_its_own_condition_says_of_what_it_asked_about() {
    let texts = ["data.n = 1", "type = 'odd'", "data.n < 3 AND type = 'even'", "length(data) = 2"];
    let mut chains: Vec<_> =
        texts.iter().enumerate().map(|(n, text)| chain(n, Some(*text))).collect();
    chains.push(chain(9, None));
    let bodies = [r#"{"n":1}"#, r#"{"n":2,"m":0}"#, "no JSON", "", r#"{"n":4}"#, r#"{"n":9}"#];
    let mut events: Vec<_> = (0..).zip(bodies).map(|(n, body)| event(n, body)).collect();
    events[4].envelope.address(EndpointId(5));
    // The one without a condition asks about the third and the fourth alone.
    let asks = |row: usize, column: usize| match column {
        4 => row == 2 || row == 3,
        _ => !(row + column).is_multiple_of(3),
    };
    let question = question(chains, events, asks);
    let (sifted, _) = sift(&Gates::default(), &question);
    let (mut met, mut wanted) = (0, Vec::new());
    for (row, event) in question.events.iter().enumerate() {
        let met_before = met;
        for (column, chain) in question.chains.iter().enumerate() {
            let says = |condition: &Arc<Condition>| {
                row == 4 || condition.matches(event, &mut ParsedBody::new())
            };
            let is_met = chain.condition.as_ref().is_none_or(says);
            let is_unmet = asks(row, column) && !is_met;
            assert_eq!(sifted.unmet.has(row, column), is_unmet, "event {row}, chain {column}");
            met += u64::from(asks(row, column) && is_met);
        }
        if met > met_before {
            wanted.push(row);
        }
    }
    assert_eq!((sifted.met, &sifted.wanted), (met, &wanted));
    assert!(sifted.unmet.count() > 0 && wanted.len() < question.events.len(), "{wanted:?}");
}

#[test]
fn many_conditions_give_way_and_are_paid_for() {
    let text = |n: usize| format!("data.n = {n}");
    let chains = (0..1000).map(|n| chain(n, Some(text(n).as_str()))).collect();
    let events = (0..256).map(|n| event(n, &format!("{{\"n\":{n}}}"))).collect();
    let question = question(chains, events, |_, _| true);
    let gates = Gates::default();
    let (first, turns) = sift(&gates, &question);
    assert_eq!((first.met, first.wanted.len()), (256, 256), "each event has its one condition");
    assert!(first.fuel >= 256_000 * CONDITION_COST);
    assert!(turns >= first.fuel / (2 * SLICE_FUEL), "{turns} turns for {} units", first.fuel);
    // Read once, not by each.
    let bytes: usize = question.events.iter().map(|event| event.body.len()).sum();
    let most = 257_000 * CONDITION_COST + bytes as u64 * PARSE_COST;
    assert!(first.fuel <= most, "{} units, {most} at most", first.fuel);
    let (again, _) = sift(&gates, &question);
    assert_eq!(first.fuel - again.fuel, 1000 * CONDITION_COST, "what was joined is kept");
    assert_eq!(first.unmet, again.unmet);
}

#[test]
fn each_look_of_a_condition_at_a_text_is_paid_for() {
    let body = format!("{{\"text\":\"{}\"}}", "x".repeat(64 << 10));
    let fuel = |looks: usize| {
        let looks: Vec<_> = (0..looks).map(|n| format!("data.text ILIKE '%y{n}%'")).collect();
        let chains = vec![chain(0, Some(looks.join(" OR ").as_str()))];
        let (sifted, turns) =
            sift(&Gates::default(), &question(chains, vec![event(0, &body)], |_, _| true));
        assert_eq!(sifted.met, 0);
        assert!(turns >= sifted.fuel / (2 * SLICE_FUEL), "{turns} turns");
        sifted.fuel
    };
    let (one, many) = (fuel(1), fuel(100));
    let each = (many - one) / 99;
    // A nanosecond a byte at least.
    assert!(each >= 4 * body.len() as u64, "{each} units for a look at {} bytes", body.len());
}

#[test]
fn conditions_that_are_asked_in_turns_are_joined_once() {
    let gates = Gates::default();
    let fuel = |set: usize| {
        let chains = (0..50).map(|n| chain(50 * set + n, Some("data.n = 1"))).collect();
        let question = question(chains, vec![event(0, "{\"n\":1}")], |_, _| true);
        let (sifted, _) = sift(&gates, &question);
        assert_eq!(sifted.met, 50);
        sifted.fuel
    };
    let first: Vec<u64> = (0..GATES_MAX).map(fuel).collect();
    let again: Vec<u64> = (0..GATES_MAX).map(fuel).collect();
    for (first, again) in first.iter().zip(again) {
        assert_eq!(first - again, 50 * CONDITION_COST);
    }
    (0..3 * GATES_MAX).for_each(|set| assert!(fuel(set) > 0));
    assert_eq!(gates.last.borrow().chains, 50 * GATES_MAX, "others are forgotten");
    assert_eq!(fuel(0), first[0], "the first one too");
}

#[test]
fn other_conditions_of_a_run_are_not_taken_for_those_before() {
    let gates = Gates::default();
    for (number, wanted) in [(0, vec![1]), (1, vec![2]), (0, vec![1])] {
        let text = format!("data.n = {}", number + 1);
        let events = (0..4).map(|n| event(n, &format!("{{\"n\":{n}}}"))).collect();
        let question = question(vec![chain(number, Some(text.as_str()))], events, |_, _| true);
        assert_eq!(sift(&gates, &question).0.wanted, wanted);
    }
}
