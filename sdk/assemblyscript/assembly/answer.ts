// The answer to one batch, as the host reads it.

import { clear, commit, reserve } from "./arena";
import { Header } from "./header";
import { Output } from "./output";
import { encodedMax, encodeTo, isText } from "./utf8";
import { Kind, Verdict } from "./verdict";

const COMPACT_HEADER: usize = 8;
const ROWS_HEADER: usize = 32;
const ROW: usize = 64;
const FBV1: u32 = 0x31564246;
const FBR1: u32 = 0x31524246;
const KEY: u8 = 1;
const TYPE: u8 = 2;
const HEADERS: u8 = 4;
const BODY: u8 = 8;

/** One byte an event: all that is needed while no event's answer says more than its verdict. */
let compact: usize = 0;
let compactSize: usize = 0;
let rows: usize = 0;
let rowsSize: usize = 0;
let rowCount: u32 = 0;
let saysMore = false;
let allPass = true;
/** Where the batch lies: what an answer names there is not copied. */
let batchFrom: usize = 0;
let batchTo: usize = 0;

export function begin(batch: usize, batchLen: usize, count: u32): void {
  clear();
  const wanted = COMPACT_HEADER + <usize>count;
  if (compactSize < wanted) {
    if (compact != 0) heap.free(compact);
    compactSize = max(wanted, 264);
    compact = heap.alloc(compactSize);
  }
  batchFrom = batch;
  batchTo = batch + batchLen;
  rowCount = 0;
  saysMore = false;
  allPass = true;
}

/** Takes the verdict of the event that follows the last one. */
export function push(source: u32, verdict: Verdict): void {
  const kind = verdict.kind;
  if (kind != Kind.Pass) allPass = false;
  if (kind == Kind.Pass || kind == Kind.Drop) {
    if (saysMore) newRow(source, <u8>kind);
    else store<u8>(compact + COMPACT_HEADER + source, <u8>kind);
    return;
  }
  if (!saysMore) {
    saysMore = true;
    for (let i: u32 = 0; i < source; i++) newRow(i, load<u8>(compact + COMPACT_HEADER + i));
  }
  if (kind == Kind.Emit) {
    const outputs = verdict.outputs;
    for (let i = 0; i < outputs.length; i++) pushOutput(source, outputs[i]);
    return;
  }
  const row = newRow(source, <u8>kind);
  store<u32>(row, verdict.delayMs, 8);
  pointToText(row + 48, verdict.reason);
}

/** What `forebay_process_v1` returns. */
export function finish(count: u32): i64 {
  if (allPass) return 0;
  if (!saysMore) {
    store<u32>(compact, FBV1);
    store<u32>(compact, count, 4);
    return packed(compact, COMPACT_HEADER + <usize>count);
  }
  memory.fill(rows, 0, ROWS_HEADER);
  store<u32>(rows, FBR1);
  store<u32>(rows, rowCount, 4);
  store<u32>(rows, <u32>(rows + ROWS_HEADER), 8);
  store<u32>(rows, <u32>ROW, 12);
  return packed(rows, ROWS_HEADER + <usize>rowCount * ROW);
}

function packed(block: usize, len: usize): i64 {
  return (<i64>block << 32) | <i64>len;
}

/** The address of a row, which holds until the next one is made. */
function newRow(source: u32, kind: u8): usize {
  const at = ROWS_HEADER + <usize>rowCount * ROW;
  if (at + ROW > rowsSize) {
    rowsSize = max(rowsSize << 1, ROWS_HEADER + 64 * ROW);
    rows = rows == 0 ? heap.alloc(rowsSize) : heap.realloc(rows, rowsSize);
  }
  rowCount++;
  const row = rows + at;
  memory.fill(row, 0, ROW);
  store<u32>(row, source);
  store<u8>(row, kind, 4);
  return row;
}

function pushOutput(source: u32, output: Output): void {
  const row = newRow(source, <u8>Kind.Emit);
  let mask: u8 = 0;
  const key = output.key;
  if (key !== null) {
    mask |= KEY;
    pointToText(row + 16, key);
  }
  const type = output.type;
  if (type !== null) {
    mask |= TYPE;
    pointToText(row + 24, type);
  }
  const headers = output.headers;
  if (headers !== null) {
    mask |= HEADERS;
    pointToHeaders(row + 32, headers);
  } else {
    const without = output.without;
    if (without !== null) {
      mask |= HEADERS;
      pointToChanged(row + 32, output, without);
    }
  }
  const body = output.body;
  if (body !== null) {
    mask |= BODY;
    pointToBytes(row + 40, body.dataStart, body.byteLength);
  }
  store<u8>(row, mask, 5);
  store<u16>(row, output.route, 6);
}

function point(place: usize, at: usize, len: usize): void {
  store<u32>(place, <u32>at);
  store<u32>(place, <u32>len, 4);
}

function pointToText(place: usize, text: string): void {
  const at = reserve(encodedMax(text));
  const len = encodeTo(text, at);
  commit(len);
  point(place, at, len);
}

/** Bytes outside the batch are copied: their owner may write to them before the host reads. */
function pointToBytes(place: usize, at: usize, len: usize): void {
  if (at < batchFrom || at + len > batchTo) {
    const to = reserve(len);
    memory.copy(to, at, len);
    commit(len);
    at = to;
  }
  point(place, at, len);
}

function pointToHeaders(place: usize, headers: Array<Header>): void {
  const block = reserve(4 + encodedHeadersMax(headers));
  store<u32>(block, headers.length);
  const end = writeHeaders(block + 4, headers);
  commit(end - block);
  point(place, block, end - block);
}

/** The event's own headers but for some, as they lie in the batch, and after them others. */
function pointToChanged(place: usize, output: Output, without: Array<string>): void {
  const own = output.event.headerBlock;
  const ownLen = output.event.headerBlockLen;
  const more = output.more;
  const block = reserve(4 + ownLen + (more === null ? 0 : encodedHeadersMax(more)));
  let count: u32 = 0;
  let to = block + 4;
  let at = own + 4;
  for (let left = ownLen < 4 ? 0 : load<u32>(own); left > 0; left--) {
    const nameLen = <usize>load<u16>(at);
    const size: usize = (8 + nameLen + <usize>load<u32>(at, 4) + 3) & ~3;
    if (!isOneOf(without, at + 8, nameLen)) {
      memory.copy(to, at, size);
      to += size;
      count++;
    }
    at += size;
  }
  if (more !== null) {
    to = writeHeaders(to, more);
    count += more.length;
  }
  store<u32>(block, count);
  commit(to - block);
  point(place, block, to - block);
}

function isOneOf(names: Array<string>, at: usize, len: usize): bool {
  for (let i = 0; i < names.length; i++) {
    if (isText(at, len, names[i])) return true;
  }
  return false;
}

function encodedHeadersMax(headers: Array<Header>): usize {
  let most: usize = 0;
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i];
    most += 8 + encodedMax(header.name) + header.value.byteLength + 3;
  }
  return most;
}

/** Writes headers, each at a multiple of 4; returns where the next would begin. */
function writeHeaders(at: usize, headers: Array<Header>): usize {
  for (let i = 0; i < headers.length; i++) {
    const header = headers[i];
    const value = header.value;
    const nameLen = encodeTo(header.name, at + 8);
    assert(nameLen <= 0xffff, "a header's name is longer than 65535 bytes");
    store<u32>(at, nameLen);
    store<u32>(at, value.byteLength, 4);
    at += 8 + <usize>nameLen;
    memory.copy(at, value.dataStart, value.byteLength);
    at += value.byteLength;
    for (; at & 3; at++) store<u8>(at, 0);
  }
  return at;
}
