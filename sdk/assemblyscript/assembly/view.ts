/** What views of the host's batch name as their buffer: they have none. */
const NO_BUFFER = new ArrayBuffer(0);

/**
 * Bytes of the host's batch, not copied.
 *
 * The batch lies outside the managed heap, in memory that is never freed, so a view that a filter
 * keeps too long shows another event's bytes but never anything else.
 */
export function view(ptr: usize, len: usize): Uint8Array {
  const made = __new(offsetof<Uint8Array>(), idof<Uint8Array>());
  store<usize>(made, changetype<usize>(NO_BUFFER), offsetof<Uint8Array>("buffer"));
  __link(made, changetype<usize>(NO_BUFFER), false);
  store<usize>(made, ptr, offsetof<Uint8Array>("dataStart"));
  store<i32>(made, <i32>len, offsetof<Uint8Array>("byteLength"));
  return changetype<Uint8Array>(made);
}
