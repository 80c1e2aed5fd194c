use crate::{Answer, Body, Made};
use forebay_filter::{Headers, Sample};
use serde_json::Value;
use std::collections::BTreeMap;
use wasmi::{Caller, Config, Engine, Instance, Linker, Memory, Module, Store};

/// A module that runs: the host's side of the contract, small and slow, for tests.
pub struct Guest {
    store: Store<Told>,
    instance: Instance,
    memory: Memory,
}

/// What the guest told its host.
#[derive(Default)]
struct Told {
    failed: String,
    /// For `config_get`.
    config: Vec<u8>,
}

/// A batch that ended in a trap.
#[derive(Debug, PartialEq, Eq)]
pub struct Trapped {
    /// The event that the guest last said to look at.
    pub event: u32,
    pub reason: String,
}

/// What a filter exports that sees one body at a time.
const LEVEL_0: &str = "forebay_filter_v1";

const MEMORY_BYTES_MAX: u64 = 1 << 30;

impl Guest {
    /// Loads a module, holds its imports and exports to the contract, hands it its configuration.
    /// The error is why it was refused.
    pub fn start(wasm: &[u8], config: &[u8]) -> Result<Guest, String> {
        let engine = Engine::new(&features());
        let module = Module::new(&engine, wasm).map_err(|error| error.to_string())?;
        let mut store = Store::new(&engine, Told::default());
        let linker = imports(&engine).map_err(|error| error.to_string())?;
        let instance =
            linker.instantiate_and_start(&mut store, &module).map_err(|e| e.to_string())?;
        let memory = instance.get_memory(&store, "memory").ok_or("it exports no memory")?;
        let pages = memory.ty(&store).maximum().unwrap_or(0);
        if pages << 16 > MEMORY_BYTES_MAX {
            return Err("its memory may grow beyond 1 GiB".into());
        }
        let mut guest = Guest { store, instance, memory };
        guest.store.data_mut().config = config.into();
        guest.initialize()?;
        guest.configure(config)?;
        Ok(guest)
    }

    /// Answers to a batch, one for each event.
    pub fn filter(&mut self, events: &[Sample]) -> Result<Vec<Answer>, Trapped> {
        if self.instance.get_func(&self.store, LEVEL_0).is_some() {
            return Ok(events.iter().map(|event| self.filter_body(event)).collect());
        }
        let len = Sample::batch(events, 0).len() as u32;
        let at = self.buffer(len);
        let batch = Sample::batch(events, at);
        self.memory.write(&mut self.store, at as usize, &batch).unwrap();
        let call =
            self.instance.get_typed_func::<(u32, u32), i64>(&self.store, "forebay_process_v1");
        match call.unwrap().call(&mut self.store, (at, len)) {
            Ok(0) => Ok(vec![Answer::Pass; events.len()]),
            Ok(packed) if packed > 0 => {
                let block = self.bytes((packed >> 32) as u32, packed as u32);
                Ok(self.answers(block, events.len()))
            }
            Ok(_) => Err(self.trapped(at, String::new())),
            Err(trap) => Err(self.trapped(at, trap.to_string())),
        }
    }

    fn filter_body(&mut self, event: &Sample) -> Answer {
        let body = event.event().body();
        let at = self.buffer(body.len() as u32);
        self.memory.write(&mut self.store, at as usize, body).unwrap();
        let call = self.instance.get_typed_func::<(u32, u32), i32>(&self.store, LEVEL_0);
        match call.unwrap().call(&mut self.store, (at, body.len() as u32)) {
            Ok(0) => Answer::Drop,
            Ok(1) => Answer::Pass,
            Ok(status) => Answer::Trap { reason: format!("it answered {status}") },
            Err(trap) => Answer::Trap { reason: trap.to_string() },
        }
    }

    fn initialize(&mut self) -> Result<(), String> {
        let Some(start) = self.instance.get_func(&self.store, "_initialize") else { return Ok(()) };
        start.call(&mut self.store, &[], &mut []).map_err(|trap| trap.to_string())
    }

    fn configure(&mut self, config: &[u8]) -> Result<(), String> {
        let name = "forebay_init_v1";
        if self.instance.get_func(&self.store, name).is_none() {
            return Ok(());
        }
        let init = self.instance.get_typed_func::<(u32, u32), i32>(&self.store, name);
        let at = self.buffer(config.len() as u32);
        self.memory.write(&mut self.store, at as usize, config).unwrap();
        let status = init.unwrap().call(&mut self.store, (at, config.len() as u32));
        match status {
            Ok(0..) => Ok(()),
            Ok(_) => Err(self.store.data().failed.clone()),
            Err(trap) => Err(trap.to_string()),
        }
    }

    fn buffer(&mut self, len: u32) -> u32 {
        let buffer = self.instance.get_typed_func::<u32, u32>(&self.store, "forebay_buffer");
        let at = buffer.unwrap().call(&mut self.store, len).unwrap();
        assert!(at != 0 && at % 16 == 0, "the buffer is there and aligned: {at}");
        at
    }

    fn trapped(&self, at: u32, trap: String) -> Trapped {
        let event = word(&self.bytes(at + 48, 4), 0);
        let told = &self.store.data().failed;
        Trapped { event, reason: if told.is_empty() { trap } else { told.clone() } }
    }

    fn answers(&self, block: Vec<u8>, count: usize) -> Vec<Answer> {
        if block.starts_with(b"FBV1") {
            assert_eq!((word(&block, 4) as usize, block.len()), (count, 8 + count));
            return block[8..].iter().map(|&byte| plain(byte)).collect();
        }
        assert_eq!(block[0..4], *b"FBR1");
        assert_eq!(block[16..32], [0; 16]);
        let (rows, outs, stride) = (word(&block, 4), word(&block, 8), word(&block, 12));
        assert!(stride >= 64);
        let mut answers: Vec<Answer> = Vec::new();
        for i in 0..rows {
            let row = self.bytes(outs + i * stride, 64);
            let source = word(&row, 0) as usize;
            let answer = self.answer(&row);
            if source == answers.len() {
                answers.push(answer);
                continue;
            }
            assert_eq!(source + 1, answers.len(), "each event has its rows, in order");
            match (answers.last_mut(), answer) {
                (Some(Answer::Emit(last)), Answer::Emit(more)) => last.extend(more),
                (last, more) => panic!("{more:?} after {last:?} for one event"),
            }
        }
        assert_eq!(answers.len(), count, "each event has an answer");
        answers
    }

    fn answer(&self, row: &[u8]) -> Answer {
        let text = |at: usize| String::from_utf8(self.pointed(row, at)).unwrap();
        assert!(row[4] == 2 || row[5..8] == [0; 3], "mask and route are EMIT's alone");
        assert!(row[12..16] == [0; 4] && row[56..64] == [0; 8], "reserved bytes are zero");
        match row[4] {
            2 => Answer::Emit(vec![self.made(row)]),
            3 => Answer::Reject { reason: text(48) },
            4 => Answer::Retry { delay_ms: word(row, 8), reason: text(48) },
            byte => plain(byte),
        }
    }

    fn made(&self, row: &[u8]) -> Made {
        let text = |at: usize| String::from_utf8(self.pointed(row, at)).unwrap();
        let has = |bit: u8| row[5] & (1 << bit) != 0;
        let headers = |at: usize| {
            let block = self.pointed(row, at);
            let pair = |(name, value): (&str, &[u8])| {
                (name.to_string(), String::from_utf8_lossy(value).into_owned())
            };
            Headers::read(&block).map(pair).collect()
        };
        Made {
            key: has(0).then(|| text(16)),
            event_type: has(1).then(|| text(24)),
            headers: has(2).then(|| headers(32)),
            body: has(3).then(|| Body(self.pointed(row, 40))),
            route: u16::from_le_bytes([row[6], row[7]]),
        }
    }

    fn pointed(&self, row: &[u8], at: usize) -> Vec<u8> {
        self.bytes(word(row, at), word(row, at + 4))
    }

    fn bytes(&self, ptr: u32, len: u32) -> Vec<u8> {
        let (from, len) = (ptr as usize, len as usize);
        self.memory.data(&self.store)[from..from + len].to_vec()
    }
}

/// The features that these filters need, and no other: mutable globals, sign extension, bulk
/// memory, conversions that saturate (AssemblyScript) and reference types (linkers pad the table's
/// number in `call_indirect`, which is lawful only with them).
fn features() -> Config {
    let mut config = Config::default();
    config.wasm_multi_memory(false).wasm_memory64(false);
    config.wasm_tail_call(false).wasm_extended_const(false);
    config.wasm_multi_value(false);
    config
}

/// What these filters may ask for. Any other import fails the start, by its name.
fn imports(engine: &Engine) -> Result<Linker<Told>, wasmi::Error> {
    let mut linker = Linker::new(engine);
    linker.func_wrap(
        "forebay_v1",
        "fail",
        |mut guest: Caller<Told>, at: u32, len: u32| -> i32 {
            guest.data_mut().failed = text_of(&guest, at, len);
            0
        },
    )?;
    linker.func_wrap(
        "forebay_v1",
        "log",
        |guest: Caller<Told>, _level: i32, at: u32, len: u32| -> i32 {
            eprintln!("the filter logs: {}", text_of(&guest, at, len));
            0
        },
    )?;
    linker.func_wrap("forebay_v1", "config_get", config_get)?;
    linker.func_wrap(
        "forebay_v1",
        "metric",
        |_: Caller<Told>, _at: u32, _len: u32, _kind: i32, _value: f64| -> i32 { 0 },
    )?;
    linker.func_wrap(
        "env",
        "abort",
        |_: Caller<Told>, why: u32, _file: u32, line: u32, _: u32| -> Result<(), wasmi::Error> {
            Err(wasmi::Error::new(format!("aborted at line {line}, message at {why}")))
        },
    )?;
    linker.func_wrap("forebay_v1", "random", || -> i64 { 4 })?;
    linker.func_wrap("forebay_v1", "now_ns", || -> i64 { 0 })?;
    Ok(linker)
}

fn config_get(mut guest: Caller<Told>, key: u32, len: u32, to: u32, room: u32) -> i32 {
    let key = text_of(&guest, key, len);
    let config: BTreeMap<String, Value> =
        serde_json::from_slice(&guest.data().config).unwrap_or_default();
    let value = match config.get(&key) {
        None => return -1,
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    if value.len() <= room as usize {
        let memory = guest.get_export("memory").and_then(|export| export.into_memory()).unwrap();
        memory.write(&mut guest, to as usize, value.as_bytes()).unwrap();
    }
    value.len() as i32
}

fn text_of(guest: &Caller<Told>, at: u32, len: u32) -> String {
    let memory = guest.get_export("memory").and_then(|export| export.into_memory()).unwrap();
    let bytes = &memory.data(guest)[at as usize..][..len as usize];
    String::from_utf8_lossy(bytes).into_owned()
}

fn plain(verdict: u8) -> Answer {
    match verdict {
        0 => Answer::Drop,
        1 => Answer::Pass,
        3 => Answer::Reject { reason: String::new() },
        byte => panic!("no plain verdict: {byte}"),
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}
