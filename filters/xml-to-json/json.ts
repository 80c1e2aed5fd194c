// JSON in the making, as bytes.

const HEX = memory.data<u8>([48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 97, 98, 99, 100, 101, 102]);

/** One for all documents: its memory is used again. */
// @ts-ignore: decorator
@unmanaged
export class Json {
  private buffer: usize = heap.alloc(4096);
  private size: usize = 4096;
  private used: usize = 0;

  clear(): void {
    this.used = 0;
  }

  finish(): Uint8Array {
    const bytes = new Uint8Array(<i32>this.used);
    memory.copy(bytes.dataStart, this.buffer, this.used);
    return bytes;
  }

  byte(byte: i32): void {
    if (this.used == this.size) this.reserve(1);
    store<u8>(this.buffer + this.used, <u8>byte);
    this.used += 1;
  }

  /** Bytes as they are. */
  raw(from: usize, len: usize): void {
    memory.copy(this.reserve(len), from, len);
    this.used += len;
  }

  /** ASCII as it is. */
  ascii(text: string): void {
    for (let i = 0; i < text.length; i++) this.byte(text.charCodeAt(i));
  }

  /** UTF-8 within a string: escaped where JSON wants it. */
  text(from: usize, len: usize): void {
    const end = from + len;
    let kept = from;
    for (let at = from; at < end; at++) {
      const byte = load<u8>(at);
      if (byte >= 0x20 && byte != 0x22 && byte != 0x5c) continue;
      this.raw(kept, at - kept);
      kept = at + 1;
      this.char(byte);
    }
    this.raw(kept, end - kept);
  }

  /** A character within a string. */
  char(code: u32): void {
    if (code == 0x22 || code == 0x5c) {
      this.byte(0x5c);
      this.byte(code);
    } else if (code == 0x0a || code == 0x0d || code == 0x09) {
      this.byte(0x5c);
      this.byte(code == 0x0a ? 0x6e : code == 0x0d ? 0x72 : 0x74);
    } else if (code < 0x20) {
      this.ascii("\\u00");
      this.raw(HEX + (code >> 4), 1);
      this.raw(HEX + (code & 15), 1);
    } else if (code < 0x80) {
      this.byte(code);
    } else if (code < 0x800) {
      this.byte(0xc0 | (code >> 6));
      this.byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      this.byte(0xe0 | (code >> 12));
      this.byte(0x80 | ((code >> 6) & 0x3f));
      this.byte(0x80 | (code & 0x3f));
    } else {
      this.byte(0xf0 | (code >> 18));
      this.byte(0x80 | ((code >> 12) & 0x3f));
      this.byte(0x80 | ((code >> 6) & 0x3f));
      this.byte(0x80 | (code & 0x3f));
    }
  }

  /** The address of the next `more` bytes. */
  private reserve(more: usize): usize {
    const wanted = this.used + more;
    if (wanted > this.size) {
      this.size = max(wanted, this.size + min(this.size, 1 << 20));
      this.buffer = heap.realloc(this.buffer, this.size);
    }
    return this.buffer + this.used;
  }
}
