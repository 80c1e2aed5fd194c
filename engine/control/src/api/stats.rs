use crate::Control;
use crate::api::endpoints;
use crate::api::wire::{APP, moment};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Scope, Verb};
use crate::explain::time;
use crate::metrics::{Lag, lags};
use crate::problem::Problem;
use crate::reply::answer;
use crate::stats::{HOUR, MINUTE, Series, Totals, Wanted};
use crate::walk;
use event::{EndpointId, Offset, RetryKey, Time};
use log::{Failure, Log};
use registry::History;
use schemars::JsonSchema;
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::Range;

const SINCE: Parameter =
    Parameter::of::<String>("since", "From then on; 28 days before `until` when it is not said.");
const UNTIL: Parameter = Parameter::of::<String>("until", "Until then; now when it is not said.");
const ENDPOINT: Parameter = Parameter::of::<String>(
    "endpoint",
    "What this endpoint did alone, by its id or uid: it has no `accepted`.",
);
const EVENT_TYPE: Parameter = Parameter::of::<String>("eventType", "What is of this type alone.");
const FROM: Parameter = Parameter::of::<String>(
    "from",
    "From then on, RFC 3339; an hour before `to` when it is not said.",
);
const TO: Parameter = Parameter::of::<String>("to", "Until then; now when it is not said.");
const STEP: Parameter = Parameter::of::<u64>(
    "step",
    "The seconds that each entry is about, whole minutes; such that there are 60 or a few more \
     when it is not said. Whole hours reach back 35 days, others six hours.",
);
const BY: Parameter = Parameter::of::<By>(
    "by",
    "Also the sums of each endpoint or type, the busiest first, 100 at most.",
);

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/stats",
        id: "stats",
        summary: "What came in and what became of it, over time",
        scope: Scope::Portal(Deed::Read),
        query: &[APP, ENDPOINT, EVENT_TYPE, FROM, TO, STEP, BY],
        body: Content::Empty,
        answers: &[(200, Content::json::<StatsOut>())],
        run: |control, call| Box::pin(stats(control, call)),
    },
    Operation {
        verb: Verb::Get,
        path: "/api/v1/app/{app_id}/endpoint/{endpoint_id}/stats",
        id: "v1.endpoint.get-stats",
        summary: "How many deliveries of an endpoint went well, and how many did not",
        scope: Scope::Portal(Deed::Read),
        query: &[SINCE, UNTIL],
        body: Content::Empty,
        answers: &[(200, Content::json::<EndpointStatsOut>())],
        run: |control, call| Box::pin(of_endpoint(control, call)),
    },
];

/// Entries of one answer.
const STEPS_MAX: u64 = 1_500;
const STEPS_UNSAID: u64 = 60;
const GROUPS_MAX: usize = 100;
const SPAN_UNSAID: u64 = 3600;
const SPAN_OF_ENDPOINT: u64 = 28 * 24 * 3600;
/// Deliveries in trouble that are looked at for one answer, of all endpoints: about 0.1 s.
const RETRIES_MAX: usize = 100_000;
const PAGE: usize = 1_000;

#[derive(Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(rename_all = "camelCase")]
enum By {
    Endpoint,
    EventType,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct StatsOut {
    /// What was asked for, made wider to whole steps.
    from: String,
    to: String,
    step_seconds: u64,
    /// What lies before it is not kept in such steps, or no longer.
    kept_from: String,
    total: CountsOut,
    /// Of the `endpoint` that was asked for: events of the whole log, those of other applications
    /// too, that it has not passed. Not told of one that is polled.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_events: Option<u64>,
    /// How old the first of these events is; 0 when there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_seconds: Option<f64>,
    /// An entry for each step in which something happened, the oldest first.
    data: Vec<StepOut>,
    /// As `by` asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<GroupOut>>,
}

#[derive(Serialize, JsonSchema)]
struct StepOut {
    /// Where the step begins.
    at: String,
    #[serde(flatten)]
    counts: CountsOut,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct GroupOut {
    /// An endpoint's id or an event type. `(other)`: what there was no room to tell apart.
    name: String,
    /// Of an endpoint that there is and that is not polled, as for one that is asked for alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_events: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_seconds: Option<f64>,
    #[serde(flatten)]
    counts: CountsOut,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CountsOut {
    /// Events that came in.
    accepted: u64,
    /// Of their bodies.
    accepted_bytes: u64,
    /// Events that endpoints have begun with because their types let them in, once for each.
    matched: u64,
    /// Those of them that a condition or a filter dropped.
    dropped: u64,
    delivered: u64,
    failed_attempts: u64,
    dead_letters: u64,
    /// How long attempts took.
    attempt_ms: QuantilesOut,
    /// From the time when an event came in to the end of the attempt that delivered it.
    end_to_end_ms: QuantilesOut,
}

/// Each is 13 % off at most; null when there was nothing.
#[derive(Serialize, JsonSchema)]
struct QuantilesOut {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
}

/// As Svix has it.
#[derive(Serialize, JsonSchema)]
struct EndpointStatsOut {
    success: u64,
    /// In trouble now: they are tried again.
    pending: u64,
    /// Under way now.
    sending: u64,
    /// Given up on.
    fail: u64,
    /// Always 0.
    canceled: u64,
}

impl CountsOut {
    fn of(totals: &Totals) -> CountsOut {
        let quantiles = |sketch: &crate::stats::Sketch| QuantilesOut {
            p50: sketch.quantile(0.5),
            p90: sketch.quantile(0.9),
            p99: sketch.quantile(0.99),
        };
        CountsOut {
            accepted: totals.accepted(),
            accepted_bytes: totals.bytes(),
            matched: totals.matched(),
            dropped: totals.dropped(),
            delivered: totals.delivered(),
            failed_attempts: totals.failed(),
            dead_letters: totals.dead(),
            attempt_ms: quantiles(&totals.attempts),
            end_to_end_ms: quantiles(&totals.end_to_end),
        }
    }
}

async fn stats(control: &Control, call: Call) -> Answered {
    let wanted = wanted(control, &call)?;
    let now = control.ports.clock.wall();
    let (span, step) = span_of(&call, now)?;
    let by = match call.query.one(BY.name)? {
        None => None,
        Some("endpoint") => Some(By::Endpoint),
        Some("eventType") => Some(By::EventType),
        Some(_) => return Err(Problem::parameter(BY.name, "it is endpoint or eventType")),
    };
    let stats = control.ports.stats.clone();
    let read = move |log: &dyn Log, history: &History| {
        stats.gather(now);
        let slice = stats.read(span.clone(), step, &wanted);
        let (minutes, hours) = stats.kept_from(now);
        let kept_from = if step.is_multiple_of(HOUR) { hours } else { minutes };
        let steps = slice.steps.iter();
        let data = steps.map(|(at, sum)| StepOut { at: told(*at), counts: CountsOut::of(sum) });
        let mut groups = by.map(|by| groups(by, &slice.of_series));
        let grouped = groups.as_deref_mut().filter(|_| by == Some(By::Endpoint));
        let lag = tell_lags(log, history, now, (wanted.endpoint, grouped.unwrap_or_default()))?;
        Ok(StatsOut {
            from: told(span.start),
            to: told(span.end),
            step_seconds: step,
            kept_from: told(kept_from),
            total: CountsOut::of(&sum(slice.steps.values())),
            lag_events: lag.map(|lag| lag.events),
            lag_seconds: lag.map(|lag| lag.age.as_secs_f64()),
            data: data.collect(),
            groups,
        })
    };
    Ok(answer(200, &control.ask(&call.principal, read).await?))
}

fn wanted(control: &Control, call: &Call) -> Result<Wanted, Problem> {
    let app = call.app()?.clone();
    let endpoint = match call.query.one(ENDPOINT.name)? {
        Some(name) => Some(endpoints::find(&control.snapshot(), &app, name)?.id),
        None => None,
    };
    let event_type = call.query.one(EVENT_TYPE.name)?.map(str::to_owned);
    Ok(Wanted { app, endpoint, event_type })
}

/// What is asked for, as whole steps, in seconds since 1970.
fn span_of(call: &Call, now: Time) -> Result<(Range<u64>, u64), Problem> {
    let to = moment(&call.query, TO.name)?.unwrap_or(now).secs();
    let from = moment(&call.query, FROM.name)?.map(Time::secs);
    let from = from.unwrap_or(to.saturating_sub(SPAN_UNSAID));
    if from >= to {
        return Err(Problem::parameter(FROM.name, "it lies before `to`"));
    }
    let is_old = now.secs().saturating_sub(from) > crate::stats::MINUTES_KEPT * MINUTE;
    let step = match call.query.number(STEP.name, MINUTE..=366 * 24 * HOUR)? {
        None => {
            let unit = if is_old { HOUR } else { MINUTE };
            ((to - from) / STEPS_UNSAID / unit).max(1) * unit
        }
        Some(step) if step.is_multiple_of(MINUTE) => step,
        Some(_) => return Err(Problem::parameter(STEP.name, "it is whole minutes, in seconds")),
    };
    let (start, end) = (from / step * step, to.div_ceil(step) * step);
    if (end - start) / step > STEPS_MAX {
        let text = format!("that makes more than {STEPS_MAX} entries: take longer steps");
        return Err(Problem::parameter(STEP.name, &text));
    }
    Ok((start..end, step))
}

fn told(secs: u64) -> String {
    time(Time::from_secs(secs))
}

fn sum<'a>(all: impl Iterator<Item = &'a Totals>) -> Totals {
    all.fold(Totals::default(), |mut sum, totals| {
        sum.add(totals);
        sum
    })
}

fn groups(by: By, of_series: &BTreeMap<Series, Totals>) -> Vec<GroupOut> {
    let mut sums: BTreeMap<String, Totals> = BTreeMap::new();
    for (series, totals) in of_series {
        let name = match (by, series.endpoint) {
            (By::EventType, _) => series.event_type.to_string(),
            (By::Endpoint, Some(endpoint)) => endpoint.to_string(),
            (By::Endpoint, None) => continue,
        };
        sums.entry(name).or_default().add(totals);
    }
    let mut groups: Vec<_> = sums.into_iter().collect();
    let busy = |totals: &Totals| totals.accepted() + totals.matched() + totals.failed();
    groups.sort_by_key(|(_, totals)| std::cmp::Reverse(busy(totals)));
    groups.truncate(GROUPS_MAX);
    let shown = |(name, totals): (String, Totals)| GroupOut {
        name,
        lag_events: None,
        lag_seconds: None,
        counts: CountsOut::of(&totals),
    };
    groups.into_iter().map(shown).collect()
}

/// Gives the lag of the one endpoint, and tells each group that is of one its own.
fn tell_lags(
    log: &dyn Log,
    history: &History,
    now: Time,
    (one, groups): (Option<EndpointId>, &mut [GroupOut]),
) -> Result<Option<Lag>, Failure> {
    let is_sent_to = |id: &EndpointId| {
        let known = history.latest().endpoint(*id);
        known.is_some_and(|endpoint| !endpoint.is_polled())
    };
    let of_groups = groups.iter().filter_map(|group| EndpointId::read(&group.name));
    let asked: Vec<EndpointId> = of_groups.chain(one).filter(is_sent_to).collect();
    let lags = lags(log, &asked, now)?;
    for group in groups {
        let lag = EndpointId::read(&group.name).and_then(|id| lags.get(&id));
        group.lag_events = lag.map(|lag| lag.events);
        group.lag_seconds = lag.map(|lag| lag.age.as_secs_f64());
    }
    Ok(one.and_then(|id| lags.get(&id).copied()))
}

/// By minutes as far as they reach back, else by hours.
async fn of_endpoint(control: &Control, call: Call) -> Answered {
    let endpoint = endpoints::id_asked(control, &call)?;
    let now = control.ports.clock.wall();
    let until = moment(&call.query, UNTIL.name)?.unwrap_or(now);
    let since = moment(&call.query, SINCE.name)?;
    let since = since.unwrap_or(Time::from_secs(until.secs().saturating_sub(SPAN_OF_ENDPOINT)));
    if since >= until {
        return Err(Problem::parameter(SINCE.name, "it lies before `until`"));
    }
    let stats = control.ports.stats.clone();
    let wanted = Wanted { app: call.app()?.clone(), endpoint: Some(endpoint), event_type: None };
    let read = move |log: &dyn Log, _: &_| {
        stats.gather(now);
        let is_recent = since.secs() >= stats.kept_from(now).0;
        let step = if is_recent { MINUTE } else { HOUR };
        let span = since.secs() / step * step..until.secs().div_ceil(step) * step;
        let totals = sum(stats.read(span, step, &wanted).steps.values());
        let offsets = walk::offset_at(log, since.millis())?..walk::offset_at(log, until.millis())?;
        Ok(EndpointStatsOut {
            success: totals.delivered(),
            pending: in_trouble(log, endpoint, offsets)?,
            sending: stats.sending(&wanted),
            fail: totals.dead(),
            canceled: 0,
        })
    };
    Ok(answer(200, &control.ask(&call.principal, read).await?))
}

fn in_trouble(log: &dyn Log, endpoint: EndpointId, offsets: Range<Offset>) -> Result<u64, Failure> {
    let (mut count, mut seen, mut from) = (0, 0, None);
    while seen < RETRIES_MAX {
        let rows = log.retries(from, PAGE)?;
        seen += rows.len();
        let is_wanted = |(key, _): &&(RetryKey, _)| {
            let delivery = key.delivery;
            delivery.lane.endpoint == endpoint && offsets.contains(&delivery.offset)
        };
        count += rows.iter().filter(is_wanted).count() as u64;
        let Some((last, _)) = rows.last().filter(|_| rows.len() == PAGE) else { break };
        from = Some(RetryKey { delivery: last.delivery.next(), ..*last });
    }
    Ok(count)
}
