pub(crate) mod wasi;

use crate::contract::{IMPORTS, Import, Value};
use crate::fault::Halt;
use crate::host::{Host, escape, reason};
use crate::table::TABLE_KEY_BYTES_MAX;
use event::limits::{NAME_BYTES_MAX, REASON_BYTES_MAX};
use std::task::Poll;
use wasmtime::{Caller, Engine, FuncType, Linker, Trap, Val, ValType};

/// Of a name that a guest counts under.
const METRIC_NAME_BYTES_MAX: usize = 64;

pub(crate) const ABSENT: i32 = -1;
pub(crate) const TOO_SMALL: i32 = -2;
pub(crate) const DENIED: i32 = -3;
pub(crate) const BAD_POINTER: i32 = -4;

/// Fuel of any host call beside a unit for each byte that it moves: what it costs the host, in
/// plain instructions.
const CALL_FUEL: u64 = 300;
/// Of each key that a look-up compares: in a large table it is not in the processor's caches.
const STEP_FUEL: u64 = 64;

/// What an import sees: the guest's memory and its side of the host.
pub(crate) struct Env<'a> {
    pub memory: &'a mut [u8],
    pub host: &'a mut Host,
    /// Bytes that the call moved, and what else it is charged for.
    pub moved: u64,
}

pub(crate) enum Reply {
    I32(i32),
    I64(i64),
}

pub(crate) type Call = fn(&mut Env<'_>, &[Val]) -> Result<Reply, Halt>;

impl Env<'_> {
    pub(crate) fn read(&mut self, ptr: u32, len: u32) -> Option<&[u8]> {
        let bytes = self.memory.get(range(ptr, len)?)?;
        self.moved += u64::from(len);
        Some(bytes)
    }

    pub(crate) fn write(&mut self, ptr: u32, bytes: &[u8]) -> Option<()> {
        let len = u32::try_from(bytes.len()).ok()?;
        self.memory.get_mut(range(ptr, len)?)?.copy_from_slice(bytes);
        self.moved += u64::from(len);
        Some(())
    }

    pub(crate) fn at(&self) -> Option<usize> {
        self.host.at(self.memory)
    }
}

fn range(ptr: u32, len: u32) -> Option<std::ops::Range<usize>> {
    let start = usize::try_from(ptr).ok()?;
    Some(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// The n-th parameter as an address or a length.
pub(crate) fn word(params: &[Val], n: usize) -> u32 {
    params[n].unwrap_i32().cast_unsigned()
}

/// Binds every import of the contract.
pub(crate) fn link(engine: &Engine) -> wasmtime::Result<Linker<Host>> {
    let mut linker = Linker::new(engine);
    for import in IMPORTS {
        let params = import.params.iter().map(|value| val_type(*value));
        let ty = FuncType::new(engine, params, import.result.map(val_type));
        linker.func_new_async(import.module, import.name, ty, move |caller, params, results| {
            Box::new(answer(import, caller, params, results))
        })?;
    }
    Ok(linker)
}

fn val_type(value: Value) -> ValType {
    match value {
        Value::I32 => ValType::I32,
        Value::I64 => ValType::I64,
        Value::F64 => ValType::F64,
    }
}

/// Calls an import, charges it, and lets others run when the guest's slice is over: a guest that
/// only calls the host would otherwise never give way, for charging restarts wasmtime's own slice.
async fn answer(
    import: &Import,
    mut caller: Caller<'_, Host>,
    params: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    let memory = match caller.data().memory {
        Some(memory) => memory,
        None => caller
            .get_export(crate::contract::MEMORY)
            .and_then(wasmtime::Extern::into_memory)
            .ok_or_else(|| Halt::new("the module exports no memory"))?,
    };
    let (bytes, host) = memory.data_and_store_mut(&mut caller);
    let mut env = Env { memory: bytes, host, moved: 0 };
    let reply = (import.call)(&mut env, params)?;
    let cost = CALL_FUEL + env.moved;
    match reply {
        Reply::I32(value) => results[0] = Val::I32(value),
        Reply::I64(value) => results[0] = Val::I64(value),
    }
    let left = caller.get_fuel()?.checked_sub(cost).ok_or(Trap::OutOfFuel)?;
    caller.set_fuel(left)?;
    if caller.data_mut().is_slice_over(left) {
        give_way().await;
    }
    Ok(())
}

/// Pending once, so that others of the thread have their turn; the waker is woken already.
pub async fn give_way() {
    let mut has_yielded = false;
    std::future::poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

pub(crate) fn log(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let at = env.at();
    let level = word(params, 0).min(3) as u8;
    let Some(text) = range(word(params, 1), word(params, 2)).and_then(|r| env.memory.get(r)) else {
        return Ok(Reply::I32(BAD_POINTER));
    };
    let is_kept = env.host.log(at, level, text);
    Ok(Reply::I32(if is_kept { 0 } else { TOO_SMALL }))
}

pub(crate) fn fail(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let Some(text) = range(word(params, 0), word(params, 1)).and_then(|r| env.memory.get(r)) else {
        return Ok(Reply::I32(BAD_POINTER));
    };
    env.host.failure = Some(reason(text));
    Ok(Reply::I32(0))
}

pub(crate) fn now_ns(env: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I64(env.host.time_ns(env.at()).cast_signed()))
}

pub(crate) fn random(env: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    let at = env.at();
    Ok(Reply::I64(env.host.draw(at).cast_signed()))
}

pub(crate) fn config_get(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let config = env.host.config.clone();
    let Some(key) = env.read(word(params, 0), word(params, 1)) else {
        return Ok(Reply::I32(BAD_POINTER));
    };
    let Some(value) = std::str::from_utf8(key).ok().and_then(|key| config.get(key)) else {
        return Ok(Reply::I32(ABSENT));
    };
    give(env, value, word(params, 2), word(params, 3))
}

/// State and timers, which a chain is not offered.
pub(crate) fn denied(_: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I32(DENIED))
}

/// A lookup in a table of the filter's tenant. An unknown table has no keys.
pub(crate) fn table_get(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let Some(tables) = env.host.tables.clone() else { return Ok(Reply::I32(DENIED)) };
    let Some(name) = env.read(word(params, 0), word(params, 1)) else {
        return Ok(Reply::I32(BAD_POINTER));
    };
    let name = if name.len() > NAME_BYTES_MAX { &[] } else { name };
    let table = std::str::from_utf8(name).ok().and_then(|name| tables.get(name));
    let Some(key) = env.read(word(params, 2), word(params, 3)) else {
        return Ok(Reply::I32(BAD_POINTER));
    };
    let found = table.filter(|_| key.len() <= TABLE_KEY_BYTES_MAX).and_then(|table| table.get(key));
    env.moved += STEP_FUEL * u64::from(table.map_or(0, |table| table.steps()));
    let Some(value) = found else { return Ok(Reply::I32(ABSENT)) };
    give(env, value, word(params, 4), word(params, 5))
}

/// The length of a value, which is written where there is room for it.
fn give(env: &mut Env<'_>, value: &[u8], to: u32, room: u32) -> Result<Reply, Halt> {
    let len = i32::try_from(value.len()).unwrap_or(TOO_SMALL);
    if value.len() <= room as usize && env.write(to, value).is_none() {
        return Ok(Reply::I32(BAD_POINTER));
    }
    Ok(Reply::I32(len))
}

pub(crate) fn metric(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let (kind, value) = (word(params, 2), params[3].unwrap_f64());
    if word(params, 1) as usize > METRIC_NAME_BYTES_MAX || kind > 1 || !value.is_finite() {
        return Ok(Reply::I32(TOO_SMALL));
    }
    let Some(name) = env.read(word(params, 0), word(params, 1)) else {
        return Ok(Reply::I32(BAD_POINTER));
    };
    let name = escape(name, METRIC_NAME_BYTES_MAX);
    let is_kept = env.host.measure(name, kind as u8, value);
    Ok(Reply::I32(if is_kept { 0 } else { TOO_SMALL }))
}

/// AssemblyScript's own: message and file are UTF-16 strings whose length lies before them.
pub(crate) fn abort(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let message = utf16(env.memory, word(params, 0));
    let file = utf16(env.memory, word(params, 1));
    let (line, column) = (word(params, 2), word(params, 3));
    let text = format!("abort: {message} ({file}:{line}:{column})");
    env.host.failure = Some(reason(text.as_bytes()));
    Err(Halt(text))
}

fn utf16(memory: &[u8], ptr: u32) -> String {
    let ptr = ptr as usize;
    let Some(size) = ptr.checked_sub(4).and_then(|at| memory.get(at..ptr)) else {
        return String::new();
    };
    let size = u32::from_le_bytes(size.try_into().expect("four bytes")) as usize;
    let end = ptr.saturating_add(size.min(REASON_BYTES_MAX) & !1);
    let units = memory.get(ptr..end).unwrap_or(&[]);
    let units: Vec<u16> =
        units.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]])).collect();
    String::from_utf16_lossy(&units)
}
