// Passes a GitHub push that leaves commits on one branch and drops all else: see README.md.

import { configGet, Event, filter, Verdict } from "forebay-filter";
import { JSON } from "json-as";
import { DESERIALIZE_ESCAPE_TABLE } from "json-as/assembly/globals/tables";

export * from "forebay-filter/exports";

// json-as 1.6.0 has forgotten `\/`, as some senders write each slash, and would make a NUL of it.
store<u8>(DESERIALIZE_ESCAPE_TABLE + 0x2f, 0x2f);

// Without `@optional` json-as 1.6.0 goes wrong on strings that end with a backslash.
@json
class Push {
  @optional
  ref: string | null = null;
  @optional
  deleted: bool = false;
}

const branch = configGet("branch");
const wanted = "refs/heads/" + (branch === null ? "main" : branch!);

filter((event: Event): Verdict => {
  if (!event.isType("push")) return Verdict.drop();
  const body = event.text();
  // What is no JSON makes json-as throw, which traps. What is no object at all need not get there.
  if (!body.trimStart().startsWith("{")) return Verdict.reject("the body: it is no JSON object");
  const push = JSON.parse<Push>(body);
  const ref = push.ref;
  if (ref === null) return Verdict.reject("the body: `ref` is missing");
  return ref == wanted && !push.deleted ? Verdict.pass() : Verdict.drop();
});
