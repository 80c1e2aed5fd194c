use super::*;
use event::{Attempted, EndpointId, Outcome, TenantId};
use std::time::Duration;

fn app(name: &str) -> TenantId {
    TenantId::new(name)
}

fn wanted(app: &str) -> Wanted {
    Wanted { app: TenantId::new(app), endpoint: None, event_type: None }
}

fn accepted(stats: &Stats, span: Range<u64>, wanted: &Wanted) -> u64 {
    let slice = stats.read(span, MINUTE, wanted);
    slice.steps.values().map(Totals::accepted).sum()
}

/// The first minute of some hour.
const START: u64 = 470_000 * HOUR;

#[test]
fn what_is_counted_is_told_by_its_minute_application_endpoint_and_type() {
    let stats = Stats::new();
    let (mut ingest, mut shard) = (stats.tally(), stats.tally());
    for minute in 0..3 {
        for n in 0..=minute {
            let event_type = if n == 0 { "a" } else { "b" };
            ingest.of_type(&app("x"), event_type).accepted(10);
            let counts = shard.of_endpoint(EndpointId(7), &app("x"), event_type);
            let delivered = Outcome::Delivered { status: 200 };
            let took = Duration::from_millis(5);
            let at = Time::from_secs(START);
            counts.attempt_ended(&Attempted { number: 1, at, took, outcome: delivered }, at, true);
        }
        ingest.of_type(&app("y"), "a").accepted(1);
        stats.gather(Time::from_secs(START + minute * MINUTE + 30));
    }
    let of_x = stats.read(START..START + HOUR, MINUTE, &wanted("x"));
    let by_minute: Vec<_> = of_x.steps.iter().map(|(at, sum)| (*at, sum.accepted())).collect();
    assert_eq!(by_minute, [(START, 1), (START + 60, 2), (START + 120, 3)]);
    let all = of_x.steps.values().fold(Totals::default(), |mut all, step| {
        all.add(step);
        all
    });
    assert_eq!((all.accepted(), all.bytes(), all.delivered()), (6, 60, 6));
    assert_eq!(of_x.of_series.len(), 4);
    let of_type = Wanted { event_type: Some("b".into()), ..wanted("x") };
    assert_eq!(accepted(&stats, START..START + HOUR, &of_type), 3);
    let of_endpoint = Wanted { endpoint: Some(EndpointId(7)), ..wanted("x") };
    assert_eq!(accepted(&stats, START..START + HOUR, &of_endpoint), 0);
    assert_eq!(stats.read(START..START + HOUR, HOUR, &of_endpoint).steps[&START].delivered(), 6);
    assert_eq!(accepted(&stats, START..START + 60, &wanted("x")), 1);
    assert_eq!(accepted(&stats, START..START + HOUR, &wanted("y")), 3);
}

/// What a directory has: minutes by their hour, and whole hours.
#[derive(Default)]
struct Files(BTreeMap<u64, String>, String);

impl Files {
    fn save(&mut self, stats: &Stats, now: u64) {
        for (hour, lines) in stats.take_unsaved() {
            self.0.entry(hour).or_default().push_str(&lines);
        }
        for (hour, lines) in stats.hours_over(Time::from_secs(now)) {
            self.1.push_str(&lines);
            stats.hour_is_kept(hour);
        }
    }

    fn load(&self) -> Arc<Stats> {
        let stats = Stats::new();
        stats.read_hours(&self.1);
        self.0.values().for_each(|lines| stats.read_minutes(lines));
        stats
    }
}

#[test]
fn a_restart_has_what_was_saved_and_counts_nothing_twice() {
    let (stats, mut files) = (Stats::new(), Files::default());
    let mut tally = stats.tally();
    for minute in 0..150 {
        tally.of_type(&app("x"), "a").accepted(1);
        let now = START + minute * MINUTE + 59;
        stats.gather(Time::from_secs(now));
        files.save(&stats, now);
    }
    let hourly = |stats: &Stats| {
        let slice = stats.read(START..START + 4 * HOUR, HOUR, &wanted("x"));
        slice.steps.values().map(Totals::accepted).collect::<Vec<_>>()
    };
    assert_eq!(hourly(&stats), [60, 60, 30]);
    let again = files.load();
    assert_eq!(hourly(&again), [60, 60, 30]);
    assert_eq!(accepted(&again, START..START + 4 * HOUR, &wanted("x")), 150);
    // A crash in the middle of the line that says that an hour is whole.
    files.1.truncate(files.1.len() - 3);
    assert_eq!(hourly(&files.load()), [60, 60, 30], "the minutes of that hour stand in for it");
    // And in the middle of a minute's line.
    let last = files.0.values_mut().next_back().expect("there is one");
    last.truncate(last.len() - 3);
    assert_eq!(hourly(&files.load()), [60, 60, 29]);
    assert_eq!(files.load().kept_hours().lines().count(), 2, "one whole hour, and its end");
}

#[test]
fn the_oldest_slots_go_and_that_is_told() {
    let stats = Stats::new();
    let mut tally = stats.tally();
    let last = MINUTES_KEPT + 30;
    for minute in 0..=last {
        tally.of_type(&app("x"), "a").accepted(1);
        stats.gather(Time::from_secs(START + minute * MINUTE));
    }
    let now = Time::from_secs(START + last * MINUTE);
    let (kept_from, hours_from) = stats.kept_from(now);
    assert_eq!(kept_from, START + (last - MINUTES_KEPT + 1) * MINUTE);
    assert!(hours_from < START);
    assert_eq!(accepted(&stats, START..now.secs() + MINUTE, &wanted("x")), MINUTES_KEPT);
    let hourly = stats.read(START..START + 7 * HOUR, HOUR, &wanted("x"));
    assert_eq!(hourly.steps.values().map(Totals::accepted).sum::<u64>(), last + 1);
}

#[test]
fn it_has_an_end_in_series_and_cells() {
    let stats = Stats::new();
    let mut tally = stats.tally();
    for n in 0..3_000 {
        tally.of_type(&app("loud"), &format!("type{n}")).accepted(1);
    }
    for n in 0..20_000 {
        tally.of_type(&app(&format!("app{n}")), "a").accepted(1);
    }
    stats.gather(Time::from_secs(START));
    assert!(stats.state().live.len() <= 2 * 4096 + 1, "{}", stats.state().live.len());
    let loud = stats.read(START..START + MINUTE, MINUTE, &wanted("loud"));
    assert_eq!(loud.of_series.len(), 1025);
    assert_eq!(accepted(&stats, START..START + MINUTE, &wanted("loud")), 3_000);
    assert_eq!(accepted(&stats, START..START + MINUTE, &wanted("app5000")), 1);
    for minute in 1..20 {
        for n in 0..20_000 {
            tally.of_type(&app(&format!("app{n}")), "a").accepted(1);
        }
        stats.gather(Time::from_secs(START + minute * MINUTE));
    }
    let cells: usize = stats.state().minutes.slots().values().map(BTreeMap::len).sum();
    assert!(cells <= CELLS_MAX, "{cells}");
    assert!(stats.kept_from(Time::from_secs(START + 19 * MINUTE)).0 > START);
}

#[test]
fn a_series_that_is_idle_makes_room_and_comes_back() {
    let stats = Stats::new();
    let mut tally = stats.tally();
    tally.of_type(&app("x"), "a").accepted(1);
    stats.gather(Time::from_secs(START));
    stats.gather(Time::from_secs(START + IDLE_SECS));
    assert_eq!(stats.state().live.len(), 0);
    tally.of_type(&app("x"), "a").accepted(1);
    stats.gather(Time::from_secs(START + IDLE_SECS));
    assert_eq!(accepted(&stats, START..START + 2 * HOUR, &wanted("x")), 2);
}
