use event::limits::{
    BODY_BYTES_MAX, EVENT_TYPE_BYTES_MAX, HEADERS_BYTES_MAX, HEADERS_MAX, KEY_BYTES_MAX,
    OUTPUTS_MAX, REASON_BYTES_MAX,
};

/// A rule of the contract that a guest broke.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The input whose row broke it, where it was a row.
    pub at: Option<usize>,
    pub rule: String,
}

/// What a guest says of one input, as it lies in its memory. What is `None` is inherited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row<'a> {
    Drop,
    Pass,
    Emit {
        key: Option<&'a str>,
        event_type: Option<&'a str>,
        headers: Option<HeaderRows<'a>>,
        body: Option<&'a [u8]>,
    },
    Reject(&'a [u8]),
    Retry {
        delay_ms: u32,
        reason: &'a [u8],
    },
}

/// Headers that keep every rule, as they lie in the guest's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderRows<'a> {
    /// Behind the count.
    block: &'a [u8],
    count: usize,
    bytes: usize,
}

const RESULT_BYTES: u64 = 32;
const OUT_BYTES_MIN: u32 = 64;
const MASK_KEY: u8 = 1;
const MASK_TYPE: u8 = 2;
const MASK_HEADERS: u8 = 4;
const MASK_BODY: u8 = 8;
const ROUTE_ALL: u16 = 0xffff;
/// The reason of a rejection that gives none, in either form.
const NO_REASON: &[u8] = b"rejected by the filter";

/// Reads a result block at `ptr` in a guest's memory, for a batch of `count` inputs, into rows of
/// (input, what is said of it), in the order of the inputs. Trusts nothing: for any memory and
/// any arguments it gives rows that keep every rule, or the rule that was broken.
pub fn read_rows(
    memory: &[u8],
    ptr: u32,
    len: u32,
    count: usize,
) -> Result<Vec<(usize, Row<'_>)>, Broken> {
    let block = slice(memory, ptr, len).ok_or_else(|| broken("the result lies outside memory"))?;
    match block.get(..4) {
        Some(b"FBR1") => full(memory, block, count),
        Some(b"FBV1") => compact(block, count),
        _ => Err(broken("the result begins with neither FBR1 nor FBV1")),
    }
}

fn broken(rule: impl Into<String>) -> Broken {
    Broken { at: None, rule: rule.into() }
}

fn slice(memory: &[u8], ptr: u32, len: u32) -> Option<&[u8]> {
    let end = u64::from(ptr) + u64::from(len);
    if len == 0 {
        return Some(&[]);
    }
    memory.get(usize::try_from(ptr).ok()?..usize::try_from(end).ok()?)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn compact(block: &[u8], count: usize) -> Result<Vec<(usize, Row<'_>)>, Broken> {
    if block.len() < 8 {
        return Err(broken("the result is shorter than its header"));
    }
    let said = word(block, 4) as usize;
    if said > count {
        return Err(broken(format!("the result has {said} verdicts for {count} events")));
    }
    let verdicts =
        block.get(8..8 + said).ok_or_else(|| broken("the result is shorter than its verdicts"))?;
    let row = |(at, verdict): (usize, &u8)| match verdict {
        0 => Ok((at, Row::Drop)),
        1 => Ok((at, Row::Pass)),
        3 => Ok((at, Row::Reject(NO_REASON))),
        other => {
            Err(Broken { at: Some(at), rule: format!("the compact form has no verdict {other}") })
        }
    };
    verdicts.iter().enumerate().map(row).collect()
}

fn full<'a>(memory: &'a [u8], block: &[u8], count: usize) -> Result<Vec<(usize, Row<'a>)>, Broken> {
    if (block.len() as u64) < RESULT_BYTES {
        return Err(broken("the result is shorter than its header"));
    }
    let (said, outs, stride) = (word(block, 4), word(block, 8), word(block, 12));
    if stride < OUT_BYTES_MIN || stride % 4 != 0 {
        return Err(broken(format!("the stride of the result is {stride}")));
    }
    if u64::from(said) > (count * OUTPUTS_MAX) as u64 {
        return Err(broken(format!("the result has {said} rows for {count} events")));
    }
    let bytes = u32::try_from(u64::from(said) * u64::from(stride))
        .ok()
        .and_then(|len| slice(memory, outs, len))
        .ok_or_else(|| broken("the rows lie outside memory"))?;
    let mut rows: Vec<(usize, Row<'a>)> = Vec::with_capacity(said as usize);
    let mut emitted = 0;
    for out in bytes.chunks_exact(stride as usize) {
        let source = word(out, 0) as usize;
        if source >= count {
            return Err(broken(format!("a row is for event {source} of {count}")));
        }
        let at_source = |rule: String| Broken { at: Some(source), rule };
        let row = read_row(memory, out).map_err(at_source)?;
        let is_emit = matches!(row, Row::Emit { .. });
        emitted = match rows.last() {
            Some((last, _)) if source < *last => {
                return Err(at_source("the rows are not in the order of the events".into()));
            }
            Some((last, before)) if source == *last => {
                if !is_emit || !matches!(before, Row::Emit { .. }) {
                    let rule = "a verdict other than EMIT must be the only row of its event";
                    return Err(at_source(rule.into()));
                }
                emitted + 1
            }
            _ => 1,
        };
        if emitted > OUTPUTS_MAX {
            return Err(at_source(format!("more than {OUTPUTS_MAX} outputs of one event")));
        }
        rows.push((source, row));
    }
    Ok(rows)
}

fn read_row<'a>(memory: &'a [u8], out: &[u8]) -> Result<Row<'a>, String> {
    let (verdict, mask) = (out[4], out[5]);
    let route = u16::from_le_bytes([out[6], out[7]]);
    if verdict != 2 && (mask != 0 || route != 0) {
        return Err("only EMIT may have a mask or a route".into());
    }
    match verdict {
        0 => Ok(Row::Drop),
        1 => Ok(Row::Pass),
        2 => read_emit(memory, out, mask, route),
        3 => match reason(memory, out)? {
            b"" => Ok(Row::Reject(NO_REASON)),
            reason => Ok(Row::Reject(reason)),
        },
        4 => Ok(Row::Retry { delay_ms: word(out, 8), reason: reason(memory, out)? }),
        other => Err(format!("there is no verdict {other}")),
    }
}

fn field<'a>(memory: &'a [u8], out: &[u8], at: usize, name: &str) -> Result<&'a [u8], String> {
    slice(memory, word(out, at), word(out, at + 4)).ok_or(format!("the {name} lies outside memory"))
}

fn reason<'a>(memory: &'a [u8], out: &[u8]) -> Result<&'a [u8], String> {
    let reason = field(memory, out, 48, "reason")?;
    Ok(&reason[..reason.len().min(REASON_BYTES_MAX)])
}

fn read_emit<'a>(memory: &'a [u8], out: &[u8], mask: u8, route: u16) -> Result<Row<'a>, String> {
    if mask & !(MASK_KEY | MASK_TYPE | MASK_HEADERS | MASK_BODY) != 0 {
        return Err(format!("there is no mask {mask:#x}"));
    }
    if route != 0 && route != ROUTE_ALL {
        return Err(format!("there is no route {route}: a chain declares no outputs"));
    }
    let replaced = |bit: u8, at: usize, name: &str| {
        (mask & bit != 0).then(|| field(memory, out, at, name)).transpose()
    };
    let key = replaced(MASK_KEY, 16, "key")?;
    let event_type = replaced(MASK_TYPE, 24, "type")?;
    let headers = replaced(MASK_HEADERS, 32, "headers")?;
    let body = replaced(MASK_BODY, 40, "body")?;
    if body.is_some_and(|body| body.len() > BODY_BYTES_MAX) {
        return Err(format!("the body has more than {BODY_BYTES_MAX} bytes"));
    }
    Ok(Row::Emit {
        key: key.map(read_key).transpose()?,
        event_type: event_type.map(read_type).transpose()?,
        headers: headers.map(HeaderRows::read).transpose()?,
        body,
    })
}

fn text<'a>(bytes: &'a [u8], bytes_max: usize, name: &str) -> Result<&'a str, String> {
    if bytes.len() > bytes_max {
        return Err(format!("the {name} has more than {bytes_max} bytes"));
    }
    std::str::from_utf8(bytes).map_err(|_| format!("the {name} is not UTF-8"))
}

/// As of a message that is published.
fn read_key(bytes: &[u8]) -> Result<&str, String> {
    let key = text(bytes, KEY_BYTES_MAX, "key")?;
    if key.contains(char::is_control) {
        return Err("the key has control characters".into());
    }
    Ok(key)
}

fn read_type(bytes: &[u8]) -> Result<&str, String> {
    let event_type = text(bytes, EVENT_TYPE_BYTES_MAX, "type")?;
    if event_type.is_empty() || event_type.chars().any(|c| c.is_control() || c == ' ') {
        return Err("the type is empty or has spaces or control characters".into());
    }
    Ok(event_type)
}

impl<'a> HeaderRows<'a> {
    /// Checks `u32 count`, then each `{u16 name_len, u16 0, u32 value_len, name, value}` from a
    /// multiple of 4.
    fn read(block: &'a [u8]) -> Result<HeaderRows<'a>, String> {
        let short = || "the headers are shorter than they say".to_string();
        if block.is_empty() {
            return Ok(HeaderRows { block, count: 0, bytes: 0 });
        }
        let (count, block) = block.split_at_checked(4).ok_or_else(short)?;
        let count = word(count, 0) as usize;
        if count > HEADERS_MAX {
            return Err(format!("more than {HEADERS_MAX} headers"));
        }
        let (mut at, mut bytes) = (0, 0);
        for _ in 0..count {
            let (name_len, value_len) = lengths(block, at).ok_or_else(short)?;
            bytes += name_len + value_len;
            if bytes > HEADERS_BYTES_MAX {
                return Err(format!("more than {HEADERS_BYTES_MAX} bytes of headers"));
            }
            let end = at + LENGTHS_BYTES + name_len + value_len;
            let pair = block.get(at + LENGTHS_BYTES..end).ok_or_else(short)?;
            check_header(&pair[..name_len], &pair[name_len..])?;
            at = end.next_multiple_of(4);
        }
        Ok(HeaderRows { block: &block[..at.min(block.len())], count, bytes })
    }

    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let mut at = 0;
        (0..self.count).map(move |_| {
            let (name_len, value_len) = lengths(self.block, at).expect("`read` saw all");
            let name = at + LENGTHS_BYTES..at + LENGTHS_BYTES + name_len;
            let value = name.end..name.end + value_len;
            at = value.end.next_multiple_of(4);
            let name = str::from_utf8(&self.block[name]).expect("a token is ASCII");
            (name, &self.block[value])
        })
    }

    pub fn count(self) -> usize {
        self.count
    }

    /// Of all names and values.
    pub fn bytes(self) -> usize {
        self.bytes
    }

    pub(crate) fn block_bytes(self) -> usize {
        self.block.len()
    }
}

const LENGTHS_BYTES: usize = 8;

/// Of the name and the value of the header at `at`.
fn lengths(block: &[u8], at: usize) -> Option<(usize, usize)> {
    let lengths = block.get(at..at + LENGTHS_BYTES)?;
    let name_len = usize::from(u16::from_le_bytes([lengths[0], lengths[1]]));
    Some((name_len, word(lengths, 4) as usize))
}

fn check_header(name: &[u8], value: &[u8]) -> Result<(), String> {
    // Without a way out of the loops: they are short, and a wrong header is rare.
    let is_named = name.iter().fold(!name.is_empty(), |is, byte| is & IS_TOKEN[*byte as usize]);
    if !is_named {
        return Err("a header's name is not one".into());
    }
    // What HTTP does not carry could not be sent, however often that was tried.
    let breaks = |byte: u8| ((byte < b' ') & (byte != b'\t')) | (byte == 0x7f);
    if value.iter().fold(false, |found, byte| found | breaks(*byte)) {
        return Err("a header's value has CR, LF or another control character".into());
    }
    Ok(())
}

const IS_TOKEN: [bool; 256] = {
    let mut is_token = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        is_token[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let others = b"!#$%&'*+-.^_`|~";
    let mut at = 0;
    while at < others.len() {
        is_token[others[at] as usize] = true;
        at += 1;
    }
    is_token
};
