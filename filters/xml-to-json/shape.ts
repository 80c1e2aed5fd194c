// What the JSON looks like, and which documents are taken: the configuration.

import { configGet } from "forebay-filter";

/** Names whose elements are lists however many there are. */
const lists = new Array<ArrayBuffer>();
let attributePrefix = new ArrayBuffer(0);
let textName = new ArrayBuffer(0);

const KEYS = [
  "attribute_prefix", "text_name", "lists", "strip_prefixes", "depth_max", "not_xml",
];

/** Places of texts that last. */
// @ts-ignore: decorator
@unmanaged
export class Shape {
  prefixFrom: usize = 0;
  prefixBytes: usize = 0;
  textFrom: usize = 0;
  textBytes: usize = 0;
  stripsPrefixes: bool = false;
  depthMax: i32 = 64;
  rejects: bool = false;
  drops: bool = false;

  /** Whether elements of this name are lists also when there is one. */
  isList(from: usize, len: usize): bool {
    const skip = this.prefixLen(from, len);
    if (lists.length == 0) return false;
    for (let i = 0; i < lists.length; i++) {
      const list = lists[i];
      if (
        <usize>list.byteLength == len - skip &&
        memory.compare(changetype<usize>(list), from + skip, len - skip) == 0
      ) return true;
    }
    return false;
  }

  /** How much of a name is not written. */
  prefixLen(from: usize, len: usize): usize {
    if (!this.stripsPrefixes) return 0;
    for (let i: usize = 0; i + 1 < len; i++) if (load<u8>(from + i) == 0x3a) return i + 1;
    return 0;
  }

  /** Empty, or why the configuration is not taken. */
  read(json: string): string {
    const unknown = unknownKey(json);
    if (unknown.length > 0) {
      return `\`${unknown}\` is no key of this filter; its keys are \`${KEYS.join("`, `")}\``;
    }
    const prefix = configGet("attribute_prefix");
    attributePrefix = String.UTF8.encode(prefix === null ? "@" : prefix);
    this.prefixFrom = changetype<usize>(attributePrefix);
    this.prefixBytes = attributePrefix.byteLength;
    const name = configGet("text_name");
    textName = String.UTF8.encode(name === null ? "#text" : name);
    this.textFrom = changetype<usize>(textName);
    this.textBytes = textName.byteLength;
    const strips = configGet("strip_prefixes");
    if (strips !== null && strips != "true" && strips != "false") {
      return "`strip_prefixes` must be true or false";
    }
    this.stripsPrefixes = strips !== null && strips == "true";
    const depth = configGet("depth_max");
    if (depth !== null) {
      this.depthMax = depth.length < 4 ? <i32>parseInt(depth) : 0;
      if (this.depthMax < 1 || this.depthMax > 256 || this.depthMax.toString() != depth) {
        return "`depth_max` must be a whole number from 1 to 256";
      }
    }
    const policy = configGet("not_xml");
    if (policy !== null) {
      if (policy != "pass" && policy != "reject" && policy != "drop") {
        return `\`not_xml\` is one of \`pass\`, \`reject\`, \`drop\`, not \`${policy}\``;
      }
      this.rejects = policy == "reject";
      this.drops = policy == "drop";
    }
    const names = configGet("lists");
    return names === null ? "" : this.readLists(names);
  }

  /** A list of names, none of which has an escape. */
  private readLists(json: string): string {
    const parts = json.trim().split('"');
    const isList = json.startsWith("[") && json.endsWith("]") && json.indexOf("\\") < 0;
    if (!isList || parts.length % 2 == 0) return "`lists` must be a list of names";
    for (let i = 1; i < parts.length; i += 2) lists.push(String.UTF8.encode(parts[i]));
    for (let i = 0; i < parts.length; i += 2) {
      const between = parts[i].trim();
      const wanted = i == 0 || i == parts.length - 1 ? (parts.length == 1 ? "[]" : "") : ",";
      const isEnd = between == "[" || between == "]" || between == wanted;
      if (!isEnd) return "`lists` must be a list of names";
    }
    return "";
  }
}

/** The first key of an object that is none of ours; empty when there is none. */
function unknownKey(json: string): string {
  let depth = 0;
  let isKey = false;
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i);
    if (code == 0x7b || code == 0x5b) {
      depth++;
      isKey = depth == 1;
    } else if (code == 0x7d || code == 0x5d) depth--;
    else if (code == 0x2c && depth == 1) isKey = true;
    else if (code == 0x22) {
      const from = ++i;
      while (i < json.length && json.charCodeAt(i) != 0x22) {
        i += json.charCodeAt(i) == 0x5c ? 2 : 1;
      }
      const key = json.substring(from, i);
      if (isKey && depth == 1 && !KEYS.includes(key)) return key;
      isKey = false;
    }
  }
  return "";
}
