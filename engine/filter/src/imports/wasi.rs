use super::{Env, Reply, word};
use crate::fault::Halt;
use crate::limits::{LOG_BYTES_MAX, NAPS_MAX};
use wasmtime::Val;

const SUCCESS: i32 = 0;
const BAD_FILE: i32 = 8;
const FAULT: i32 = 21;
const INVALID: i32 = 28;
const ILLEGAL_SEEK: i32 = 70;
const NOT_CAPABLE: i32 = 76;
const VECTORS_MAX: u32 = 1024;
const SUBSCRIPTIONS_MAX: u32 = 64;

fn status(written: Option<()>) -> Result<Reply, Halt> {
    Ok(Reply::I32(if written.is_some() { SUCCESS } else { FAULT }))
}

pub(crate) fn success(_: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I32(SUCCESS))
}

pub(crate) fn bad_file(_: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I32(BAD_FILE))
}

pub(crate) fn not_capable(_: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I32(NOT_CAPABLE))
}

pub(crate) fn proc_exit(_: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    Err(Halt(format!("the guest called proc_exit({})", params[0].unwrap_i32())))
}

/// Neither arguments nor environment: two zero counts.
pub(crate) fn no_strings(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let zero = 0u32.to_le_bytes();
    status(env.write(word(params, 0), &zero).and_then(|()| env.write(word(params, 1), &zero)))
}

pub(crate) fn clock_res_get(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    status(env.write(word(params, 1), &1u64.to_le_bytes()))
}

/// Never 0: Go's runtime takes a clock at 0 for a broken one.
pub(crate) fn clock_time_get(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let now = env.host.time_ns(env.at()).max(1);
    status(env.write(word(params, 2), &now.to_le_bytes()))
}

pub(crate) fn random_get(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let at = env.at();
    let (ptr, len) = (word(params, 0), word(params, 1));
    let Some(range) = super::range(ptr, len).filter(|range| range.end <= env.memory.len()) else {
        return Ok(Reply::I32(FAULT));
    };
    for chunk in env.memory[range].chunks_mut(8) {
        let bits = env.host.draw(at).to_le_bytes();
        chunk.copy_from_slice(&bits[..chunk.len()]);
    }
    env.moved += u64::from(len);
    Ok(Reply::I32(SUCCESS))
}

/// Standard output and error are log lines; what the caps cut still counts as written.
pub(crate) fn fd_write(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    let level = match word(params, 0) {
        1 => 1,
        2 => 2,
        _ => return Ok(Reply::I32(BAD_FILE)),
    };
    let (vectors, count) = (word(params, 1), word(params, 2));
    if count > VECTORS_MAX {
        return Ok(Reply::I32(INVALID));
    }
    let Some((text, total)) = gather(env, vectors, count) else {
        return Ok(Reply::I32(FAULT));
    };
    let at = env.at();
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        env.host.log(at, level, line);
    }
    status(env.write(word(params, 3), &total.to_le_bytes()))
}

/// The first bytes of a list of vectors, and how many there are in all.
fn gather(env: &mut Env<'_>, vectors: u32, count: u32) -> Option<(Vec<u8>, u32)> {
    let list = env.read(vectors, count * 8)?.to_vec();
    let mut text = Vec::new();
    let mut total = 0u32;
    for vector in list.chunks_exact(8) {
        let ptr = u32::from_le_bytes(vector[..4].try_into().expect("four bytes"));
        let len = u32::from_le_bytes(vector[4..].try_into().expect("four bytes"));
        let bytes = env.memory.get(super::range(ptr, len)?)?;
        let room = LOG_BYTES_MAX.saturating_sub(text.len());
        text.extend_from_slice(&bytes[..bytes.len().min(room)]);
        total = total.checked_add(len)?;
    }
    Some((text, total))
}

pub(crate) fn fd_close(_: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I32(if word(params, 0) <= 2 { SUCCESS } else { BAD_FILE }))
}

/// The three standard files look like a terminal without rights.
pub(crate) fn fd_fdstat_get(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    if word(params, 0) > 2 {
        return Ok(Reply::I32(BAD_FILE));
    }
    let mut stat = [0u8; 24];
    stat[0] = 2;
    status(env.write(word(params, 1), &stat))
}

pub(crate) fn fd_seek(_: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    Ok(Reply::I32(if word(params, 0) <= 2 { ILLEGAL_SEEK } else { BAD_FILE }))
}

fn nap(env: &mut Env<'_>) -> Result<(), Halt> {
    env.host.naps += 1;
    if env.host.naps > NAPS_MAX {
        return Err(Halt::new("the guest waits, but its clock stands still"));
    }
    Ok(())
}

pub(crate) fn sched_yield(env: &mut Env<'_>, _: &[Val]) -> Result<Reply, Halt> {
    nap(env)?;
    Ok(Reply::I32(SUCCESS))
}

/// Every wait is over at once.
pub(crate) fn poll_oneoff(env: &mut Env<'_>, params: &[Val]) -> Result<Reply, Halt> {
    nap(env)?;
    let count = word(params, 2);
    if count == 0 || count > SUBSCRIPTIONS_MAX {
        return Ok(Reply::I32(INVALID));
    }
    let Some(waits) = env.read(word(params, 0), count * 48).map(<[u8]>::to_vec) else {
        return Ok(Reply::I32(FAULT));
    };
    let mut events = Vec::with_capacity(waits.len());
    for wait in waits.chunks_exact(48) {
        events.extend_from_slice(&wait[..8]);
        events.extend_from_slice(&[0, 0, wait[8], 0, 0, 0, 0, 0]);
        events.extend_from_slice(&[0; 16]);
    }
    let to = word(params, 1);
    status(env.write(to, &events).and_then(|()| env.write(word(params, 3), &count.to_le_bytes())))
}
