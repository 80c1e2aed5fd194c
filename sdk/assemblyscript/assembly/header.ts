import { decode, encode, isText } from "./utf8";
import { view } from "./view";

/** A name in lower case, and a value, which need not be text. */
export class Header {
  constructor(
    public name: string,
    public value: Uint8Array,
  ) {}

  static of(name: string, value: string): Header {
    return new Header(name, Uint8Array.wrap(encode(value)));
  }

  /** The value as text; what is not UTF-8 becomes U+FFFD. */
  text(): string {
    return decode(this.value.dataStart, this.value.byteLength);
  }
}

// The contract's form of headers: a count, then { u16 name_len, u16 0, u32 value_len, name, value }
// for each, which starts at a multiple of 4.
const FIRST: usize = 4;
const LENGTHS: usize = 8;

/** The first value of a header as text, read in place; null when there is none. */
export function firstText(block: usize, blockLen: usize, name: string): string | null {
  if (blockLen < FIRST) return null;
  let at = block + FIRST;
  for (let left = load<u32>(block); left > 0; left--) {
    const nameLen = <usize>load<u16>(at);
    const valueLen = <usize>load<u32>(at, 4);
    at += LENGTHS;
    if (isText(at, nameLen, name)) return decode(at + nameLen, valueLen);
    at = (at + nameLen + valueLen + 3) & ~3;
  }
  return null;
}

export function all(block: usize, blockLen: usize): Array<Header> {
  if (blockLen < FIRST) return new Array<Header>(0);
  const count = load<u32>(block);
  const headers = new Array<Header>();
  let at = block + FIRST;
  for (let left = count; left > 0; left--) {
    const nameLen = <usize>load<u16>(at);
    const valueLen = <usize>load<u32>(at, 4);
    at += LENGTHS;
    headers.push(new Header(decode(at, nameLen), view(at + nameLen, valueLen)));
    at = (at + nameLen + valueLen + 3) & ~3;
  }
  return headers;
}
