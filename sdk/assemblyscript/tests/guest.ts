// A filter that uses of the SDK what the conformance filter does not.

import {
  Bytes,
  configGet,
  Event,
  filter,
  Level,
  log,
  lookUp,
  Output,
  random,
  Verdict,
} from "../index";

export * from "../exports";

const scratch = new Uint8Array(4);
const set = configGet("greeting");
const greeting: string = set === null ? "none" : set!;
if (configGet("refuse") !== null) throw new Error("refused: ☃");

filter((event: Event): Verdict => {
  if (event.isType("pass")) return Verdict.pass();
  if (event.isType("drop")) return Verdict.drop();
  if (event.isType("reject")) return Verdict.reject("");
  if (event.isType("throw")) throw new Error("thrown at " + event.id);
  if (event.isType("greet")) return replaced(event, greeting);
  if (event.isType("country")) return country(event);
  if (event.isType("text")) return replaced(event, event.text());
  if (event.isType("random")) return replaced(event, random().toString());
  if (event.isType("key")) return Verdict.replace(Output.of(event).withKey("\ud800!"));
  if (event.isType("headers")) return headers(event);
  if (event.isType("scratch")) return scratched(event);
  if (event.isType("garbage")) return garbage(event);
  log(Level.Warn, "what is " + event.type);
  return Verdict.drop();
});

function replaced(event: Event, body: string): Verdict {
  return Verdict.replace(Output.of(event).withText(body));
}

function country(event: Event): Verdict {
  const name = lookUp("countries", event.text());
  return name === null ? Verdict.drop() : replaced(event, name);
}

function headers(event: Event): Verdict {
  return Verdict.emit([
    Output.of(event).withHeader("a", "é").withHeader("b", "1").withHeader("a", "2"),
    Output.of(event).withoutHeader("b").withoutHeader("ce-source"),
    Output.of(event).withHeaders(event.headers).withHeader("b", "x").withoutHeader("a"),
    Output.of(event).withRoute(7),
  ]);
}

function scratched(event: Event): Verdict {
  scratch[0]++;
  return Verdict.replace(Output.of(event).withBody(scratch));
}

function garbage(event: Event): Verdict {
  const bytes = new Bytes();
  for (let i = 0; i < 20; i++) bytes.text(event.id + i.toString()).bytes(event.body);
  return Verdict.replace(Output.of(event).withBody(bytes.finish()).withHeader("x", event.key));
}
