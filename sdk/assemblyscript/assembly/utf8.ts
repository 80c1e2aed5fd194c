// Strings of AssemblyScript are UTF-16, everything that the host sees is UTF-8.

const REPLACEMENT: u32 = 0xfffd;

/** UTF-8 of a text; half a surrogate pair becomes U+FFFD. */
export function encode(text: string): ArrayBuffer {
  return String.UTF8.encode(text, false, String.UTF8.ErrorMode.REPLACE);
}

/** How many bytes `encodeTo` may write at most: exact for long texts, quick for short ones. */
export function encodedMax(text: string): usize {
  return text.length < 256 ? <usize>text.length * 3 : <usize>String.UTF8.byteLength(text);
}

/** Writes a text as UTF-8; returns how many bytes it took. */
export function encodeTo(text: string, to: usize): u32 {
  const units = changetype<usize>(text);
  const mode = String.UTF8.ErrorMode.REPLACE;
  return <u32>String.UTF8.encodeUnsafe(units, text.length, to, false, mode);
}

/**
 * The text of bytes that should be UTF-8. Whatever is not becomes U+FFFD, one for each longest
 * part that begins a character, as browsers and Rust have it.
 */
export function decode(ptr: usize, len: usize): string {
  if (len == 0) return "";
  const text = changetype<string>(__new(len << 1, idof<string>()));
  const start = changetype<usize>(text);
  const end = ptr + len;
  let to = start;
  while (ptr < end) {
    let first: u32 = load<u8>(ptr++);
    if (first < 0x80) {
      store<u16>(to, first);
      to += 2;
      continue;
    }
    // How many bytes follow, and the range of the next: no overlong forms, no surrogates.
    let more = 0;
    let low: u32 = 0x80;
    let high: u32 = 0xbf;
    if (first >= 0xc2 && first <= 0xdf) {
      more = 1;
      first &= 0x1f;
    } else if (first >= 0xe0 && first <= 0xef) {
      more = 2;
      if (first == 0xe0) low = 0xa0;
      if (first == 0xed) high = 0x9f;
      first &= 0x0f;
    } else if (first >= 0xf0 && first <= 0xf4) {
      more = 3;
      if (first == 0xf0) low = 0x90;
      if (first == 0xf4) high = 0x8f;
      first &= 0x07;
    } else {
      first = REPLACEMENT;
    }
    for (; more > 0; more--) {
      const next: u32 = ptr < end ? load<u8>(ptr) : 0;
      if (next < low || next > high) {
        first = REPLACEMENT;
        break;
      }
      first = (first << 6) | (next & 0x3f);
      low = 0x80;
      high = 0xbf;
      ptr++;
    }
    if (first >= 0x10000) {
      first -= 0x10000;
      store<u16>(to, 0xd800 | (first >> 10));
      store<u16>(to, 0xdc00 | (first & 0x3ff), 2);
      to += 4;
    } else {
      store<u16>(to, first);
      to += 2;
    }
  }
  const size = to - start;
  return size == len << 1 ? text : changetype<string>(__renew(start, size));
}

/** Whether bytes are a text. Allocates nothing; for a text beyond ASCII it decodes. */
export function isText(ptr: usize, len: usize, text: string): bool {
  const units = changetype<usize>(text);
  const count = <usize>text.length;
  if (len < count) return false;
  for (let i: usize = 0; i < count; i++) {
    const unit = load<u16>(units + (i << 1));
    if (unit >= 0x80) return decode(ptr, len) == text;
    if (<u16>load<u8>(ptr + i) != unit) return false;
  }
  return len == count;
}
