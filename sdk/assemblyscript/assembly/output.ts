import { Event } from "./event";
import { Header } from "./header";
import { encode } from "./utf8";

/** What is delivered in place of an event. It inherits whatever is null. */
export class Output {
  key: string | null = null;
  type: string | null = null;
  /** All of them, when it is not null: what is not here is gone. */
  headers: Array<Header> | null = null;
  body: Uint8Array | null = null;
  /** A pipe's declared output by number; 0 is the default one, `u16.MAX_VALUE` is all. */
  route: u16 = 0;

  /** Of the event's own headers, those that go. Null when none does and none is set. */
  // @ts-ignore: decorator
  @unsafe without: Array<string> | null = null;
  /** What follows the event's own headers. */
  // @ts-ignore: decorator
  @unsafe more: Array<Header> | null = null;

  /** The event as it is, until something is set. */
  static of(event: Event): Output {
    return new Output(event);
  }

  // @ts-ignore: decorator
  @unsafe
  constructor(readonly event: Event) {}

  withKey(key: string): Output {
    this.key = key;
    return this;
  }

  withType(type: string): Output {
    this.type = type;
    return this;
  }

  /** A part of the event's own body is not copied; anything else is, once. */
  withBody(body: Uint8Array): Output {
    this.body = body;
    return this;
  }

  withText(body: string): Output {
    this.body = Uint8Array.wrap(encode(body));
    return this;
  }

  /**
   * Sets one header and keeps the others; `name` in lower case. The host refuses names that belong
   * to the delivery: `webhook-*`, `host`, `content-length`, `transfer-encoding`.
   */
  withHeader(name: string, value: string): Output {
    this.withoutHeader(name);
    const all = this.headers;
    const header = Header.of(name, value);
    if (all !== null) {
      all.push(header);
      return this;
    }
    const more = this.more;
    if (more === null) this.more = [header];
    else more.push(header);
    return this;
  }

  withoutHeader(name: string): Output {
    const all = this.headers;
    if (all !== null) {
      this.headers = others(all, name);
      return this;
    }
    const more = this.more;
    if (more !== null) this.more = others(more, name);
    const without = this.without;
    if (without === null) this.without = [name];
    else without.push(name);
    return this;
  }

  /** Sets all headers: what is not here is gone. */
  withHeaders(headers: Array<Header>): Output {
    this.headers = headers;
    return this;
  }

  withRoute(route: u16): Output {
    this.route = route;
    return this;
  }
}

function others(headers: Array<Header>, name: string): Array<Header> {
  const kept = new Array<Header>();
  for (let i = 0; i < headers.length; i++) {
    if (headers[i].name != name) kept.push(headers[i]);
  }
  return kept;
}
