// What the host calls.

import { begin, finish, push } from "./answer";
import { Event } from "./event";
import { ask } from "./filter";
import { fail } from "./host";

const FBB1: u32 = 0x31424246;
const HEADER: usize = 64;
const ENTRY: usize = 64;
/** Where in the header the guest says which event it looks at. */
const PROGRESS: usize = 48;
const PAGE: usize = 64 << 10;
/** A batch so large that the garbage of the one before is better collected first. */
const LARGE: i32 = 256 << 10;

// The buffer lies in pages of its own beside the managed heap: a heap that cannot grow traps, and
// here the answer must be 0. The heap takes the memory that there is at its first use, so that use
// comes first.
heap.free(heap.alloc(16));

let buffer: usize = 0;
let bufferLen: usize = 0;
const event = new Event();

/** The place for the host's next batch. It only grows. */
export function forebay_buffer(len: i32): i32 {
  const wanted = max(<usize>(<u32>len), 1);
  if (wanted <= bufferLen) return <i32>buffer;
  // More than is asked for, where there is room, so that few places are left behind.
  if (!grow(max(wanted, min(bufferLen << 1, 1 << 20))) && !grow(wanted)) return 0;
  return <i32>buffer;
}

function grow(wanted: usize): bool {
  if (wanted > 1 << 30) return false;
  const pages = (wanted + PAGE - 1) / PAGE;
  const end = <usize>memory.size() * PAGE;
  if (buffer != 0 && buffer + bufferLen == end) {
    if (memory.grow(<i32>(pages - bufferLen / PAGE)) < 0) return false;
  } else {
    if (memory.grow(<i32>pages) < 0) return false;
    buffer = end;
  }
  bufferLen = pages * PAGE;
  return true;
}

/** One batch: asks the filter about each event, in order. */
export function forebay_process_v1(ptr: i32, len: i32): i64 {
  const batch = <usize>(<u32>ptr);
  if (<usize>(<u32>len) < HEADER || load<u32>(batch) != FBB1) {
    fail("the batch does not begin with FBB1");
    return -1;
  }
  const count = load<u32>(batch, 12);
  const stride = <usize>load<u32>(batch, 20);
  if (stride < ENTRY) {
    fail("the batch's entries are too short");
    return -1;
  }
  event.batch = batch;
  event.at = <usize>load<u32>(batch, 16);
  begin(batch, <usize>(<u32>len), count);
  if (len > LARGE) __collect();
  for (let i: u32 = 0; i < count; i++) {
    store<u32>(batch, i, PROGRESS);
    push(i, ask(event));
    event.at += stride;
  }
  return finish(count);
}
