// XML 1.0 without document types: elements, attributes, text, CDATA, the five entities and
// characters by number. What is read is checked and kept as places in the body.

import { Names } from "./names";

/** An element, an attribute or a piece of text. */
// @ts-ignore: decorator
@unmanaged
export class Piece {
  /** Of the name; -1 for text. */
  name: i32;
  /** Attribute's value or text. */
  from: usize;
  len: usize;
  /** Whether entities are to be replaced in it. */
  hasEntities: bool;
  kind: u8;
  /** Of an element: whether it is the first of its name among its siblings, and whether of many. */
  isHead: bool;
  isMany: bool;
  firstChild: i32;
  lastChild: i32;
  next: i32;
  /** The next sibling of this name. */
  alike: i32;
}

export const ELEMENT: u8 = 0;
export const ATTRIBUTE: u8 = 1;
export const TEXT: u8 = 2;

const PIECE_BYTES: usize = offsetof<Piece>();

/** Grows by half, so that a large body's pieces fit into the usual memory. */
// @ts-ignore: decorator
@unmanaged
export class Pieces {
  private at: usize = 0;
  private room: i32 = 0;
  count: i32 = 0;

  of(index: i32): Piece {
    return changetype<Piece>(this.at + <usize>index * PIECE_BYTES);
  }

  add(kind: u8, name: i32): i32 {
    if (this.count == this.room) {
      this.room = max(256, this.room + this.room / 2);
      const bytes = <usize>this.room * PIECE_BYTES;
      this.at = this.at == 0 ? heap.alloc(bytes) : heap.realloc(this.at, bytes);
    }
    const piece = this.of(this.count);
    memory.fill(changetype<usize>(piece), 0, PIECE_BYTES);
    piece.kind = kind;
    piece.name = name;
    piece.firstChild = piece.lastChild = piece.next = piece.alike = -1;
    return this.count++;
  }

  clear(): void {
    this.count = 0;
  }
}

/** One for all documents: their memory is used again. */
const pieces = new Pieces();
const names = new Names();

/** Why and where the last document is no XML that is taken; empty while all is well. */
export let error: string = "";

// @ts-ignore: decorator
@unmanaged
export class Parser {
  pieces: Pieces = pieces;
  names: Names = names;
  private at: usize = 0;
  private begin: usize = 0;
  private end: usize = 0;
  private depthMax: i32 = 0;
  /** The elements that are open: their indices, at most 256. */
  private open: usize = heap.alloc(256 << 2);
  private depth: i32 = 0;

  /** Begins a document. */
  start(from: usize, len: usize, seed: u32, depthMax: i32): void {
    this.begin = this.at = from;
    this.end = from + len;
    this.depthMax = depthMax;
    this.depth = 0;
    error = "";
    names.clear(seed);
    pieces.clear();
  }

  /** Whether it begins as XML does. */
  looksRight(): bool {
    if (this.sees("\u00ef\u00bb\u00bf")) this.at += 3;
    this.skipSpace();
    return this.peek() == 0x3c;
  }

  /** The root's index is 0. False when `error` says why. */
  parse(): bool {
    if (!this.looksRight()) return this.fail("expected `<`");
    if (!this.misc()) return false;
    while (true) {
      if (this.depth == 0) {
        if (this.pieces.count > 0) break;
        if (!this.startTag()) return false;
      } else if (!this.content()) return false;
    }
    if (!this.misc()) return false;
    return this.at == this.end || this.fail("expected nothing behind the root");
  }

  /** What may stand before and behind the root. */
  private misc(): bool {
    while (true) {
      this.skipSpace();
      if (this.sees("<?")) {
        if (!this.instruction()) return false;
      } else if (this.sees("<!--")) {
        if (!this.comment()) return false;
      } else if (this.sees("<!")) return this.fail("a document type is not taken");
      else return true;
    }
  }

  private content(): bool {
    if (this.peek() != 0x3c) return this.text(this.top());
    const next = this.at + 1 < this.end ? <i32>load<u8>(this.at + 1) : -1;
    if (next == 0x2f) return this.endTag();
    if (next == 0x3f) return this.instruction();
    if (next != 0x21) return this.startTag();
    if (this.sees("<!--")) return this.comment();
    if (this.sees("<![CDATA[")) return this.cdata(this.top());
    return this.fail("a declaration is not taken");
  }

  /** The innermost element that is open. */
  private top(): i32 {
    return load<i32>(this.open + (<usize>(this.depth - 1) << 2));
  }

  private startTag(): bool {
    if (this.peek() != 0x3c) return this.fail("expected an element");
    this.at++;
    const name = this.name();
    if (name < 0) return false;
    if (this.depth == this.depthMax) return this.fail("nested deeper than `depth_max` allows");
    const element = this.pieces.add(ELEMENT, name);
    if (this.depth > 0) this.append(this.top(), element);
    while (true) {
      const space = this.at;
      this.skipSpace();
      if (this.peek() == 0x2f && this.at + 1 < this.end && load<u8>(this.at + 1) == 0x3e) {
        this.at += 2;
        return true;
      }
      if (this.peek() == 0x3e) {
        this.at++;
        store<i32>(this.open + (<usize>this.depth << 2), element);
        this.depth++;
        return true;
      }
      if (space == this.at) return this.fail("expected a space, `>` or `/>`");
      if (!this.attribute(element)) return false;
    }
  }

  private attribute(element: i32): bool {
    const name = this.name();
    if (name < 0) return false;
    if (!this.names.isFirst(name, element)) return this.fail("an attribute occurs twice");
    this.skipSpace();
    if (this.peek() != 0x3d) return this.fail("expected `=`");
    this.at++;
    this.skipSpace();
    const quote = this.peek();
    if (quote != 0x22 && quote != 0x27) return this.fail("expected a quote");
    const from = ++this.at;
    const attribute = this.pieces.add(ATTRIBUTE, name);
    this.append(element, attribute);
    while (true) {
      this.skipPlain();
      if (this.at == this.end || this.peek() == quote) break;
      if (this.peek() == 0x3c) return this.fail("`<` in an attribute");
      if (!this.character(attribute)) return false;
    }
    const piece = this.pieces.of(attribute);
    piece.from = from;
    piece.len = this.at - from;
    if (this.at == this.end) return this.fail("expected the end of an attribute");
    this.at++;
    return true;
  }

  private endTag(): bool {
    this.at += 2;
    const name = this.name();
    if (name < 0) return false;
    if (this.pieces.of(this.top()).name != name) return this.fail("the end of another element");
    this.depth--;
    this.skipSpace();
    if (this.peek() != 0x3e) return this.fail("expected `>`");
    this.at++;
    return true;
  }

  private text(parent: i32): bool {
    if (this.at == this.end) return this.fail("expected the end of an element");
    const from = this.at;
    const text = this.pieces.add(TEXT, -1);
    while (this.at < this.end && isBlank(<i32>load<u8>(this.at))) this.at++;
    const isSpace = this.at == this.end || load<u8>(this.at) == 0x3c;
    while (true) {
      this.skipPlain();
      if (this.at == this.end || load<u8>(this.at) == 0x3c) break;
      if (this.peek() == 0x5d && this.sees("]]>")) return this.fail("`]]>` in a text");
      if (!this.character(text)) return false;
    }
    if (isSpace) {
      this.pieces.count--;
      return true;
    }
    const piece = this.pieces.of(text);
    piece.from = from;
    piece.len = this.at - from;
    this.append(parent, text);
    return true;
  }

  private cdata(parent: i32): bool {
    this.at += 9;
    const from = this.at;
    const text = this.pieces.add(TEXT, -1);
    while (true) {
      this.skipPlain();
      if (this.at == this.end || (this.peek() == 0x5d && this.sees("]]>"))) break;
      if (!this.plain()) return false;
    }
    if (this.at == this.end) return this.fail("expected `]]>`");
    const piece = this.pieces.of(text);
    piece.from = from;
    piece.len = this.at - from;
    this.at += 3;
    this.append(parent, text);
    return true;
  }

  private comment(): bool {
    this.at += 4;
    while (this.at < this.end && !(load<u8>(this.at) == 0x2d && this.sees("--"))) this.at++;
    if (!this.sees("-->")) return this.fail("expected `-->`");
    this.at += 3;
    return true;
  }

  /** The declaration is one, too: other encodings than UTF-8 are not taken. */
  private instruction(): bool {
    const isDeclaration = this.sees("<?xml ") && this.pieces.count == 0;
    const from = this.at;
    while (this.at < this.end && !(load<u8>(this.at) == 0x3f && this.sees("?>"))) this.at++;
    if (this.at == this.end) return this.fail("expected `?>`");
    if (isDeclaration && !isUtf8(from, this.at)) return this.fail("another encoding than UTF-8");
    this.at += 2;
    return true;
  }

  /** A character of a text or an attribute. */
  private character(piece: i32): bool {
    if (this.peek() != 0x26) return this.plain();
    this.pieces.of(piece).hasEntities = true;
    const len = entityLen(this.at, this.end);
    if (len == 0) return this.fail("an entity that is none of the five, and no character");
    this.at += len;
    return true;
  }

  /** A character as it stands: valid UTF-8, and none that XML forbids. */
  private plain(): bool {
    const first = this.peek();
    if (first >= 0x20 && first < 0x80) {
      this.at++;
      return true;
    }
    if (isBlank(first)) {
      this.at++;
      return true;
    }
    const len = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    if (len == 0 || this.at + len > this.end) return this.fail("a character that XML has not");
    let code: u32 = first & (0x7f >> len);
    for (let i: usize = 1; i < <usize>len; i++) {
      const byte = load<u8>(this.at + i);
      if ((byte & 0xc0) != 0x80) return this.fail("a character that XML has not");
      code = (code << 6) | (byte & 0x3f);
    }
    const least: u32 = len == 2 ? 0x80 : len == 3 ? 0x800 : 0x10000;
    if (code < least || !isChar(code)) return this.fail("a character that XML has not");
    this.at += len;
    return true;
  }

  /** The number of a name; -1 when there is none. */
  private name(): i32 {
    const from = this.at;
    if (this.at < this.end && !isNameStart(this.peek())) {
      this.fail("expected a name");
      return -1;
    }
    while (true) {
      let at = this.at;
      while (at < this.end && load<u8>(NAMES + load<u8>(at)) != 0) at++;
      this.at = at;
      if (at == this.end || load<u8>(at) < 0x80) break;
      if (!this.plain()) return -1;
    }
    if (this.at == from || this.at - from > 1024) {
      this.fail("expected a name");
      return -1;
    }
    const number = this.names.numberOf(from, this.at - from);
    if (number < 0) this.fail("more names than are taken");
    return number;
  }

  /** Goes behind printable ASCII that means nothing anywhere: most of most bodies. */
  private skipPlain(): void {
    let at = this.at;
    const end = this.end;
    while (at < end && load<u8>(PLAIN + load<u8>(at)) != 0) at++;
    this.at = at;
  }

  private append(parent: i32, child: i32): void {
    const piece = this.pieces.of(parent);
    if (piece.lastChild < 0) piece.firstChild = child;
    else this.pieces.of(piece.lastChild).next = child;
    piece.lastChild = child;
  }

  private peek(): i32 {
    return this.at < this.end ? <i32>load<u8>(this.at) : -1;
  }

  private sees(text: string): bool {
    const len = <usize>text.length;
    if (this.end - this.at < len || <i32>load<u8>(this.at) != text.charCodeAt(0)) return false;
    for (let i: usize = 0; i < len; i++) {
      if (<i32>load<u8>(this.at + i) != text.charCodeAt(<i32>i)) return false;
    }
    return true;
  }

  private skipSpace(): void {
    while (this.at < this.end && isBlank(this.peek())) this.at++;
  }

  private fail(why: string): bool {
    if (error.length == 0) error = `${why} at byte ${this.at - this.begin}`;
    return false;
  }
}

export function isBlank(byte: i32): bool {
  return byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09;
}

function isNameStart(byte: i32): bool {
  const lower = byte | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || byte == 0x5f || byte == 0x3a || byte >= 0x80;
}

/** By byte: whether it is a plain character of any text, and of any name. */
const PLAIN = memory.data(256);
const NAMES = memory.data(256);
for (let byte = 0; byte < 128; byte++) {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  const isName = isNameStart(byte) || isDigit || byte == 0x2d || byte == 0x2e;
  store<u8>(NAMES + byte, isName ? 1 : 0);
  const means = byte == 0x22 || byte == 0x26 || byte == 0x27 || byte == 0x3c || byte == 0x5d;
  store<u8>(PLAIN + byte, (byte >= 0x20 && !means) || byte == 0x0a ? 1 : 0);
}

function isChar(code: u32): bool {
  return (
    (code >= 0x20 && code < 0xd800) ||
    (code >= 0xe000 && code < 0xfffe) ||
    (code >= 0x10000 && code < 0x110000) ||
    code == 0x0a || code == 0x0d || code == 0x09
  );
}

/** Whether a declaration names UTF-8, or a part of it, or nothing. */
function isUtf8(from: usize, to: usize): bool {
  while (from < to && !begins(from, to, "encoding")) from++;
  while (from < to && load<u8>(from) != 0x22 && load<u8>(from) != 0x27) from++;
  if (from == to) return true;
  return begins(from + 1, to, "utf-8") || begins(from + 1, to, "us-ascii");
}

/** Whether a lower-case word stands there, in whatever case. */
function begins(from: usize, to: usize, word: string): bool {
  if (from + <usize>word.length > to) return false;
  for (let i = 0; i < word.length; i++) {
    const byte = <i32>load<u8>(from + i);
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte;
    if (lower != word.charCodeAt(i)) return false;
  }
  return true;
}

/** How long the reference at `from` is; 0 for one that is not taken. */
function entityLen(from: usize, end: usize): usize {
  let at = from + 1;
  while (at < end && at - from < 12 && load<u8>(at) != 0x3b) at++;
  if (at >= end || load<u8>(at) != 0x3b) return 0;
  const len = at + 1 - from;
  return entity(from, len) == 0 ? 0 : len;
}

/** The character that a reference of this length stands for; 0 for none. */
export function entity(from: usize, len: usize): u32 {
  if (len >= 4 && load<u8>(from, 1) == 0x23) {
    const isHex = load<u8>(from, 2) == 0x78;
    const base: u32 = isHex ? 16 : 10;
    let at = from + (isHex ? 3 : 2);
    if (at == from + len - 1) return 0;
    let code: u32 = 0;
    for (; at < from + len - 1; at++) {
      const byte = <i32>load<u8>(at);
      const lower = byte | 0x20;
      let digit: u32 = 16;
      if (byte >= 0x30 && byte <= 0x39) digit = byte - 0x30;
      else if (lower >= 0x61 && lower <= 0x66) digit = lower - 0x57;
      if (digit >= base) return 0;
      code = code * base + digit;
      if (code > 0x10ffff) return 0;
    }
    return isChar(code) ? code : 0;
  }
  if (is(from, len, "&lt;")) return 0x3c;
  if (is(from, len, "&gt;")) return 0x3e;
  if (is(from, len, "&amp;")) return 0x26;
  if (is(from, len, "&quot;")) return 0x22;
  if (is(from, len, "&apos;")) return 0x27;
  return 0;
}

function is(from: usize, len: usize, text: string): bool {
  if (<i32>len != text.length) return false;
  for (let i = 0; i < text.length; i++) {
    if (<i32>load<u8>(from + i) != text.charCodeAt(i)) return false;
  }
  return true;
}
