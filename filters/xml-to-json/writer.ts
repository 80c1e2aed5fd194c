// The JSON of a document: elements of one name among siblings are one list.

import { Json } from "./json";
import { ATTRIBUTE, ELEMENT, entity, isBlank, Parser, Piece, Pieces, TEXT } from "./parser";
import { Shape } from "./shape";

/** Links siblings of one name to one another, wherever they stand. */
export function group(parser: Parser): void {
  const pieces = parser.pieces;
  const bytes = <usize>parser.names.count << 2;
  const parents = heap.alloc(bytes << 1);
  const last = parents + bytes;
  memory.fill(parents, 0, bytes);
  for (let parent = 0; parent < pieces.count; parent++) {
    if (pieces.of(parent).kind != ELEMENT) continue;
    let head = -1;
    for (let i = pieces.of(parent).firstChild; i >= 0; i = pieces.of(i).next) {
      const piece = pieces.of(i);
      if (piece.kind != ELEMENT) continue;
      // A parent's number is one more, for 0 is nobody's.
      const at = <usize>piece.name << 2;
      if (load<i32>(parents + at) != parent + 1) {
        store<i32>(parents + at, parent + 1);
        piece.isHead = true;
      } else {
        const before = pieces.of(load<i32>(last + at));
        before.alike = i;
        before.isMany = true;
      }
      store<i32>(last + at, i);
    }
  }
  heap.free(parents);
}

const json = new Json();

// @ts-ignore: decorator
@unmanaged
export class Writer {
  json: Json = json;
  pieces: Pieces = changetype<Pieces>(0);
  parser: Parser = changetype<Parser>(0);
  shape: Shape = changetype<Shape>(0);

  document(parser: Parser, shape: Shape): Uint8Array {
    this.parser = parser;
    this.pieces = parser.pieces;
    this.shape = shape;
    json.clear();
    this.json.byte(0x7b);
    this.json.byte(0x22);
    this.name(this.pieces.of(0).name);
    this.quoteColon();
    this.element(0);
    this.json.byte(0x7d);
    return this.json.finish();
  }

  /** The depth of elements is bounded, and with it this one's. */
  private element(index: i32): void {
    const element = this.pieces.of(index);
    let hasMembers = false;
    let hasText = false;
    for (let i = element.firstChild; i >= 0; i = this.pieces.of(i).next) {
      if (this.pieces.of(i).kind == TEXT) hasText = true;
      else hasMembers = true;
    }
    if (!hasMembers) {
      if (hasText) this.texts(element);
      else this.nothing();
      return;
    }
    let between = 0x7b;
    for (let i = element.firstChild; i >= 0; i = this.pieces.of(i).next) {
      const piece = this.pieces.of(i);
      if (piece.kind == TEXT || (piece.kind == ELEMENT && !piece.isHead)) continue;
      this.json.byte(between);
      between = 0x2c;
      this.json.byte(0x22);
      if (piece.kind == ATTRIBUTE) this.constant(this.shape.prefixFrom, this.shape.prefixBytes);
      this.name(piece.name);
      this.quoteColon();
      if (piece.kind == ATTRIBUTE) {
        this.json.byte(0x22);
        this.characters(piece, piece.from, piece.from + piece.len);
        this.json.byte(0x22);
      } else this.elements(i);
    }
    if (hasText) {
      this.json.byte(0x2c);
      this.json.byte(0x22);
      this.constant(this.shape.textFrom, this.shape.textBytes);
      this.quoteColon();
      this.texts(element);
    }
    this.json.byte(0x7d);
  }

  /** An element with all that are alike. */
  private elements(first: i32): void {
    const name = this.pieces.of(first).name;
    const from = this.parser.names.nameFrom(name);
    const isList = this.shape.isList(from, this.parser.names.nameLen(name));
    if (!isList && !this.pieces.of(first).isMany) {
      this.element(first);
      return;
    }
    let between = 0x5b;
    for (let i = first; i >= 0; i = this.pieces.of(i).alike) {
      this.json.byte(between);
      between = 0x2c;
      this.element(i);
    }
    this.json.byte(0x5d);
  }

  /** All texts of an element as one, without the white space around it. */
  private texts(element: Piece): void {
    let first = -1;
    let last = -1;
    for (let i = element.firstChild; i >= 0; i = this.pieces.of(i).next) {
      if (this.pieces.of(i).kind != TEXT) continue;
      if (first < 0) first = i;
      last = i;
    }
    this.json.byte(0x22);
    for (let i = first; i >= 0; i = this.pieces.of(i).next) {
      const piece = this.pieces.of(i);
      if (piece.kind != TEXT) continue;
      let from = piece.from;
      let to = piece.from + piece.len;
      if (i == first) while (from < to && isBlank(load<u8>(from))) from++;
      if (i == last) while (from < to && isBlank(load<u8>(to - 1))) to--;
      this.characters(piece, from, to);
    }
    this.json.byte(0x22);
  }

  private characters(piece: Piece, from: usize, to: usize): void {
    if (!piece.hasEntities) {
      this.json.text(from, to - from);
      return;
    }
    let kept = from;
    let at = from;
    while (at < to) {
      if (load<u8>(at) != 0x26) {
        at++;
        continue;
      }
      this.json.text(kept, at - kept);
      let len: usize = 1;
      while (load<u8>(at + len - 1) != 0x3b) len++;
      this.json.char(entity(at, len));
      at += len;
      kept = at;
    }
    this.json.text(kept, to - kept);
  }

  private name(number: i32): void {
    const from = this.parser.names.nameFrom(number);
    const len = this.parser.names.nameLen(number);
    const skip = this.shape.prefixLen(from, len);
    this.json.text(from + skip, len - skip);
  }

  private quoteColon(): void {
    this.json.byte(0x22);
    this.json.byte(0x3a);
  }

  private nothing(): void {
    this.json.byte(0x6e);
    this.json.byte(0x75);
    this.json.byte(0x6c);
    this.json.byte(0x6c);
  }

  private constant(from: usize, len: usize): void {
    this.json.text(from, len);
  }
}
