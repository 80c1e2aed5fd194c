import { all, firstText, Header } from "./header";
import { decode, isText } from "./utf8";
import { view } from "./view";

const JSON_BODY: u32 = 1;
const TIMER: u32 = 2;
const REPLAY: u32 = 4;
const DRY_RUN: u32 = 8;

/**
 * What happened: a view into the host's batch. No field is read before you ask for it.
 *
 * There is one such object, which shows one event after the other. A text that you got of it is
 * yours; bytes (`body`, a header's `value`) are the batch's, and hold until the filter has
 * answered.
 */
export class Event {
  /** The address of the entry in the batch. */
  // @ts-ignore: decorator
  @unsafe at: usize = 0;
  // @ts-ignore: decorator
  @unsafe batch: usize = 0;

  /** `evt_…`, unique, and the `webhook-id` under which the event is delivered. */
  get id(): string {
    return decode(load<u32>(this.at, 56), load<u32>(this.at, 60));
  }

  /** Dotted, like `order.paid`. */
  get type(): string {
    return decode(load<u32>(this.at, 24), load<u32>(this.at, 28));
  }

  /** Whether the type is this one. Quicker than `type ==`: it makes no string. */
  isType(type: string): bool {
    return isText(load<u32>(this.at, 24), load<u32>(this.at, 28), type);
  }

  /** What keyed order goes by; empty when the event has none. */
  get key(): string {
    return decode(load<u32>(this.at, 16), load<u32>(this.at, 20));
  }

  /** The name of the source that let the event in. */
  get source(): string {
    const source = this.header("ce-source");
    return source === null ? "" : source;
  }

  /** The bytes as they came in, not copied. */
  get body(): Uint8Array {
    return view(load<u32>(this.at, 40), load<u32>(this.at, 44));
  }

  /** The body as text; what is not UTF-8 becomes U+FFFD. */
  text(): string {
    return decode(load<u32>(this.at, 40), load<u32>(this.at, 44));
  }

  /** The first value of a header as text, null when there is none; `name` in lower case. */
  header(name: string): string | null {
    return firstText(this.headerBlock, this.headerBlockLen, name);
  }

  /** All headers, in their order: CloudEvents attributes as `ce-*`, the source as `ce-source`. */
  get headers(): Array<Header> {
    return all(this.headerBlock, this.headerBlockLen);
  }

  // @ts-ignore: decorator
  @unsafe
  get headerBlock(): usize {
    return load<u32>(this.at, 32);
  }

  // @ts-ignore: decorator
  @unsafe
  get headerBlockLen(): usize {
    return load<u32>(this.at, 36);
  }

  /** The event's place in the log. */
  get offset(): u64 {
    return load<u64>(this.at);
  }

  /** When the event came in, in nanoseconds since the Unix epoch. The only clock there is. */
  get timeNs(): i64 {
    return load<i64>(this.at, 8);
  }

  /** The partition that the batch belongs to; `u32.MAX_VALUE` in an endpoint's chain. */
  get partition(): u32 {
    return load<u32>(this.batch, 40);
  }

  /** How often this filter has been given the event before. */
  get runs(): u32 {
    return load<u32>(this.at, 52);
  }

  get isJson(): bool {
    return this.flag(JSON_BODY);
  }

  /** Not an event but a timer that the filter set has come due. */
  get isTimer(): bool {
    return this.flag(TIMER);
  }

  get isReplay(): bool {
    return this.flag(REPLAY);
  }

  /** Somebody tries the filter; nothing is delivered. */
  get isDryRun(): bool {
    return this.flag(DRY_RUN);
  }

  private flag(bit: u32): bool {
    return (load<u32>(this.at, 48) & bit) != 0;
  }
}
