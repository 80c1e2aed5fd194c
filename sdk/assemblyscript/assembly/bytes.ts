import { encodedMax, encodeTo } from "./utf8";

/** Bytes in the making: texts and other bytes, one after the other. */
export class Bytes {
  private buffer: ArrayBuffer;
  private used: i32 = 0;

  /** `capacity` is how many bytes there will be, as far as you know. */
  constructor(capacity: i32 = 64) {
    this.buffer = new ArrayBuffer(capacity);
  }

  /** Appends a text as UTF-8. */
  text(text: string): Bytes {
    const to = this.reserve(<i32>encodedMax(text));
    this.used += <i32>encodeTo(text, to);
    return this;
  }

  bytes(bytes: Uint8Array): Bytes {
    const to = this.reserve(bytes.byteLength);
    memory.copy(to, bytes.dataStart, bytes.byteLength);
    this.used += bytes.byteLength;
    return this;
  }

  /** All that was appended. */
  finish(): Uint8Array {
    return Uint8Array.wrap(this.buffer, 0, this.used);
  }

  /** The address of the next `more` bytes. */
  private reserve(more: i32): usize {
    const wanted = this.used + more;
    const size = this.buffer.byteLength;
    if (wanted > size) {
      const larger = max(wanted, size + min(size, 1 << 20));
      const moved = __renew(changetype<usize>(this.buffer), <usize>larger);
      this.buffer = changetype<ArrayBuffer>(moved);
    }
    return changetype<usize>(this.buffer) + this.used;
  }
}
