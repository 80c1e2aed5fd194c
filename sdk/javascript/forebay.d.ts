// What a script of the JavaScript runner finds, for editors and for type checks:
//
//   /// <reference path="forebay.d.ts" />
//   /** @type {Filter} */
//   export default (event, config) => event.json().amount > config.min;

interface ForebayEvent {
  readonly id: string;
  readonly type: string;
  /** "" when the event has none. */
  readonly key: string;
  readonly source: string;
  /** A bigint above 2^53. */
  readonly offset: number | bigint;
  readonly timeNs: bigint;
  readonly time: Date;
  /** How often this filter has been shown the event before. */
  readonly runs: number;
  /** By name in lower case; of several values of one name the first. */
  readonly headers: Readonly<Record<string, string>>;
  /** All of them in their order; a value that is not UTF-8 is its bytes. */
  readonly headerList: [name: string, value: string | Uint8Array][];
  /** A copy, made each time that it is asked for. */
  readonly body: Uint8Array;
  readonly isJson: boolean;
  readonly isTimer: boolean;
  readonly isReplay: boolean;
  readonly isDryRun: boolean;
  /** The first value of a header, in whatever case it is named. */
  header(name: string): string | undefined;
  text(): string;
  /** Throws a SyntaxError when the body is not JSON. */
  json(): any;
}

/** What is left out, or undefined, is the event's own. */
interface Output {
  key?: string | number;
  type?: string | number;
  headers?:
    | Record<string, HeaderValue | HeaderValue[] | undefined>
    | [name: string, value: HeaderValue][];
  /** Text, bytes, or anything else as JSON. */
  body?: unknown;
}

type HeaderValue = string | number | boolean | Uint8Array | ArrayBuffer;

declare class Verdict {
  private constructor();
}

type Answer = boolean | ForebayEvent | Output | (ForebayEvent | Output)[] | Verdict;
type Filter = (event: ForebayEvent, config: any) => Answer | Promise<Answer>;
type Level = "debug" | "info" | "warn" | "error";

declare function pass(): true;
declare function drop(): false;
declare function reject(reason?: string): Verdict;
declare function retry(delayMs: number, reason?: string): Verdict;

declare function log(level: Level, text: string): void;
declare function count(name: string, by?: number): void;
declare function gauge(name: string, value: number): void;
/**
 * A value of a lookup table of the filter's application, as text; undefined where the table or the
 * key is not there. All events of a batch see the same version of it, and at the top of a script
 * there are no tables yet.
 */
declare function lookUp(table: string, key: string): string | undefined;
/** 64 bits, seeded by module, configuration and the event's offset. */
declare function random(): bigint;

declare const console: Record<"debug" | "log" | "info" | "warn" | "error", (...parts: any[]) => void>;
