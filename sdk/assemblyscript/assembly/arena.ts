// What an answer points to and the batch does not hold. It is kept until the next batch, because
// the host reads it after the call has returned. It lies outside the collector's reach.

const CHUNK_MIN: usize = 4 << 10;
/** What is kept from one batch to the next. */
const KEPT_MAX: usize = 256 << 10;
/** The list's link at the head of each chunk; a multiple of 4. */
const LINK: usize = 8;

let chunk: usize = 0;
let size: usize = 0;
let used: usize = 0;
let total: usize = 0;

/** Forgets the last batch, keeps some of its memory. */
export function clear(): void {
  if (chunk != 0 && (load<usize>(chunk) != 0 || size > KEPT_MAX)) {
    let at = chunk;
    while (at != 0) {
      const next = load<usize>(at);
      heap.free(at);
      at = next;
    }
    chunk = 0;
    size = min(total, KEPT_MAX) >> 1;
  }
  used = 0;
  total = chunk == 0 ? 0 : size;
}

/** The address of `len` bytes, a multiple of 4; what is not used of them `commit` gives back. */
export function reserve(len: usize): usize {
  if (chunk == 0 || used + len > size) {
    const wanted = max(len, max(CHUNK_MIN, min(size << 1, KEPT_MAX)));
    const made = heap.alloc(LINK + wanted);
    store<usize>(made, chunk);
    chunk = made;
    size = wanted;
    used = 0;
    total += wanted;
  }
  return chunk + LINK + used;
}

export function commit(len: usize): void {
  used = min((used + len + 3) & ~3, size);
}
