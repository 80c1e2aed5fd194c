import { Output } from "./output";

export enum Kind {
  Drop = 0,
  Pass = 1,
  Emit = 2,
  Reject = 3,
  Retry = 4,
}

const NONE = new Array<Output>(0);
const DROP = new Verdict(Kind.Drop, 0, "", NONE);
const PASS = new Verdict(Kind.Pass, 0, "", NONE);

/** What a filter says of one event. */
export class Verdict {
  // @ts-ignore: decorator
  @unsafe
  constructor(
    readonly kind: Kind,
    readonly delayMs: u32,
    readonly reason: string,
    readonly outputs: Array<Output>,
  ) {}

  /** Not wanted: nothing is delivered. */
  static drop(): Verdict {
    return DROP;
  }

  /** Delivered as it is. */
  static pass(): Verdict {
    return PASS;
  }

  /** Delivered as these instead, in this order, at most 64. None is the same as `drop`. */
  static emit(outputs: Array<Output>): Verdict {
    return outputs.length == 0 ? DROP : new Verdict(Kind.Emit, 0, "", outputs);
  }

  /** Delivered as this instead. */
  static replace(output: Output): Verdict {
    return new Verdict(Kind.Emit, 0, "", [output]);
  }

  /** To the dead letters, where a person finds it with this reason. */
  static reject(reason: string): Verdict {
    return new Verdict(Kind.Reject, 0, reason, NONE);
  }

  /** Shown to the filter again, not before so many milliseconds. */
  static retry(delayMs: u32, reason: string): Verdict {
    return new Verdict(Kind.Retry, delayMs, reason, NONE);
  }
}
