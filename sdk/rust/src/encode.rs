use crate::headers::BlockWriter;
use crate::output::Rewrite;
use crate::{Output, Verdict};
use std::borrow::Cow;

const HEADER_BYTES: usize = 32;
const ROW_BYTES: usize = 64;
const COMPACT_HEADER_BYTES: usize = 8;

/// The answer to one batch, as the host reads it. It is kept until the next batch, because the
/// host reads it after the call has returned.
#[derive(Default)]
pub(crate) struct Answer {
    /// One byte for each event: all that is needed while no row says more than its verdict.
    compact: Vec<u8>,
    /// Empty until one of them says more.
    rows: Vec<u8>,
    /// What rows point to and nobody else owns.
    kept: Vec<Vec<u8>>,
    blocks: Blocks,
    says_more: bool,
    all_pass: bool,
}

impl Answer {
    /// Forgets the last batch, keeps its memory.
    pub fn begin(&mut self, count: u32) {
        self.compact.clear();
        self.compact.extend_from_slice(b"FBV1");
        self.compact.extend_from_slice(&count.to_le_bytes());
        self.rows.clear();
        self.kept.clear();
        self.blocks.clear();
        self.says_more = false;
        self.all_pass = true;
    }

    pub fn push(&mut self, source: u32, verdict: Verdict<'_>) {
        let byte = byte_of(&verdict);
        self.compact.push(byte);
        self.all_pass &= byte == PASS;
        match verdict {
            Verdict::Emit(outputs) if !outputs.is_empty() => {
                self.say_more(source);
                outputs.into_iter().for_each(|output| self.push_output(source, output));
            }
            Verdict::Drop | Verdict::Pass | Verdict::Emit(_) => {
                if self.says_more {
                    self.rows.extend_from_slice(&row(source, byte));
                }
            }
            Verdict::Reject(reason) => {
                if !reason.is_empty() {
                    self.say_more(source);
                }
                if self.says_more {
                    let mut row = row(source, byte);
                    self.point(&mut row, 48, text(reason));
                    self.rows.extend_from_slice(&row);
                }
            }
            Verdict::Retry { delay_ms, reason } => {
                self.say_more(source);
                let mut row = row(source, byte);
                row[8..12].copy_from_slice(&delay_ms.to_le_bytes());
                self.point(&mut row, 48, text(reason));
                self.rows.extend_from_slice(&row);
            }
        }
    }

    /// From here on each event has rows, and those before `source` get theirs.
    fn say_more(&mut self, source: u32) {
        if std::mem::replace(&mut self.says_more, true) {
            return;
        }
        self.rows.resize(HEADER_BYTES, 0);
        for (before, byte) in (0..source).zip(&self.compact[COMPACT_HEADER_BYTES..]) {
            self.rows.extend_from_slice(&row(before, *byte));
        }
    }

    /// What `forebay_process_v1` returns.
    pub fn finish(&mut self) -> i64 {
        if self.all_pass {
            return 0;
        }
        if !self.says_more {
            return packed(&self.compact);
        }
        let count = ((self.rows.len() - HEADER_BYTES) / ROW_BYTES) as u32;
        let outs = address(&self.rows) + HEADER_BYTES as u32;
        self.rows[0..4].copy_from_slice(b"FBR1");
        self.rows[4..8].copy_from_slice(&count.to_le_bytes());
        self.rows[8..12].copy_from_slice(&outs.to_le_bytes());
        self.rows[12..16].copy_from_slice(&(ROW_BYTES as u32).to_le_bytes());
        packed(&self.rows)
    }

    fn push_output(&mut self, source: u32, output: Output<'_>) {
        let mut row = row(source, EMIT);
        let fields = [
            (KEY, 16, output.key.map(text)),
            (TYPE, 24, output.event_type.map(text)),
            (BODY, 40, output.body),
        ];
        for (bit, at, bytes) in fields {
            if let Some(bytes) = bytes {
                row[5] |= bit;
                self.point(&mut row, at, bytes);
            }
        }
        let inherited = output.event.header_block();
        if let Some(block) = self.blocks.headers(inherited, &output.headers) {
            row[5] |= HEADERS;
            name_bytes(&mut row, 32, block);
        }
        row[6..8].copy_from_slice(&output.route.to_le_bytes());
        self.rows.extend_from_slice(&row);
    }

    /// Names bytes in a row and keeps them until it is read. Borrowed bytes outlive the call: they
    /// are of the batch or of the filter's configuration or constants.
    fn point(&mut self, row: &mut [u8; ROW_BYTES], at: usize, bytes: Cow<'_, [u8]>) {
        name_bytes(row, at, &bytes);
        if let Cow::Owned(owned) = bytes {
            self.kept.push(owned);
        }
    }
}

/// Blocks of headers. Their memory stays for the next batch, and none moves once it is written.
#[derive(Default)]
struct Blocks {
    chunks: Vec<Vec<u8>>,
}

const CHUNK_BYTES_MIN: usize = 4 << 10;
/// What is kept from batch to batch.
const CHUNK_BYTES_MAX: usize = 256 << 10;

impl Blocks {
    /// One chunk for the next batch, where this one took several.
    fn clear(&mut self) {
        if self.chunks.len() > 1 {
            let used: usize = self.chunks.iter().map(Vec::len).sum();
            self.chunks.clear();
            self.chunks.push(Vec::with_capacity(used.min(CHUNK_BYTES_MAX)));
        }
        if let Some(chunk) = self.chunks.first_mut() {
            chunk.clear();
        }
    }

    fn headers(&mut self, inherited: &[u8], rewrite: &Rewrite<'_>) -> Option<&[u8]> {
        let one_len = |name: &str, value: &[u8]| 12 + name.len() + value.len();
        match rewrite {
            Rewrite::Inherited => None,
            Rewrite::One((name, value)) => {
                let len = inherited.len() + 8 + one_len(name, value);
                let mut block = BlockWriter::begin(self.chunk(len));
                block.push_others(inherited, name.as_bytes());
                block.push(name.as_bytes(), value);
                Some(block.finish())
            }
            Rewrite::All(headers) => {
                let len: usize = headers.iter().map(|(name, value)| one_len(name, value)).sum();
                let mut block = BlockWriter::begin(self.chunk(len + 8));
                headers.iter().for_each(|(name, value)| block.push(name.as_bytes(), value));
                Some(block.finish())
            }
        }
    }

    /// One with room for so many bytes more.
    fn chunk(&mut self, len: usize) -> &mut Vec<u8> {
        let has_room = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= len;
        if !self.chunks.last().is_some_and(has_room) {
            self.chunks.push(Vec::with_capacity(len.max(CHUNK_BYTES_MIN)));
        }
        self.chunks.last_mut().expect("one was pushed")
    }
}

const KEY: u8 = 1;
const TYPE: u8 = 2;
const HEADERS: u8 = 4;
const BODY: u8 = 8;

const DROP: u8 = 0;
const PASS: u8 = 1;
const EMIT: u8 = 2;
const REJECT: u8 = 3;
const RETRY: u8 = 4;

fn byte_of(verdict: &Verdict<'_>) -> u8 {
    match verdict {
        Verdict::Drop => DROP,
        Verdict::Pass => PASS,
        Verdict::Emit(outputs) if outputs.is_empty() => DROP,
        Verdict::Emit(_) => EMIT,
        Verdict::Reject(_) => REJECT,
        Verdict::Retry { .. } => RETRY,
    }
}

fn row(source: u32, verdict: u8) -> [u8; ROW_BYTES] {
    let mut row = [0; ROW_BYTES];
    row[0..4].copy_from_slice(&source.to_le_bytes());
    row[4] = verdict;
    row
}

/// Writes the (ptr, len) of `bytes` into a row.
fn name_bytes(row: &mut [u8; ROW_BYTES], at: usize, bytes: &[u8]) {
    row[at..at + 4].copy_from_slice(&address(bytes).to_le_bytes());
    row[at + 4..at + 8].copy_from_slice(&(bytes.len() as u32).to_le_bytes());
}

fn text(text: Cow<'_, str>) -> Cow<'_, [u8]> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.as_bytes()),
        Cow::Owned(text) => Cow::Owned(text.into_bytes()),
    }
}

/// The contract's form of headers: a count, then name and value behind their lengths, each header
/// at a multiple of 4.
pub(crate) fn header_block<N: AsRef<str>, V: AsRef<[u8]>>(headers: &[(N, V)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = BlockWriter::begin(&mut bytes);
    for (name, value) in headers {
        block.push(name.as_ref().as_bytes(), value.as_ref());
    }
    bytes
}

/// An address of the guest's memory. A native test's memory is larger; there it means nothing.
fn address(bytes: &[u8]) -> u32 {
    bytes.as_ptr() as usize as u32
}

fn packed(block: &[u8]) -> i64 {
    i64::from(address(block)) << 32 | block.len() as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{IntoVerdict, Sample, batch::word};

    fn answer_to(verdicts: Vec<Verdict<'_>>) -> (Answer, i64) {
        let mut answer = Answer::default();
        answer.begin(verdicts.len() as u32);
        for (i, verdict) in verdicts.into_iter().enumerate() {
            answer.push(i as u32, verdict);
        }
        let returned = answer.finish();
        (answer, returned)
    }

    #[test]
    fn all_pass_is_zero() {
        assert_eq!(answer_to(vec![Verdict::Pass, Verdict::Pass]).1, 0);
    }

    #[test]
    fn plain_verdicts_are_compact() {
        let (answer, returned) = answer_to(vec![Verdict::Drop, Verdict::Pass, Verdict::reject("")]);
        assert_eq!(answer.compact, b"FBV1\x03\0\0\0\x00\x01\x03");
        assert_eq!(returned & 0xffff_ffff, 11);
    }

    #[test]
    fn an_empty_emit_drops() {
        let (answer, _) = answer_to(vec![Verdict::Emit(vec![]), Verdict::Pass]);
        assert_eq!(answer.compact[COMPACT_HEADER_BYTES..], [DROP, PASS]);
        assert!(!answer.says_more);
    }

    #[test]
    fn rows_say_what_is_replaced() {
        let sample = Sample::new("a", b"{}").header("x", "1");
        let first = Output::of(sample.event()).body(&b"new"[..]).route(7);
        let second = Output::of(sample.event()).header("y", &b"22"[..]).key("k");
        let verdicts =
            vec![Verdict::Pass, vec![first, second].into_verdict(), Verdict::retry(9, "later")];
        let (answer, returned) = answer_to(verdicts);

        let rows = &answer.rows;
        assert_eq!(rows[0..4], *b"FBR1");
        assert_eq!((word(rows, 4), word(rows, 12)), (4, 64));
        assert_eq!(returned & 0xffff_ffff, 32 + 4 * 64);
        let row = |i: usize| &rows[32 + 64 * i..32 + 64 * (i + 1)];
        assert_eq!(row(0)[..8], [0, 0, 0, 0, PASS, 0, 0, 0]);
        assert_eq!(row(1)[..8], [1, 0, 0, 0, EMIT, 0b1000, 7, 0]);
        assert_eq!(word(row(1), 44), 3);
        assert_eq!(row(2)[..8], [1, 0, 0, 0, EMIT, 0b0101, 0, 0]);
        assert_eq!(word(row(2), 36), 4 + 12 + 12);
        assert_eq!(row(3)[..8], [2, 0, 0, 0, RETRY, 0, 0, 0]);
        assert_eq!((word(row(3), 8), word(row(3), 52)), (9, 5));
    }

    #[test]
    fn a_block_of_headers_reads_back() {
        let block = header_block(&[("content-type", &b"text/plain"[..]), ("x", b""), ("y", b"1")]);
        assert_eq!(block.len() % 4, 0);
        let read: Vec<_> = crate::Headers::read(&block).collect();
        let want = [("content-type", &b"text/plain"[..]), ("x", b""), ("y", b"1")];
        assert_eq!(read, want);
    }
}
