(function (encode, decode) {
  const shown = (value) => {
    if (typeof value === "string") return value;
    if (value instanceof Error) return `${value.name}: ${value.message}`;
    if (typeof value !== "object" || value === null) return String(value);
    try {
      return JSON.stringify(value, (_, part) => (typeof part === "bigint" ? `${part}` : part));
    } catch {
      return String(value);
    }
  };
  const writer = (level) => (...parts) => log(level, parts.map(shown).join(" "));

  class TextEncoder {
    get encoding() { return "utf-8"; }
    encode(text = "") { return encode(`${text}`); }
  }

  class TextDecoder {
    #fatal;
    #ignoreBOM;
    constructor(label = "utf-8", { fatal = false, ignoreBOM = false } = {}) {
      if (!/^\s*utf-?8\s*$/i.test(label)) throw new RangeError(`only utf-8 is known, not ${label}`);
      this.#fatal = !!fatal;
      this.#ignoreBOM = !!ignoreBOM;
    }
    get encoding() { return "utf-8"; }
    get fatal() { return this.#fatal; }
    get ignoreBOM() { return this.#ignoreBOM; }
    decode(bytes) { return bytes === undefined ? "" : decode(bytes, this.#fatal, this.#ignoreBOM); }
  }

  const add = (name, value) =>
    Object.defineProperty(globalThis, name, { value, writable: true, configurable: true });
  add("TextEncoder", TextEncoder);
  add("TextDecoder", TextDecoder);
  add("console", {
    debug: writer("debug"),
    log: writer("info"),
    info: writer("info"),
    warn: writer("warn"),
    error: writer("error"),
  });
})
