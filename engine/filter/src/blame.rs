use crate::batch::{Input, weight};
use crate::candidate::Comparison;
use crate::fault::{Fault, FaultKind, FaultNote};
use crate::host::{LogLine, Metric, reason};
use crate::imports::give_way;
use crate::instance::Instance;
use crate::limits::BLAME_CALLS_MAX;
use crate::pool::Pool;
use crate::spec::{ErrorPolicy, FilterSpec, Setting};
use crate::verify::Form;
use event::Verdict;
use event::limits::{BATCH_BYTES_MAX, BATCH_EVENTS_MAX, SLICE_FUEL, START_COST};
use std::cell::RefCell;
use std::time::Duration;
use wasmtime::Engine;

/// What asking a filter gave beside the verdicts.
#[derive(Default)]
pub(crate) struct Findings {
    pub fuel: u64,
    pub logs: Vec<LogLine>,
    pub metrics: Vec<Metric>,
    pub faults: Vec<FaultNote>,
    pub comparisons: Vec<Comparison>,
    pub starts: u64,
    /// Fuel since others had their turn: many short calls in a row are a long one.
    pub unbroken: u64,
}

impl Findings {
    /// Lets others run when what was called before makes a slice.
    async fn give_way(&mut self) {
        if self.unbroken >= SLICE_FUEL {
            self.unbroken = 0;
            give_way().await;
        }
    }

    /// A call of more than a slice has given way by itself.
    fn called(&mut self, fuel: u64) {
        let unbroken = if fuel < SLICE_FUEL { self.unbroken } else { 0 };
        self.unbroken = unbroken + fuel % SLICE_FUEL;
    }
}

/// How long an event waits when the host, not the filter, could not run it.
const HOST_RETRY: Duration = Duration::from_secs(5);

/// Asks one filter about any number of inputs and settles every one of them, whatever the guest
/// does: the input at which it fails follows the error policy, the others are asked about again.
pub(crate) async fn settle(
    engine: &Engine,
    pool: &RefCell<Pool>,
    spec: &FilterSpec,
    inputs: &[Input<'_>],
    setting: Setting<'_>,
    findings: &mut Findings,
) -> Vec<Verdict> {
    let mut verdicts = Vec::with_capacity(inputs.len());
    while verdicts.len() < inputs.len() {
        let rest = &inputs[verdicts.len()..];
        let batch = &rest[..cut(spec, rest, pool.borrow().weight_max(spec))];
        let inquiry = Inquiry {
            engine,
            pool,
            spec,
            batch,
            setting,
            verdicts: vec![None; batch.len()],
            fuel: 0,
            fuel_start: 0,
            has_misled: false,
            findings: &mut *findings,
        };
        verdicts.extend(inquiry.run().await);
    }
    verdicts
}

/// How many inputs make the next batch: at least one.
fn cut(spec: &FilterSpec, inputs: &[Input<'_>], weight_max: usize) -> usize {
    if spec.isolate || spec.module.form == Form::Single {
        return 1;
    }
    let mut weight = 0usize;
    let fits = |input: &&Input<'_>| {
        weight += input.weight();
        weight <= BATCH_BYTES_MAX && weight < weight_max
    };
    inputs.iter().take(BATCH_EVENTS_MAX).take_while(fits).count().max(1)
}

/// Inputs of one batch, by index, that are to be asked about together.
struct Group {
    members: Vec<usize>,
    /// The input that the guest's word took out of this group.
    suspect: Option<usize>,
    /// Whether the guest's word counts: only the first time, but for who used up the fuel.
    trusts: bool,
    /// Its one member is asked alone because of the guest's word.
    is_accused: bool,
}

impl Group {
    fn of(members: Vec<usize>, trusts: bool) -> Group {
        Group { members, suspect: None, trusts, is_accused: false }
    }
}

struct Inquiry<'a> {
    engine: &'a Engine,
    pool: &'a RefCell<Pool>,
    spec: &'a FilterSpec,
    batch: &'a [Input<'a>],
    setting: Setting<'a>,
    verdicts: Vec<Option<Verdict>>,
    fuel: u64,
    /// Of the dearest start among it: what a fresh instance costs is no sign of a bad batch.
    fuel_start: u64,
    /// The guest has named a member that does not fail when it is asked alone.
    has_misled: bool,
    findings: &'a mut Findings,
}

impl Inquiry<'_> {
    async fn run(mut self) -> Vec<Verdict> {
        let fuel = self.spec.limits.fuel_of(self.batch.len(), weight(self.batch));
        let all = (0..self.batch.len()).collect();
        let mut groups = vec![Group::of(all, true)];
        while let Some(group) = groups.pop() {
            let call = fuel.saturating_add(self.fuel_start);
            let is_single = group.members.len() == 1 && group.suspect.is_none();
            if !is_single && self.fuel > call.saturating_mul(BLAME_CALLS_MAX) {
                self.part(group, &mut groups);
                continue;
            }
            self.findings.give_way().await;
            let before = self.fuel;
            match self.ask(&group.members).await {
                Ok(()) => self.has_misled |= group.is_accused,
                Err(fault) => self.split(group, fault, &mut groups),
            }
            self.findings.called(self.fuel - before);
        }
        self.findings.fuel += self.fuel;
        let settled = |verdict: Option<Verdict>| verdict.expect("every group ends settled");
        self.verdicts.into_iter().map(settled).collect()
    }

    /// One call of the guest. What it logged counts if the call is its members' last.
    async fn ask(&mut self, members: &[usize]) -> Result<(), Fault> {
        // The common case asks about all, in place.
        let some: Vec<Input<'_>>;
        let inputs = if members.len() == self.batch.len() {
            self.batch
        } else {
            some = members.iter().map(|member| self.batch[*member]).collect();
            &some
        };
        let age = self.setting.age;
        let kept = self.pool.borrow_mut().take(self.spec, age);
        let mut instance = match kept {
            Some(instance) => instance,
            None => self.start().await?,
        };
        let answer = instance.ask(self.spec, inputs, self.setting, &mut self.fuel).await;
        self.pool.borrow_mut().note(&instance);
        let is_last = answer.is_ok() || members.len() == 1;
        let blamed = answer.as_ref().err().and_then(|fault| fault.at);
        self.keep_words(&mut instance, members, is_last, blamed);
        for (member, verdict) in members.iter().zip(answer?) {
            self.verdicts[*member] = Some(verdict);
        }
        self.pool.borrow_mut().keep(self.spec, instance, age);
        Ok(())
    }

    async fn start(&mut self) -> Result<Instance, Fault> {
        self.findings.unbroken += START_COST;
        self.findings.starts += 1;
        let before = self.fuel;
        let started = Instance::start(self.engine, self.spec, &mut self.fuel).await;
        self.fuel_start = self.fuel_start.max(self.fuel - before);
        started
    }

    fn keep_words(
        &mut self,
        instance: &mut Instance,
        members: &[usize],
        is_last: bool,
        blamed: Option<usize>,
    ) {
        let host = instance.host();
        for (at, level, text) in host.lines.drain(..) {
            if is_last || (blamed.is_some() && at == blamed) {
                let event = at.map(|at| self.batch[members[at]].source);
                self.findings.logs.push(LogLine {
                    filter: self.spec.name.clone(),
                    event,
                    level,
                    text,
                });
            }
        }
        if is_last {
            let filter = || self.spec.name.clone();
            self.findings.metrics.extend(
                host.metrics.drain(..).map(|(name, kind, value)| Metric {
                    filter: filter(),
                    name,
                    kind,
                    value,
                }),
            );
        }
    }

    /// Decides what becomes of a group whose call failed: its culprit is settled, or it is cut.
    fn split(&mut self, group: Group, fault: Fault, groups: &mut Vec<Group>) {
        let Group { mut members, suspect, trusts, .. } = group;
        if fault.kind == FaultKind::Host || fault.kind == FaultKind::Start {
            members.extend(suspect);
            members.iter().for_each(|member| self.settle(*member, &fault));
            return;
        }
        if members.len() == 1 && suspect.is_none() {
            self.settle(members[0], &fault);
            return;
        }
        if fault.is_size && members.len() > 1 {
            let weight = members.iter().map(|member| self.batch[*member].weight()).sum();
            self.pool.borrow_mut().refuse(self.spec, weight);
        } else if let (true, Some(at)) = (trusts && !self.has_misled, fault.at) {
            let culprit = members.remove(at);
            if fault.kind == FaultKind::OutOfFuel && !members.is_empty() {
                // The fuel was everyone's: it may be the last of many that took their share.
                groups.push(Group::of(members, trusts));
                groups.push(Group { is_accused: true, ..Group::of(vec![culprit], trusts) });
                return;
            }
            self.settle(culprit, &fault);
            groups.push(Group { suspect: Some(culprit), ..Group::of(members, false) });
            return;
        } else if let Some(suspect) = suspect {
            // The guest failed again, so its word was worth nothing: nobody is blamed on it.
            self.acquit(suspect);
            members.push(suspect);
            members.sort_unstable();
        }
        let later = members.split_off(members.len() / 2);
        for members in [later, members] {
            groups.push(Group::of(members, trusts && fault.is_size));
        }
    }

    fn acquit(&mut self, member: usize) {
        let source = self.batch[member].source;
        self.verdicts[member] = None;
        let last = self.findings.faults.iter().rposition(|note| note.event == source);
        last.map(|place| self.findings.faults.remove(place));
    }

    /// Each is asked alone, so that whatever it is among it costs nobody but itself.
    fn part(&mut self, group: Group, groups: &mut Vec<Group>) {
        let Group { mut members, suspect, .. } = group;
        if let Some(suspect) = suspect {
            self.acquit(suspect);
            members.push(suspect);
        }
        groups.extend(members.into_iter().rev().map(|member| Group::of(vec![member], false)));
    }

    /// The error policy's verdict for one input.
    fn settle(&mut self, member: usize, fault: &Fault) {
        let text = format!("filter {}: {}", self.spec.name, fault.text);
        let reason: Box<str> = reason(text.as_bytes()).into();
        self.findings.faults.push(FaultNote {
            filter: self.spec.name.clone(),
            event: self.batch[member].source,
            kind: fault.kind,
            text: reason.to_string(),
        });
        self.verdicts[member] = Some(match (fault.kind, self.spec.on_error) {
            (FaultKind::Host, _) => Verdict::Retry { delay: HOST_RETRY, reason },
            (FaultKind::TooLarge, _) | (_, ErrorPolicy::Reject) => Verdict::Reject { reason },
            (_, ErrorPolicy::Drop) => Verdict::Drop,
            (_, ErrorPolicy::Pass) => Verdict::Pass,
            (_, ErrorPolicy::Retry(delay)) => Verdict::Retry { delay, reason },
            (_, ErrorPolicy::Stop) => Verdict::Stop { reason },
        });
    }
}
