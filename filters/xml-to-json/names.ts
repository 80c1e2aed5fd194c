// Names of elements, each with a small number.

/** More are not taken: they are what a hostile document has. */
const NAMES_MAX: i32 = 4096;
const SLOTS: i32 = 16384;

// @ts-ignore: decorator
@unmanaged
export class Names {
  private slots: usize = heap.alloc(<usize>SLOTS << 2);
  private from: usize = heap.alloc(<usize>NAMES_MAX << 2);
  private len: usize = heap.alloc(<usize>NAMES_MAX << 2);
  /** For each name, the element that had it as an attribute last; one more than its index. */
  private owner: usize = heap.alloc(<usize>NAMES_MAX << 2);
  private seed: u32 = 0;
  count: i32 = 0;

  /** Forgets all names. `seed` keeps others from knowing which names collide. */
  clear(seed: u32): void {
    memory.fill(this.slots, 0, <usize>SLOTS << 2);
    this.seed = seed;
    this.count = 0;
  }

  /** Whether an element has an attribute of this name for the first time. */
  isFirst(number: i32, element: i32): bool {
    const owner = this.owner + (<usize>number << 2);
    if (load<i32>(owner) == element + 1) return false;
    store<i32>(owner, element + 1);
    return true;
  }

  /** The name's number; -1 when there are too many names. */
  numberOf(from: usize, len: usize): i32 {
    let hash = this.seed;
    for (let i: usize = 0; i < len; i++) hash = (hash ^ load<u8>(from + i)) * 0x01000193;
    let slot = <i32>((hash ^ (hash >> 15)) % SLOTS);
    for (let tries = 0; tries < 64; tries++) {
      const known = load<i32>(this.slots + (<usize>slot << 2)) - 1;
      if (known < 0) return this.add(slot, from, len);
      const isIt =
        this.nameLen(known) == len && memory.compare(this.nameFrom(known), from, len) == 0;
      if (isIt) return known;
      slot = (slot + 1) % SLOTS;
    }
    return -1;
  }

  nameFrom(number: i32): usize {
    return load<usize>(this.from + (<usize>number << 2));
  }

  nameLen(number: i32): usize {
    return load<usize>(this.len + (<usize>number << 2));
  }

  private add(slot: i32, from: usize, len: usize): i32 {
    if (this.count == NAMES_MAX) return -1;
    const at = <usize>this.count << 2;
    store<usize>(this.from + at, from);
    store<usize>(this.len + at, len);
    store<i32>(this.owner + at, 0);
    this.count++;
    store<i32>(this.slots + (<usize>slot << 2), this.count);
    return this.count - 1;
  }
}
