// The conformance filter: see ../README.md.

import {
  Bytes,
  configGet,
  count,
  Event,
  filter,
  gauge,
  Header,
  Level,
  logBytes,
  lookUp,
  Output,
  Verdict,
} from "forebay-filter";

export * from "forebay-filter/exports";

filter(answer);

function answer(event: Event): Verdict {
  const type = event.type;
  if (type == "pass") return Verdict.pass();
  if (type == "drop") return Verdict.drop();
  if (type == "reject") return Verdict.reject(event.text());
  // AssemblyScript cannot catch what it throws, so a failure that is foreseen is a rejection.
  if (type == "fail") return Verdict.reject(event.text());
  if (type == "retry") return Verdict.retry(60_000, "later");
  if (type == "body") return body(event);
  if (type == "alias") return alias(event);
  if (type == "empty") return Verdict.replace(Output.of(event).withBody(new Uint8Array(0)));
  if (type == "key") return Verdict.replace(Output.of(event).withKey("key of " + event.key));
  if (type == "type") return Verdict.replace(Output.of(event).withType("renamed." + event.id));
  if (type == "headers") return headers(event);
  if (type == "bare") return Verdict.replace(Output.of(event).withHeaders([]));
  if (type == "stamp") return Verdict.replace(Output.of(event).withHeader("x-stamp", "1"));
  if (type == "kept") return event.header("x-kept") == "ok" ? Verdict.pass() : Verdict.drop();
  if (type == "table") return table(event);
  if (type == "fan") return fan(event);
  if (type == "copies") return copies(event);
  if (type == "none") return Verdict.emit([]);
  if (type == "dump") return dump(event);
  if (type == "config") return config(event);
  if (type == "log") {
    logBytes(Level.Info, event.body);
    return Verdict.pass();
  }
  if (type == "count") {
    count("seen", 2);
    gauge("depth", 1.5);
    return Verdict.pass();
  }
  if (type == "spin") while (true) {}
  return Verdict.reject("unknown type: " + type);
}

function body(event: Event): Verdict {
  const body = event.body;
  const between = new Bytes(body.length + 6).text("<").bytes(body).text(">");
  return Verdict.replace(Output.of(event).withBody(between.finish()));
}

function alias(event: Event): Verdict {
  const body = event.body;
  return Verdict.replace(Output.of(event).withBody(body.subarray(1, body.length - 1)));
}

function headers(event: Event): Verdict {
  const before = event.headers;
  const after = new Array<Header>();
  for (let i = 0; i < before.length; i++) {
    if (!before[i].name.startsWith("x-drop-")) after.push(before[i]);
  }
  after.push(Header.of("x-conformance", before.length.toString()));
  return Verdict.replace(Output.of(event).withHeaders(after));
}

function table(event: Event): Verdict {
  const word = lookUp("words", event.text());
  return Verdict.replace(Output.of(event).withText(word === null ? "none" : word));
}

function fan(event: Event): Verdict {
  const body = event.body;
  const outputs = new Array<Output>();
  let from = 0;
  for (let i = 0; i <= body.length; i++) {
    if (i < body.length && body[i] != 0x0a) continue;
    const part = body.subarray(from, i);
    outputs.push(Output.of(event).withBody(part).withKey(outputs.length.toString()));
    from = i + 1;
  }
  return Verdict.emit(outputs);
}

function copies(event: Event): Verdict {
  const outputs = new Array<Output>();
  for (let left = I32.parseInt(event.text()); left > 0; left--) outputs.push(Output.of(event));
  return Verdict.emit(outputs);
}

function dump(event: Event): Verdict {
  const text = new Bytes();
  line(text, "id", event.id);
  line(text, "type", event.type);
  line(text, "key", event.key);
  line(text, "source", event.source);
  line(text, "offset", event.offset.toString());
  line(text, "time_ns", event.timeNs.toString());
  line(text, "is_json", event.isJson.toString());
  line(text, "is_replay", event.isReplay.toString());
  line(text, "is_dry_run", event.isDryRun.toString());
  const headers = event.headers;
  for (let i = 0; i < headers.length; i++) {
    text.text(headers[i].name).text(": ").bytes(headers[i].value).text("\n");
  }
  text.text("\n").bytes(event.body);
  return Verdict.replace(Output.of(event).withBody(text.finish()));
}

function line(text: Bytes, name: string, value: string): void {
  text.text(name).text("=").text(value).text("\n");
}

function config(event: Event): Verdict {
  const greeting = configGet("greeting");
  return Verdict.replace(Output.of(event).withText(greeting === null ? "none" : greeting));
}
