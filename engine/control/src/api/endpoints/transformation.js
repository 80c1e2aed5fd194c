// Runs what the line before this has as `code`, which is written for Svix: it declares a function
// `handler` that is given a webhook and returns it.

// Names that a delivery sets itself, or that are not for whoever is downstream.
const prefixes = ["webhook-", "svix-", "forebay-", "proxy-"];
const names = [
  "authorization", "connection", "content-encoding", "content-length", "cookie", "expect", "host",
  "http2-settings", "keep-alive", "set-cookie", "te", "trailer", "transfer-encoding", "upgrade",
  "user-agent", "www-authenticate",
];
const isKept = (name) =>
  names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix));

// A customer's script reads none of the application's tables, and makes no metrics.
for (const name of ["lookUp", "count", "gauge"]) delete globalThis[name];

const load = () => {
  try {
    return (0, eval)(`${code}\n;typeof handler === "function" ? handler : undefined`);
  } catch (error) {
    const at = /<input>:(\d+(?::\d+)?)/.exec(error?.stack ?? "");
    throw `${at ? `line ${at[1]}: ` : ""}${error?.message ?? error}`;
  }
};
const run = load();
if (!run) throw "the code declares no function named `handler`";

const merged = (event, config, set) => {
  const given = new Map();
  for (const [name, value] of Object.entries(set)) {
    const lower = name.toLowerCase();
    const sets = `the transformation sets the header \`${name}\``;
    if (isKept(lower)) throw reject(`${sets}, which no event sets`);
    if (config.headers.includes(lower)) throw reject(`${sets}, which the endpoint's headers set`);
    given.set(lower, value);
  }
  return [...event.headerList.filter(([name]) => !given.has(name)), ...given];
};

const answer = (event, config, before, told) => {
  if (typeof told !== "object" || told === null) {
    return reject("`handler` has to return the webhook");
  }
  if (told.cancel) return drop();
  for (const [name, value] of [["method", "POST"], ["url", config.url]]) {
    if (told[name] !== undefined && told[name] !== value) {
      return reject(`the transformation changes \`${name}\`, which cannot be changed here`);
    }
  }
  const output = {};
  const { payload, headers = {}, eventType = event.type } = told;
  const after = typeof payload === "string" ? payload : JSON.stringify(payload);
  if (after === undefined) return reject("the transformation leaves no `payload`");
  // What is as it was is sent byte for byte.
  if (after !== before) output.body = after;
  if (Object.keys(headers).length) output.headers = merged(event, config, headers);
  if (eventType !== event.type) output.type = eventType;
  return Object.keys(output).length ? output : pass();
};

export default (event, config) => {
  let payload = event.text();
  let before = payload;
  try {
    const read = JSON.parse(payload);
    if (typeof read === "object") [payload, before] = [read, JSON.stringify(read)];
  } catch {
    // No JSON: it is shown as text.
  }
  const { url, variables } = config;
  const webhook = {
    method: "POST", url, payload, eventType: event.type, headers: {}, cancel: false, variables,
  };
  const told = run(webhook);
  const end = (told) => answer(event, config, before, told);
  return told instanceof Promise ? told.then(end) : end(told);
};
