mod start;

use crate::batch::{Input, PROGRESS_AT, encode, room_for, weight};
use crate::engine::FilterModule;
use crate::fault::{Fault, FaultKind};
use crate::host::{Fact, Host, Progress};
use crate::outputs::{Refused, verdicts};
use crate::result::read_rows;
use crate::spec::{FilterSpec, Purpose, Setting};
use event::{Verdict, mix};
use std::sync::Arc;
use wasmtime::{Memory, Store, TypedFunc};

/// One running guest. After any fault it must be dropped: what its memory holds is undefined.
pub(crate) struct Instance {
    store: Store<Host>,
    exports: Exports,
    module: Arc<FilterModule>,
    /// Where the guest's buffer lies and how much it holds.
    place: u32,
    room: usize,
    /// Above it the guest is dropped after its call: it leaks, and would fail soon.
    memory_bytes_mark: usize,
}

struct Exports {
    memory: Memory,
    buffer: TypedFunc<u32, u32>,
    entry: Entry,
    init: Option<TypedFunc<(u32, u32), i32>>,
}

enum Entry {
    Batch(TypedFunc<(u32, u32), i64>),
    Single(TypedFunc<(u32, u32), i32>),
}

impl Instance {
    /// Asks the guest about a batch: one verdict for each input. `fuel` grows by what it took. A
    /// filter of the single form is asked about one input at a time.
    pub(crate) async fn ask(
        &mut self,
        spec: &FilterSpec,
        inputs: &[Input<'_>],
        setting: Setting<'_>,
        fuel: &mut u64,
    ) -> Result<Vec<Verdict>, Fault> {
        let budget = spec.limits.fuel_of(inputs.len(), weight(inputs));
        let facts = inputs.iter().map(|input| fact(spec.seed, input)).collect();
        self.open(Progress::Outside, facts, budget);
        self.host().tables = spec.module.looks_up.then(|| setting.tables.clone());
        let answer = match self.exports.entry.clone() {
            Entry::Batch(call) => self.ask_batch(call, inputs, setting.purpose).await,
            Entry::Single(call) => self.ask_single(call, &inputs[0]).await,
        };
        *fuel += budget.saturating_sub(self.fuel_left());
        // An instance that waits for its next batch keeps no old version in memory.
        self.host().tables = None;
        answer
    }

    async fn ask_batch(
        &mut self,
        call: TypedFunc<(u32, u32), i64>,
        inputs: &[Input<'_>],
        purpose: Purpose,
    ) -> Result<Vec<Verdict>, Fault> {
        let room = room_for(inputs);
        if !self.reserve(room).await? {
            return Err(too_large());
        }
        let place = self.place as usize;
        let memory = self.exports.memory;
        let buffer = &mut memory.data_mut(&mut self.store)[place..place + room];
        let len = encode(inputs, purpose, self.place, buffer);
        self.store.data_mut().progress = Progress::At(place + PROGRESS_AT);
        let answer = call.call_async(&mut self.store, (self.place, len as u32)).await;
        match answer.map_err(|error| self.fault(&error))? {
            0 => Ok(vec![Verdict::Pass; inputs.len()]),
            code if code < 0 => Err(Fault::new(FaultKind::Failed, self.at(), self.said(code))),
            block => self.read(inputs, (block >> 32) as u32, block as u32),
        }
    }

    fn read(&self, inputs: &[Input<'_>], ptr: u32, len: u32) -> Result<Vec<Verdict>, Fault> {
        let memory = self.exports.memory.data(&self.store);
        let rows = read_rows(memory, ptr, len, inputs.len()).map_err(Refused::Broken);
        rows.and_then(|rows| verdicts(inputs, &rows)).map_err(|refused| match refused {
            Refused::Broken(broken) => {
                let text = format!("broke the contract: {}", broken.rule);
                Fault::new(FaultKind::Broken, broken.at, text)
            }
            Refused::TooMuch => {
                let text = "its outputs are larger than a batch's may be".to_string();
                Fault { is_size: true, ..Fault::new(FaultKind::Broken, None, text) }
            }
        })
    }

    async fn ask_single(
        &mut self,
        call: TypedFunc<(u32, u32), i32>,
        input: &Input<'_>,
    ) -> Result<Vec<Verdict>, Fault> {
        let body = &input.event.body;
        if !self.reserve(body.len()).await? {
            return Err(too_large());
        }
        let place = self.place as usize;
        let memory = self.exports.memory;
        memory.data_mut(&mut self.store)[place..place + body.len()].copy_from_slice(body);
        self.store.data_mut().progress = Progress::Fixed(0);
        let answer = call.call_async(&mut self.store, (self.place, body.len() as u32)).await;
        match answer.map_err(|error| self.fault(&error))? {
            0 => Ok(vec![Verdict::Drop]),
            1 => Ok(vec![Verdict::Pass]),
            code if code < 0 => {
                Err(Fault::new(FaultKind::Failed, Some(0), self.said(i64::from(code))))
            }
            other => {
                let text = format!("broke the contract: forebay_filter_v1 answered {other}");
                Err(Fault::new(FaultKind::Broken, Some(0), text))
            }
        }
    }

    /// Makes sure that the guest's buffer holds `len` bytes; false when the guest has no room.
    async fn reserve(&mut self, len: usize) -> Result<bool, Fault> {
        if self.place != 0 && len <= self.room {
            return Ok(true);
        }
        let Ok(asked) = u32::try_from(len) else { return Ok(false) };
        let buffer = self.exports.buffer.clone();
        let answer = buffer.call_async(&mut self.store, asked).await;
        let place = answer.map_err(|error| self.fault(&error))?;
        // The old buffer ended with the call, whatever it answered.
        self.place = 0;
        if place == 0 {
            return Ok(false);
        }
        let size = self.exports.memory.data_size(&self.store) as u64;
        if !place.is_multiple_of(16) || u64::from(place) + u64::from(asked) > size {
            let text = format!("broke the contract: forebay_buffer({asked}) answered {place}");
            return Err(Fault::new(FaultKind::Broken, None, text));
        }
        (self.place, self.room) = (place, len);
        Ok(true)
    }

    fn open(&mut self, progress: Progress, facts: Vec<Fact>, fuel: u64) {
        self.store.data_mut().open(progress, facts, fuel);
        self.store.set_fuel(fuel).expect("fuel is on in every engine of ours");
    }

    fn fuel_left(&self) -> u64 {
        self.store.get_fuel().expect("fuel is on in every engine of ours")
    }

    /// The event that the guest says it is at.
    fn at(&self) -> Option<usize> {
        self.store.data().at(self.exports.memory.data(&self.store))
    }

    fn fault(&self, error: &wasmtime::Error) -> Fault {
        let said = self.store.data().failure.as_deref();
        let sources = self.module.sources.as_ref();
        Fault { at: self.at(), ..Fault::from_wasmtime(error, said, sources) }
    }

    fn said(&self, code: i64) -> String {
        match &self.store.data().failure {
            Some(said) => said.clone(),
            None => format!("failed with {code}, without a message"),
        }
    }

    /// The lines and measures of the last call.
    pub(crate) fn host(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    /// True when the guest has grown so much that it should not be kept.
    pub(crate) fn is_worn(&self) -> bool {
        self.memory_bytes() > self.memory_bytes_mark
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        self.exports.memory.data_size(&self.store)
    }
}

impl Clone for Entry {
    fn clone(&self) -> Entry {
        match self {
            Entry::Batch(call) => Entry::Batch(call.clone()),
            Entry::Single(call) => Entry::Single(call.clone()),
        }
    }
}

fn too_large() -> Fault {
    let text = "too large for the filter".to_string();
    Fault { is_size: true, ..Fault::new(FaultKind::TooLarge, None, text) }
}

/// Time and randomness depend on the event and the filter alone, never on the batch.
fn fact(seed: u64, input: &Input<'_>) -> Fact {
    let place = mix(input.event.offset().0 ^ mix(u64::from(input.k) + 1));
    Fact::new(input.event.envelope.time.nanos(), mix(seed ^ place))
}
