import { Event } from "./event";
import { Verdict } from "./verdict";

function unset(event: Event): Verdict {
  throw new Error("no filter is set: call filter(…) at the top of the entry file");
}

function ofKept(event: Event): Verdict {
  return isKept(event) ? Verdict.pass() : Verdict.drop();
}

let verdictOf: (event: Event) => Verdict = unset;
let isKept: (event: Event) => bool = (event: Event): bool => true;

/** Makes a function the filter of this module. */
export function filter(answer: (event: Event) => Verdict): void {
  verdictOf = answer;
}

/** Makes a filter that passes the events for which a function is true and drops the others. */
export function keep(test: (event: Event) => bool): void {
  isKept = test;
  verdictOf = ofKept;
}

export function ask(event: Event): Verdict {
  return verdictOf(event);
}
