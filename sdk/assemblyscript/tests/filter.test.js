// Run by `npm test`, with asc in node_modules or in the PATH.

import assert from "node:assert";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { after, test } from "node:test";
import { fileURLToPath } from "node:url";
import { load } from "../testing.js";

const here = fileURLToPath(new URL("..", import.meta.url));
const build = mkdtempSync(join(tmpdir(), "forebay-"));
const module = join(build, "guest.wasm");
const bin = join(here, "node_modules", ".bin");
const env = { ...process.env, PATH: bin + delimiter + process.env.PATH };
const args = ["tests/guest.ts", "--config", "asconfig.json", "--outFile", module];
execFileSync("asc", args, { cwd: here, env, stdio: "inherit" });
after(() => rmSync(build, { recursive: true }));

const bodyOf = (answer) => answer.outputs[0].body;
const pairs = (output) => output.headers.map(([name, value]) => [name, value.toString()]);

test("plain verdicts", () => {
  const filter = load(module);
  const types = ["pass", "drop", "pass", "reject", "drop"];
  const answers = filter.askAll(types.map((type) => ({ type })));
  assert.deepEqual(answers.map(({ verdict }) => verdict), types);
  assert.equal(answers[3].reason, "");
  assert.deepEqual(filter.askAll([]), []);
  assert.deepEqual(filter.askAll(Array(256).fill({ type: "pass" })).length, 256);
});

test("a table has what the test gives it", () => {
  const filter = load(module, {}, { countries: { DE: "Deutschland ☃", XX: "" } });
  assert.equal(bodyOf(filter.ask({ type: "country", body: "DE" })).toString(), "Deutschland ☃");
  assert.equal(bodyOf(filter.ask({ type: "country", body: "XX" })).toString(), "");
  assert.equal(filter.ask({ type: "country", body: "FR" }).verdict, "drop");
  assert.equal(load(module).ask({ type: "country", body: "DE" }).verdict, "drop");
});

test("the configuration is there before the first event", () => {
  assert.equal(bodyOf(load(module).ask({ type: "greet" })).toString(), "none");
  assert.equal(bodyOf(load(module, { greeting: "☃" }).ask({ type: "greet" })).toString(), "☃");
  assert.equal(bodyOf(load(module, { greeting: [1] }).ask({ type: "greet" })).toString(), "[1]");
  assert.throws(() => load(module, { refuse: true }), /abort: refused: ☃ \(.*guest\.ts:/);
});

test("what is thrown reaches the host", () => {
  assert.throws(() => load(module).ask({ type: "throw", id: "evt_7" }), /abort: thrown at evt_7 /);
});

test("text is decoded as browsers do", () => {
  const filter = load(module);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const check = (bytes) => {
    const body = Buffer.from(bytes);
    const got = bodyOf(filter.ask({ type: "text", body }));
    assert.equal(got.toString("hex"), Buffer.from(decoder.decode(body)).toString("hex"));
  };
  for (const text of ["", "a", "é☃🐎\0\uffff\ufeff", "x".repeat(100000), "🐎".repeat(1000)]) check(text);
  // Every pair of bytes that may begin a character, and what may follow.
  const marks = [0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc2, 0xdf];
  marks.push(0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xff);
  const bodies = [];
  for (const a of marks) for (const b of marks) for (const c of marks) bodies.push([a, b, c, 0x80]);
  for (let i = 0; i < bodies.length; i += 50) check(bodies.slice(i, i + 50).flat());
  for (const body of bodies.slice(-2000)) check(body);
});

test("half a surrogate pair never leaves the module", () => {
  assert.equal(load(module).ask({ type: "key" }).outputs[0].key, "\ufffd!");
});

test("headers are set and kept", () => {
  const headers = [["a", "0"], ["b", ""], ["c", Buffer.from([0xff])], ["a", "00"]];
  const { outputs } = load(module).ask({ type: "headers", headers });
  const c = ["c", "\ufffd"];
  const source = ["ce-source", "shop"];
  assert.deepEqual(pairs(outputs[0]), [c, source, ["b", "1"], ["a", "2"]]);
  assert.deepEqual(pairs(outputs[1]), [["a", "0"], c, ["a", "00"]]);
  assert.deepEqual(pairs(outputs[2]), [c, source, ["b", "x"]]);
  assert.deepEqual(pairs(outputs[3]), [["a", "0"], ["b", ""], c, ["a", "00"], source]);
  assert.deepEqual(outputs.map(({ route }) => route), [0, 0, 0, 7]);
});

test("a body may be written to as soon as the filter has answered", () => {
  const answers = load(module).askAll(Array(300).fill({ type: "scratch" }));
  answers.forEach((answer, i) => assert.equal(bodyOf(answer)[0], (i + 1) & 255));
});

test("lines know their event", () => {
  const filter = load(module);
  filter.askAll([{ type: "pass" }, { type: "ž" }]);
  assert.deepEqual(filter.lines, [{ event: 1, level: 2, text: "what is ž" }]);
});

test("a million events leave memory as it was", () => {
  const filter = load(module);
  const batch = Array.from({ length: 256 }, (_, i) => ({
    type: ["garbage", "text", "headers", "drop", "what"][i % 5],
    id: `evt_${i}`,
    key: "k".repeat(i),
    headers: [["x", "1"]],
    body: "b".repeat(i * 3),
  }));
  for (let i = 0; i < 100; i++) filter.askAll(batch);
  const before = filter.memoryBytes;
  for (let i = 0; i < 4000; i++) filter.askAgain();
  assert.ok(filter.memoryBytes <= before, `${before} bytes became ${filter.memoryBytes}`);
});
