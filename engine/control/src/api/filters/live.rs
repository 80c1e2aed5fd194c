//! A filter at work: what it says, and another module or configuration on trial beside it.

use super::model::{About, FilterOut, Settings};
use super::{NONE, check_own, check_own_module, check_version, find, module, replace, shown};
use crate::Control;
use crate::api::wire::{APP, LIMIT, limit, told};
use crate::api::{Answered, Call, Content, Deed, Operation, Parameter, Scope, Verb};
use crate::explain::time;
use crate::problem::Problem;
use crate::reply::{answer, empty};
use crate::watch::{DifferenceOut, ERROR, Line, Seen};
use event::Time;
use registry::{Candidate, ChangeSet, Declared, FilterVersion, STOP_AFTER_FAULTS, Share, Snapshot};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

pub(crate) const OPERATIONS: &[Operation] = &[
    Operation {
        verb: Verb::Get,
        path: "/v1/filter/{filter_name}/log",
        id: "filter.log",
        summary: "The last lines that a filter logged and the last of its failures, oldest first",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP, LIMIT, AFTER, LEVEL],
        body: Content::Empty,
        answers: &[(200, Content::json::<LogPage>())],
        run: |control, call| Box::pin(async move { log(control, &call) }),
    },
    Operation {
        verb: Verb::Get,
        path: "/v1/filter/{filter_name}/candidate",
        id: "filter.candidate.get",
        summary: "What is on trial beside a filter, and what was seen of it",
        scope: Scope::Tenant(Deed::Read),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<CandidateOut>())],
        run: |control, call| Box::pin(async move { get(control, &call) }),
    },
    Operation {
        verb: Verb::Put,
        path: "/v1/filter/{filter_name}/candidate",
        id: "filter.candidate.put",
        summary: "Tries another module or configuration on live events, beside a filter",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::json::<CandidateIn>(),
        answers: &[(200, Content::json::<CandidateOut>()), (201, Content::json::<CandidateOut>())],
        run: |control, call| Box::pin(put(control, call)),
    },
    Operation {
        verb: Verb::Delete,
        path: "/v1/filter/{filter_name}/candidate",
        id: "filter.candidate.delete",
        summary: "Ends the trial; the filter goes on as it is",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(204, Content::Empty)],
        run: |control, call| Box::pin(delete(control, call)),
    },
    Operation {
        verb: Verb::Post,
        path: "/v1/filter/{filter_name}/candidate/promote",
        id: "filter.candidate.promote",
        summary: "Puts what is on trial in force",
        scope: Scope::Tenant(Deed::Write),
        query: &[APP],
        body: Content::Empty,
        answers: &[(200, Content::json::<FilterOut>())],
        run: |control, call| Box::pin(promote(control, call)),
    },
];

const AFTER: Parameter =
    Parameter::of::<u64>("after", "Lines behind the one of this number alone.");
const LEVEL: Parameter =
    Parameter::of::<Level>("level", "Lines of this level and above alone; a failure is an error.");

const ENDED: &str = "the engine has ended this trial, because it failed too often: begin another \
                     one, or put its module in force as a version of its own";
const NO_CANDIDATE: Problem = Problem::NotFound("nothing is on trial beside this filter");

#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

const LEVELS: [(&str, Level); 4] = [
    ("debug", Level::Debug),
    ("info", Level::Info),
    ("warn", Level::Warn),
    ("error", Level::Error),
];

/// What the node remembers of the filter since its start: some hundred lines.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LogPage {
    data: Vec<LineOut>,
    /// Until when it is not asked, when it failed so often that its circuit is open.
    circuit_open_until: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct LineOut {
    /// Grows by one from line to line, also where one is not kept; a restart begins anew.
    number: u64,
    at: String,
    level: Level,
    /// Of a failure: `out_of_fuel`, `trap`, `broken`, `failed`, `start`, `too_large` or `host`.
    fault: Option<&'static str>,
    event_id: Option<String>,
    /// Whether the filter's candidate said it.
    of_candidate: bool,
    text: String,
}

/// What differs from the filter that is in force; the rest is as with it.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CandidateIn {
    /// As in a whole filter; the one in force when it is not said.
    module: Option<String>,
    /// The one in force when it is not said.
    #[schemars(with = "Option<Value>")]
    config: Option<Box<RawValue>>,
    /// It judges, in the filter's place, the events of so many of a hundred keys. Without it, it
    /// judges every event beside the filter, and nothing comes of it but a comparison.
    #[schemars(range(min = 1, max = 99))]
    canary: Option<u8>,
    /// The engine ends a canary that fails so often within a minute: its keys go by the filter in
    /// force again. 20 when it is not said; where the filter's `onError` is `stop`, its first
    /// failure ends it. 0: it goes on however often it fails.
    #[schemars(range(max = 10_000))]
    stop_after_faults: Option<u32>,
}

/// What is on trial beside a filter, and what was seen of it since it is, or since the node's
/// start.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct CandidateOut {
    module: String,
    #[schemars(with = "Value")]
    config: Box<RawValue>,
    canary: Option<u8>,
    /// Of a canary; 0: it goes on however often it fails. Where the filter's `onError` is `stop`,
    /// any other number is as good as 1.
    stop_after_faults: Option<u32>,
    /// Once the engine has ended it: it judges nothing any more, and is kept to be looked at.
    ended: Option<EndedOut>,
    /// When it judged for the first time.
    since: Option<String>,
    /// Events that it judged.
    judged: u64,
    /// Failures that the filter's error policy was asked about, or would have been.
    faults: u64,
    /// What it took for what it judged, and what the filter took for what that one judged.
    fuel: u64,
    fuel_in_force: u64,
    /// Without `canary`: how often it said something else than the filter.
    differing: u64,
    /// Of these the last few, the newest first.
    examples: Vec<DifferenceOut>,
}

#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Ended")]
struct EndedOut {
    at: String,
    /// For people.
    reason: String,
}

const FAULTS_MAX: u32 = 10_000;

impl CandidateIn {
    fn share(&self) -> Result<(Share, u32), Problem> {
        let member = "stopAfterFaults";
        match (self.canary, self.stop_after_faults) {
            (None, Some(_)) => {
                let text = "a shadow has no say that it could lose: leave it out, or say `canary`";
                Err(Problem::value(&[member], text))
            }
            (None, None) => Ok((Share::Shadow, STOP_AFTER_FAULTS)),
            (Some(1..=99), Some(faults)) if faults > FAULTS_MAX => {
                Err(Problem::value(&[member], "0 to 10000; 0 for never"))
            }
            (Some(percent @ 1..=99), faults) => {
                Ok((Share::Canary(percent), faults.unwrap_or(STOP_AFTER_FAULTS)))
            }
            (Some(_), _) => Err(Problem::value(&["canary"], "1 to 99, of a hundred keys")),
        }
    }
}

impl LineOut {
    fn of(line: Line) -> LineOut {
        LineOut {
            number: line.number,
            at: time(line.at),
            level: LEVELS[usize::from(line.level.min(ERROR))].1,
            fault: line.fault,
            event_id: line.event.map(|event| event.to_string()),
            of_candidate: line.of_candidate,
            text: line.text.into(),
        }
    }
}

fn log(control: &Control, call: &Call) -> Answered {
    let (app, name) = (call.app()?, call.named("filter_name"));
    let snapshot = control.snapshot();
    let filter = find(&snapshot, app, name)?;
    let level = match call.query.one("level")? {
        None => 0,
        Some(text) => LEVELS
            .iter()
            .position(|(name, _)| *name == text)
            .ok_or_else(|| Problem::parameter("level", "it is debug, info, warn or error"))?,
    };
    let after = call.query.number("after", 0..=u64::MAX)?.unwrap_or(0);
    let watch = &control.ports.watch;
    let lines = watch.lines((app, name), after, level as u8, limit(&call.query)?);
    let open_until = watch.open_until(filter);
    let open_until = open_until.filter(|until| *until > control.ports.clock.now());
    Ok(answer(
        200,
        &LogPage {
            data: lines.into_iter().map(LineOut::of).collect(),
            circuit_open_until: open_until.map(time),
        },
    ))
}

fn get(control: &Control, call: &Call) -> Answered {
    let snapshot = control.snapshot();
    let filter = find(&snapshot, call.app()?, call.named("filter_name"))?;
    Ok(answer(200, &told_of(control, filter)?))
}

fn told_of(control: &Control, filter: &FilterVersion) -> Result<CandidateOut, Problem> {
    let (candidate, share) = filter.candidate().ok_or(NO_CANDIDATE)?;
    let tried = filter.candidate.as_ref().ok_or(NO_CANDIDATE)?;
    let seen = control.ports.watch.seen(&filter.tenant, &filter.name, candidate.digest());
    let config = RawValue::from_string(candidate.config.to_string());
    let count = |of: fn(&Seen) -> u64| seen.as_ref().map_or(0, of);
    let canary = match share {
        Share::Shadow => None,
        Share::Canary(percent) => Some(percent),
    };
    Ok(CandidateOut {
        module: candidate.module.to_string(),
        config: config.expect("what is on trial has been read as JSON"),
        canary,
        stop_after_faults: canary.map(|_| tried.stop_after_faults),
        ended: tried.ended.as_ref().map(|ended| EndedOut {
            at: time(Time::from_millis(ended.at_ms)),
            reason: ended.reason.clone(),
        }),
        since: seen.as_ref().and_then(|seen| told(seen.since.millis())),
        judged: count(|seen| seen.judged),
        faults: count(|seen| seen.faults),
        fuel: count(|seen| seen.fuel),
        fuel_in_force: count(|seen| seen.fuel_in_force),
        differing: count(|seen| seen.differing),
        examples: seen.as_ref().map_or(Vec::new(), Seen::told),
    })
}

async fn put(control: &Control, call: Call) -> Answered {
    let given: CandidateIn = call.json()?;
    let (app, name) = (call.app()?, call.named("filter_name"));
    check_own(name)?;
    let (share, stop_after_faults) = given.share()?;
    if given.module.is_none() && given.config.is_none() {
        return Err(Problem::value(&["module"], "say what differs: `module`, `config`, or both"));
    }
    let named = match &given.module {
        Some(named) => {
            check_own_module(control, &call, named)?;
            Some(module(control, &call, named).await?)
        }
        None => None,
    };
    let in_force = {
        let snapshot = control.snapshot();
        check_version(&call, &snapshot)?;
        Settings::of(find(&snapshot, app, name)?)
    };
    let tried = in_force.clone().with(named, given.config.as_deref())?;
    let version = tried.as_version(app, name);
    let config = version.config.to_string();
    let module = version.module;
    let candidate = Candidate { module, config, share, stop_after_faults, ended: None };
    control.ports.modules.try_out(version).await?;
    let put = control.change(|snapshot| {
        check_version(&call, snapshot)?;
        let old = find(snapshot, app, name)?;
        if Settings::of(old) != in_force {
            return Err(Problem::Conflict);
        }
        let is_new = old.candidate.is_none();
        Ok((with_candidate(snapshot, old, Some(candidate.clone()))?, is_new))
    });
    let is_new = put.await?;
    let snapshot = control.snapshot();
    let told = told_of(control, find(&snapshot, app, name)?)?;
    Ok(answer(if is_new { 201 } else { 200 }, &told))
}

/// The same filter in force, with another candidate or none.
fn with_candidate(
    snapshot: &Snapshot,
    filter: &FilterVersion,
    candidate: Option<Candidate>,
) -> Result<ChangeSet, Problem> {
    let (settings, about) = (Settings::of(filter), About::of(filter));
    let mut declared = settings.declared(&filter.tenant, &filter.name, &about);
    declared.candidate = candidate;
    let mut edit = snapshot.edit();
    edit.put(&Declared { filters: vec![declared], ..Declared::default() });
    Ok(edit.finish()?)
}

async fn delete(control: &Control, call: Call) -> Answered {
    let ended = control.change(|snapshot| {
        check_version(&call, snapshot)?;
        let old = find(snapshot, call.app()?, call.named("filter_name"))?;
        old.candidate.as_ref().ok_or(NO_CANDIDATE)?;
        Ok((with_candidate(snapshot, old, None)?, ()))
    });
    ended.await?;
    Ok(empty(204))
}

async fn promote(control: &Control, call: Call) -> Answered {
    let replaced = replace(control, &call, |old| {
        let old = old.ok_or(NONE)?;
        let (candidate, _) = old.candidate().ok_or(NO_CANDIDATE)?;
        match old.trial() {
            Some(_) => Ok(Settings::of(&candidate)),
            None => Err(Problem::Clash(ENDED.into())),
        }
    });
    shown(control, &call, replaced.await?)
}
