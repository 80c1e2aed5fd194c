// Tests of a filter in Node: the module as it was built, with a host that does as the contract says.
// It measures no fuel and believes what the module answers; the engine does neither.

import { readFileSync } from "node:fs";

const HEADER = 64;
const ENTRY = 64;
const KINDS = ["drop", "pass", "emit", "reject", "retry"];
const FLAGS = { isJson: 1, isTimer: 2, isReplay: 4, isDryRun: 8 };

const bytesOf = (value) => (typeof value === "string" ? Buffer.from(value) : Buffer.from(value ?? []));

/** Starts the module at `path`; `tables` are objects of texts, by the tables' names. */
export function load(path, config = {}, tables = {}) {
  return new Filter(readFileSync(path), config, tables);
}

class Filter {
  /** What the filter logged for the last question: `{ event, level, text }`. */
  lines = [];
  /** What it measured: `{ event, name, kind, value }`; kind 0 adds, 1 sets. */
  metrics = [];

  #exports;
  #place = 0;
  #room = 0;
  #failure = "";
  #draws = 0n;

  constructor(wasm, config, tables) {
    const text = (at, len) => this.#bytes(at, len).toString();
    const forebay_v1 = {
      log: (level, at, len) => {
        this.lines.push({ event: this.#progress(), level, text: text(at, len) });
        return 0;
      },
      fail: (at, len) => {
        this.#failure = text(at, len);
        return 0;
      },
      random: () => ++this.#draws,
      config_get: (key, keyLen, to, room) => {
        const value = config[text(key, keyLen)];
        if (value === undefined) return -1;
        const bytes = bytesOf(typeof value === "string" ? value : JSON.stringify(value));
        if (bytes.length <= room) this.#bytes(to, bytes.length).set(bytes);
        return bytes.length;
      },
      table_get: (name, len, key, keyLen, to, room) => {
        const value = tables[text(name, len)]?.[text(key, keyLen)];
        if (value === undefined) return -1;
        const bytes = bytesOf(value);
        if (bytes.length <= room) this.#bytes(to, bytes.length).set(bytes);
        return bytes.length;
      },
      metric: (name, len, kind, value) => {
        this.metrics.push({ event: this.#progress(), name: text(name, len), kind, value });
        return 0;
      },
    };
    const abort = (message, file, line, column) => {
      throw new Error(`abort: ${this.#utf16(message)} (${this.#utf16(file)}:${line}:${column})`);
    };
    const module = new WebAssembly.Module(wasm);
    this.#exports = new WebAssembly.Instance(module, { forebay_v1, env: { abort } }).exports;
    this.#exports._initialize?.();
  }

  /** How much memory the module has, in bytes. */
  get memoryBytes() {
    return this.#exports.memory.buffer.byteLength;
  }

  /** The answer to one event: `{ verdict, reason, delayMs, outputs }`. */
  ask(event) {
    return this.askAll([event])[0];
  }

  /**
   * The answers to a batch of events. An event has `type` and what else the test needs of `id`,
   * `key`, `source`, `headers` (a list of name and value), `body`, `offset`, `timeNs` and `isJson`.
   */
  askAll(events) {
    this.lines = [];
    this.metrics = [];
    const inputs = events.map(whole);
    const size = layOut(inputs, 0).length;
    if (this.#place === 0 || size > this.#room) {
      this.#place = this.#exports.forebay_buffer(size) >>> 0;
      this.#room = size;
    }
    if (this.#place === 0) throw new Error("too large for the filter");
    if (this.#place % 16 !== 0) throw new Error("the buffer is not aligned");
    this.#bytes(this.#place, size).set(layOut(inputs, this.#place));
    const block = this.#exports.forebay_process_v1(this.#place, size);
    if (block < 0n) throw new Error(`failed: ${this.#failure}`);
    if (block === 0n) return inputs.map(() => ({ verdict: "pass" }));
    return this.#read(Number(block >> 32n), Number(block & 0xffffffffn), inputs);
  }

  /** Has the module answer to the last batch once more, and does not look: for measuring. */
  askAgain() {
    this.lines.length = 0;
    const size = this.#bytes(this.#place + 8, 4).readUInt32LE();
    return this.#exports.forebay_process_v1(this.#place, size);
  }

  #read(at, len, inputs) {
    const block = this.#bytes(at, len);
    if (block.toString("latin1", 0, 4) === "FBV1") {
      return inputs.map((_, i) => ({ verdict: KINDS[block[8 + i]] }));
    }
    const answers = inputs.map(() => ({ verdict: "reject", reason: "no verdict" }));
    const stride = block.readUInt32LE(12);
    const rows = this.#bytes(block.readUInt32LE(8), block.readUInt32LE(4) * stride);
    for (let row = 0; row < rows.length; row += stride) {
      const source = rows.readUInt32LE(row);
      const part = (place) => {
        const [from, size] = [rows.readUInt32LE(row + place), rows.readUInt32LE(row + place + 4)];
        return Buffer.from(this.#bytes(from, size));
      };
      const verdict = KINDS[rows[row + 4]];
      if (verdict !== "emit") {
        const delayMs = rows.readUInt32LE(row + 8);
        answers[source] = { verdict, delayMs, reason: part(48).toString() };
        continue;
      }
      const { key, type, headers, body } = inputs[source];
      const output = { key, type, headers, body, route: rows.readUInt16LE(row + 6) };
      const mask = rows[row + 5];
      if (mask & 1) output.key = part(16).toString();
      if (mask & 2) output.type = part(24).toString();
      if (mask & 4) output.headers = headersOf(part(32));
      if (mask & 8) output.body = part(40);
      if (answers[source].verdict === "emit") answers[source].outputs.push(output);
      else answers[source] = { verdict, outputs: [output] };
    }
    return answers;
  }

  #bytes(at, len) {
    return Buffer.from(this.#exports.memory.buffer, at >>> 0, len >>> 0);
  }

  #progress() {
    return this.#place === 0 ? undefined : this.#bytes(this.#place + 48, 4).readUInt32LE();
  }

  #utf16(at) {
    return this.#bytes(at, this.#bytes(at - 4, 4).readUInt32LE()).toString("utf16le");
  }
}

function whole(event) {
  const { id = "evt_sample", type, key = "", source = "shop", headers = [], body = "" } = event;
  const { offset = 0, timeNs = 0 } = event;
  let flags = 0;
  for (const name in FLAGS) if (event[name]) flags |= FLAGS[name];
  const all = [...headers, ["ce-source", source]].map(([name, value]) => [name, bytesOf(value)]);
  return { id, type, key, headers: all, body: bytesOf(body), offset, timeNs, flags };
}

const padded = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)]);

function headerBlock(headers) {
  const parts = [Buffer.alloc(4)];
  parts[0].writeUInt32LE(headers.length);
  for (const [name, value] of headers) {
    const lengths = Buffer.alloc(8);
    lengths.writeUInt16LE(Buffer.byteLength(name));
    lengths.writeUInt32LE(value.length, 4);
    parts.push(lengths, padded(Buffer.concat([Buffer.from(name), value])));
  }
  return Buffer.concat(parts);
}

function headersOf(block) {
  const headers = [];
  let at = 4;
  for (let left = block.length === 0 ? 0 : block.readUInt32LE(); left > 0; left--) {
    const value = at + 8 + block.readUInt16LE(at);
    const end = value + block.readUInt32LE(at + 4);
    headers.push([block.toString("utf8", at + 8, value), block.subarray(value, end)]);
    at = (end + 3) & ~3;
  }
  return headers;
}

function layOut(inputs, at) {
  const table = Buffer.alloc(HEADER + ENTRY * inputs.length);
  const parts = [table];
  let used = table.length;
  inputs.forEach((input, i) => {
    const entry = HEADER + ENTRY * i;
    table.writeBigUInt64LE(BigInt(input.offset), entry);
    table.writeBigInt64LE(BigInt(input.timeNs), entry + 8);
    table.writeUInt32LE(input.flags, entry + 48);
    const { key, type, headers, body, id } = input;
    const fields = [[16, key], [24, type], [32, headerBlock(headers)], [40, body], [56, id]];
    for (const [place, value] of fields) {
      const bytes = bytesOf(value);
      table.writeUInt32LE(at + used, entry + place);
      table.writeUInt32LE(bytes.length, entry + place + 4);
      parts.push(padded(bytes));
      used += parts[parts.length - 1].length;
    }
  });
  table.write("FBB1");
  table.writeUInt16LE(1, 4);
  table.writeUInt16LE(HEADER, 6);
  table.writeUInt32LE(used, 8);
  table.writeUInt32LE(inputs.length, 12);
  table.writeUInt32LE(at + HEADER, 16);
  table.writeUInt32LE(ENTRY, 20);
  table.writeUInt32LE(0xffffffff, 40);
  table.writeUInt32LE(0xffffffff, 48);
  return Buffer.concat(parts);
}
