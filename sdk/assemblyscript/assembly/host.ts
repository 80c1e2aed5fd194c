// What a guest asks of its host.

import { decode, encode } from "./utf8";

// @ts-ignore: decorator
@external("forebay_v1", "log")
declare function hostLog(level: i32, ptr: usize, len: usize): i32;
// @ts-ignore: decorator
@external("forebay_v1", "fail")
declare function hostFail(ptr: usize, len: usize): i32;
// @ts-ignore: decorator
@external("forebay_v1", "random")
declare function hostRandom(): i64;
// @ts-ignore: decorator
@external("forebay_v1", "config_get")
declare function hostConfigGet(key: usize, keyLen: usize, to: usize, room: usize): i32;
// @ts-ignore: decorator
@external("forebay_v1", "table_get")
declare function hostTableGet(
  table: usize,
  tableLen: usize,
  key: usize,
  keyLen: usize,
  to: usize,
  room: usize,
): i32;
// @ts-ignore: decorator
@external("forebay_v1", "metric")
declare function hostMetric(name: usize, len: usize, kind: i32, value: f64): i32;

/** How loud a line is. The host keeps what its own level lets through, up to a cap. */
export enum Level {
  Debug = 0,
  Info = 1,
  Warn = 2,
  Error = 3,
}

/** One line to the operator's log. */
export function log(level: Level, line: string): void {
  const utf8 = encode(line);
  hostLog(level, changetype<usize>(utf8), <usize>utf8.byteLength);
}

/** A line of bytes as they are: the host writes what is not UTF-8 as U+FFFD. */
export function logBytes(level: Level, line: Uint8Array): void {
  hostLog(level, line.dataStart, line.byteLength);
}

/** Adds to a counter of the filter's own. */
export function count(name: string, by: f64 = 1): void {
  metric(name, 0, by);
}

/** Sets a gauge of the filter's own. */
export function gauge(name: string, value: f64): void {
  metric(name, 1, value);
}

function metric(name: string, kind: i32, value: f64): void {
  const utf8 = encode(name);
  hostMetric(changetype<usize>(utf8), <usize>utf8.byteLength, kind, value);
}

/**
 * A number that a replay draws again: it is seeded by the module, its configuration and the
 * event's offset.
 */
export function random(): i64 {
  return hostRandom();
}

/**
 * A member of the filter's configuration: a string's characters, of any other value its JSON;
 * null when it is not there. Works at the top of a file too, before the first event.
 */
export function configGet(name: string): string | null {
  const key = encode(name);
  const at = changetype<usize>(key);
  const len = hostConfigGet(at, <usize>key.byteLength, 0, 0);
  if (len < 0) return null;
  const value = new ArrayBuffer(len);
  const to = changetype<usize>(value);
  hostConfigGet(at, <usize>key.byteLength, to, <usize>len);
  return decode(to, len);
}

/**
 * A value of a lookup table of the filter's application, as text; null where the table or the key
 * is not there. All events of a batch see the same version of it, and at the top of a file there
 * are no tables yet.
 */
export function lookUp(table: string, key: string): string | null {
  const name = encode(table);
  const wanted = encode(key);
  const len = tableGet(name, wanted, 0, 0);
  if (len < 0) return null;
  const value = new ArrayBuffer(len);
  const to = changetype<usize>(value);
  tableGet(name, wanted, to, <usize>len);
  return decode(to, len);
}

function tableGet(name: ArrayBuffer, key: ArrayBuffer, to: usize, room: usize): i32 {
  return hostTableGet(
    changetype<usize>(name),
    <usize>name.byteLength,
    changetype<usize>(key),
    <usize>key.byteLength,
    to,
    room,
  );
}

/** Says why the call is about to fail. */
export function fail(why: string): void {
  const utf8 = encode(why);
  hostFail(changetype<usize>(utf8), <usize>utf8.byteLength);
}
