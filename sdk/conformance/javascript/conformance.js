// The conformance filter: what it must do is in ../README.md.

const between = (bytes, before, after) => {
  const framed = new Uint8Array(bytes.length + 2);
  framed[0] = before.charCodeAt(0);
  framed.set(bytes, 1);
  framed[bytes.length + 1] = after.charCodeAt(0);
  return framed;
};

// The parts between line feeds; none of them is text by need.
const lines = (bytes) => {
  const parts = [];
  let from = 0;
  for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, from)) {
    parts.push(bytes.subarray(from, end));
    from = end + 1;
  }
  parts.push(bytes.subarray(from));
  return parts;
};

const joined = (parts) => {
  const whole = new Uint8Array(parts.reduce((len, part) => len + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

const dump = (event) => {
  const encoder = new TextEncoder();
  const bytes = (value) => (typeof value === "string" ? encoder.encode(value) : value);
  const parts = [
    `id=${event.id}\n`,
    `type=${event.type}\n`,
    `key=${event.key}\n`,
    `source=${event.source}\n`,
    `offset=${event.offset}\n`,
    `time_ns=${event.timeNs}\n`,
    `is_json=${event.isJson}\n`,
    `is_replay=${event.isReplay}\n`,
    `is_dry_run=${event.isDryRun}\n`,
  ];
  for (const [name, value] of event.headerList) parts.push(`${name}: `, value, "\n");
  parts.push("\n", event.body);
  return joined(parts.map(bytes));
};

const answers = {
  pass: () => true,
  drop: () => false,
  reject: (event) => reject(event.text()),
  fail: (event) => {
    // An error without a text would be told by its name.
    if (!event.text()) return reject("");
    throw new Error(event.text());
  },
  retry: () => retry(60_000, "later"),
  body: (event) => ({ body: between(event.body, "<", ">") }),
  alias: (event) => ({ body: event.body.subarray(1, -1) }),
  empty: () => ({ body: "" }),
  key: (event) => ({ key: `key of ${event.key}` }),
  type: (event) => ({ type: `renamed.${event.id}` }),
  headers: (event) => {
    const headers = event.headerList;
    const kept = headers.filter(([name]) => !name.startsWith("x-drop-"));
    return { headers: [...kept, ["x-conformance", headers.length]] };
  },
  bare: () => ({ headers: {} }),
  stamp: (event) => {
    const others = event.headerList.filter(([name]) => name !== "x-stamp");
    return { headers: [...others, ["x-stamp", "1"]] };
  },
  kept: (event) => event.header("x-kept") === "ok",
  table: (event) => ({ body: lookUp("words", event.text()) ?? "none" }),
  fan: (event) => lines(event.body).map((body, i) => ({ body, key: i })),
  copies: (event) => Array.from({ length: Number(event.text()) }, () => ({})),
  none: () => [],
  dump: (event) => ({ body: dump(event) }),
  config: (_, { greeting }) => ({ body: typeof greeting === "string" ? greeting : "none" }),
  log: (event) => {
    log("info", event.text());
    return true;
  },
  count: () => {
    count("seen", 2);
    gauge("depth", 1.5);
    return true;
  },
  spin: () => {
    for (;;);
  },
};

export default (event, config) =>
  Object.hasOwn(answers, event.type)
    ? answers[event.type](event, config)
    : reject(`unknown type: ${event.type}`);
